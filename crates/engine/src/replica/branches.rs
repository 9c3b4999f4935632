//! Forked feeds: which branch is this node's line, from where on it is void, and how the line is
//! exchanged for the branch that turns out to be final.
//!
//! From a forked place on, a branch that is not final is void, and both are where neither or both
//! are. A void branch's records need not be known, so other branches are fetched only where enough
//! members have named their head, or the charter names it as a feed's last.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedHead, FeedId, ForkProof, Header, RecordId, VerifiedRecord, leaf_hash};

use super::finality::{self, OtherHead, on_line};
use super::happening::Happening;
use super::{Replica, Work, record_at};
use crate::ledger::rows::{BranchRow, HeadRow, IndexRow, LogRow};
use crate::ledger::{
    Column, Draft, Ledger, LedgerFault, branch_key, feed_key, feed_of_key, index_key, number_key,
    row, sequence_of_key,
};

/// The most records of other branches that are kept of one feed while one of them is wanted.
pub const MAX_BRANCH_RECORDS: usize = 65_536;
/// The most forked places of one feed that are told apart; the lowest count.
pub const MAX_FORKS_A_FEED: usize = 64;

/// What is known of forked feeds.
#[derive(Debug, Default)]
pub(super) struct Forks {
    /// Places with a proof of equivocation.
    places: BTreeMap<FeedId, BTreeSet<u64>>,
    /// From where on this node's line is void.
    voids: BTreeMap<FeedId, u64>,
    /// The head of a branch whose records are wanted.
    wanted: BTreeMap<FeedId, (u64, RecordId)>,
    /// The feed whose line is being exchanged: half a line is not judged.
    moving: Option<FeedId>,
    /// Whether feeds are judged at all.
    pub judging: Judging,
}

/// Whether feeds are judged: not while what members have seen is still being read back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Judging {
    #[default]
    On,
    Off,
}

impl Forks {
    pub(super) fn read(
        ledger: &dyn Ledger,
        voids: BTreeMap<FeedId, u64>,
    ) -> Result<Self, LedgerFault> {
        let mut places: BTreeMap<FeedId, BTreeSet<u64>> = BTreeMap::new();
        for (key, _) in ledger.range(Column::Forks, &[], &[0xff; 64], usize::MAX)? {
            if let (Some(feed), Some(sequence)) = (feed_of_key(&key), sequence_of_key(&key)) {
                places.entry(feed).or_default().insert(sequence);
            }
        }
        Ok(Self { places, voids, ..Self::default() })
    }

    /// The lowest forked place of a feed.
    pub(super) fn lowest(&self, feed: FeedId) -> Option<u64> {
        self.places.get(&feed)?.first().copied()
    }

    /// How many forked places of a feed are known.
    pub(super) fn count(&self, feed: FeedId) -> usize {
        self.places.get(&feed).map_or(0, BTreeSet::len)
    }

    /// From which record on the line of a feed is void.
    pub(super) fn void_from(&self, feed: FeedId) -> Option<u64> {
        self.voids.get(&feed).copied()
    }

    /// The head of a branch whose records are wanted.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (FeedId, u64, RecordId)> + '_ {
        self.wanted.iter().map(|(feed, (sequence, id))| (*feed, *sequence, *id))
    }
}

