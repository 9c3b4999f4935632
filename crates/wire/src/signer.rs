//! What a node and an external signer say to each other: one line asks, one line answers.
//! `docs/signer.md` has all of it for whoever writes a signer.

use std::fmt;
use std::io::{self, BufRead, Read as _};

use interlock_record::{Domain, hex, unhex};

/// The longest line, its end included.
pub const MAX_LINE_BYTES: usize = 4_096;
/// The longest text that an answer gives for people.
const MAX_TEXT_BYTES: usize = 512;
/// How every question begins.
const VERSION: &str = "interlock-signer/1";

/// What a node asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Which key do you have?
    Public,
    /// Sign this for this purpose.
    Sign {
        /// The purpose.
        domain: Domain,
        /// What is signed after the domain's text and a zero byte.
        payload: Vec<u8>,
    },
}

/// What a signer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The key, or the signature.
    Ok(Vec<u8>),
    /// It will not, whoever asks and however often.
    Refused {
        /// A stable name.
        code: String,
        /// More, for people.
        text: String,
    },
    /// It cannot now.
    Failed {
        /// A stable name.
        code: String,
        /// More, for people.
        text: String,
    },
}

/// A line that is not of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadLine(pub &'static str);

impl Question {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn parse(line: &str) -> Result<Self, BadLine> {
        let mut words = line.split(' ');
        if words.next() != Some(VERSION) {
            return Err(BadLine("interlock-signer/1 at the beginning"));
        }
        let question = match words.next() {
            Some("public") => Self::Public,
            Some("sign") => {
                let domain = words.next().and_then(Domain::parse);
                let domain = domain.ok_or(BadLine("a domain that is known"))?;
                let payload = words.next().and_then(unhex);
                Self::Sign { domain, payload: payload.ok_or(BadLine("hexadecimal digits"))? }
            }
            _ => return Err(BadLine("public or sign")),
        };
        if words.next().is_some() {
            return Err(BadLine("nothing more in the line"));
        }
        Ok(question)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => write!(f, "{VERSION} public"),
            Self::Sign { domain, payload } => {
                write!(f, "{VERSION} sign {} {}", domain.text(), hex(payload))
            }
        }
    }
}

impl Answer {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn parse(line: &str) -> Result<Self, BadLine> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let told = || {
            let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let is_code = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
            if code.is_empty() || code.len() > 64 || !code.bytes().all(is_code) {
                return Err(BadLine("a code of capital letters and _"));
            }
            Ok((code.to_owned(), tame(text)))
        };
        match word {
            "ok" => unhex(rest).map(Self::Ok).ok_or(BadLine("hexadecimal digits after ok")),
            "refused" => told().map(|(code, text)| Self::Refused { code, text }),
            "failed" => told().map(|(code, text)| Self::Failed { code, text }),
            _ => Err(BadLine("ok, refused or failed")),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(bytes) => write!(f, "ok {}", hex(bytes)),
            Self::Refused { code, text } => write!(f, "refused {code} {}", tame(text)),
            Self::Failed { code, text } => write!(f, "failed {code} {}", tame(text)),
        }
    }
}

/// Text that stays within its line, and is not too long.
fn tame(text: &str) -> String {
    let mut tame: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    while tame.len() > MAX_TEXT_BYTES {
        tame.pop();
    }
    tame
}

/// The next line, without its end; nothing at the end of the stream.
///
/// # Errors
/// When the stream fails, or the line is too long or no text.
pub fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    reader.take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut bytes)?;
    let bad = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => match String::from_utf8(bytes) {
            Ok(line) => Ok(Some(line)),
            Err(_) => bad("expected a line of text"),
        },
        Some(_) if bytes.len() + 1 == MAX_LINE_BYTES => {
            bad("expected a line of at most 4096 bytes")
        }
        Some(_) => bad("the stream ended within a line"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let long = vec![0xee; 1_024];
        for question in [
            Question::Public,
            Question::Sign { domain: Domain::Record, payload: vec![1, 2, 3] },
            Question::Sign { domain: Domain::Transport, payload: long },
        ] {
            assert_eq!(Question::parse(&question.to_string()), Ok(question));
        }
        let told = |code: &str| (code.to_owned(), "say why, in words".to_owned());
        let ((code, text), (other, more)) = (told("ALREADY_SIGNED"), told("DISK"));
        for answer in [
            Answer::Ok(vec![7; 64]),
            Answer::Refused { code, text },
            Answer::Failed { code: other, text: more },
        ] {
            assert_eq!(Answer::parse(&answer.to_string()), Ok(answer));
        }
        assert_eq!(
            Answer::parse("refused NO"),
            Ok(Answer::Refused { code: "NO".into(), text: String::new() })
        );
    }

    #[test]
    fn anything_else_is_not() {
        for line in [
            "",
            "public",
            "interlock-signer/2 public",
            "interlock-signer/1",
            "interlock-signer/1 public ",
            "interlock-signer/1  public",
            "interlock-signer/1 sign",
            "interlock-signer/1 sign interlock/record/v1",
            "interlock-signer/1 sign interlock/record/v9 00",
            "interlock-signer/1 sign interlock/record/v1 0",
            "interlock-signer/1 sign interlock/record/v1 00 00",
            "interlock-signer/1 export",
        ] {
            assert!(Question::parse(line).is_err(), "{line:?}");
        }
        for line in ["", "yes", "ok xx", "ok 0", "refused", "refused lower case", "failed  X"] {
            assert!(Answer::parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn an_answer_s_text_stays_in_its_line() {
        let text = format!("a\nok 00\u{1b}[31m{}", "x".repeat(9_000));
        let answer = Answer::Refused { code: "NO".into(), text }.to_string();
        assert!(!answer.contains(['\n', '\u{1b}']) && answer.len() < MAX_LINE_BYTES);
        assert!(answer.starts_with("refused NO a ok 00 [31mxx"));
    }

    #[test]
    fn lines_are_bounded() {
        let longest = format!("{}\n", "x".repeat(MAX_LINE_BYTES - 1));
        let mut reader = longest.as_bytes();
        assert_eq!(read_line(&mut reader).expect("it fits").map(|line| line.len()), Some(4_095));
        assert_eq!(read_line(&mut reader).expect("the end"), None);
        for wrong in [format!("x{longest}").as_bytes(), b"no end", b"\xff\n"] {
            assert!(read_line(&mut &*wrong).is_err());
        }
    }
}
