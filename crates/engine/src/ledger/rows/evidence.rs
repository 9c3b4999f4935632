//! Statements by the subject that they concern, and what a statement's id names.

use interlock_record::{FeedId, FeedNumber, Position, Statement, StatementId, SubjectTag, Time};
use prost::Message;

use super::corrupt;
use crate::ledger::{Column, LedgerFault};

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
