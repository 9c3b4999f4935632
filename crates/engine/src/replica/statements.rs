//! What accepted statements mean: each goes to the evidence of the subjects that it concerns.

use interlock_record::{
    FeedId, FeedNumber, MemberId, Position, Recall, Release, Statement, StatementId, SubjectTag,
    VerifiedRecord,
};

use super::happening::Happening;
use super::{Replica, Work, record_at};
use crate::charter::Charters;
use crate::evidence::recalls;
use crate::ledger::rows::{
    DisputeDayRow, ErasureRow, EvidenceRow, IndexRow, Inserted, LogRow, StatementRow,
    StoredRow as _, TargetRow,
};
use crate::ledger::{
    Column, Draft, Ledger, LedgerFault, dispute_day, dispute_day_key, feed_key, index_key,
    number_key, recall_key, release_key,
};

/// A statement on its way to the evidence.
struct Arriving<'a> {
    feed: FeedId,
    /// How many feeds its issuer has.
    feeds: usize,
    position: Position,
    id: StatementId,
    row: &'a StatementRow,
}

impl Replica {
    /// Looks at what an accepted record says, in the statements with these indices.
    pub(super) fn statements(
        &mut self,
        record: &VerifiedRecord,
        log: &LogRow,
        indices: &[u32],
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let feed = record.header().feed;
        let sequence = record.header().sequence;
        let charters = self.charters.clone();
        let rules = charters.rules_at(record.header().time);
        let member = charters.newest().members.get(&feed.member);
        let feeds = member.map_or(0, |member| member.feeds.len());
        let mut says = Vec::with_capacity(indices.len());
        for (index, id, said) in record.statements(rules) {
            if indices.binary_search(&index).is_err() {
                continue;
            }
            let statement = match said {
                Ok(statement) => statement,
                Err(why) => {
                    let code = why.code().to_owned();
                    work.events.push(Happening::Inert { code, id, feed, sequence });
                    continue;
                }
            };
            let position = record.position(index);
            let bytes = record.signed().body[index as usize].statement().unwrap_or_default();
            let of_day = log.day_before + u64::from(index) + 1;
            let row = StatementRow::new(position, id, bytes, log.held, of_day);
            let arriving = Arriving { feed, feeds, position, id, row: &row };
            let subject = match &statement {
                Statement::Seen(seen) => {
                    self.seen(seen, feed, sequence, work)?;
                    None
                }
                Statement::Erase(erase) => self.erase(erase.statement, &row, work)?,
                _ => take(&statement, &arriving, &charters, work)?,
            };
            if work.draft.row::<ErasureRow>(&id.0)?.is_some() {
                self.judge_erasure(id, work)?;
                self.finality.rose = true;
            }
            let kind = statement.kind();
            says.push(kind);
            work.events.push(Happening::Statement { kind, id, subject, feed, sequence });
        }
        self.note_unnamed(feed, &says, work.now);
        Ok(())
    }
}

