//! One member's node: a replica, its ledger, its clock, and its links to others.

use std::collections::BTreeMap;

use interlock_engine::ledger::MemoryLedger;
use interlock_engine::replica::{Effect, Input, Replica, SignedHead, Start};
use interlock_record::{FeedId, MemberId, Time};

use super::{FIRST_FEED, TICK, Vice};
use crate::consortium::Consortium;

#[derive(Debug)]
pub(super) struct Host {
    pub replica: Replica,
    pub ledger: MemoryLedger,
    /// The record that it signed last; outside the ledger, as in a real node.
    last_signed: Option<SignedHead>,
    /// How far its clock is ahead, µs.
    skew: i64,
    feed: FeedId,
    /// Members on another side of a partition are out of reach.
    pub side: u32,
    pub links: BTreeMap<MemberId, Link>,
    pub pulls: u64,
    pub refusals: u64,
    pub vice: Option<Vice>,
}

/// A stream to a peer.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub up: bool,
    /// Something was lost, and has not been made good.
    pub lost: bool,
    /// When the last frame arrives: later ones do not overtake it.
    pub last: Option<Time>,
}

impl Host {
    pub(super) fn new(consortium: &Consortium, member: MemberId, skew: i64) -> Self {
        let feed = FeedId { member, number: FIRST_FEED };
        let ledger = MemoryLedger::default();
        let replica = open(consortium, &ledger, feed, None);
        let links = BTreeMap::new();
        Self {
            replica,
            ledger,
            last_signed: None,
            skew,
            feed,
            side: 0,
            links,
            pulls: 0,
            refusals: 0,
            vice: None,
        }
    }

    pub(super) fn reopen(&mut self, consortium: &Consortium) {
        self.replica = open(consortium, &self.ledger, self.feed, self.last_signed);
    }

    /// Forgets which record it signed last.
    pub(super) fn forget_last_signed(&mut self) {
        self.last_signed = None;
    }

    /// What its clock shows.
    pub(super) fn clock(&self, now: Time) -> Time {
        Time::from_micros(now.micros() + self.skew).unwrap_or(now)
    }

    /// When to tick next, by the true time.
    pub(super) fn next_tick(&self, now: Time) -> Time {
        let due = self.replica.next_due(&self.ledger).expect("memory does not fail");
        let due = due.and_then(|due| Time::from_micros(due.micros() - self.skew + 1_000));
        due.map_or(now.plus(TICK), |due| due.min(now.plus(TICK))).max(
            // Never twice in one millisecond.
            Time::from_micros(now.micros() + 1_000).unwrap_or(now),
        )
    }

    /// Steps, commits, and hands back what is to be done.
    pub(super) fn step(&mut self, now: Time, inputs: Vec<Input>) -> Vec<Effect> {
        let clock = self.clock(now);
        let step = self.replica.step(&self.ledger, clock, inputs).expect("memory does not fail");
        self.ledger.commit(&step.changes);
        self.last_signed = step.signed.or(self.last_signed);
        step.effects
    }
}

fn open(
    consortium: &Consortium,
    ledger: &MemoryLedger,
    feed: FeedId,
    last_signed: Option<SignedHead>,
) -> Replica {
    Replica::open(ledger, consortium.opening(feed, Start::Careful { last_signed }))
        .expect("the charter names every member's first feed")
}
