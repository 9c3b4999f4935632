//! How locks spread over a graph when each member counts its peers' locks, by the engine's own rule.
//!
//! At such sizes nothing differs between peers but that they have locked or not. So the engine is
//! asked once for each number of peers how many of them must have locked ([`Thresholds`]), and one
//! run only counts ([`Spread`]). That this is what full timelines say is tested ([`lock_waves`]).

mod by_timelines;

use std::sync::Arc;

use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::timeline::{Setting, Sum, View, entered, peer_permille, timeline};
use interlock_record::Measure;

pub use by_timelines::lock_waves;

use crate::graph::Graph;
use crate::plain;

/// More peers than anybody has.
pub const NEVER: u32 = u32::MAX;

/// How many of a member's peers must have locked before it locks, by the number of its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    by_peers: Arc<[u32]>,
}

impl Thresholds {
    /// Where peers count by their receipts: the policy's `peer_permille`. For up to `most` peers.
    pub fn of_receipts(policy: &Policy, most: u32) -> Self {
        let locks = |acting: u32, peers: u32| {
            let peer_permille = peer_permille(policy, u64::from(acting), u64::from(peers));
            entered(policy, Measure::Lock, &Sum { peer_permille, ..Sum::default() })
        };
        // More peers that act never make a rule unmet, so the first number that does is found by halves.
        let least = |peers: u32| {
            if !locks(peers, peers) {
                return NEVER;
            }
            let (mut from, mut to) = (0, peers);
            while from < to {
                let middle = from + (to - from) / 2;
                if locks(middle, peers) { to = middle } else { from = middle + 1 }
            }
            from
        };
        Self { by_peers: (0..=most).map(least).collect() }
    }

    /// Where peers count by flags of their own, one each: the policy's `issuers` and `points`. For up
    /// to `most` peers.
    pub fn of_flags(policy: &Policy, most: u32) -> Self {
        let policies = Schedule::constant(policy.clone());
        let mut least = NEVER;
        for flags in 0..=most {
            let (members, evidence) = plain::flagged(flags);
            let setting =
                Setting { policies: &policies, members: &members, view: View::Consortium };
            let steps = timeline(&setting, &evidence).transitions;
            if steps.iter().any(|step| step.to >= Measure::Lock) {
                least = flags;
                break;
            }
        }
        Self {
            by_peers: (0..=most).map(|peers| if least <= peers { least } else { NEVER }).collect(),
        }
    }

    /// How many of so many peers; [`NEVER`] if all of them are not enough.
    pub fn of_peers(&self, peers: u32) -> u32 {
        self.by_peers.get(peers as usize).copied().unwrap_or(NEVER)
    }
}

/// One run after another, in the same memory.
#[derive(Debug, Default)]
pub struct Spread {
    /// How many more of its peers must lock before each member does; 0 once it has.
    left: Vec<u32>,
    /// Who locked, in the order in which they did.
    locked: Vec<u32>,
    /// Where each wave begins in `locked`.
    waves: Vec<usize>,
}

impl Spread {
    /// Lets locks spread until nobody else locks; returns how many have.
    ///
    /// `followers` gives for each member those that count its lock, `needed` how many of its peers
    /// must have locked before a member does. Those in `first` have locked before; who needs nobody
    /// has to be among them.
    ///
    /// # Panics
    /// If `first` names who is not in the graph.
    pub fn run(&mut self, followers: &Graph, needed: impl Fn(u32) -> u32, first: &[u32]) -> usize {
        let Self { left, locked, waves } = self;
        left.clear();
        left.extend((0..followers.nodes()).map(needed));
        locked.clear();
        waves.clear();
        for member in first {
            if std::mem::replace(&mut left[*member as usize], 0) > 0 || !locked.contains(member) {
                locked.push(*member);
            }
        }
        let mut from = 0;
        while from < locked.len() {
            waves.push(from);
            let to = locked.len();
            for at in from..to {
                for follower in followers.neighbours(locked[at]) {
                    let left = &mut left[*follower as usize];
                    if *left > 0 {
                        *left -= 1;
                        if *left == 0 {
                            locked.push(*follower);
                        }
                    }
                }
            }
            from = to;
        }
        locked.len()
    }

    /// Who locked in the last run, in waves: each consists of those that lock by what the waves
    /// before it did.
    pub fn waves(&self) -> impl Iterator<Item = &[u32]> {
        let ends = self.waves.iter().skip(1).copied().chain([self.locked.len()]);
        self.waves.iter().zip(ends).map(|(from, to)| &self.locked[*from..to])
    }
}

#[cfg(test)]
mod tests;
