//! Who holds something back: what a peer says it knows, beside what this node and others know.
//!
//! A node cannot prove that a peer withholds; it sees what a member that relays nothing, serves a
//! stale frontier, hides a feed or does not deliver would look like. It tells ([`Withholding`]), and
//! asks such a peer last. Nothing is decided on it.

use std::collections::{BTreeMap, VecDeque};

use interlock_record::{FeedHead, FeedId, MemberId, Span, Time};

use super::Replica;
use super::gossip::Gossip;
use crate::ledger::{Column, Ledger, LedgerFault, feed_of_key};

/// A peer that for so long says nothing of records that this node has, or of a feed that others told
/// of, is shown for it.
pub const WITHHOLDING_AFTER: Span = Span::from_secs(10);
/// So many pulls in a row that bring nothing of what a peer claims show that it does not deliver.
pub const UNDELIVERED_IN_A_ROW: u32 = 3;
/// A peer that did not deliver is asked last for so long.
pub const ASKED_LAST: Span = Span::from_secs(600);
/// A feed is hidden if so many others have told of it.
pub const HIDDEN_TELLERS: usize = 2;

/// Two moments of a feed's past are remembered only when they are so far apart.
const RESOLUTION: Span = Span::from_secs(1);
/// So many moments of a feed's past are remembered, the more sparsely the longer ago.
const MAX_MILESTONES: usize = 128;

/// What a peer seems to hold back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withholding {
    /// The peer.
    pub member: MemberId,
    /// How many records this node has that the peer has not told of.
    pub lag_records: u64,
    /// Since when the peer could have told of the oldest of them; none: it tells of all.
    pub lag_since: Option<Time>,
    /// The feed of that one.
    pub lag_feed: Option<FeedId>,
    /// How many pulls brought nothing of what it claims to have, since the start.
    pub undelivered: u64,
    /// Feeds of which it has never said anything, though others have.
    pub hidden: Vec<FeedId>,
    /// What an operator should look at.
    pub signs: Vec<WithholdingSign>,
}

/// In which way a peer seems to withhold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithholdingSign {
    /// What it tells stands still, behind what this node knows.
    StaleFrontier,
    /// It has never told of a feed that others tell of.
    HiddenFeed,
    /// It does not deliver what it claims to have.
    Undelivered,
}

impl WithholdingSign {
    /// Every sign.
    pub const ALL: [Self; 3] = [Self::StaleFrontier, Self::HiddenFeed, Self::Undelivered];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StaleFrontier => "STALE_FRONTIER",
            Self::HiddenFeed => "HIDDEN_FEED",
            Self::Undelivered => "UNDELIVERED",
        }
    }
}

/// When a feed's head stood where, so that it can be told how old a stale claim is. Coarse, and
/// coarser the longer ago.
#[derive(Debug, Default)]
pub(super) struct Milestones(BTreeMap<FeedId, VecDeque<(u64, Time)>>);

impl Milestones {
    /// A feed's head has come to `sequence`.
    pub(super) fn moved(&mut self, feed: FeedId, sequence: u64, now: Time) {
        let past = self.0.entry(feed).or_default();
        if past.is_empty() && sequence > 1 {
            // What was there at the start has been there for ever, as far as this node can say.
            past.push_back((sequence - 1, Time::MIN));
        }
        let due = past.back().is_none_or(|(_, last)| now >= last.plus(RESOLUTION));
        if !due {
            return;
        }
        past.push_back((sequence, now));
        if past.len() > MAX_MILESTONES {
            // The one whose neighbours are nearest to each other for its age says least.
            let spare = (1..past.len() - 1).min_by_key(|index| {
                let gap = past[index + 1].1.since(past[index - 1].1).micros();
                let age = now.since(past[*index].1).micros();
                gap.saturating_mul(1_000) / age.max(1)
            });
            spare.and_then(|index| past.remove(index));
        }
    }

    /// Since when this node has had a record of the feed after `sequence`: that moment or somewhat
    /// later.
    fn known_after(&self, feed: FeedId, sequence: u64) -> Time {
        let Some(past) = self.0.get(&feed) else { return Time::MIN };
        let later = past.iter().find(|(reached, _)| *reached > sequence);
        later
            .map(|(_, at)| *at)
            .or_else(|| past.back().map(|(_, at)| at.plus(RESOLUTION)))
            .unwrap_or(Time::MIN)
    }
}

/// What is remembered of one peer.
#[derive(Debug, Default)]
pub(super) struct Relaying {
    heard_since: Option<Time>,
    dialled_since: Option<Time>,
    /// When a claim last rose that lay far behind: it catches up.
    rose_at: Option<Time>,
    /// Pulls whose end is still to come. Where a peer is reached anew there may be several, and
    /// which of them an end belongs to cannot be told.
    under_way: u32,
    /// Whether the one pull under way asks for more than this node has.
    asked_more: bool,
    undelivered: u64,
    /// How many pulls in a row brought nothing while the stream to it stood.
    in_a_row: u32,
    last_until: Option<Time>,
}

