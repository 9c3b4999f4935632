//! What keeps a statement from meaning anything beyond what it says itself: its feed has ended or is
//! void there, a limit of the day is used up, its feed may not say such things, it was erased.
//!
//! Looked at whenever a subject is decided and not when a record is accepted: charters, proofs and
//! `Seen` that come later may change it, at every node alike.

use std::collections::BTreeMap;

use interlock_record::{FeedId, Position, Statement};

use crate::charter::Charters;
use crate::ledger::rows::{DisputeDayRow, HeadRow, Placed, StatementRow, StoredRow as _};
use crate::ledger::{Column, Ledger, LedgerFault, dispute_day, dispute_day_key, feed_key, row};

/// Why a statement that is well formed means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmeant {
    /// It stands after the last record of its feed that counts.
    FeedEnded,
    /// Its branch of a forked feed is not final.
    Void,
    /// Its feed had made as many statements that day as count.
    TooManyStatements,
    /// Its member had opened as many disputes that day as count.
    TooManyDisputes,
    /// Its feed is a trustee's, and this is nothing that a trustee says.
    NotATrustees,
    /// It was erased.
    Erased,
}

impl Unmeant {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FeedEnded => "FEED_ENDED",
            Self::Void => "VOID",
            Self::TooManyStatements => "TOO_MANY_STATEMENTS",
            Self::TooManyDisputes => "TOO_MANY_DISPUTES",
            Self::NotATrustees => "NOT_A_TRUSTEES",
            Self::Erased => "ERASED",
        }
    }
}

/// Reads statements back, and says of each why it means nothing, if so.
///
/// # Errors
/// [`LedgerFault`].
pub(crate) fn judged(
    ledger: &dyn Ledger,
    charters: &Charters,
    rows: &[StatementRow],
) -> Result<Vec<(Placed, Option<Unmeant>)>, LedgerFault> {
    let mut meaning = Meaning::new(ledger, charters);
    rows.iter().map(|row| meaning.of(row)).collect()
}

/// How many disputes of the member mean something on that day before the place `at`.
///
/// # Errors
/// [`LedgerFault`].
pub(crate) fn of_disputes(
    ledger: &dyn Ledger,
    charters: &Charters,
    at: Position,
) -> Result<u64, LedgerFault> {
    Meaning::new(ledger, charters).disputes_before(at)
}

/// Says of statements whether they mean something.
pub(super) struct Meaning<'a> {
    ledger: &'a dyn Ledger,
    charters: &'a Charters,
    voids: BTreeMap<FeedId, Option<u64>>,
}

impl<'a> Meaning<'a> {
    pub(super) const fn new(ledger: &'a dyn Ledger, charters: &'a Charters) -> Self {
        Self { ledger, charters, voids: BTreeMap::new() }
    }

    /// Reads a statement back, and says why it means nothing, if so.
    pub(super) fn of(
        &mut self,
        row: &StatementRow,
    ) -> Result<(Placed, Option<Unmeant>), LedgerFault> {
        let placed = row.placed(self.charters.rules_at(row.position()?.time))?;
        let why = match self.of_place(row)? {
            None if !self.charters.may_say(row.feed_id()?, &placed.statement) => {
                Some(Unmeant::NotATrustees)
            }
            None if matches!(placed.statement, Statement::Dispute(_)) => {
                self.of_dispute(placed.position)?
            }
            why => why,
        };
        Ok((placed, why))
    }

    /// Whether statements there mean nothing, whatever they say.
    fn of_place(&mut self, row: &StatementRow) -> Result<Option<Unmeant>, LedgerFault> {
        if row.erased {
            return Ok(Some(Unmeant::Erased));
        }
        let feed = row.feed_id()?;
        let last = self.charters.feed(feed).and_then(|feed| feed.last);
        if last.is_some_and(|last| row.sequence > last.sequence) {
            return Ok(Some(Unmeant::FeedEnded));
        }
        if self.void_from(feed)?.is_some_and(|from| row.sequence >= from) {
            return Ok(Some(Unmeant::Void));
        }
        let most = self.charters.limits_at(row.position()?.time).statements_a_day;
        Ok((row.of_day > most).then_some(Unmeant::TooManyStatements))
    }

    fn void_from(&mut self, feed: FeedId) -> Result<Option<u64>, LedgerFault> {
        if let Some(known) = self.voids.get(&feed) {
            return Ok(*known);
        }
        let head = row::<HeadRow>(self.ledger, &feed_key(feed))?;
        let from = head.and_then(|head| head.void_from);
        self.voids.insert(feed, from);
        Ok(from)
    }

    /// Counts the member's disputes of that day that stand before this one.
    fn of_dispute(&mut self, at: Position) -> Result<Option<Unmeant>, LedgerFault> {
        let most = self.charters.limits_at(at.time).disputes_a_day;
        Ok((self.disputes_before(at)? >= most).then_some(Unmeant::TooManyDisputes))
    }

    fn disputes_before(&mut self, at: Position) -> Result<u64, LedgerFault> {
        let (from, _) = dispute_day(at.member, at.time);
        let mut before = 0;
        for (_, value) in
            self.ledger.range(Column::DisputeDays, &from, &dispute_day_key(at), usize::MAX)?
        {
            let counted = match DisputeDayRow::decode(&value)?.dispute {
                Some(dispute) => self.of_place(&dispute)?.is_none(),
                None => false,
            };
            before += u64::from(counted);
        }
        Ok(before)
    }
}
