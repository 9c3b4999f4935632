//! Retention: what a feed of this node's member said and need not be kept any longer, by record time.
//!
//! The charter says how long after its end evidence is kept. Its issuer's node then asks for the
//! erasure; what others said is theirs to erase.
//!
//! A node looks in rounds. What it has behind it is marked in the ledger, for each feed: the record up
//! to which nothing is left to be erased, but for some that it names. So a round costs what is new
//! and what still waits, not what is done. A record is done with only once all that could be erased
//! of it *is*, here and for good: a flag that stands, an erasure that is asked for and not final, or
//! content that others have and this node lacks keep it open. Whatever comes later (a withdrawal,
//! another charter, an `Erase` that turns out to mean nothing) therefore finds it in the next round.
//! What takes records off the line takes the mark back too.

use interlock_record::{Entry, FeedId, RecordId, Statement, StatementId, SubjectTag, Time};

use super::finality::on_line;
use super::meaning::{Meaning, Unmeant};
use super::{Work, known, record_at};
use crate::charter::{Charters, day_of};
use crate::ledger::rows::{ErasureRow, HoleRow, LogRow, RetentionRow, TargetRow};
use crate::ledger::{Ledger, LedgerFault, feed_key, hole_key, row};
use crate::timeline::{Setting, Standing, View, explain};

/// At most so many records that are still open are named behind the mark of a feed. Where there are
/// more the mark stays, and a round goes over what is behind it again.
pub const MAX_OPEN_BEHIND: usize = 1_024;
/// A round asks for at most this part of the erasures that count in one day, and for one at least: the
/// day's limit is the platform's too.
pub const ROUNDS_TO_A_DAYS_LIMIT: u64 = 48;

/// How far a feed was looked through, to be written into the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionMark {
    /// The feed.
    pub feed: FeedId,
    /// The record up to which nothing is left, and its id: where another stands there by now, the
    /// line was exchanged meanwhile.
    through: (u64, RecordId),
    /// Records up to it that have something left.
    open: Vec<u64>,
}

impl RetentionMark {
    /// The record up to which nothing is left to be erased, but for those in [`Self::open`].
    pub const fn through(&self) -> u64 {
        self.through.0
    }

    /// The records up to there that have something left, ascending.
    pub fn open(&self) -> &[u64] {
        &self.open
    }
}

/// One look through a feed.
#[derive(Debug)]
pub struct RetentionRound {
    feed: FeedId,
    before: RetentionRow,
    /// Those behind the old mark that are still to be looked at, the first last.
    waiting: Vec<u64>,
    open: Vec<u64>,
    through: Option<(u64, RecordId)>,
    next: u64,
    moves: Moves,
    /// How many erasures this round may still ask for.
    room: u64,
}

/// Whether the mark goes on with the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moves {
    Yes,
    /// There are too many open records behind it.
    NoMore,
}

/// What a round has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The statements to be erased.
    pub over: Vec<StatementId>,
    /// Whether there is more to be looked at.
    pub more: bool,
}

/// What is left of a record.
enum Left {
    Nothing,
    Something,
    /// It is too young to be asked.
    Young,
}

impl RetentionRound {
    /// Begins where earlier rounds have got to.
    ///
    /// # Errors
    /// [`LedgerFault`].
    pub fn begin(
        ledger: &dyn Ledger,
        charters: &Charters,
        feed: FeedId,
        now: Time,
    ) -> Result<Self, LedgerFault> {
        let before: RetentionRow = row(ledger, &feed_key(feed))?.unwrap_or_default();
        let limit = charters.limits_at(now).statements_a_day;
        Ok(Self {
            feed,
            waiting: before.open.iter().rev().copied().collect(),
            open: Vec::new(),
            through: None,
            next: before.through + 1,
            moves: Moves::Yes,
            room: (limit / ROUNDS_TO_A_DAYS_LIMIT).max(1),
            before,
        })
    }

    /// Looks through `most` more records for statements whose retention is over at `now`.
    ///
    /// # Errors
    /// [`LedgerFault`].
    pub fn look(
        &mut self,
        ledger: &dyn Ledger,
        charters: &Charters,
        now: Time,
        most: usize,
    ) -> Result<Retained, LedgerFault> {
        let mut over = Vec::new();
        for _ in 0..most {
            if self.room == 0 {
                return Ok(Retained { over, more: false });
            }
            let behind = self.waiting.pop();
            let sequence = behind.unwrap_or(self.next);
            let row = match (record_at(ledger, self.feed, sequence)?, behind) {
                (Some(row), _) => row,
                // It has left the line since.
                (None, Some(_)) => continue,
                (None, None) => return Ok(Retained { over, more: false }),
            };
            let record = Looked { ledger, charters, feed: self.feed, now };
            let (left, id) = record.look(&row, &mut over, &mut self.room)?;
            match (left, behind) {
                (Left::Young, None) => return Ok(Retained { over, more: false }),
                (Left::Nothing, Some(_)) => {}
                (_, Some(_)) => self.open.push(sequence),
                (left, None) => {
                    self.next += 1;
                    self.pass((sequence, id), &left);
                }
            }
        }
        Ok(Retained { over, more: true })
    }

    /// Moves the mark over a record, if it may.
    fn pass(&mut self, place: (u64, RecordId), left: &Left) {
        if matches!(left, Left::Something) {
            if self.open.len() >= MAX_OPEN_BEHIND {
                self.moves = Moves::NoMore;
            }
            if self.moves == Moves::Yes {
                self.open.push(place.0);
            }
        }
        if self.moves == Moves::Yes {
            self.through = Some(place);
        }
    }