/// A record of any branch that this node has.
fn branch_record(
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
fn lineage(
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
pub(super) fn parting(
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

/// What is to be thought of a forked feed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    void_from: Option<u64>,
    /// A head of another branch that this node's line should lead to.
    rightful: Option<(u64, RecordId)>,
}

/// A final head off the line, and where its branch leaves the line, if that is known.
type FinalHead = (u64, RecordId, Option<Vec<(u64, RecordId)>>);

impl Replica {
    /// Looks anew at every feed that forked or has ended.
    pub(super) fn judge_all(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let feeds: Vec<FeedId> = self.heads.keys().copied().collect();
        feeds.into_iter().try_for_each(|feed| self.reckon(feed, work))
    }

    /// Decides from where on a feed is void, and takes the rightful branch for the line.
    pub(super) fn judge(&mut self, feed: FeedId, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if self.forks.moving == Some(feed) || self.forks.judging == Judging::Off {
            return Ok(());
        }
        let verdict = self.verdict(feed, &work.draft)?;
        self.forks.wanted.remove(&feed);
        if let Some(head) = verdict.rightful {
            if let Some(steps) = lineage(&work.draft, feed, head)?
                && self.promote(feed, &steps, work)?
            {
                // What is final on the new line is another matter.
                return self.reckon(feed, work);
            }
            self.forks.wanted.insert(feed, head);
        }
        self.void(feed, verdict.void_from, work)
    }

    fn verdict(&self, feed: FeedId, draft: &Draft<'_>) -> Result<Verdict, LedgerFault> {
        let lowest = self.forks.lowest(feed);
        if let Some(last) = self.charters.feed(feed).and_then(|feed| feed.last) {
            // The charter's word ends every question about the branches.
            let Some(id) = last.id else { return Ok(Verdict::default()) };
            let head = self.heads.get(&feed).map_or(0, |head| head.sequence);
            if on_line(draft, feed, last.sequence, id)?
                || (head < last.sequence && lowest.is_none())
            {
                return Ok(Verdict::default());
            }
            let rightful = Some((last.sequence, id));
            let parting = parting(draft, feed, last.sequence, id)?;
            let void_from = parting.or(lowest).or(Some(last.sequence));
            return Ok(Verdict { void_from, rightful });
        }
        let Some(places) = self.forks.places.get(&feed) else { return Ok(Verdict::default()) };
        let named = finality::named(draft, &self.charters, &self.forks, feed)?;
        let finals = final_heads(draft, feed, &named.others, named.needed)?;
        let height = named.height();
        let unknown = finals.iter().filter(|(_, _, steps)| steps.is_none());
        let unknown = unknown.map(|(sequence, id, _)| (*sequence, *id)).next_back();
        for place in places {
            let parts = |steps: &Vec<(u64, RecordId)>| {
                steps.last().is_some_and(|(parting, _)| parting <= place)
            };
            let rivals: Vec<&FinalHead> =
                finals.iter().filter(|(_, _, steps)| steps.as_ref().is_some_and(parts)).collect();
            let with_line = finals
                .iter()
                .any(|(_, _, steps)| steps.as_ref().is_some_and(|steps| !parts(steps)));
            let line_final = height >= *place || with_line;
            if line_final && rivals.is_empty() {
                continue;
            }
            let rightful = if line_final { None } else { the_one_branch(&rivals).or(unknown) };
            return Ok(Verdict { void_from: Some(*place), rightful });
        }
        // One that is final too would make both void, so it must be known.
        Ok(Verdict { void_from: None, rightful: unknown })
    }

    /// Sets from where on the line of a feed is void.
    fn void(
        &mut self,
        feed: FeedId,
        from: Option<u64>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let before = self.forks.void_from(feed);
        if before == from {
            return Ok(());
        }
        match from {
            Some(from) => self.forks.voids.insert(feed, from),
            None => self.forks.voids.remove(&feed),
        };
        self.put_head(feed, work);
        work.events.push(Happening::Void { feed, from: from.unwrap_or(0) });
        let lowest = before.into_iter().chain(from).min().unwrap_or(1);
        self.revisit_feed(feed, lowest, work)
    }

    pub(super) fn put_head(&self, feed: FeedId, work: &mut Work<'_>) {
        if let Some(head) = self.heads.get(&feed) {
            let row = HeadRow { head: head.to_bytes(), void_from: self.forks.void_from(feed) };
            work.draft.put(feed_key(feed), &row);
        }
    }

    /// A place was proved to be forked.
    pub(super) fn forked(
        &mut self,
        feed: FeedId,
        sequence: u64,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let lower = self.forks.lowest(feed).is_none_or(|lowest| sequence < lowest);
        self.forks.places.entry(feed).or_default().insert(sequence);
        if lower {
            // What the feed itself says of heads counts only from before its fork.
            self.note_again(feed, work)?;
        }
        self.reckon(feed, work)
    }

    /// Whether records of other branches of this feed are wanted.
    pub(super) fn wants_branch(&self, feed: FeedId) -> bool {
        self.forks.wanted.contains_key(&feed)
    }

    /// Keeps a record that is not on the line, while its branch is wanted.
    pub(super) fn keep_branch(
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
    fn promote(
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

/// The heads off the line that enough groups have named, they or later ones, in order.
fn final_heads(
    draft: &Draft<'_>,
    feed: FeedId,
    others: &[OtherHead],
    needed: usize,
) -> Result<Vec<FinalHead>, LedgerFault> {
    let mut finals = Vec::new();
    let mut lines = Vec::with_capacity(others.len());
    for head in others {
        lines.push(lineage(draft, feed, (head.sequence, head.id))?);
    }
    for (head, line) in others.iter().zip(&lines) {
        let place = (head.sequence, head.id);
        let mut groups = head.groups.clone();
        for (later, steps) in others.iter().zip(&lines) {
            if steps.as_ref().is_some_and(|steps| steps.contains(&place)) {
                groups.extend(later.groups.iter().cloned());
            }
        }
        if groups.len() >= needed {
            finals.push((head.sequence, head.id, line.clone()));
        }
    }
    Ok(finals)
}

/// The latest of the heads, where all of them are on one branch.
fn the_one_branch(finals: &[&FinalHead]) -> Option<(u64, RecordId)> {
    let (sequence, id, steps) = finals.iter().max_by_key(|(sequence, id, _)| (*sequence, *id))?;
    let steps = steps.as_ref()?;
    let on_it = |(sequence, id, _): &&FinalHead| steps.contains(&(*sequence, *id));
    finals.iter().all(on_it).then_some((*sequence, *id))
}

/// The state of a feed after record `sequence` of the line.
fn head_at(ledger: &dyn Ledger, feed: FeedId, sequence: u64) -> Result<FeedHead, LedgerFault> {
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

/// Whether two headers of one place follow the same record: then the fork is there and not lower.
pub(super) fn are_siblings(proof: &ForkProof) -> bool {
    let previous = |header: &[u8]| Header::decode(header).map(|header| header.previous);
    matches!((previous(&proof.a.0), previous(&proof.b.0)), (Ok(a), Ok(b)) if a == b)
}