impl Relaying {
    pub(super) fn heard(&mut self, now: Time) {
        self.heard_since.get_or_insert(now);
    }

    pub(super) fn unheard(&mut self) {
        self.heard_since = None;
    }

    pub(super) fn dialled(&mut self, now: Time) {
        self.dialled_since.get_or_insert(now);
        // What was asked of it is given up, so that what came of it cannot be told.
        self.asked_more = false;
    }

    pub(super) fn dial_lost(&mut self) {
        self.dialled_since = None;
        // It may well have gone down in the middle of a pull.
        self.in_a_row = 0;
    }

    pub(super) fn asked(&mut self, more: bool) {
        self.asked_more = more && self.under_way == 0;
        self.under_way = self.under_way.saturating_add(1);
    }

    /// A pull has ended, and brought something of what it asked for or not.
    pub(super) fn pull_ended(&mut self, brought: bool, now: Time) {
        let asked_more = std::mem::take(&mut self.asked_more);
        self.under_way = self.under_way.saturating_sub(1);
        if brought {
            self.in_a_row = 0;
            self.last_until = None;
        } else if asked_more {
            self.undelivered = self.undelivered.saturating_add(1);
            // An end that comes after the stream has gone says nothing against the peer.
            if self.dialled_since.is_some() {
                self.in_a_row = self.in_a_row.saturating_add(1);
            }
            self.last_until = Some(now.plus(ASKED_LAST));
        }
    }

    /// Whether others are to be asked first.
    pub(super) fn comes_last(&self, now: Time) -> bool {
        self.last_until.is_some_and(|until| now < until)
    }

    /// Since when it hears this node and is heard: before that it cannot know, or cannot say.
    fn met_since(&self) -> Option<Time> {
        Some(self.heard_since?.max(self.dialled_since?))
    }
}

impl Gossip {
    /// A peer's claim on a feed rose, to a place where this node has more.
    pub(super) fn rose(&mut self, peer: MemberId, feed: FeedId, sequence: u64, now: Time) {
        let late = self.milestones.known_after(feed, sequence).plus(WITHHOLDING_AFTER) <= now;
        if late && let Some(peer) = self.peers.get_mut(&peer) {
            peer.relaying.rose_at = Some(now);
        }
    }
}

impl Replica {
    /// Reads back which feeds have two branches.
    pub(super) fn find_forks(&mut self, ledger: &dyn Ledger) -> Result<(), LedgerFault> {
        let rows = ledger.range(Column::Forks, &[], &[0xff; 64], usize::MAX)?;
        self.gossip.forked = rows.iter().filter_map(|(key, _)| feed_of_key(key)).collect();
        Ok(())
    }

    /// What each peer seems to hold back at `now`.
    pub fn withholding(&self, now: Time) -> Vec<Withholding> {
        let told = self.gossip.tellers();
        let peers = self.gossip.peers.iter();
        peers
            .map(|(member, peer)| {
                let met = peer.relaying.met_since();
                let mut view = Withholding {
                    member: *member,
                    lag_records: 0,
                    lag_since: None,
                    lag_feed: None,
                    undelivered: peer.relaying.undelivered,
                    hidden: Vec::new(),
                    signs: Vec::new(),
                };
                let comparable =
                    self.heads.iter().filter(|(feed, _)| !self.gossip.forked.contains(feed));
                for (feed, head) in comparable {
                    let claim = peer.claims.get(feed).map(|(sequence, _)| *sequence);
                    self.look_at(&mut view, *feed, head, claim, met);
                    let tellers = told.get(feed).copied().unwrap_or(0);
                    if claim.is_none() && feed.member != *member && tellers >= HIDDEN_TELLERS {
                        view.hidden.push(*feed);
                    }
                }
                self.look_into(&mut view, &peer.relaying, now);
                view
            })
            .collect()
    }

    /// Adds what a peer has not told of one feed.
    fn look_at(
        &self,
        view: &mut Withholding,
        feed: FeedId,
        head: &FeedHead,
        claim: Option<u64>,
        met: Option<Time>,
    ) {
        let claim = claim.unwrap_or(0);
        let lag = head.sequence.saturating_sub(claim);
        view.lag_records = view.lag_records.saturating_add(lag);
        let Some(met) = met.filter(|_| lag > 0) else { return };
        let since = self.gossip.milestones.known_after(feed, claim).max(met);
        if view.lag_since.is_none_or(|oldest| since < oldest) {
            view.lag_since = Some(since);
            view.lag_feed = Some(feed);
        }
    }

