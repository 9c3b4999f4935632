//! Taking back what a record said, when its branch of the feed is no longer the line.

use interlock_record::{FeedId, MemberId, Statement, StatementId, SubjectTag, VerifiedRecord};

use super::{Replica, Work, record_at, statements};
use crate::evidence::recalls;
use crate::ledger::rows::{DisputeDayRow, ErasureRow, EvidenceRow, SeenRow, TargetRow};
use crate::ledger::{
    Column, LedgerFault, dispute_day_key, hole_key, recall_key, release_key, seen_key,
};

impl Replica {
    /// Takes a record's statements out of all evidence.
    pub(super) fn retract(
        &mut self,
        record: &VerifiedRecord,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let feed = record.header().feed;
        let sequence = record.header().sequence;
        let rules = self.charters.rules_at(record.header().time);
        for (index, id, said) in record.statements(rules) {
            work.draft.remove(Column::Holes, hole_key(feed, sequence, index));
            let Ok(statement) = said else { continue };
            let position = record.position(index);
            match &statement {
                Statement::Flag(flag) => untarget(flag.subject, feed, id, work)?,
                Statement::Cure(cure) => untarget(cure.subject, feed, id, work)?,
                Statement::Receipt(receipt) => untarget(receipt.subject, feed, id, work)?,
                Statement::Withdraw(withdraw) => unaim(withdraw.statement, feed, id, work)?,
                Statement::Resolve(resolve) => unaim(resolve.flag, feed, id, work)?,
                Statement::Dispute(dispute) => {
                    unaim(dispute.flag, feed, id, work)?;
                    work.draft.remove(Column::Targets, id.0.to_vec());
                    let key = dispute_day_key(position);
                    if let Some(row) = work.draft.row::<DisputeDayRow>(&key)? {
                        work.draft.remove(Column::DisputeDays, key);
                        statements::later_disputes(row, position, work)?;
                    }
                }
                Statement::Recall(recall) => {
                    work.draft.remove(Column::Recalls, recall_key(position));
                    for subject in self.flagged_by(feed.member, work, |time, flag| {
                        recalls(recall, time, flag.reason, flag.rule_version.as_deref())
                    })? {
                        remove(subject, feed, id, work)?;
                    }
                }
                Statement::Release(release) => {
                    let key = release_key(release.feed, release.sequence, position);
                    work.draft.remove(Column::Releases, key);
                    let Some(row) = record_at(&work.draft, release.feed, release.sequence)? else {
                        continue;
                    };
                    for (_, _, said) in row.verified()?.statements(rules) {
                        if let Ok(Statement::Flag(flag)) = said {
                            remove(flag.subject, feed, id, work)?;
                        }
                    }
                }
                Statement::Seen(seen) => {
                    for head in &seen.heads {
                        unsee(head.feed, feed, sequence, work)?;
                    }
                }
                Statement::Erase(erase) => {
                    let key = erase.statement.0.to_vec();
                    if let Some(mut row) = work.draft.row::<ErasureRow>(&key)? {
                        row.erases.retain(|erase| erase.id != id.0);
                        work.draft.put(key, &row);
                        self.judge_erasure(erase.statement, work)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The subjects of a member's flags that `wanted` picks.
    pub(super) fn flagged_by(
        &self,
        member: MemberId,
        work: &Work<'_>,
        wanted: impl Fn(interlock_record::Time, &interlock_record::Flag) -> bool,
    ) -> Result<std::collections::BTreeSet<SubjectTag>, LedgerFault> {
        let mut subjects = std::collections::BTreeSet::new();
        for row in statements::records_of(&work.draft, member)? {
            let record = row?.verified()?;
            let time = record.header().time;
            for (_, _, said) in record.statements(self.charters.rules_at(time)) {
                if let Ok(Statement::Flag(flag)) = said
                    && wanted(time, &flag)
                {
                    subjects.insert(flag.subject);
                }
            }
        }
        Ok(subjects)
    }
}

/// Forgets what a statement id names, and takes the statement out of its subject's evidence.
fn untarget(
    subject: SubjectTag,
    feed: FeedId,
    id: StatementId,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    work.draft.remove(Column::Targets, id.0.to_vec());
    remove(subject, feed, id, work)
}

/// Takes a statement that names another out of that one's evidence, or from where it waits.
fn unaim(
    target: StatementId,
    feed: FeedId,
    id: StatementId,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = target.0.to_vec();
    let Some(mut row) = work.draft.row::<TargetRow>(&key)? else { return Ok(()) };
    if let Some(subject) = row.subject() {
        return remove(subject, feed, id, work);
    }
    row.waiting.retain(|waiting| waiting.id != id.0);
    work.draft.put(key, &row);
    Ok(())
}

fn remove(
    subject: SubjectTag,
    feed: FeedId,
    id: StatementId,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = subject.0.to_vec();
    let Some(mut evidence) = work.draft.row::<EvidenceRow>(&key)? else { return Ok(()) };
    let before = evidence.statements.len();
    evidence.statements.retain(|row| {
        row.id != id.0 || row.member != feed.member.as_str() || row.feed != feed.number.0
    });
    if evidence.statements.len() != before {
        work.draft.put(key, &evidence);
        work.touched.insert(subject);
    }
    Ok(())
}

/// Forgets what a record named of a feed.
fn unsee(
    of: FeedId,
    source: FeedId,
    sequence: u64,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = seen_key(of, source.member);
    let Some(mut row) = work.draft.row::<SeenRow>(&key)? else { return Ok(()) };
    row.heads.retain(|mark| mark.source != source.number.0 || mark.source_sequence != sequence);
    work.draft.put(key, &row);
    Ok(())
}
