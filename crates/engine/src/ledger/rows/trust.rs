//! Rows about charters, what members have seen, and erasures.

use prost::Message;

use super::StatementRow;

/// A charter version and who signed it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CharterRow {
    /// The document, exactly as it was signed.
    #[prost(string, tag = "1")]
    pub document: String,
    /// The signatures.
    #[prost(message, repeated, tag = "2")]
    pub signatures: Vec<CharterSignatureRow>,
}

/// A signature of a charter version.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CharterSignatureRow {
    /// Who signed.
    #[prost(string, tag = "1")]
    pub member: String,
    /// `governance` or `recovery`.
    #[prost(string, tag = "2")]
    pub role: String,
    /// The public half of the key, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// The signature, 64 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub signature: Vec<u8>,
}

/// Which heads of a feed a member has named.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SeenRow {
    /// The heads; of those on this node's line only the latest.
    #[prost(message, repeated, tag = "1")]
    pub heads: Vec<SeenMark>,
}

/// A head that a member has named.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SeenMark {
    /// The head's sequence number.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The head's record, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
    /// The feed in which it was named.
    #[prost(uint32, tag = "3")]
    pub source: u32,
    /// The record in which it was named.
    #[prost(uint64, tag = "4")]
    pub source_sequence: u64,
}

/// Who wants a statement erased.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ErasureRow {
    /// The `Erase` statements that name it, in their order.
    #[prost(message, repeated, tag = "1")]
    pub erases: Vec<StatementRow>,
    /// Whether the content is destroyed here.
    #[prost(bool, tag = "2")]
    pub done: bool,
}

/// A dispute, where disputes are counted.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DisputeDayRow {
    /// The dispute.
    #[prost(message, optional, tag = "1")]
    pub dispute: Option<StatementRow>,
    /// The subject, once it is known.
    #[prost(bytes = "vec", tag = "2")]
    pub subject: Vec<u8>,
}

/// A statement whose content is missing.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct HoleRow {
    /// When another member was last asked for it, µs.
    #[prost(sint64, tag = "1")]
    pub asked_at: i64,
}
