//! Who does something and why: short texts in which no borrower's identifier may stand, since they
//! are kept for good.

use interlock_record::{IdType, normalise};

/// The longest name of who does something, in bytes.
pub const MAX_BY_BYTES: usize = 64;
/// The longest ground for what somebody does, in bytes.
pub const MAX_WHY_BYTES: usize = 512;

/// Who does something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    by: String,
    why: String,
    uid: Option<u32>,
}

/// A name or a ground that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPerson {
    /// It is empty or too long.
    #[error("expected 1 to {most} bytes, got {got}")]
    Length {
        /// How long it may be.
        most: usize,
        /// How long it is.
        got: usize,
    },
    /// It has a line break or another control character.
    #[error("expected text without control characters")]
    Control,
    /// It has digits that are a borrower's identifier.
    #[error(
        "expected no identifier of a borrower, but its digits are a valid {0}: it would be kept for good, so name the case instead"
    )]
    Identifier(IdType),
}

impl Person {
    /// Somebody who says who they are and why they do it, and under which user id their call came.
    ///
    /// # Errors
    /// The name of the field that is wrong, and what is wrong with it.
    pub fn new(by: &str, why: &str, uid: Option<u32>) -> Result<Self, (&'static str, BadPerson)> {
        check(by, MAX_BY_BYTES).map_err(|error| ("by", error))?;
        check(why, MAX_WHY_BYTES).map_err(|error| ("why", error))?;
        Ok(Self { by: by.to_owned(), why: why.to_owned(), uid })
    }

    /// Who.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Why.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The user id of the machine under which the call came.
    pub const fn uid(&self) -> Option<u32> {
        self.uid
    }
}

fn check(text: &str, most: usize) -> Result<(), BadPerson> {
    if text.trim().is_empty() || text.len() > most {
        return Err(BadPerson::Length { most, got: text.trim().len().max(text.len()) });
    }
    if text.chars().any(char::is_control) {
        return Err(BadPerson::Control);
    }
    identifier_in(text).map_or(Ok(()), |found| Err(BadPerson::Identifier(found)))
}

/// What kind of identifier the digits of a text are, if they are one: an identity number, a bank
/// card or a Chinese mobile number, also with blanks or dashes within, or in full-width digits.
///
/// Most runs of digits are none. One in ten that is as long as a bank card's number has the right
/// check digit by chance, and is taken for one.
pub fn identifier_in(text: &str) -> Option<IdType> {
    let narrow: Vec<char> = text.chars().map(narrowed).collect();
    [Gaps::End, Gaps::Bridge]
        .into_iter()
        .flat_map(|gaps| runs(&narrow, gaps))
        .find_map(|run| identifier_of(&run))
}

/// What a gap between digits does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gaps {
    End,
    Bridge,
}

/// A full-width digit, letter or blank in its ordinary form.
fn narrowed(c: char) -> char {
    match c {
        '\u{ff10}'..='\u{ff19}' | '\u{ff38}' | '\u{ff58}' | '\u{ff0d}' => {
            char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
        }
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// Every run of digits, with an `X` behind it where there is one.
fn runs(text: &[char], gaps: Gaps) -> Vec<String> {
    let mut runs = Vec::new();
    let mut run = String::new();
    for (at, c) in text.iter().enumerate() {
        let next_is_digit = text.get(at + 1).is_some_and(char::is_ascii_digit);
        if c.is_ascii_digit() {
            run.push(*c);
        } else if matches!(c, 'x' | 'X') && !run.is_empty() {
            run.push('X');
            runs.push(std::mem::take(&mut run));
        } else if !(gaps == Gaps::Bridge && matches!(c, ' ' | '-') && next_is_digit) {
            runs.push(std::mem::take(&mut run));
        }
    }
    runs.push(run);
    runs.retain(|run| !run.is_empty());
    runs
}

fn identifier_of(run: &str) -> Option<IdType> {
    let valid = |id_type, text: &str| normalise(id_type, text).is_ok().then_some(id_type);
    let windows = |length: usize| {
        (0..=run.len().saturating_sub(length)).filter_map(move |from| run.get(from..from + length))
    };
    windows(18)
        .chain(windows(15))
        .find_map(|window| valid(IdType::IdNumber, window))
        .or_else(|| valid(IdType::BankCard, run.trim_end_matches('X')))
        .or_else(|| {
            // With 86 before it and without: longer runs are no telephone number.
            matches!(run.len(), 11 | 13).then(|| valid(IdType::Phone, run)).flatten()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_found_however_they_are_written() {
        // Made up; the check digits are right.
        for (text, expected) in [
            ("11010519491231002X", IdType::IdNumber),
            ("his id is 11010519491231002x, seen", IdType::IdNumber),
            ("id11010519491231002X!", IdType::IdNumber),
            ("110105 19491231 002X", IdType::IdNumber),
            ("１１０１０５１９４９１２３１００２Ｘ", IdType::IdNumber),
            ("7711010519491231002X", IdType::IdNumber),
            ("old form 110105491231002", IdType::IdNumber),
            ("card 4539 1488 0343 6467", IdType::BankCard),
            ("card 4539-1488-0343-6467.", IdType::BankCard),
            ("3 4539148803436467", IdType::BankCard),
            ("called 13800138000 twice", IdType::Phone),
            ("called 138-0013-8000 twice", IdType::Phone),
            ("called 8613800138000", IdType::Phone),
        ] {
            assert_eq!(identifier_in(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "case 2041 of 2026-03-01",
            "ticket 4539148803436468",
            "11010519491331002X has no such month",
            "call 10086 or 400-123-4567",
            "张三的案子 C-2041",
        ] {
            assert_eq!(identifier_in(text), None, "{text}");
        }
    }

    #[test]
    fn names_and_grounds_have_a_length() {
        let ok = |by: &str, why: &str| Person::new(by, why, None).map(|_| ()).map_err(|(f, _)| f);
        assert_eq!(ok("li", "w"), Ok(()));
        assert_eq!(ok(&"b".repeat(MAX_BY_BYTES), &"w".repeat(MAX_WHY_BYTES)), Ok(()));
        assert_eq!(ok(&"b".repeat(MAX_BY_BYTES + 1), "w"), Err("by"));
        assert_eq!(ok("li", &"w".repeat(MAX_WHY_BYTES + 1)), Err("why"));
        for empty in ["", " "] {
            assert_eq!(ok(empty, "w"), Err("by"));
            assert_eq!(ok("li", empty), Err("why"));
        }
        assert_eq!(ok("li\n", "w"), Err("by"));
        let (field, error) = Person::new("li", "id 11010519491231002X", None).expect_err("refused");
        assert_eq!((field, &error), ("why", &BadPerson::Identifier(IdType::IdNumber)));
        assert!(!error.to_string().contains("110105"), "an error does not repeat it: {error}");
    }
}
