//! Finality: members say from time to time which heads they know (`Seen`). A head that more than
//! half of the groups other than its issuer's have named, it or a later one of its branch, is final.
//!
//! What a feed says of heads counts only from before its own fork, if it has one, and up to its end:
//! so what is final follows from the set of records alone, however two forks lean on each other.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    FeedId, FeedNumber, MAX_LIST, MemberId, RecordId, Seen, SeenHead, Span, Statement, Time,
};

use super::branches::{Forks, parting};
use super::{Replica, Work, record_at};
use crate::charter::Charters;
use crate::ledger::rows::{IndexRow, SeenMark, SeenRow, StoredRow as _};
use crate::ledger::{Column, Ledger, LedgerFault, feed_key, feed_of_key, index_key, row, seen_key};

/// How often a node says which heads it knows, if anything has moved.
pub const SEEN_EVERY: Span = Span::from_secs(60);
/// The most heads of other branches that are kept for each member and feed.
const MAX_OTHER_HEADS: usize = 16;
/// The most `Seen` statements that are published at once.
const MAX_SEEN_STATEMENTS: usize = 64;

/// What is final, and what this node has still to say of it.
#[derive(Debug, Default)]
pub(super) struct Finality {
    /// The height up to which each feed's line is final.
    heights: BTreeMap<FeedId, u64>,
    /// Feeds of others with records that say more than `Seen`, not named yet.
    unnamed: BTreeSet<FeedId>,
    /// Since when some feed is unnamed.
    since: Option<Time>,
    /// Records that were named before they came.
    awaited: BTreeMap<FeedId, BTreeSet<u64>>,
    /// Whether a height rose since erasures were last looked at.
    pub rose: bool,
}

impl Finality {
    pub(super) fn read(
        ledger: &dyn Ledger,
        charters: &Charters,
        forks: &Forks,
    ) -> Result<Self, LedgerFault> {
        let heights = heights(ledger, charters, forks)?;
        Ok(Self { heights, rose: true, ..Self::default() })
    }

    /// The height up to which a feed's line is final.
    pub(super) fn height(&self, feed: FeedId) -> u64 {
        self.heights.get(&feed).copied().unwrap_or(0)
    }
}

/// The height up to which each feed's line is final.
///
/// # Errors
/// [`LedgerFault`].
pub fn final_heights(
    ledger: &dyn Ledger,
    charters: &Charters,
) -> Result<BTreeMap<FeedId, u64>, LedgerFault> {
    heights(ledger, charters, &Forks::read(ledger, BTreeMap::new())?)
}

fn heights(
    ledger: &dyn Ledger,
    charters: &Charters,
    forks: &Forks,
) -> Result<BTreeMap<FeedId, u64>, LedgerFault> {
    let mut heights = BTreeMap::new();
    for (key, _) in ledger.range(Column::Heads, &[], &[0xff; 64], usize::MAX)? {
        if let Some(feed) = feed_of_key(&key) {
            heights.insert(feed, height(ledger, charters, forks, feed)?);
        }
    }
    Ok(heights)
}

/// A head of another branch of a feed, and the groups that have named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherHead {
    pub sequence: u64,
    pub id: RecordId,
    pub groups: BTreeSet<String>,
}

/// What the groups other than the issuer's have named of a feed.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The greatest height on this node's line that each group has named.
    line: BTreeMap<String, u64>,
    /// Heads that are not on this node's line, or that it does not know.
    pub others: Vec<OtherHead>,
    /// How many groups make a head final.
    pub needed: usize,
}

impl Named {
    /// The height up to which the line is final.
    pub(super) fn height(&self) -> u64 {
        let mut heights: Vec<u64> = self.line.values().copied().collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        self.needed.checked_sub(1).and_then(|last| heights.get(last)).copied().unwrap_or(0)
    }
}

