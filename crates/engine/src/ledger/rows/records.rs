//! Records as they came, where they stand, and the proofs and branches of forked feeds.

use interlock_record::{SignedRecord, VerifiedRecord};
use prost::Message;

use super::corrupt;
use crate::ledger::{Column, LedgerFault};

/// A record as it came.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct LogRow {
    /// `interlock.record.v1.Record`.
    #[prost(bytes = "vec", tag = "1")]
    pub record: Vec<u8>,
    /// When it came, µs.
    #[prost(sint64, tag = "2")]
    pub received_at: i64,
    /// Whether the breaker holds it.
    #[prost(bool, tag = "3")]
    pub held: bool,
    /// How many statements its feed had made that day (UTC, record time) before it.
    #[prost(uint64, tag = "4")]
    pub day_before: u64,
    /// The first journal entry that can tell of its statements.
    #[prost(uint64, tag = "5")]
    pub journaled: u64,
}

impl LogRow {
    /// The record.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn verified(&self) -> Result<VerifiedRecord, LedgerFault> {
        SignedRecord::decode(&self.record)
            .and_then(VerifiedRecord::from_trusted_store)
            .map_err(|error| corrupt(Column::Log, &error))
    }
}

/// Where a record of a feed stands in the log.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct IndexRow {
    /// Its arrival number.
    #[prost(uint64, tag = "1")]
    pub arrival: u64,
    /// Its id, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
}

/// The head of a feed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct HeadRow {
    /// `FeedHead::to_bytes`.
    #[prost(bytes = "vec", tag = "1")]
    pub head: Vec<u8>,
    /// From which record on the feed is void, if it is.
    #[prost(uint64, optional, tag = "2")]
    pub void_from: Option<u64>,
}

/// A record of another branch of a forked feed.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct BranchRow {
    /// Its arrival number.
    #[prost(uint64, tag = "1")]
    pub arrival: u64,
}

/// A proof of equivocation.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ForkRow {
    /// `interlock.record.v1.Fork`.
    #[prost(bytes = "vec", tag = "1")]
    pub proof: Vec<u8>,
}
