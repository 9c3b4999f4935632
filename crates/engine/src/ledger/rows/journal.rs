//! What happened, what was asked for, and how many of each.

use prost::Message;

/// What happened: one journal entry. Which fields are set depends on the kind.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct JournalRow {
    /// When it was written, µs.
    #[prost(sint64, tag = "1")]
    pub recorded_at: i64,
    /// [`crate::replica::Happening`] as a number.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// The subject.
    #[prost(bytes = "vec", tag = "3")]
    pub subject: Vec<u8>,
    /// The statement.
    #[prost(bytes = "vec", tag = "4")]
    pub statement: Vec<u8>,
    /// The issuer.
    #[prost(string, tag = "5")]
    pub member: String,
    /// The issuer's feed.
    #[prost(uint32, tag = "6")]
    pub feed: u32,
    /// The record's sequence number.
    #[prost(uint64, tag = "7")]
    pub sequence: u64,
    /// Whether the decision is this member's own.
    #[prost(bool, tag = "8")]
    pub own: bool,
    /// The measure before.
    #[prost(uint32, tag = "9")]
    pub from: u32,
    /// The measure from then on.
    #[prost(uint32, tag = "10")]
    pub to: u32,
    /// When, by the timeline, µs.
    #[prost(sint64, tag = "11")]
    pub at: i64,
    /// The flags that brought it about.
    #[prost(bytes = "vec", repeated, tag = "12")]
    pub because: Vec<Vec<u8>>,
    /// Digest of the frontier.
    #[prost(bytes = "vec", tag = "13")]
    pub frontier: Vec<u8>,
    /// The entry that this one corrects; 0: none.
    #[prost(uint64, tag = "14")]
    pub corrects: u64,
    /// A stable name that says more.
    #[prost(string, tag = "15")]
    pub code: String,
    /// Whether the node was in simulated mode when it was written.
    #[prost(bool, tag = "30")]
    pub simulated: bool,
    /// Another time that matters, such as a deadline, µs.
    #[prost(sint64, optional, tag = "31")]
    pub until: Option<i64>,
    /// A reason, for disputes.
    #[prost(uint32, tag = "32")]
    pub reason: u32,
    /// SHA-256 of a backup's file.
    #[prost(bytes = "vec", tag = "40")]
    pub backup: Vec<u8>,
    /// How many it was.
    #[prost(uint64, tag = "41")]
    pub count: u64,
    /// How many flags.
    #[prost(uint64, tag = "21")]
    pub flags: u64,
    /// For a decision, the arrival number of the last record that had come.
    #[prost(uint64, tag = "16")]
    pub arrivals: u64,
}

/// A write already done.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RequestRow {
    /// Hash of what was asked.
    #[prost(bytes = "vec", tag = "1")]
    pub digest: Vec<u8>,
    /// The statements it made.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub statements: Vec<Vec<u8>>,
    /// The time of their record, µs.
    #[prost(sint64, tag = "3")]
    pub time: i64,
    /// The sequence number of their record.
    #[prost(uint64, tag = "4")]
    pub sequence: u64,
}

/// Counters.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CountersRow {
    /// Records accepted.
    #[prost(uint64, tag = "1")]
    pub arrivals: u64,
    /// Entries journaled.
    #[prost(uint64, tag = "2")]
    pub journal: u64,
    /// Records held.
    #[prost(uint64, tag = "3")]
    pub held: u64,
    /// Equivocations known.
    #[prost(uint64, tag = "4")]
    pub equivocations: u64,
    /// Records that came much later than their time.
    #[prost(uint64, tag = "21")]
    pub late_records: u64,
    /// How often late flags of one feed were many.
    #[prost(uint64, tag = "22")]
    pub late_bursts: u64,
    /// Statements in the records accepted.
    #[prost(uint64, tag = "23")]
    pub statements: u64,
}
