//! Adding up: points and witnesses for each measure, peers' receipts, and the rules.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{Measure, MemberId, Time};

use super::View;
use super::weigh::{Scales, Weight};
use crate::evidence::Ground;
use crate::policy::{PeerReceipts, Policy, Rule};

/// How many measures there are, `NONE` included.
const MEASURES: usize = Measure::ALL.len();

/// Points by measure.
type ByMeasure = [u64; MEASURES];

/// The flags' weights at one instant, added up by group and measure.
#[derive(Debug, Default)]
pub(super) struct Tally {
    groups: BTreeMap<MemberId, ByMeasure>,
}

/// What is asked of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threshold {
    /// Its points.
    Enter,
    /// The percentage of its points that keeps the measure.
    Keep,
}

/// What the flags and receipts bring together for one measure: what its rules are asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Points over all groups, each capped.
    pub points: u64,
    /// How many groups are witnesses.
    pub issuers: u64,
    /// How many in a thousand peers act at least so.
    pub peer_permille: u64,
}

/// Whether any rule of `measure` is met by what comes together for it.
pub fn entered(policy: &Policy, measure: Measure, sum: &Sum) -> bool {
    sum.meets_any(policy, measure, Threshold::Enter)
}

/// How many in a thousand peers act, of so many; 0 where there are none or they do not count.
pub fn peer_permille(policy: &Policy, acting: u64, peers: u64) -> u64 {
    match policy.peer_receipts {
        PeerReceipts::Ignore => 0,
        PeerReceipts::Count => 1_000_u64.saturating_mul(acting).checked_div(peers).unwrap_or(0),
    }
}

impl Tally {
    pub(super) fn add(&mut self, group: MemberId, weight: &Weight) {
        if weight.points > 0 {
            let sums = self.groups.entry(group).or_default();
            for sum in &mut sums[1..=usize::from(weight.top.number())] {
                *sum += weight.points;
            }
        }
    }

    pub(super) fn remove(&mut self, group: MemberId, weight: &Weight) {
        if weight.points > 0
            && let Some(sums) = self.groups.get_mut(&group)
        {
            for sum in &mut sums[1..=usize::from(weight.top.number())] {
                *sum -= weight.points;
            }
        }
    }

    /// What comes together for `measure` under `policy`.
    pub(super) fn sum(&self, policy: &Policy, measure: Measure, peers: &Peers) -> Sum {
        let mut sum = Sum { peer_permille: peers.permille(policy, measure), ..Sum::default() };
        for sums in self.groups.values() {
            let capped = sums[usize::from(measure.number())].min(policy.issuer_cap);
            sum.points += capped;
            sum.issuers += u64::from(capped >= policy.witness_points);
        }
        sum
    }

    /// Whether any rule of `measure` is met.
    pub(super) fn meets(
        &self,
        policy: &Policy,
        measure: Measure,
        peers: &Peers,
        threshold: Threshold,
    ) -> bool {
        !policy.rules_of(measure).is_empty()
            && self.sum(policy, measure, peers).meets_any(policy, measure, threshold)
    }
}

impl Sum {
    fn meets_any(&self, policy: &Policy, measure: Measure, threshold: Threshold) -> bool {
        policy.rules_of(measure).iter().any(|rule| self.meets(rule, policy, threshold))
    }

    pub(super) fn meets(&self, rule: &Rule, policy: &Policy, threshold: Threshold) -> bool {
        let points = match threshold {
            Threshold::Enter => rule.points,
            Threshold::Keep => rule.exit_points(policy.exit_percent),
        };
        self.points >= points
            && self.issuers >= rule.issuers
            && self.peer_permille >= rule.peer_permille
    }
}

/// What peers really do at one instant.
#[derive(Debug)]
pub(super) struct Peers {
    /// How many there are.
    count: u64,
    /// The measure of each peer whose latest receipt counts.
    measures: Vec<Measure>,
}

impl Peers {
    pub(super) fn at(scales: &Scales<'_>, policy: &Policy, at: Time) -> Self {
        if policy.peer_receipts == PeerReceipts::Ignore {
            return Self { count: 0, measures: Vec::new() };
        }
        let peers: BTreeSet<MemberId> = scales
            .setting
            .members
            .iter()
            .copied()
            .filter(|member| policy.peers.is_empty() || policy.peers.contains(member))
            .filter(|member| scales.setting.view != View::Member(*member))
            .collect();
        let mut latest = BTreeMap::new();
        for receipt in &scales.evidence.receipts {
            if receipt.position.time <= at && peers.contains(&receipt.position.member) {
                latest.insert(receipt.position.member, receipt);
            }
        }
        let measures = latest
            .values()
            .filter(|receipt| match &receipt.ground {
                Ground::Unnamed => true,
                Ground::Flags(flags) => flags.iter().any(|flag| scales.is_live(*flag, at)),
            })
            .map(|receipt| receipt.measure)
            .collect();
        Self { count: peers.len() as u64, measures }
    }

    fn permille(&self, policy: &Policy, measure: Measure) -> u64 {
        let acting = self.measures.iter().filter(|acted| **acted >= measure).count() as u64;
        peer_permille(policy, acting, self.count)
    }
}
