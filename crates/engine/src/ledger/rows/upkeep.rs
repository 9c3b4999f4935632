//! How far what is done bit by bit has come: rows about this copy of the ledger rather than about
//! what it says.

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
}

/// A destruction that may not be done yet.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct DestroyingRow {
    /// The number of the last one begun.
    #[prost(uint64, tag = "1")]
    pub number: u64,
}

/// Deciding everybody anew, while it is under way.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RevisitRow {
    /// The next subject's tag, or one before it.
    #[prost(bytes = "vec", tag = "1")]
    pub next: Vec<u8>,
    /// Whether it is done. Now the row goes then; earlier programs left it.
    #[prost(bool, tag = "2")]
    pub done: bool,
    /// Why, as numbers; none, where an earlier program began it: another charter.
    #[prost(uint32, repeated, tag = "3")]
    pub causes: Vec<u32>,
}

/// How far a feed of this node's member was looked through for what need not be kept any longer.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RetentionRow {
    /// Nothing is left to be erased of its records up to this one, but for those in `open`.
    #[prost(uint64, tag = "1")]
    pub through: u64,
    /// Records that have something that is not erased yet, ascending.
    #[prost(uint64, repeated, tag = "2")]
    pub open: Vec<u64>,
}