/// Puts a statement where it counts; says which subject it concerns, if that is one and known.
fn take(
    statement: &Statement,
    arriving: &Arriving<'_>,
    charters: &Charters,
    work: &mut Work<'_>,
) -> Result<Option<SubjectTag>, LedgerFault> {
    match statement {
        Statement::Flag(flag) => {
            named(flag.subject, TargetKind::Flag, arriving, work)?;
            let version = flag.rule_version.as_deref();
            // A feed's own recalls come after the flags that they name.
            let recalls = if arriving.feeds > 1 { recalls_of(arriving, work)? } else { Vec::new() };
            for row in recalls {
                let rules = charters.rules_at(row.position()?.time);
                if let Statement::Recall(recall) = row.placed(rules)?.statement
                    && crate::evidence::recalls(
                        &recall,
                        arriving.position.time,
                        flag.reason,
                        version,
                    )
                {
                    add(flag.subject, row, work)?;
                }
            }
            if arriving.row.held {
                let from = index_key(arriving.feed, arriving.position.sequence);
                let to = index_key(arriving.feed, arriving.position.sequence + 1);
                for row in statement_rows(&work.draft, Column::Releases, &from, &to)? {
                    add(flag.subject, row, work)?;
                }
            }
            Ok(Some(flag.subject))
        }
        Statement::Cure(cure) => {
            named(cure.subject, TargetKind::Cure, arriving, work)?;
            Ok(Some(cure.subject))
        }
        Statement::Receipt(receipt) => {
            named(receipt.subject, TargetKind::Other, arriving, work)?;
            Ok(Some(receipt.subject))
        }
        Statement::Withdraw(withdraw) => aimed(withdraw.statement, arriving, work),
        Statement::Dispute(dispute) => {
            let subject = aimed(dispute.flag, arriving, work)?;
            count_dispute(subject, arriving, work)?;
            Ok(subject)
        }
        Statement::Resolve(resolve) => aimed(resolve.flag, arriving, work),
        Statement::Recall(recall) => recall_all(recall, arriving, charters, work).map(|()| None),
        Statement::Release(release) => {
            release_all(release, arriving, charters, work).map(|()| None)
        }
        // The replica itself looks at these.
        Statement::Seen(_) | Statement::Erase(_) => Ok(None),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TargetKind {
    Flag,
    Cure,
    /// Nothing but an erasure names it.
    Other,
}

/// Adds a statement that others may name, and those that named it before it came.
fn named(
    subject: SubjectTag,
    kind: TargetKind,
    arriving: &Arriving<'_>,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = arriving.id.0.to_vec();
    let known = work.draft.row::<TargetRow>(&key)?.unwrap_or_default();
    work.draft.put(key, &target_of(Some(subject), kind, arriving));
    add(subject, arriving.row.clone(), work)?;
    if kind == TargetKind::Other {
        // What aims at it means nothing.
        return Ok(());
    }
    for row in known.waiting {
        // A dispute that waited is now of this subject too.
        let key = row.id.clone();
        if let Some(mut dispute) = work.draft.row::<TargetRow>(&key)?.filter(|row| row.other) {
            dispute.subject = subject.0.to_vec();
            work.draft.put(key, &dispute);
            let key = dispute_day_key(row.position()?);
            if let Some(mut counted) = work.draft.row::<DisputeDayRow>(&key)? {
                counted.subject = subject.0.to_vec();
                work.draft.put(key, &counted);
            }
        }
        add(subject, row, work)?;
    }
    Ok(())
}

fn target_of(subject: Option<SubjectTag>, kind: TargetKind, arriving: &Arriving<'_>) -> TargetRow {
    let at = arriving.position;
    TargetRow {
        subject: subject.map(|subject| subject.0.to_vec()).unwrap_or_default(),
        issuer: at.member.to_string(),
        cure: kind == TargetKind::Cure,
        waiting: Vec::new(),
        other: kind == TargetKind::Other,
        time: at.time.micros(),
        feed: at.feed.0,
        sequence: at.sequence,
        index: at.index,
        erased: false,
    }
}

/// Counts a dispute to its member's day; those that stand after it may count no longer.
fn count_dispute(
    subject: Option<SubjectTag>,
    arriving: &Arriving<'_>,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let target = target_of(subject, TargetKind::Other, arriving);
    let row =
        DisputeDayRow { dispute: Some(arriving.row.clone()), subject: target.subject.clone() };
    work.draft.put(arriving.id.0.to_vec(), &target);
    work.draft.put(dispute_day_key(arriving.position), &row);
    later_disputes(DisputeDayRow::default(), arriving.position, work)
}

/// Has the subjects of a member's disputes that stand later on the same day decided anew, and that
/// of `also`.
pub(super) fn later_disputes(
    also: DisputeDayRow,
    position: Position,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let (_, to) = dispute_day(position.member, position.time);
    let mut from = dispute_day_key(position);
    from.push(0);
    let mut rows = vec![also];
    for (_, value) in work.draft.range(Column::DisputeDays, &from, &to, usize::MAX)? {
        rows.push(DisputeDayRow::decode(&value)?);
    }
    work.touched.extend(rows.iter().filter_map(|row| SubjectTag::from_slice(&row.subject)));
    Ok(())
}

/// Adds a statement that names another, or lets it wait for that one.
fn aimed(
    target: StatementId,
    arriving: &Arriving<'_>,
    work: &mut Work<'_>,
) -> Result<Option<SubjectTag>, LedgerFault> {
    let key = target.0.to_vec();
    let mut row = work.draft.row::<TargetRow>(&key)?.unwrap_or_default();
    if row.other {
        // Neither flag nor cure: nothing that could be withdrawn, disputed or resolved.
        return Ok(None);
    }
    let subject = row.subject();
    if let Some(subject) = subject {
        add(subject, arriving.row.clone(), work)?;
    } else if !row.erased {
        row.waiting.push(arriving.row.clone());
        work.draft.put(key, &row);
    }
    Ok(subject)
}

fn add(subject: SubjectTag, row: StatementRow, work: &mut Work<'_>) -> Result<(), LedgerFault> {
    let key = subject.0.to_vec();
    let mut evidence = work.draft.row::<EvidenceRow>(&key)?.unwrap_or_default();
    if evidence.insert(row)? == Inserted::New {
        work.draft.put(key, &evidence);
        work.touched.insert(subject);
    }
    Ok(())
}

/// Recalls of the flag's issuer that are later than the flag and came before it, through another
/// feed of that member.
fn recalls_of(arriving: &Arriving<'_>, work: &Work<'_>) -> Result<Vec<StatementRow>, LedgerFault> {
    let from = recall_key(arriving.position);
    let mut to = from.clone();
    to.truncate(interlock_record::MemberId::MAX_LEN);
    to.extend([0xff; 64]);
    statement_rows(&work.draft, Column::Recalls, &from, &to)
}

fn statement_rows(
    draft: &Draft<'_>,
    column: Column,
    from: &[u8],
    to: &[u8],
) -> Result<Vec<StatementRow>, LedgerFault> {
    use prost::Message as _;
    let rows = draft.range(column, from, to, usize::MAX)?;
    rows.into_iter()
        .map(|(_, value)| {
            StatementRow::decode(value.as_slice()).map_err(|error| LedgerFault::Corrupt {
                column: column.name(),
                what: error.to_string(),
            })
        })
        .collect()
}

/// Adds a recall to every subject of which it recalls a flag.
fn recall_all(
    recall: &Recall,
    arriving: &Arriving<'_>,
    charters: &Charters,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    work.draft.put_statement(Column::Recalls, recall_key(arriving.position), arriving.row);
    for row in records_of(&work.draft, arriving.feed.member)? {
        let record = row?.verified()?;
        let time = record.header().time;
        if recall.from.is_some_and(|from| time < from) || recall.to.is_some_and(|to| to <= time) {
            continue;
        }
        for (index, _, said) in record.statements(charters.rules_at(time)) {
            if let Ok(Statement::Flag(flag)) = said
                && record.position(index) < arriving.position
                && recalls(recall, time, flag.reason, flag.rule_version.as_deref())
            {
                add(flag.subject, arriving.row.clone(), work)?;
            }
        }
    }
    Ok(())
}

/// The records on the lines of all of a member's feeds.
pub(super) fn records_of(
    draft: &Draft<'_>,
    member: MemberId,
) -> Result<Vec<Result<LogRow, LedgerFault>>, LedgerFault> {
    // The keys of one member's records stand together.
    let mut from = feed_key(FeedId { member, number: FeedNumber(0) });
    from.truncate(MemberId::MAX_LEN);
    let mut to = from.clone();
    to.extend([0xff; 16]);
    let rows = draft.range(Column::Index, &from, &to, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, value)| record_of_index(draft, &value)).collect())
}

