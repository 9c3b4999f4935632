//! Exchanging the line: records of a wanted branch are kept until it is whole, then it takes the
//! place of what stood there.

use interlock_record::{FeedId, RecordId, VerifiedRecord};

use super::MAX_BRANCH_RECORDS;
use super::lineage::{branch_record, head_at};
use crate::ledger::rows::{BranchRow, IndexRow, LogRow};
use crate::ledger::{Column, Ledger as _, LedgerFault, branch_key, index_key, number_key};
use crate::replica::happening::Happening;
use crate::replica::retention::unmark;
use crate::replica::{Replica, Work, record_at};

impl Replica {
    /// Keeps a record that is not on the line, while its branch is wanted.
    pub(in crate::replica) fn keep_branch(
        &mut self,
        record: &VerifiedRecord,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let header = record.header();
        let feed = header.feed;
        let key = branch_key(feed, header.sequence, record.id());
        if !self.wants_branch(feed) || work.draft.row::<BranchRow>(&key)?.is_some() {
            return Ok(());
        }
        let all = (index_key(feed, 0), index_key(feed, u64::MAX));
        let kept = work.draft.range(Column::Branches, &all.0, &all.1, MAX_BRANCH_RECORDS)?;
        if kept.len() >= MAX_BRANCH_RECORDS {
            return Ok(());
        }
        self.counters.arrivals += 1;
        let arrival = self.counters.arrivals;
        let record = record.signed().encode();
        let received_at = work.now.micros();
        let row = LogRow { record, received_at, ..LogRow::default() };
        work.draft.put(number_key(arrival), &row);
        work.draft.put(key, &BranchRow { arrival });
        // Only the wanted head's own record can complete the branch, or what leads to it.
        self.judge(feed, work)
    }

    /// Makes a branch, given as the records off the line from its head down, this node's line. Says
    /// whether it did: the branch may turn out to be no chain.
    pub(super) fn promote(
        &mut self,
        feed: FeedId,
        steps: &[(u64, RecordId)],
        work: &mut Work<'_>,
    ) -> Result<bool, LedgerFault> {
        let Some((parting, _)) = steps.last().copied() else { return Ok(false) };
        let base = head_at(&work.draft, feed, parting - 1)?;
        let mut records = Vec::with_capacity(steps.len());
        let mut head = base.clone();
        for (sequence, id) in steps.iter().rev() {
            let Some(row) = branch_record(&work.draft, feed, *sequence, *id)? else {
                return Ok(false);
            };
            let record = row.verified()?;
            let Ok(next) = head.next(&record) else { return Ok(false) };
            head = next;
            records.push(record);
        }
        let old = self.heads.get(&feed).map_or(0, |head| head.sequence);
        self.forks.moving = Some(feed);
        self.demote(feed, parting, old, work)?;
        self.heads.insert(feed, base);
        self.fill_window(&work.draft, feed, parting - 1)?;
        work.events.push(Happening::BranchTaken { feed, sequence: parting });
        for record in &records {
            let key = branch_key(feed, record.header().sequence, record.id());
            work.draft.remove(Column::Branches, key);
            let head = self.heads[&feed].next(record).expect("the whole chain was checked above");
            self.accept(record, head, work)?;
        }
        self.forks.moving = None;
        Ok(true)
    }

    /// Takes the records from `from` to `to` off the line, and with them all that they said.
    fn demote(
        &mut self,
        feed: FeedId,
        from: u64,
        to: u64,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        unmark(feed, from, work)?;
        for sequence in from..=to {
            let key = index_key(feed, sequence);
            let Some(index) = work.draft.row::<IndexRow>(&key)? else { continue };
            let Some(row) = record_at(&work.draft, feed, sequence)? else { continue };
            let record = row.verified()?;
            self.retract(&record, work)?;
            work.draft.remove(Column::Index, key);
            let branch = BranchRow { arrival: index.arrival };
            work.draft.put(branch_key(feed, sequence, record.id()), &branch);
        }
        Ok(())
    }
}
