//! Rows about this copy of the ledger rather than about what it says.

use prost::Message;

/// A restore that is not done yet: what can be rebuilt from the log still has to be.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RestoreRow {
    /// When the backup was made, µs.
    #[prost(sint64, tag = "1")]
    pub made_at: i64,
    /// SHA-256 of the backup's file.
    #[prost(bytes = "vec", tag = "2")]
    pub backup: Vec<u8>,
    /// Statements that the backup holds and that came back as erased leaves: erased since, or
    /// without their content key.
    #[prost(uint64, tag = "3")]
    pub erased: u64,
    /// Records whose statements were looked at, by the highest arrival number.
    #[prost(uint64, tag = "4")]
    pub rebuilt: u64,
    /// The last subject that was decided anew; empty: none yet.
    #[prost(bytes = "vec", tag = "5")]
    pub settled: Vec<u8>,
}

/// A destruction that may not be done yet.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct DestroyingRow {
    /// The number of the last one begun.
    #[prost(uint64, tag = "1")]
    pub number: u64,
}