    fn look_into(&self, view: &mut Withholding, relaying: &Relaying, now: Time) {
        let passed = |since: Time| since.plus(WITHHOLDING_AFTER) <= now;
        let Some(met) = relaying.met_since() else { return };
        let rises = relaying.rose_at.is_some_and(|rose| !passed(rose));
        if view.lag_since.is_some_and(passed) && !rises {
            view.signs.push(WithholdingSign::StaleFrontier);
        }
        let milestones = &self.gossip.milestones;
        if view.hidden.iter().any(|feed| passed(milestones.known_after(*feed, 0).max(met)))
            && !rises
        {
            view.signs.push(WithholdingSign::HiddenFeed);
        }
        if relaying.in_a_row >= UNDELIVERED_IN_A_ROW {
            view.signs.push(WithholdingSign::Undelivered);
        }
    }
}

impl Gossip {
    /// How many peers have told of each feed.
    fn tellers(&self) -> BTreeMap<FeedId, usize> {
        let mut told = BTreeMap::new();
        for peer in self.peers.values() {
            for feed in peer.claims.keys() {
                *told.entry(*feed).or_insert(0) += 1;
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use interlock_record::FeedNumber;

    use super::*;

    fn at(secs: i64) -> Time {
        Time::from_micros(secs * 1_000_000).expect("in range")
    }

    fn feed() -> FeedId {
        FeedId { member: "acme".parse().expect("a member id"), number: FeedNumber(1) }
    }

    #[test]
    fn a_milestone_tells_since_when_a_record_is_known() {
        let mut past = Milestones::default();
        assert_eq!(past.known_after(feed(), 0), Time::MIN);
        past.moved(feed(), 8, at(100));
        // What was there before the first is as old as can be.
        assert_eq!(past.known_after(feed(), 3), Time::MIN);
        assert_eq!(past.known_after(feed(), 7), at(100));
        past.moved(feed(), 9, at(100));
        assert_eq!(past.known_after(feed(), 8), at(101));
        past.moved(feed(), 10, at(101));
        assert_eq!(past.known_after(feed(), 8), at(101));
        assert_eq!(past.known_after(feed(), 9), at(101));
    }

    #[test]
    fn milestones_are_bounded_and_forget_no_age() {
        let mut past = Milestones::default();
        for second in 1..=100_000_i64 {
            past.moved(feed(), second.unsigned_abs(), at(second));
            assert!(past.0[&feed()].len() <= MAX_MILESTONES);
        }
        assert_eq!(past.known_after(feed(), 0), at(1));
        for age in [1_i64, 10, 60, 1_000, 50_000] {
            let since = past.known_after(feed(), (100_000 - age).unsigned_abs());
            let told = at(100_000).since(since).micros() / 1_000_000;
            assert!(told <= age && told * 5 >= age * 4 - 5, "{age} s are told as {told} s");
        }
    }

    #[test]
    fn who_does_not_deliver_comes_last_until_it_delivers_or_time_passes() {
        let mut relaying = Relaying::default();
        // A pull that asked for a proof only says nothing.
        relaying.asked(false);
        relaying.pull_ended(false, at(0));
        assert!(!relaying.comes_last(at(0)));
        relaying.asked(true);
        relaying.pull_ended(false, at(0));
        assert!(relaying.comes_last(at(599)));
        assert!(!relaying.comes_last(at(600)));
        relaying.asked(true);
        relaying.pull_ended(true, at(1));
        assert!(!relaying.comes_last(at(1)));
        assert_eq!(relaying.undelivered, 1);
    }

    #[test]
    fn a_pull_that_ends_after_its_stream_is_no_sign() {
        let mut relaying = Relaying::default();
        for second in 0..4 {
            relaying.dialled(at(second));
            relaying.asked(true);
            relaying.dial_lost();
            relaying.pull_ended(false, at(second));
        }
        assert_eq!((relaying.undelivered, relaying.in_a_row), (4, 0));
        assert!(relaying.comes_last(at(4)));
    }

    #[test]
    fn pulls_that_cannot_be_told_apart_are_not_judged() {
        let mut relaying = Relaying::default();
        relaying.asked(true);
        relaying.dialled(at(0));
        relaying.asked(true);
        relaying.pull_ended(false, at(1));
        relaying.asked(true);
        relaying.pull_ended(false, at(1));
        relaying.pull_ended(false, at(1));
        assert_eq!(relaying.undelivered, 0);
        relaying.asked(true);
        relaying.pull_ended(false, at(2));
        assert_eq!((relaying.undelivered, relaying.in_a_row), (1, 1));
        // An end without a pull is nothing.
        relaying.pull_ended(false, at(3));
        assert_eq!(relaying.undelivered, 1);
        relaying.dial_lost();
        assert_eq!(relaying.in_a_row, 0);
        assert!(relaying.comes_last(at(4)));
    }
}
