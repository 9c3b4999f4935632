//! Forked feeds: which branch is this node's line, from where on it is void, and how the line is
//! exchanged for the branch that turns out to be final.
//!
//! From a forked place on, a branch that is not final is void, and both are where neither or both
//! are. A void branch's records need not be known, so other branches are fetched only where enough
//! members have named their head, or the charter names it as a feed's last.

mod exchange;
mod lineage;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedId, ForkProof, Header, RecordId};

pub use lineage::branch_records;
use lineage::lineage;
pub(super) use lineage::parting;

use super::finality::{self, OtherHead, on_line};
use super::happening::Happening;
use super::{Replica, Work};
use crate::ledger::rows::HeadRow;
use crate::ledger::{Column, Draft, Ledger, LedgerFault, feed_key, feed_of_key, sequence_of_key};

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

/// Whether two headers of one place follow the same record: then the fork is there and not lower.
pub(super) fn are_siblings(proof: &ForkProof) -> bool {
    let previous = |header: &[u8]| Header::decode(header).map(|header| header.previous);
    matches!((previous(&proof.a.0), previous(&proof.b.0)), (Ok(a), Ok(b)) if a == b)
}
