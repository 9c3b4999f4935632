//! Names of things: members, feeds, records, statements, subjects. One newtype each.

use std::fmt;
use std::str::FromStr;

use crate::time::serde_as_text;

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct BadId {
    /// What would have been right.
    pub expected: &'static str,
    /// What was found.
    pub got: String,
}

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The id in a slice of exactly 32 bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The id's 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// 64 small hexadecimal digits; a precision (`{:.12}`) cuts them.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                unhex(text).and_then(|bytes| Self::from_slice(&bytes)).ok_or_else(|| BadId {
                    expected: "64 hexadecimal digits",
                    got: text.to_owned(),
                })
            }
        }

        serde_as_text!($name);
    };
}

hash_id! {
    /// The consortium: the hash of its first charter.
    ConsortiumId
}
hash_id! {
    /// A record: hash of its header (the signature is no part of it).
    RecordId
}
hash_id! {
    /// A statement: hash of its record's id and its index.
    StatementId
}
hash_id! {
    /// A borrower, always as a tag (see [`crate::subject`]).
    SubjectTag
}
hash_id! {
    /// A Merkle tree hash or another SHA-256 digest.
    Digest
}

/// Small hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// The bytes of hexadecimal digits in either case, or nothing if `text` is something else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        })
        .collect()
}

/// A member of the consortium: 1 to 32 of `A-Z a-z 0-9 . _ -`, never used again for another.
///
/// Kept inline and padded with zeros, so that it is `Copy` and orders as its text does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId([u8; MemberId::MAX_LEN]);

impl MemberId {
    /// The longest member id, in bytes.
    pub const MAX_LEN: usize = 32;

    /// The id as text.
    ///
    /// # Panics
    /// Never: only ASCII gets into a member id.
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX_LEN);
        std::str::from_utf8(&self.0[..len]).expect("only ASCII letters, digits and . _ - get in")
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberId({})", self.as_str())
    }
}

impl FromStr for MemberId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let allowed =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > Self::MAX_LEN || !bytes.iter().all(allowed) {
            return Err(BadId {
                expected: "a member id of 1 to 32 letters, digits, dots, underscores or hyphens",
                got: text.to_owned(),
            });
        }
        let mut padded = [0; Self::MAX_LEN];
        padded[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(padded))
    }
}

serde_as_text!(MemberId);

/// The number of a feed within its member, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedNumber(pub u32);

impl fmt::Display for FeedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A feed of the consortium: a chain of records under one key of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId {
    /// Whose feed it is.
    pub member: MemberId,
    /// Which of the member's feeds.
    pub number: FeedNumber,
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.member, self.number)
    }
}

/// Where a statement stands: statements are ordered by time, member, feed, sequence and index, and
/// *later* means that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The record's time.
    pub time: crate::Time,
    /// The record's issuer.
    pub member: MemberId,
    /// The issuer's feed.
    pub feed: FeedNumber,
    /// The record's sequence number in the feed, from 1.
    pub sequence: u64,
    /// The statement's index in the record's body, from 0.
    pub index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_ids_have_a_shortest_and_a_longest() {
        assert!("".parse::<MemberId>().is_err());
        assert!("a".parse::<MemberId>().is_ok());
        assert!("a".repeat(32).parse::<MemberId>().is_ok());
        assert!("a".repeat(33).parse::<MemberId>().is_err());
        for text in ["a b", "a/b", "é", "a\0b", "甲"] {
            assert!(text.parse::<MemberId>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn member_ids_order_as_their_text() {
        let mut names = ["b", "a", "a-1", "aa", "A", "a.b", "a0"];
        let mut ids: Vec<MemberId> =
            names.iter().map(|name| name.parse().expect("valid")).collect();
        names.sort_unstable();
        ids.sort_unstable();
        assert_eq!(ids.iter().map(MemberId::as_str).collect::<Vec<_>>(), names);
    }

    #[test]
    fn ids_read_what_they_write() {
        let id = RecordId([0xa7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("a7".parse::<RecordId>().is_err());
        assert!("zz".repeat(32).parse::<RecordId>().is_err());
    }
}
