//! What a member keeps for itself: acts of its people, measures that wait for one of them, open
//! disputes, and the log of who did what.

use interlock_record::{Digest, Measure, SubjectTag, Time};
use prost::Message;

use super::{ScopeRow, StatementRow, StoredRow, measure};
use crate::ledger::{Column, LedgerFault};

/// What this member keeps about a subject for itself.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct LocalRow {
    /// The greatest measure that is applied, for a while.
    #[prost(message, optional, tag = "1")]
    pub exemption: Option<ActRow>,
    /// The measure that is applied whatever is decided, for a while.
    #[prost(message, optional, tag = "2")]
    pub overriding: Option<ActRow>,
    /// Measures that a person confirmed, at most one act for each measure.
    #[prost(message, repeated, tag = "3")]
    pub confirmations: Vec<ActRow>,
    /// The announced measure that a person refused.
    #[prost(message, optional, tag = "4")]
    pub refusal: Option<ActRow>,
    /// Under which time the subject stands in the queue, µs, if it does.
    #[prost(sint64, optional, tag = "5")]
    pub queued: Option<i64>,
    /// The disputes of its flags that are open.
    #[prost(message, repeated, tag = "6")]
    pub disputes: Vec<DisputeRow>,
    /// Flags that were raised in simulated mode: never signed, never sent.
    #[prost(message, repeated, tag = "7")]
    pub simulated_flags: Vec<StatementRow>,
    /// What would be decided if they had been.
    #[prost(message, optional, tag = "8")]
    pub simulated: Option<ScopeRow>,
    /// The measure that would be applied, as the journal told it last.
    #[prost(uint32, optional, tag = "9")]
    pub would: Option<u32>,
}

impl LocalRow {
    /// Whether a person's act is kept here.
    pub fn has_acts(&self) -> bool {
        self.exemption.is_some()
            || self.overriding.is_some()
            || self.refusal.is_some()
            || !self.confirmations.is_empty()
    }
}

/// What a person did about a subject. Which fields are set depends on the kind of act.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ActRow {
    /// The measure that it is about.
    #[prost(uint32, tag = "1")]
    pub measure: u32,
    /// When it was done, µs.
    #[prost(sint64, tag = "2")]
    pub at: i64,
    /// Until when it holds, µs, exclusive; none: it does not end by time.
    #[prost(sint64, optional, tag = "3")]
    pub until: Option<i64>,
    /// Since when the measure had been announced that it answers, µs.
    #[prost(sint64, optional, tag = "4")]
    pub announced_since: Option<i64>,
    /// Who did it.
    #[prost(string, tag = "5")]
    pub by: String,
    /// Why.
    #[prost(string, tag = "6")]
    pub why: String,
    /// The entry of the audit log.
    #[prost(uint64, tag = "7")]
    pub audit: u64,
}

impl ActRow {
    /// The measure that it is about.
    pub fn measure(&self) -> Measure {
        measure(self.measure)
    }

    /// Whether it holds at `at`: from when it was done, up to and without its end.
    pub fn holds(&self, at: Time) -> bool {
        self.at <= at.micros() && self.until.is_none_or(|until| at.micros() < until)
    }

    /// When it ends, if time ends it.
    pub fn ends_at(&self) -> Option<Time> {
        self.until.and_then(Time::from_micros)
    }
}

/// A measure that waits for a person.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct QueueRow {
    /// The measure.
    #[prost(uint32, tag = "1")]
    pub measure: u32,
}

/// An open dispute.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DisputeRow {
    /// The subject's tag.
    #[prost(bytes = "vec", tag = "1")]
    pub subject: Vec<u8>,
    /// Whose flags are disputed: who must answer.
    #[prost(string, tag = "2")]
    pub issuer: String,
    /// For which reason they were raised.
    #[prost(uint32, tag = "3")]
    pub reason: u32,
    /// Since when it is open, µs.
    #[prost(sint64, tag = "4")]
    pub since: i64,
    /// When the flags lapse unless it is answered before, µs.
    #[prost(sint64, tag = "5")]
    pub deadline: i64,
    /// The latest flag of that issuer and reason, 32 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub flag: Vec<u8>,
}

/// One entry of the audit log: what is hashed, byte for byte.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AuditRow {
    /// Its number, from 1.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// When it was written, µs.
    #[prost(sint64, tag = "2")]
    pub at: i64,
    /// Who, as the caller said.
    #[prost(string, tag = "3")]
    pub by: String,
    /// Under which user id of the machine the call came, if that is known.
    #[prost(uint32, optional, tag = "4")]
    pub uid: Option<u32>,
    /// What was done: a stable name.
    #[prost(string, tag = "5")]
    pub act: String,
    /// About which subject, 32 bytes; empty: about none in particular.
    #[prost(bytes = "vec", tag = "6")]
    pub subject: Vec<u8>,
    /// More about it.
    #[prost(string, tag = "7")]
    pub detail: String,
    /// Why, as the caller said.
    #[prost(string, tag = "8")]
    pub why: String,
    /// The hash of the entry before, 32 bytes; zeros before the first.
    #[prost(bytes = "vec", tag = "9")]
    pub previous: Vec<u8>,
}

impl AuditRow {
    /// The subject, if it is about one.
    pub fn subject(&self) -> Option<SubjectTag> {
        SubjectTag::from_slice(&self.subject)
    }
}

/// An entry's bytes with their hash, as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The hash.
    pub hash: Digest,
    /// The entry's exact bytes.
    pub entry: Vec<u8>,
}

impl StoredRow for SealedRow {
    const COLUMN: Column = Column::Audit;

    fn encode(&self) -> Vec<u8> {
        [&self.hash.0[..], &self.entry].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, LedgerFault> {
        let split = bytes.split_at_checked(32);
        split
            .and_then(|(hash, entry)| {
                Some(Self { hash: Digest::from_slice(hash)?, entry: entry.to_vec() })
            })
            .ok_or_else(|| LedgerFault::Corrupt {
                column: Column::Audit.name(),
                what: "an entry without its hash".to_owned(),
            })
    }
}

/// The last entry of the audit log.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AuditHeadRow {
    /// Its number; 0: there is none.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Its hash, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
}

/// The member's own settings under which every subject was decided.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SettingsRow {
    /// Their digest, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub digest: Vec<u8>,
}