    /// What later rounds need not look at again, if this one has found anything to mark.
    ///
    /// # Errors
    /// [`LedgerFault`].
    pub fn end(mut self, ledger: &dyn Ledger) -> Result<Option<RetentionMark>, LedgerFault> {
        // What it has not come to waits as before.
        self.open.extend(self.waiting.iter().rev());
        self.open.sort_unstable();
        let through = match self.through {
            Some(place) => place,
            None if self.open == self.before.open => return Ok(None),
            None => match record_at(ledger, self.feed, self.before.through)? {
                Some(row) => (self.before.through, row.verified()?.id()),
                None => return Ok(None),
            },
        };
        Ok(Some(RetentionMark { feed: self.feed, through, open: self.open }))
    }
}

/// How a record is looked at.
struct Looked<'a> {
    ledger: &'a dyn Ledger,
    charters: &'a Charters,
    feed: FeedId,
    now: Time,
}

impl Looked<'_> {
    /// Says what is left of a record, and adds what is to be erased of it.
    fn look(
        &self,
        found: &LogRow,
        over: &mut Vec<StatementId>,
        room: &mut u64,
    ) -> Result<(Left, RecordId), LedgerFault> {
        let limits = self.charters.limits_at(self.now);
        let end_by = self.now.minus(limits.retention);
        let record = found.verified()?;
        let (time, sequence) = (record.header().time, record.header().sequence);
        if time > end_by.min(self.now.minus(limits.min_keep)) {
            return Ok((Left::Young, record.id()));
        }
        let mut left = Left::Nothing;
        for (index, id, said) in record.statements(self.charters.rules_at(time)) {
            if matches!(record.signed().body[index as usize], Entry::Erased { .. }) {
                // Others may have it still.
                let hole = hole_key(self.feed, sequence, index);
                if row::<HoleRow>(self.ledger, &hole)?.is_some() {
                    left = Left::Something;
                }
                continue;
            }
            let is_flag = match said {
                Ok(Statement::Flag(_)) => true,
                // They are no evidence by themselves; their time is their end.
                Ok(Statement::Cure(_) | Statement::Receipt(_) | Statement::Dispute(_)) => false,
                // The rest is not for an erasure.
                _ => continue,
            };
            left = Left::Something;
            // Nobody would take an erasure of what is not known to be of a subject.
            let Some(subject) = self.subject_of(id)? else { continue };
            let ended = !is_flag || self.flag_ended(id, subject, end_by)?;
            if ended && *room > 0 && !self.asked(id)? {
                *room -= 1;
                over.push(id);
            }
        }
        Ok((left, record.id()))
    }

    /// Whether the feed's member has asked for a statement's erasure already, which waits to be final.
    fn asked(&self, id: StatementId) -> Result<bool, LedgerFault> {
        let Some(erasure) = row::<ErasureRow>(self.ledger, id.as_bytes())? else {
            return Ok(false);
        };
        let mut meaning = Meaning::new(self.ledger, self.charters);
        for erase in &erasure.erases {
            if erase.feed_id()?.member != self.feed.member {
                continue;
            }
            let (placed, unmeant) = meaning.of(erase)?;
            // What means nothing for good was asked in vain; past the day's limit, another day helps.
            let in_vain = match unmeant {
                Some(Unmeant::FeedEnded) => true,
                Some(Unmeant::TooManyStatements) => day_of(placed.position.time) < day_of(self.now),
                _ => false,
            };
            if !in_vain {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn subject_of(&self, id: StatementId) -> Result<Option<SubjectTag>, LedgerFault> {
        let target: Option<TargetRow> = row(self.ledger, id.as_bytes())?;
        Ok(target.and_then(|target| target.subject()))
    }

    /// Whether a flag had ended at an instant.
    fn flag_ended(
        &self,
        id: StatementId,
        subject: SubjectTag,
        at: Time,
    ) -> Result<bool, LedgerFault> {
        let known = known(self.ledger, self.charters, subject)?;
        let Some(index) = known.flag_ids.iter().position(|flag| *flag == id) else {
            // It means nothing, and never will again.
            return Ok(true);
        };
        let members = self.charters.member_ids();
        let view = View::Consortium;
        let setting = Setting { policies: self.charters.policies(), members: &members, view };
        let standing = explain(&setting, &known.evidence, at).flags[index].standing;
        let ended = [Standing::Expired, Standing::TakenBack, Standing::Replaced, Standing::Settled];
        Ok(ended.contains(&standing))
    }
}

/// Keeps how far a feed was looked through.
pub(super) fn mark(mark: &RetentionMark, work: &mut Work<'_>) -> Result<(), LedgerFault> {
    let (through, id) = mark.through;
    if on_line(&work.draft, mark.feed, through, id)? {
        let row = RetentionRow { through, open: mark.open.clone() };
        work.draft.put(feed_key(mark.feed), &row);
    }
    Ok(())
}

/// The records of a feed from `from` on are not on the line any more.
pub(super) fn unmark(feed: FeedId, from: u64, work: &mut Work<'_>) -> Result<(), LedgerFault> {
    let key = feed_key(feed);
    if let Some(mut row) = work.draft.row::<RetentionRow>(&key)?.filter(|row| row.through >= from) {
        row.through = from.saturating_sub(1);
        row.open.retain(|sequence| *sequence < from);
        work.draft.put(key, &row);
    }
    Ok(())
}
