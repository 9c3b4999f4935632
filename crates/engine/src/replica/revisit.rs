//! Deciding anew on subjects of whom nothing new was said: on everybody, after the charter or this
//! member's settings have changed or a ledger was restored; on some, after a part of a feed turned
//! out to be void, or not to be.
//!
//! There is one way for all causes. One row says for what everybody is decided anew and from which
//! subject on that is still to be done; the column `revisits` names those who wait for themselves. A
//! step takes up a bounded number of either, and settling tells what changed, as ever. Progress is
//! committed with what was decided, so a restart goes on where it was.
//!
//! Whoever has evidence or anything local has a decision, so everybody is whoever has one. A subject
//! that comes in meanwhile is decided under what holds already, on whichever side of the mark it
//! stands.

use interlock_record::{FeedId, Position, Statement, StatementId, SubjectTag};

use super::statements::{flagged_in, later_disputes};
use super::{Replica, Work, record_at};
use crate::evidence::recalls;
use crate::ledger::rows::{DisputeDayRow, RevisitRow, SettingsRow, TargetRow};
use crate::ledger::{Column, Draft, Ledger, LedgerFault, MetaKey, row};

/// At most so many subjects that wait to be decided anew are taken up in one step.
pub const MAX_REVISITS_A_STEP: usize = 256;

/// Behind every subject.
const END: [u8; 33] = [0xff; 33];

/// Why everybody is decided anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Cause {
    /// Another charter holds.
    Charter = 1,
    /// This member's own settings are others: what that changes changes when it is found.
    Settings = 2,
    /// The ledger was restored, and statements came back erased.
    Restored = 3,
}

impl RevisitRow {
    /// Whether everybody is being decided anew for this cause.
    fn is_for(&self, cause: Cause) -> bool {
        self.causes.contains(&(cause as u32))
    }
}

/// What stands in the ledger of deciding everybody anew, while it is under way.
fn under_way(ledger: &dyn Ledger) -> Result<Option<RevisitRow>, LedgerFault> {
    let all = row::<RevisitRow>(ledger, MetaKey::Revisit.bytes())?;
    Ok(all.filter(|all| !all.done))
}

/// Whether everybody is being decided anew for a cause.
pub(super) fn is_revisited_for(cause: Cause, draft: &Draft<'_>) -> Result<bool, LedgerFault> {
    Ok(under_way(draft)?.is_some_and(|all| all.is_for(cause)))
}

/// Has everybody decided anew, some at each step. Where that is under way already it begins again,
/// for this cause too.
pub(super) fn revisit_everybody(cause: Cause, work: &mut Work<'_>) -> Result<(), LedgerFault> {
    let mut all = under_way(&work.draft)?.unwrap_or_default();
    all.next.clear();
    if !all.is_for(cause) {
        all.causes.push(cause as u32);
    }
    work.draft.put(MetaKey::Revisit.bytes().to_vec(), &all);
    work.revisits = true;
    Ok(())
}

/// Takes up some of the subjects that wait to be decided anew.
pub(super) fn revisit(work: &mut Work<'_>) -> Result<(), LedgerFault> {
    if !work.revisits {
        return Ok(());
    }
    let some = work.draft.range(Column::Revisits, &[], &END, MAX_REVISITS_A_STEP)?;
    let room = MAX_REVISITS_A_STEP - some.len();
    for (key, _) in some {
        work.touched.extend(SubjectTag::from_slice(&key));
        work.draft.remove(Column::Revisits, key);
    }
    let all = under_way(&work.draft)?;
    work.revisits = room == 0 || all.is_some();
    match all {
        Some(all) if room > 0 => revisit_next(all, room, work),
        _ => Ok(()),
    }
}

