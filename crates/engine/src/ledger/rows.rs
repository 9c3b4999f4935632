//! What stands in the ledger's columns. Rows are protobuf, so that a later version can add to them.

mod decisions;
mod local;
mod trust;
mod upkeep;

use interlock_record::{
    FeedId, FeedNumber, Position, SignedRecord, Statement, StatementId, SubjectTag, Time,
    VerifiedRecord,
};
use prost::Message;

pub use decisions::{DecisionRow, EffectiveRow, ScopeRow, TransitionRow, measure};
pub use local::{
    ActRow, AuditHeadRow, AuditRow, DisputeRow, LocalRow, QueueRow, SealedRow, SettingsRow,
};
pub use trust::{
    BranchRow, CharterRow, CharterSignatureRow, DisputeDayRow, ErasureRow, HoleRow, SeenMark,
    SeenRow,
};
pub use upkeep::{DestroyingRow, RestoreRow};

use super::{Column, LedgerFault};

/// A row that knows its column.
pub trait StoredRow: Sized {
    /// The column.
    const COLUMN: Column;
    /// The row's bytes.
    fn encode(&self) -> Vec<u8>;
    /// The row of these bytes.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    fn decode(bytes: &[u8]) -> Result<Self, LedgerFault>;
}

macro_rules! stored {
    ($($row:ty => $column:ident),+ $(,)?) => {$(
        impl StoredRow for $row {
            const COLUMN: Column = Column::$column;

            fn encode(&self) -> Vec<u8> {
                self.encode_to_vec()
            }

            fn decode(bytes: &[u8]) -> Result<Self, LedgerFault> {
                Message::decode(bytes).map_err(|error| corrupt(Column::$column, &error))
            }
        }
    )+};
}

stored! {
    LogRow => Log,
    IndexRow => Index,
    HeadRow => Heads,
    EvidenceRow => Evidence,
    TargetRow => Targets,
    DecisionRow => Decisions,
    JournalRow => Journal,
    RequestRow => Requests,
    CountersRow => Meta,
    RevisitRow => Meta,
    ForkRow => Forks,
    BranchRow => Branches,
    CharterRow => Charters,
    SeenRow => Seen,
    ErasureRow => Erasures,
    DisputeDayRow => DisputeDays,
    HoleRow => Holes,
    LocalRow => Local,
    QueueRow => Queue,
    DisputeRow => Disputes,
    AuditHeadRow => Meta,
    SettingsRow => Meta,
    RestoreRow => Meta,
    DestroyingRow => Meta,
}

fn corrupt(column: Column, what: &dyn std::fmt::Display) -> LedgerFault {
    LedgerFault::Corrupt { column: column.name(), what: what.to_string() }
}

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

/// A statement and where it stands.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct StatementRow {
    /// The record's time, µs.
    #[prost(sint64, tag = "1")]
    pub time: i64,
    /// The record's issuer.
    #[prost(string, tag = "2")]
    pub member: String,
    /// The issuer's feed.
    #[prost(uint32, tag = "3")]
    pub feed: u32,
    /// The record's sequence number.
    #[prost(uint64, tag = "4")]
    pub sequence: u64,
    /// The statement's index.
    #[prost(uint32, tag = "5")]
    pub index: u32,
    /// The statement's id, 32 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub id: Vec<u8>,
    /// The statement as it was signed.
    #[prost(bytes = "vec", tag = "7")]
    pub statement: Vec<u8>,
    /// Whether the breaker holds its record.
    #[prost(bool, tag = "8")]
    pub held: bool,
    /// Which statement of its feed and day (UTC, record time) it is, from 1.
    #[prost(uint64, tag = "9")]
    pub of_day: u64,
    /// Whether it was erased: it is as if it had never been.
    #[prost(bool, tag = "10")]
    pub erased: bool,
}

/// A statement, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where it stands.
    pub position: Position,
    /// Its id.
    pub id: StatementId,
    /// What it says.
    pub statement: Statement,
    /// Whether the breaker holds its record.
    pub held: bool,
}

