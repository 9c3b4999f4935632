//! What was seen: each member's first flag on each subject.

use std::collections::BTreeMap;

use interlock_record::Time;

use super::{MAX_OCCASION_FLAGS, OCCASION};

/// Who flagged whom when, as it comes; the order does not matter.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    subjects: BTreeMap<Vec<u8>, u32>,
    issuers: BTreeMap<String, BTreeMap<u32, (Time, u64)>>,
}

/// A member's first flag on a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First {
    pub subject: u32,
    /// In microseconds.
    pub at: i64,
    pub dated: Dated,
}

/// Whether the time of a flag says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dated {
    Yes,
    /// It came with a whole list.
    Imported,
}

/// A member, and its first flags in order of time.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its id.
    pub issuer: String,
    /// On how many subjects it has flags.
    pub subjects: u64,
    /// How many of these came with whole lists.
    pub imported: u64,
    pub(super) firsts: Vec<First>,
}

impl Observed {
    /// A flag of `issuer` on `subject`. `batch` is how many the issuer raised at once, where that is
    /// known; what is seen of its other flags counts in any case. A flag that was derived from others
    /// does not belong here: it says itself that it is an echo.
    pub fn flag(&mut self, issuer: &str, subject: &[u8], at: Time, batch: u64) {
        let next = u32::try_from(self.subjects.len()).unwrap_or(u32::MAX);
        let number = match self.subjects.get(subject) {
            Some(number) => *number,
            None => *self.subjects.entry(subject.to_vec()).or_insert(next),
        };
        let firsts = match self.issuers.get_mut(issuer) {
            Some(firsts) => firsts,
            None => self.issuers.entry(issuer.to_owned()).or_default(),
        };
        // Of two at one instant the greater batch counts, so that the order does not matter.
        firsts
            .entry(number)
            .and_modify(|first| {
                if (at, std::cmp::Reverse(batch)) < (first.0, std::cmp::Reverse(first.1)) {
                    *first = (at, batch);
                }
            })
            .or_insert((at, batch));
    }

    /// How many subjects there are.
    pub(super) fn subjects(&self) -> usize {
        self.subjects.len()
    }

    /// The members, by id.
    pub fn members(&self) -> Vec<Member> {
        self.issuers.iter().map(|(issuer, firsts)| member(issuer, firsts)).collect()
    }
}

fn member(issuer: &str, firsts: &BTreeMap<u32, (Time, u64)>) -> Member {
    let mut on_occasion: BTreeMap<i64, u64> = BTreeMap::new();
    for (at, _) in firsts.values() {
        *on_occasion.entry(occasion(at.micros())).or_default() += 1;
    }
    let mut firsts: Vec<First> = firsts
        .iter()
        .map(|(subject, (at, batch))| {
            let at = at.micros();
            let at_once = on_occasion[&occasion(at)].max(*batch);
            let dated = if at_once > MAX_OCCASION_FLAGS { Dated::Imported } else { Dated::Yes };
            First { subject: *subject, at, dated }
        })
        .collect();
    firsts.sort_by_key(|first| (first.at, first.subject));
    let imported = firsts.iter().filter(|first| first.dated == Dated::Imported).count();
    Member {
        issuer: issuer.to_owned(),
        subjects: firsts.len() as u64,
        imported: imported as u64,
        firsts,
    }
}

/// The occasion to which an instant belongs.
pub(super) fn occasion(at: i64) -> i64 {
    at.div_euclid(OCCASION.micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Time {
        Time::from_micros(micros).expect("in range")
    }

    #[test]
    fn the_first_flag_on_a_subject_counts_in_whatever_order_they_come() {
        let flags = [(7, 1), (5, 9), (9, 1), (5, 2_000)];
        for turn in 0..flags.len() {
            let mut observed = Observed::default();
            for index in 0..flags.len() {
                let (micros, batch) = flags[(index + turn) % flags.len()];
                observed.flag("acme", b"s", at(micros), batch);
            }
            let members = observed.members();
            let expected = First { subject: 0, at: 5, dated: Dated::Imported };
            assert_eq!(members[0].firsts, [expected], "turned by {turn}");
        }
    }

    #[test]
    fn a_list_that_is_imported_has_no_dates() {
        for (flags, batch, imported) in [
            (MAX_OCCASION_FLAGS, 1, 0),
            (MAX_OCCASION_FLAGS + 1, 1, MAX_OCCASION_FLAGS + 1),
            (3, MAX_OCCASION_FLAGS, 0),
            (3, MAX_OCCASION_FLAGS + 1, 3),
        ] {
            let mut observed = Observed::default();
            for number in 0..flags {
                observed.flag("acme", &number.to_be_bytes(), at(1), batch);
            }
            observed.flag("acme", b"later", at(OCCASION.micros()), 1);
            let members = observed.members();
            assert_eq!((members[0].subjects, members[0].imported), (flags + 1, imported));
        }
    }
}
