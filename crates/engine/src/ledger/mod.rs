//! What a replica remembers: ordered columns of keys and values. The engine reads through
//! [`Ledger`] and hands its [`Changes`] back as a value; whoever holds the ledger commits them, all
//! or none.

mod draft;
mod keys;
mod memory;
mod origin;
pub mod rows;

use std::collections::BTreeMap;

pub use draft::Draft;
pub(crate) use draft::row;
pub use keys::{
    DisputeOf, MetaKey, branch_key, charter_key, dispute_day, dispute_day_key, dispute_key,
    feed_key, feed_of_key, fork_key, hole_key, hole_of_key, index_key, number_key, number_of_key,
    recall_key, release_key, seen_key, sequence_of_key, timer_key, timer_of_key,
};
pub use memory::MemoryLedger;
pub use origin::Origin;

/// A column of the ledger. Each has its own kind of key and row, see `keys` and [`rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Every record, by arrival number.
    Log,
    /// Arrival number and id of each record, by issuer and sequence.
    Index,
    /// The head of each feed.
    Heads,
    /// The statements that concern a subject, by its tag.
    Evidence,
    /// What a statement id names, and what named it before it came.
    Targets,
    /// Recalls, by issuer and position.
    Recalls,
    /// Releases, by the record that they name.
    Releases,
    /// What was decided on a subject, by its tag.
    Decisions,
    /// When to look at a subject again, by time.
    Timers,
    /// What happened, by number.
    Journal,
    /// Writes already done, by idempotency key.
    Requests,
    /// Proofs of equivocation, by feed and sequence.
    Forks,
    /// Records of other branches of a forked feed, by feed, sequence and id.
    Branches,
    /// Charter versions that enough groups have signed, by version and hash.
    Charters,
    /// Which heads of a feed a member has seen, by feed and member.
    Seen,
    /// Erasures, by the statement that they name.
    Erasures,
    /// Disputes, by member and position: only so many a day mean something.
    DisputeDays,
    /// Statements whose content is missing without an erasure that accounts for it.
    Holes,
    /// Subjects that must be decided anew, by tag.
    Revisits,
    /// Counters and the like.
    Meta,
    /// What this member keeps about a subject for itself, by its tag.
    Local,
    /// Measures that wait for a person, by since when.
    Queue,
    /// Open disputes, this member's own flags first, by deadline.
    Disputes,
    /// What people did, by number, each entry chained to the one before.
    Audit,
    /// How far each feed of this node's member was looked through for what need not be kept.
    Retention,
}

impl Column {
    /// Every column.
    pub const ALL: &'static [Self] = &[
        Self::Log,
        Self::Index,
        Self::Heads,
        Self::Evidence,
        Self::Targets,
        Self::Recalls,
        Self::Releases,
        Self::Decisions,
        Self::Timers,
        Self::Journal,
        Self::Requests,
        Self::Forks,
        Self::Branches,
        Self::Charters,
        Self::Seen,
        Self::Erasures,
        Self::DisputeDays,
        Self::Holes,
        Self::Revisits,
        Self::Meta,
        Self::Local,
        Self::Queue,
        Self::Disputes,
        Self::Audit,
        Self::Retention,
    ];

    /// The column's name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Index => "index",
            Self::Heads => "heads",
            Self::Evidence => "evidence",
            Self::Targets => "targets",
            Self::Recalls => "recalls",
            Self::Releases => "releases",
            Self::Decisions => "decisions",
            Self::Timers => "timers",
            Self::Journal => "journal",
            Self::Requests => "requests",
            Self::Forks => "forks",
            Self::Branches => "branches",
            Self::Charters => "charters",
            Self::Seen => "seen",
            Self::Erasures => "erasures",
            Self::DisputeDays => "dispute-days",
            Self::Holes => "holes",
            Self::Revisits => "revisits",
            Self::Meta => "meta",
            Self::Local => "local",
            Self::Queue => "queue",
            Self::Disputes => "disputes",
            Self::Audit => "audit",
            Self::Retention => "retention",
        }
    }
}

/// The ledger cannot be read: the disk failed, or what is on it is not what was written. Nothing
/// has changed; whoever meets this stops.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// The storage below failed.
    #[error("cannot read the ledger: {0}")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row is not what was written.
    #[error("the ledger's column {column} has a row that does not decode: {what}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// Key and value of one row.
pub type Row = (Vec<u8>, Vec<u8>);

/// Read access to what was committed.
pub trait Ledger {
    /// The value at `key`.
    ///
    /// # Errors
    /// [`LedgerFault::Storage`].
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerFault>;

    /// At most `most` rows with `from <= key < to`, ascending.
    ///
    /// # Errors
    /// [`LedgerFault::Storage`].
    fn range(
        &self,
        column: Column,
        from: &[u8],
        to: &[u8],
        most: usize,
    ) -> Result<Vec<Row>, LedgerFault>;
}

/// What a step changes: for each key its new value, or nothing where it is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<(Column, Vec<u8>), Option<Vec<u8>>>);

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every change, ascending by column and key.
    pub fn iter(&self) -> impl Iterator<Item = (Column, &[u8], Option<&[u8]>)> {
        self.0.iter().map(|((column, key), value)| (*column, key.as_slice(), value.as_deref()))
    }
}