impl StatementRow {
    /// The row of a statement.
    pub fn new(
        position: Position,
        id: StatementId,
        statement: &[u8],
        held: bool,
        of_day: u64,
    ) -> Self {
        Self {
            time: position.time.micros(),
            member: position.member.to_string(),
            feed: position.feed.0,
            sequence: position.sequence,
            index: position.index,
            id: id.0.to_vec(),
            statement: statement.to_vec(),
            held,
            of_day,
            erased: false,
        }
    }

    /// The feed in which it stands.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn feed_id(&self) -> Result<FeedId, LedgerFault> {
        let member = self.member.parse().map_err(|error| corrupt(Column::Evidence, &error))?;
        Ok(FeedId { member, number: FeedNumber(self.feed) })
    }

    /// Where the statement stands.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn position(&self) -> Result<Position, LedgerFault> {
        let time = Time::from_micros(self.time)
            .ok_or_else(|| corrupt(Column::Evidence, &"a time out of range"))?;
        Ok(Position {
            time,
            member: self.member.parse().map_err(|error| corrupt(Column::Evidence, &error))?,
            feed: FeedNumber(self.feed),
            sequence: self.sequence,
            index: self.index,
        })
    }

    /// The statement, read under `rules`.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn placed(&self, rules: u32) -> Result<Placed, LedgerFault> {
        let position = self.position()?;
        let statement = Statement::decode(&self.statement, rules, position.time)
            .map_err(|inert| corrupt(Column::Evidence, &inert.code()))?;
        let id = StatementId::from_slice(&self.id)
            .ok_or_else(|| corrupt(Column::Evidence, &"a statement id of the wrong length"))?;
        Ok(Placed { position, id, statement, held: self.held })
    }
}

/// The statements that concern a subject, in their order.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EvidenceRow {
    /// The statements.
    #[prost(message, repeated, tag = "1")]
    pub statements: Vec<StatementRow>,
}

impl EvidenceRow {
    /// Puts a statement in its place; says whether it is new.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn insert(&mut self, row: StatementRow) -> Result<Inserted, LedgerFault> {
        let position = row.position()?;
        let mut place = self.statements.len();
        // Nearly always the latest: look from the end.
        while place > 0 {
            let before = self.statements[place - 1].position()?;
            if before == position {
                return Ok(Inserted::Known);
            }
            if before < position {
                break;
            }
            place -= 1;
        }
        self.statements.insert(place, row);
        Ok(Inserted::New)
    }
}

/// Whether a row was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It was.
    New,
    /// It was there already.
    Known,
}

/// What a statement id names.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TargetRow {
    /// The subject's tag; empty while the statement is not known.
    #[prost(bytes = "vec", tag = "1")]
    pub subject: Vec<u8>,
    /// Who signed it.
    #[prost(string, tag = "2")]
    pub issuer: String,
    /// Whether it is a cure; else it is a flag.
    #[prost(bool, tag = "3")]
    pub cure: bool,
    /// Statements that named it before it came.
    #[prost(message, repeated, tag = "4")]
    pub waiting: Vec<StatementRow>,
    /// Whether it is neither flag nor cure: nothing but an erasure names it.
    #[prost(bool, tag = "5")]
    pub other: bool,
    /// Its time, µs.
    #[prost(sint64, tag = "6")]
    pub time: i64,
    /// Its issuer's feed.
    #[prost(uint32, tag = "7")]
    pub feed: u32,
    /// Its record's sequence number.
    #[prost(uint64, tag = "8")]
    pub sequence: u64,
    /// Its index in the record.
    #[prost(uint32, tag = "9")]
    pub index: u32,
    /// Whether its content is destroyed.
    #[prost(bool, tag = "10")]
    pub erased: bool,
}

impl TargetRow {
    /// The subject, once the statement is known.
    pub fn subject(&self) -> Option<SubjectTag> {
        SubjectTag::from_slice(&self.subject)
    }
}

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

/// How far deciding every subject anew has come.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RevisitRow {
    /// The next subject's tag, or one before it.
    #[prost(bytes = "vec", tag = "1")]
    pub next: Vec<u8>,
    /// Whether it is done.
    #[prost(bool, tag = "2")]
    pub done: bool,
}

/// A proof of equivocation.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ForkRow {
    /// `interlock.record.v1.Fork`.
    #[prost(bytes = "vec", tag = "1")]
    pub proof: Vec<u8>,
}
