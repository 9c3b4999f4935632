//! Why a statement cannot be written, and why one that was read means nothing.

use crate::limits;

/// Why a statement cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// A field has a value it may not have.
    #[error("{field} is out of range: expected {expected}")]
    OutOfRange {
        /// The field, as the protocol names it.
        field: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
    /// Every field is in range, but all together are too long.
    #[error(
        "the statement is {bytes} bytes long; at most {} are allowed",
        limits::MAX_STATEMENT_BYTES
    )]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

impl StatementError {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "STATEMENT_OUT_OF_RANGE",
            Self::TooLong { .. } => "STATEMENT_TOO_LONG",
        }
    }

    /// The field that is out of range, if it is one.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::OutOfRange { field, .. } => Some(field),
            Self::TooLong { .. } => None,
        }
    }
}

/// Why a statement means nothing, for good and at every node. It is kept all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Inert {
    /// The bytes are not a statement at all.
    #[error("the bytes are not a statement")]
    Undecodable,
    /// A kind of statement that the rules at the record's time do not know.
    #[error("the rules do not know this kind of statement")]
    UnknownKind,
    /// The bytes are not spelt as this statement is spelt.
    #[error("the statement is not in its one spelling")]
    NotCanonical,
    /// A field has a value it may not have.
    #[error("{field} is out of range")]
    OutOfRange {
        /// The field, as the protocol names it.
        field: &'static str,
    },
    /// Longer than a statement may be.
    #[error("the statement is longer than {} bytes", limits::MAX_STATEMENT_BYTES)]
    TooLong,
    /// The record's header counts its flags wrongly, so nothing in the record means anything.
    #[error("the record's header gives a wrong number of flags")]
    WrongFlagCount,
    /// The statement was erased.
    #[error("the statement was erased")]
    Erased,
}

impl Inert {
    /// The cause's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Undecodable => "UNDECODABLE",
            Self::UnknownKind => "UNKNOWN_KIND",
            Self::NotCanonical => "NOT_CANONICAL",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::TooLong => "TOO_LONG",
            Self::WrongFlagCount => "WRONG_FLAG_COUNT",
            Self::Erased => "ERASED",
        }
    }
}