fn record_of_index(draft: &Draft<'_>, value: &[u8]) -> Result<LogRow, LedgerFault> {
    let arrival = IndexRow::decode(value)?.arrival;
    draft.row::<LogRow>(&number_key(arrival))?.ok_or_else(|| LedgerFault::Corrupt {
        column: Column::Index.name(),
        what: format!("no record with arrival number {arrival}"),
    })
}

/// Adds a release to every subject of which the named record has a flag.
fn release_all(
    release: &Release,
    arriving: &Arriving<'_>,
    charters: &Charters,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = release_key(release.feed, release.sequence, arriving.position);
    work.draft.put_statement(Column::Releases, key, arriving.row);
    for subject in flagged_in(release, charters, work)? {
        add(subject, arriving.row.clone(), work)?;
    }
    Ok(())
}

/// The subjects of the flags in the record that a release names, if the breaker holds it.
pub(super) fn flagged_in(
    release: &Release,
    charters: &Charters,
    work: &Work<'_>,
) -> Result<Vec<SubjectTag>, LedgerFault> {
    let row = record_at(&work.draft, release.feed, release.sequence)?;
    let Some(row) = row.filter(|row| row.held) else { return Ok(Vec::new()) };
    let record = row.verified()?;
    let said = record.statements(charters.rules_at(record.header().time));
    let flagged = said.filter_map(|(_, _, said)| match said {
        Ok(Statement::Flag(flag)) => Some(flag.subject),
        _ => None,
    });
    Ok(flagged.collect())
}
