//! Which `Seen` statements go into a bundle: as few as show that more than half of the other groups
//! have named each record concerned, or a later one of its feed.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedId, MemberId, RecordId, Statement, VerifiedRecord};

use super::moment::{self, Known};
use super::{MAX_SEEN_BYTES, MAX_SEEN_LOOKBACK};
use crate::ledger::rows::SeenRow;
use crate::ledger::{Ledger, LedgerFault, row, seen_key};
use crate::replica::record_at;

/// What one `Seen` costs beside its statement: signature, the header that it names, paths.
const SEEN_OVERHEAD_BYTES: usize = 1_100;

/// A `Seen` statement that is to go in, and the heads of feeds concerned that it names.
#[derive(Debug)]
pub(super) struct Countersign {
    pub source: FeedId,
    pub sequence: u64,
    pub index: u32,
    pub names: Vec<(FeedId, u64)>,
    group: String,
    bytes: usize,
}

/// Picks them. `concerned` has the lowest and highest record of each feed concerned.
pub(super) fn pick(
    ledger: &dyn Ledger,
    known: &Known,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
) -> Result<Vec<Countersign>, LedgerFault> {
    let mut left = candidates(ledger, known, concerned)?;
    let newest = known.charters.newest();
    let mut missing: BTreeMap<FeedId, usize> = concerned
        .keys()
        .map(|feed| {
            let issuer = newest.group_of(feed.member);
            let others = newest.groups().into_iter().filter(|group| Some(*group) != issuer).count();
            (*feed, others / 2 + 1)
        })
        .collect();
    let mut named: BTreeSet<(FeedId, String)> = BTreeSet::new();
    let (mut picked, mut bytes) = (Vec::new(), 0);
    loop {
        // A feed counts as named by a group where its highest record concerned is.
        let gain = |seen: &Countersign| -> usize {
            let new = seen.names.iter().filter(|(feed, sequence)| {
                missing[feed] > 0
                    && *sequence >= concerned[feed].1
                    && !named.contains(&(*feed, seen.group.clone()))
            });
            new.map(|(feed, _)| if known.forks.contains_key(feed) { 1_000 } else { 1 }).sum()
        };
        let best =
            (0..left.len()).max_by_key(|index| (gain(&left[*index]), std::cmp::Reverse(*index)));
        let Some(best) = best.filter(|best| gain(&left[*best]) > 0) else { break };
        let settles_a_fork = gain(&left[best]) >= 1_000;
        let seen = left.remove(best);
        if !settles_a_fork && bytes + seen.bytes > MAX_SEEN_BYTES {
            continue;
        }
        if !settles_a_fork {
            bytes += seen.bytes;
        }
        for (feed, sequence) in &seen.names {
            if *sequence >= concerned[feed].1 && named.insert((*feed, seen.group.clone())) {
                let missing = missing.entry(*feed).or_default();
                *missing = missing.saturating_sub(1);
            }
        }
        picked.push(seen);
    }
    Ok(picked)
}

/// Every `Seen` that may go in, by member.
fn candidates(
    ledger: &dyn Ledger,
    known: &Known,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
) -> Result<Vec<Countersign>, LedgerFault> {
    let mut found = Vec::new();
    let newest = known.charters.newest();
    for (member, state) in newest.active() {
        let mut places: BTreeSet<(FeedId, u64)> = BTreeSet::new();
        let mut came_later = false;
        for feed in concerned.keys().filter(|feed| feed.member != member) {
            let Some(seen) = row::<SeenRow>(ledger, &seen_key(*feed, member))? else { continue };
            for mark in seen.heads {
                let source = FeedId { member, number: interlock_record::FeedNumber(mark.source) };
                if known.had(source, mark.source_sequence) {
                    places.insert((source, mark.source_sequence));
                } else {
                    came_later = true;
                }
            }
        }
        if came_later {
            places.extend(look_back(known, member));
        }
        for (source, sequence) in places {
            if !counts(known, source, sequence) {
                continue;
            }
            let Some(row) = record_at(ledger, source, sequence)? else { continue };
            let record = row.verified()?;
            let group = &state.group;
            for (index, names, bytes) in seen_in(ledger, known, &record, concerned, group)? {
                let group = group.clone();
                found.push(Countersign { source, sequence, index, names, group, bytes });
            }
        }
    }
    Ok(found)
}

/// What a member had said last at an earlier moment stands in the records before it.
fn look_back(known: &Known, member: MemberId) -> impl Iterator<Item = (FeedId, u64)> + '_ {
    let feeds = known.heads.iter().filter(move |(feed, _)| feed.member == member);
    feeds.flat_map(|(feed, (head, _))| {
        (head.saturating_sub(MAX_SEEN_LOOKBACK).max(1)..=*head).map(|sequence| (*feed, sequence))
    })
}

/// As the finality of heads has it: from before a fork, and up to the end, of its feed.
fn counts(known: &Known, source: FeedId, sequence: u64) -> bool {
    let fork = known.forks.get(&source).and_then(BTreeSet::first);
    let last = known.charters.feed(source).and_then(|feed| feed.last);
    fork.is_none_or(|fork| sequence < *fork) && last.is_none_or(|last| sequence <= last.sequence)
}

type SeenIn = (u32, Vec<(FeedId, u64)>, usize);

fn seen_in(
    ledger: &dyn Ledger,
    known: &Known,
    record: &VerifiedRecord,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
    group: &str,
) -> Result<Vec<SeenIn>, LedgerFault> {
    let mut found = Vec::new();
    let rules = known.charters.rules_at(record.header().time);
    for (index, _, said) in record.statements(rules) {
        let Ok(Statement::Seen(seen)) = said else { continue };
        let mut names = Vec::new();
        for head in seen.heads {
            let named = concerned.get(&head.feed).filter(|(low, _)| head.sequence >= *low);
            let own = known.charters.newest().group_of(head.feed.member) == Some(group);
            if named.is_none() || own || !known.had(head.feed, head.sequence) {
                continue;
            }
            if on_line(ledger, head.feed, head.sequence, head.id)? {
                names.push((head.feed, head.sequence));
            }
        }
        if !names.is_empty() {
            let statement = record.signed().body[index as usize].statement().unwrap_or_default();
            let bytes = record.signed().header.len() + statement.len() + SEEN_OVERHEAD_BYTES;
            found.push((index, names, bytes));
        }
    }
    Ok(found)
}

fn on_line(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
    id: RecordId,
) -> Result<bool, LedgerFault> {
    Ok(moment::index(ledger, feed, sequence)?.is_some_and(|(_, known)| known == id))
}