/// Reads what the groups other than the issuer's have named of a feed.
pub(super) fn named(
    ledger: &dyn Ledger,
    charters: &Charters,
    forks: &Forks,
    feed: FeedId,
) -> Result<Named, LedgerFault> {
    let newest = charters.newest();
    let issuer = newest.group_of(feed.member);
    let others = newest.groups().into_iter().filter(|group| Some(*group) != issuer).count();
    let mut named = Named { needed: others / 2 + 1, ..Named::default() };
    let mut heads: BTreeMap<(u64, RecordId), BTreeSet<String>> = BTreeMap::new();
    for (member, state) in newest.active().filter(|(_, state)| Some(&*state.group) != issuer) {
        let Some(seen) = row::<SeenRow>(ledger, &seen_key(feed, member))? else { continue };
        for mark in seen.heads.iter().filter(|mark| counts(mark, member, charters, forks)) {
            let Some(id) = RecordId::from_slice(&mark.id) else { continue };
            if on_line(ledger, feed, mark.sequence, id)? {
                let height = named.line.entry(state.group.clone()).or_default();
                *height = mark.sequence.max(*height);
            } else {
                // Up to where its branch leaves the line, it speaks for the line.
                if let Some(parting) = parting(ledger, feed, mark.sequence, id)? {
                    let height = named.line.entry(state.group.clone()).or_default();
                    *height = parting.saturating_sub(1).max(*height);
                }
                heads.entry((mark.sequence, id)).or_default().insert(state.group.clone());
            }
        }
    }
    named.others = heads
        .into_iter()
        .map(|((sequence, id), groups)| OtherHead { sequence, id, groups })
        .collect();
    Ok(named)
}

fn height(
    ledger: &dyn Ledger,
    charters: &Charters,
    forks: &Forks,
    feed: FeedId,
) -> Result<u64, LedgerFault> {
    let named = named(ledger, charters, forks, feed)?;
    let alone = charters.newest().groups().len() <= 1;
    // Where there is nobody else, nobody else can know better.
    Ok(if alone { u64::MAX } else { named.height() })
}

/// Whether what a member named there counts: from before a fork, and up to the end, of its feed.
fn counts(mark: &SeenMark, by: MemberId, charters: &Charters, forks: &Forks) -> bool {
    let feed = FeedId { member: by, number: FeedNumber(mark.source) };
    let before_fork = forks.lowest(feed).is_none_or(|fork| mark.source_sequence < fork);
    let last = charters.feed(feed).and_then(|feed| feed.last);
    before_fork && last.is_none_or(|last| mark.source_sequence <= last.sequence)
}

/// Whether a record stands on this node's line of its feed.
pub(super) fn on_line(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
    id: RecordId,
) -> Result<bool, LedgerFault> {
    let row = row::<IndexRow>(ledger, &index_key(feed, sequence))?;
    Ok(row.is_some_and(|row| row.id == id.0))
}

impl Replica {
    /// A member has named heads.
    pub(super) fn seen(
        &mut self,
        seen: &Seen,
        source: FeedId,
        source_sequence: u64,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        for head in &seen.heads {
            if self.charters.feed(head.feed).is_none() || head.feed.member == source.member {
                continue;
            }
            let mark = SeenMark {
                sequence: head.sequence,
                id: head.id.0.to_vec(),
                source: source.number.0,
                source_sequence,
            };
            note(head.feed, source.member, mark, work)?;
            self.reckon(head.feed, work)?;
        }
        Ok(())
    }

    /// Reckons anew how far a feed is final, and what that makes of its fork.
    pub(super) fn reckon(&mut self, feed: FeedId, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let height = height(&work.draft, &self.charters, &self.forks, feed)?;
        let head = self.heads.get(&feed).map_or(0, |head| head.sequence);
        let (from, to) = marks_of(feed);
        let mut awaited = BTreeSet::new();
        for (_, value) in work.draft.range(Column::Seen, &from, &to, usize::MAX)? {
            let heads = SeenRow::decode(&value)?.heads;
            awaited.extend(heads.iter().map(|mark| mark.sequence).filter(|at| *at > head));
        }
        if awaited.is_empty() {
            self.finality.awaited.remove(&feed);
        } else {
            self.finality.awaited.insert(feed, awaited);
        }
        if self.finality.heights.insert(feed, height).unwrap_or(0) < height {
            self.finality.rose = true;
        }
        self.judge(feed, work)
    }

    /// Whether somebody has named this record before it came.
    pub(super) fn was_awaited(&self, feed: FeedId, sequence: u64) -> bool {
        self.finality.awaited.get(&feed).is_some_and(|awaited| awaited.contains(&sequence))
    }

