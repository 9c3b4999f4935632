//! What accepted statements mean: each goes to the evidence of the subjects that it concerns.

use interlock_record::{
    FeedId, Position, Recall, Release, Statement, StatementId, SubjectTag, VerifiedRecord,
};

use super::happening::Happening;
use super::{Replica, Work, record_at};
use crate::evidence::recalls;
use crate::ledger::rows::{EvidenceRow, IndexRow, Inserted, LogRow, StatementRow, TargetRow};
use crate::ledger::{
    Column, Draft, Ledger, LedgerFault, feed_key, index_key, number_key, recall_key, release_key,
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
    /// Looks at what an accepted record says.
    pub(super) fn statements(
        &mut self,
        record: &VerifiedRecord,
        held: bool,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let feed = record.header().feed;
        let sequence = record.header().sequence;
        let rules = self.charter.rules;
        let feeds = self.charter.members.get(&feed.member).map_or(0, |member| member.feeds.len());
        for (index, id, said) in record.statements(rules) {
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
            let row = StatementRow::new(position, id, bytes, held);
            let arriving = Arriving { feed, feeds, position, id, row: &row };
            let subject = take(&statement, &arriving, rules, work)?;
            let kind = statement.kind();
            work.events.push(Happening::Statement { kind, id, subject, feed, sequence });
        }
        Ok(())
    }
}

/// Puts a statement where it counts; says which subject it concerns, if that is one and known.
fn take(
    statement: &Statement,
    arriving: &Arriving<'_>,
    rules: u32,
    work: &mut Work<'_>,
) -> Result<Option<SubjectTag>, LedgerFault> {
    match statement {
        Statement::Flag(flag) => {
            named(flag.subject, TargetKind::Flag, arriving, work)?;
            let version = flag.rule_version.as_deref();
            // A feed's own recalls come after the flags that they name.
            let recalls = if arriving.feeds > 1 { recalls_of(arriving, work)? } else { Vec::new() };
            for row in recalls {
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
            add(receipt.subject, arriving.row.clone(), work)?;
            Ok(Some(receipt.subject))
        }
        Statement::Withdraw(withdraw) => aimed(withdraw.statement, arriving, work),
        Statement::Dispute(dispute) => aimed(dispute.flag, arriving, work),
        Statement::Resolve(resolve) => aimed(resolve.flag, arriving, work),
        Statement::Recall(recall) => recall_all(recall, arriving, rules, work).map(|()| None),
        Statement::Release(release) => release_all(release, arriving, rules, work).map(|()| None),
        // Kept, and without effect until finality comes.
        Statement::Seen(_) | Statement::Erase(_) => Ok(None),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TargetKind {
    Flag,
    Cure,
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
    let target = TargetRow {
        subject: subject.0.to_vec(),
        issuer: arriving.position.member.to_string(),
        cure: kind == TargetKind::Cure,
        waiting: Vec::new(),
    };
    work.draft.put(key, &target);
    add(subject, arriving.row.clone(), work)?;
    known.waiting.into_iter().try_for_each(|row| add(subject, row, work))
}

/// Adds a statement that names another, or lets it wait for that one.
fn aimed(
    target: StatementId,
    arriving: &Arriving<'_>,
    work: &mut Work<'_>,
) -> Result<Option<SubjectTag>, LedgerFault> {
    let key = target.0.to_vec();
    let mut row = work.draft.row::<TargetRow>(&key)?.unwrap_or_default();
    let subject = row.subject();
    if let Some(subject) = subject {
        add(subject, arriving.row.clone(), work)?;
    } else {
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
    rules: u32,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    work.draft.put_statement(Column::Recalls, recall_key(arriving.position), arriving.row);
    // All feeds of the member: the keys of one member's records stand together.
    let mut from = feed_key(arriving.feed);
    from.truncate(interlock_record::MemberId::MAX_LEN);
    let mut to = from.clone();
    to.extend([0xff; 16]);
    for (_, value) in work.draft.range(Column::Index, &from, &to, usize::MAX)? {
        let record = record_of_index(&work.draft, &value)?;
        let record = record.verified()?;
        let time = record.header().time;
        if recall.from.is_some_and(|from| time < from) || recall.to.is_some_and(|to| to <= time) {
            continue;
        }
        for (index, _, said) in record.statements(rules) {
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

fn record_of_index(draft: &Draft<'_>, value: &[u8]) -> Result<LogRow, LedgerFault> {
    use crate::ledger::rows::StoredRow as _;
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
    rules: u32,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = release_key(release.feed, release.sequence, arriving.position);
    work.draft.put_statement(Column::Releases, key, arriving.row);
    let Some(row) = record_at(&work.draft, release.feed, release.sequence)? else { return Ok(()) };
    if !row.held {
        return Ok(());
    }
    for (_, _, said) in row.verified()?.statements(rules) {
        if let Ok(Statement::Flag(flag)) = said {
            add(flag.subject, arriving.row.clone(), work)?;
        }
    }
    Ok(())
}
