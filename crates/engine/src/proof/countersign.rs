//! Which `Seen` statements go into a bundle: as few as show that more than half of the other groups
//! have named each record concerned, or a later one of its feed.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedId, FeedNumber, MemberId, RecordId, Statement, VerifiedRecord};

use super::Room;
use super::moment::{self, Known};
use crate::ledger::rows::SeenRow;
use crate::ledger::{Ledger, LedgerFault, row, seen_key};
use crate::replica::record_at;

/// What one `Seen` costs beside its statement: signature, the header that it names, paths.
pub(super) const SEEN_OVERHEAD_BYTES: usize = 1_100;

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
    room: &Room,
    ledger: &dyn Ledger,
    known: &Known,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
) -> Result<Vec<Countersign>, LedgerFault> {
    let mut left = candidates(room, ledger, known, concerned)?;
    let mut missing: BTreeMap<FeedId, usize> =
        concerned.keys().map(|feed| (*feed, needed(known, *feed))).collect();
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
        if !settles_a_fork && bytes + seen.bytes > room.seen_bytes {
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
    let rivals = rivals(ledger, known, concerned, &picked)?;
    picked.extend(rivals);
    Ok(picked)
}

/// How many groups make a head of the feed final.
fn needed(known: &Known, feed: FeedId) -> usize {
    let newest = known.charters.newest();
    let issuer = newest.group_of(feed.member);
    newest.groups().into_iter().filter(|group| Some(*group) != issuer).count() / 2 + 1
}

/// A feed whose line is final is void only where another branch is final too: one `Seen` of each of
/// the groups that have named a head off the line, as many as it takes.
fn rivals(
    ledger: &dyn Ledger,
    known: &Known,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
    picked: &[Countersign],
) -> Result<Vec<Countersign>, LedgerFault> {
    let mut rivals = Vec::new();
    for (feed, from) in known.voids.iter().filter(|(feed, _)| concerned.contains_key(feed)) {
        let of_line = |seen: &&Countersign| {
            seen.names.iter().any(|(named, sequence)| named == feed && sequence >= from)
        };
        let line: BTreeSet<&str> =
            picked.iter().filter(of_line).map(|seen| seen.group.as_str()).collect();
        if line.len() < needed(known, *feed) {
            continue;
        }
        let newest = known.charters.newest();
        let issuer = newest.group_of(feed.member);
        let mut groups: BTreeSet<&str> = BTreeSet::new();
        for (member, state) in newest.active().filter(|(_, state)| Some(&*state.group) != issuer) {
            if groups.len() >= needed(known, *feed) || groups.contains(&*state.group) {
                continue;
            }
            if let Some(rival) = rival(ledger, known, (*feed, *from), member, &state.group)? {
                groups.insert(&state.group);
                rivals.push(rival);
            }
        }
    }
    Ok(rivals)
}

/// A `Seen` of a member that names a head off the line of a feed, in a place or after it.
fn rival(
    ledger: &dyn Ledger,
    known: &Known,
    (feed, from): (FeedId, u64),
    member: MemberId,
    group: &str,
) -> Result<Option<Countersign>, LedgerFault> {
    let Some(seen) = row::<SeenRow>(ledger, &seen_key(feed, member))? else { return Ok(None) };
    for mark in seen.heads.iter().filter(|mark| mark.sequence >= from) {
        let source = FeedId { member, number: FeedNumber(mark.source) };
        let Some(id) = RecordId::from_slice(&mark.id) else { continue };
        let sequence = mark.source_sequence;
        let had = known.had(source, sequence) && counts(known, source, sequence);
        if !had || on_line(ledger, feed, mark.sequence, id)? {
            continue;
        }
        let Some(row) = record_at(ledger, source, sequence)? else { continue };
        let record = row.verified()?;
        let rules = known.charters.rules_at(record.header().time);
        let names_it = |said: &Statement| match said {
            Statement::Seen(seen) => {
                seen.heads.iter().any(|head| head.feed == feed && head.id == id)
            }
            _ => false,
        };
        let mut said = record.statements(rules);
        let Some((index, ..)) = said.find(|(_, _, said)| said.as_ref().is_ok_and(names_it)) else {
            continue;
        };
        // The line's own record there shows that the head is another.
        let place = Some((feed, mark.sequence)).filter(|(feed, at)| known.had(*feed, *at));
        let (names, group) = (place.into_iter().collect(), group.to_owned());
        return Ok(Some(Countersign { source, sequence, index, names, group, bytes: 0 }));
    }
    Ok(None)
}

/// Every `Seen` that may go in, by member.
fn candidates(
    room: &Room,
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
                let source = FeedId { member, number: FeedNumber(mark.source) };
                if known.had(source, mark.source_sequence) {
                    places.insert((source, mark.source_sequence));
                } else {
                    came_later = true;
                }
            }
        }
        if came_later {
            places.extend(look_back(room, known, member));
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
fn look_back(room: &Room, known: &Known, member: MemberId) -> impl Iterator<Item = (FeedId, u64)> {
    let most = room.seen_lookback;
    let feeds = known.heads.iter().filter(move |(feed, _)| feed.member == member);
    feeds.flat_map(move |(feed, (head, _))| {
        (head.saturating_sub(most) + 1..=*head).map(|sequence| (*feed, sequence))
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