    /// A record came: there may be something to name.
    pub(super) fn note_unnamed(&mut self, feed: FeedId, says: &[&'static str], now: Time) {
        if feed.member != self.me && says.iter().any(|kind| *kind != "seen") {
            self.finality.unnamed.insert(feed);
            self.finality.since.get_or_insert(now);
        }
    }

    /// What this node should say it has seen, if it is time to. Whoever publishes it gives each
    /// statement a salt.
    pub fn seen_due(&mut self, now: Time, every: Span) -> Vec<Statement> {
        if self.finality.since.is_none_or(|since| now < since.plus(every)) {
            return Vec::new();
        }
        // A trustee's feed has nothing to say of heads.
        let trustee = self.charters.feed(self.feed).is_some_and(|feed| feed.trustee.is_some());
        if trustee || self.not_signing(now).is_some() {
            return Vec::new();
        }
        self.finality.since = None;
        let heads: Vec<SeenHead> = std::mem::take(&mut self.finality.unnamed)
            .into_iter()
            .filter(|feed| self.forks.void_from(*feed).is_none())
            .filter_map(|feed| {
                let head = self.heads.get(&feed)?;
                Some(SeenHead { feed, sequence: head.sequence, id: head.id? })
            })
            .collect();
        heads
            .chunks(MAX_LIST)
            .take(MAX_SEEN_STATEMENTS)
            .map(|heads| Statement::Seen(Seen { heads: heads.to_vec() }))
            .collect()
    }

    /// Notes anew all that a feed has named, where a fork of its own makes less of it count.
    pub(super) fn note_again(
        &mut self,
        source: FeedId,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let mut named = BTreeSet::new();
        for (key, value) in work.draft.range(Column::Seen, &[], &[0xff; 80], usize::MAX)? {
            let Some(feed) = feed_of_key(&key) else { continue };
            if key != seen_key(feed, source.member) {
                continue;
            }
            let mut row = SeenRow::decode(&value)?;
            row.heads.retain(|mark| mark.source != source.number.0);
            work.draft.put(key, &row);
            named.insert(feed);
        }
        let end = self.forks.lowest(source).unwrap_or(u64::MAX);
        let last = self.heads.get(&source).map_or(0, |head| head.sequence);
        for sequence in 1..=last.min(end.saturating_sub(1)) {
            let Some(record) = record_at(&work.draft, source, sequence)? else { break };
            let record = record.verified()?;
            let rules = self.charters.rules_at(record.header().time);
            for (_, _, said) in record.statements(rules) {
                let Ok(Statement::Seen(seen)) = said else { continue };
                for head in seen.heads {
                    let mark = SeenMark {
                        sequence: head.sequence,
                        id: head.id.0.to_vec(),
                        source: source.number.0,
                        source_sequence: sequence,
                    };
                    note(head.feed, source.member, mark, work)?;
                    named.insert(head.feed);
                }
            }
        }
        named.remove(&source);
        named.into_iter().try_for_each(|feed| self.reckon(feed, work))
    }
}

/// Keeps a head that a member has named: of those on the line the latest, and some others.
fn note(
    feed: FeedId,
    by: MemberId,
    mark: SeenMark,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let key = seen_key(feed, by);
    let mut row = work.draft.row::<SeenRow>(&key)?.unwrap_or_default();
    if row.heads.contains(&mark) {
        return Ok(());
    }
    row.heads.push(mark);
    let mut line: BTreeMap<u32, SeenMark> = BTreeMap::new();
    let mut others = Vec::new();
    for mark in row.heads {
        let id = RecordId::from_slice(&mark.id);
        let id = id.ok_or_else(|| corrupt("a record id of the wrong length"))?;
        if on_line(&work.draft, feed, mark.sequence, id)? {
            // Of each of the member's feeds, since one of them may turn out to be forked.
            match line.get(&mark.source) {
                Some(known) if known.sequence >= mark.sequence => {}
                _ => {
                    line.insert(mark.source, mark);
                }
            }
        } else {
            others.push(mark);
        }
    }
    others.sort_unstable_by_key(|mark| (std::cmp::Reverse(mark.sequence), mark.id.clone()));
    others.truncate(MAX_OTHER_HEADS);
    let heads = line.into_values().chain(others).collect();
    work.draft.put(key, &SeenRow { heads });
    Ok(())
}

fn corrupt(what: &str) -> LedgerFault {
    LedgerFault::Corrupt { column: Column::Seen.name(), what: what.to_owned() }
}

/// The keys of all that was named of a feed.
fn marks_of(feed: FeedId) -> (Vec<u8>, Vec<u8>) {
    let from = feed_key(feed);
    let mut to = from.clone();
    to.extend([0xff; 33]);
    (from, to)
}
