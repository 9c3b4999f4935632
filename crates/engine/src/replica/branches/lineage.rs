//! Reading branches: which records lead to a head, and where they leave this node's line.

use interlock_record::{FeedHead, FeedId, RecordId, leaf_hash};

use crate::ledger::rows::{BranchRow, IndexRow, LogRow};
use crate::ledger::{Column, Ledger, LedgerFault, branch_key, index_key, number_key, row};
use crate::replica::finality::on_line;
use crate::replica::record_at;

/// A record of any branch that this node has.
pub(super) fn branch_record(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
    id: RecordId,
) -> Result<Option<LogRow>, LedgerFault> {
    if on_line(ledger, feed, sequence, id)? {
        return record_at(ledger, feed, sequence);
    }
    match row::<BranchRow>(ledger, &branch_key(feed, sequence, id))? {
        Some(branch) => row(ledger, &number_key(branch.arrival)),
        None => Ok(None),
    }
}

/// The records off this node's line that lead to a head, the latest first, down to where they leave
/// the line; nothing where some of them are not known.
pub(super) fn lineage(
    ledger: &dyn Ledger,
    feed: FeedId,
    head: (u64, RecordId),
) -> Result<Option<Vec<(u64, RecordId)>>, LedgerFault> {
    let mut steps = Vec::new();
    let (mut sequence, mut id) = head;
    while !on_line(ledger, feed, sequence, id)? {
        let Some(row) = branch_record(ledger, feed, sequence, id)? else { return Ok(None) };
        steps.push((sequence, id));
        match row.verified()?.header().previous {
            None => break,
            Some(previous) => id = previous,
        }
        sequence -= 1;
    }
    Ok(Some(steps))
}

/// The first place at which the branch of a head that is not on the line differs from the line, if
/// all of it is known.
pub(in crate::replica) fn parting(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
    id: RecordId,
) -> Result<Option<u64>, LedgerFault> {
    let steps = lineage(ledger, feed, (sequence, id))?;
    Ok(steps.and_then(|steps| steps.last().map(|(sequence, _)| *sequence)))
}

/// The records `first..=last` of the branch that ends in `head`, or of this node's line where no head
/// is named; as many as are known, ascending, given to `take` until it says that it is enough.
///
/// # Errors
/// [`LedgerFault`].
pub fn branch_records(
    ledger: &dyn Ledger,
    feed: FeedId,
    (first, last): (u64, u64),
    head: Option<RecordId>,
    mut take: impl FnMut(LogRow) -> bool,
) -> Result<(), LedgerFault> {
    let off_line = match head {
        None => Vec::new(),
        Some(head) => match lineage(ledger, feed, (last, head))? {
            Some(steps) => steps,
            None => return Ok(()),
        },
    };
    let parting = off_line.last().map_or(u64::MAX, |(sequence, _)| *sequence);
    for sequence in first..=last.min(parting.saturating_sub(1)) {
        let Some(row) = record_at(ledger, feed, sequence)? else { return Ok(()) };
        if !take(row) {
            return Ok(());
        }
    }
    for (sequence, id) in off_line.into_iter().rev().filter(|(sequence, _)| *sequence >= first) {
        let Some(row) = branch_record(ledger, feed, sequence, id)? else { return Ok(()) };
        if !take(row) {
            return Ok(());
        }
    }
    Ok(())
}

/// The state of a feed after record `sequence` of the line.
pub(super) fn head_at(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
) -> Result<FeedHead, LedgerFault> {
    let mut head = FeedHead::default();
    for at in 1..=sequence {
        let Some(index) = row::<IndexRow>(ledger, &index_key(feed, at))? else { break };
        let id = RecordId::from_slice(&index.id).ok_or_else(|| LedgerFault::Corrupt {
            column: Column::Index.name(),
            what: "a record id of the wrong length".to_owned(),
        })?;
        head.tree.append(leaf_hash(id.as_bytes()));
        head.id = Some(id);
    }
    if let Some(row) = record_at(ledger, feed, sequence)? {
        let record = row.verified()?;
        head.sequence = sequence;
        head.time = Some(record.header().time);
        head.charter_version = record.header().charter_version;
    }
    Ok(head)
}
