//! What stands in a backup's frames, as protobuf.

use prost::Message;

/// The first frame: whose backup it is, and of when.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Begin {
    /// The consortium's id.
    #[prost(bytes = "vec", tag = "1")]
    pub consortium: Vec<u8>,
    /// The name of the store.
    #[prost(bytes = "vec", tag = "2")]
    pub store: Vec<u8>,
    /// The version of the store's format on disk.
    #[prost(uint32, tag = "3")]
    pub store_format: u32,
    /// The name of the set of content keys that the contents need.
    #[prost(bytes = "vec", tag = "4")]
    pub content_keys: Vec<u8>,
    /// When it was made, µs.
    #[prost(sint64, tag = "5")]
    pub made_at: i64,
    /// The version of the program that made it.
    #[prost(string, tag = "6")]
    pub program: String,
}

/// Rows of the log, in its order.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Records {
    /// The records.
    #[prost(message, repeated, tag = "1")]
    pub records: Vec<Record>,
}

/// A row of the log, its record taken apart.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Record {
    /// The row's key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The rest of the row: a `LogRow` without its record.
    #[prost(bytes = "vec", tag = "2")]
    pub row: Vec<u8>,
    /// The header as it was signed.
    #[prost(bytes = "vec", tag = "3")]
    pub header: Vec<u8>,
    /// The signature.
    #[prost(bytes = "vec", tag = "4")]
    pub signature: Vec<u8>,
    /// The body's entries.
    #[prost(message, repeated, tag = "5")]
    pub entries: Vec<SealedEntry>,
}

/// One entry of a body.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SealedEntry {
    /// Its leaf hash.
    #[prost(bytes = "vec", tag = "1")]
    pub leaf: Vec<u8>,
    /// Salt and statement, encrypted under the statement's content key; empty: it was erased.
    #[prost(bytes = "vec", tag = "2")]
    pub sealed: Vec<u8>,
}

/// Rows of a column that is copied as it is.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Rows {
    /// The column's name.
    #[prost(string, tag = "1")]
    pub column: String,
    /// The rows, ascending by key.
    #[prost(message, repeated, tag = "2")]
    pub rows: Vec<KeyValue>,
}

/// One row.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct KeyValue {
    /// Its key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Its value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// The last frame: what all frames before it hold.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct End {
    /// How many records.
    #[prost(uint64, tag = "1")]
    pub records: u64,
    /// How many statements with their content.
    #[prost(uint64, tag = "2")]
    pub statements: u64,
    /// How many statements that were erased.
    #[prost(uint64, tag = "3")]
    pub erased: u64,
    /// How many copied rows.
    #[prost(uint64, tag = "4")]
    pub rows: u64,
}