/// Takes up the next of everybody; at the end the row goes.
fn revisit_next(mut all: RevisitRow, room: usize, work: &mut Work<'_>) -> Result<(), LedgerFault> {
    let some = work.draft.range(Column::Decisions, &all.next, &END, room)?;
    let subjects: Vec<SubjectTag> =
        some.iter().filter_map(|(key, _)| SubjectTag::from_slice(key)).collect();
    work.touched.extend(&subjects);
    if all.is_for(Cause::Settings) {
        work.local.changes_now.extend(&subjects);
    }
    let key = MetaKey::Revisit.bytes().to_vec();
    match some.last() {
        Some((last, _)) if some.len() == room => {
            last.clone_into(&mut all.next);
            all.next.push(0);
            work.draft.put(key, &all);
        }
        _ => {
            work.draft.remove(Column::Meta, key);
            work.revisits = false;
        }
    }
    Ok(())
}

impl Replica {
    /// Whether subjects wait to be decided anew: the next step should follow at once.
    pub const fn is_revisiting(&self) -> bool {
        self.revisiting
    }

    /// Whether a ledger says that subjects wait to be decided anew.
    pub(super) fn revisits(ledger: &dyn Ledger) -> Result<bool, LedgerFault> {
        Ok(under_way(ledger)?.is_some()
            || !ledger.range(Column::Revisits, &[], &END, 1)?.is_empty())
    }

    /// Has everybody decided anew under settings that the ledger does not know. It knows them from
    /// then on, and how far that has come.
    pub(super) fn note_settings(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if std::mem::take(&mut self.other_settings) {
            let digest = self.settings.digest().0.to_vec();
            work.draft.put(MetaKey::LocalSettings.bytes().to_vec(), &SettingsRow { digest });
            revisit_everybody(Cause::Settings, work)?;
        }
        Ok(())
    }

    /// Marks the subjects of a feed's records from `first` on to be decided anew.
    pub(super) fn revisit_feed(
        &self,
        feed: FeedId,
        first: u64,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let last = self.heads.get(&feed).map_or(0, |head| head.sequence);
        for sequence in first.max(1)..=last {
            let Some(row) = record_at(&work.draft, feed, sequence)? else { break };
            let record = row.verified()?;
            let rules = self.charters.rules_at(record.header().time);
            for (index, _, said) in record.statements(rules) {
                let Ok(statement) = said else { continue };
                self.revisit_statement(&statement, record.position(index), work)?;
            }
        }
        Ok(())
    }

    fn revisit_statement(
        &self,
        statement: &Statement,
        position: Position,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let target = |id: StatementId, work: &Work<'_>| {
            let row = work.draft.row::<TargetRow>(id.as_bytes())?;
            Ok::<_, LedgerFault>(row.and_then(|row| row.subject()))
        };
        let subjects: Vec<SubjectTag> = match statement {
            Statement::Flag(flag) => vec![flag.subject],
            Statement::Cure(cure) => vec![cure.subject],
            Statement::Receipt(receipt) => vec![receipt.subject],
            Statement::Withdraw(said) => target(said.statement, work)?.into_iter().collect(),
            Statement::Resolve(said) => target(said.flag, work)?.into_iter().collect(),
            Statement::Dispute(said) => {
                // Which later ones of the day count may depend on it.
                later_disputes(DisputeDayRow::default(), position, work)?;
                target(said.flag, work)?.into_iter().collect()
            }
            Statement::Recall(recall) => self
                .flagged_by(position.member, work, |time, flag| {
                    recalls(recall, time, flag.reason, flag.rule_version.as_deref())
                })?
                .into_iter()
                .collect(),
            Statement::Release(release) => flagged_in(release, &self.charters, work)?,
            Statement::Erase(erase) => {
                // What was erased may be back, and the other way round.
                self.judge_erasure(erase.statement, work)?;
                Vec::new()
            }
            Statement::Seen(_) => Vec::new(),
        };
        for subject in subjects {
            work.draft.put_key(Column::Revisits, subject.0.to_vec());
            work.revisits = true;
        }
        Ok(())
    }
}
