//! From instant to instant: which measure stands after all that changes at each.

use std::collections::BTreeMap;

use interlock_record::{Measure, MemberId, Time};

use super::fate::identity;
use super::tally::{Peers, Tally, Threshold};
use super::weigh::{Scales, Weight};
use super::{Setting, Transition};
use crate::evidence::Evidence;
use crate::policy::Policy;

/// What must be looked at again at an instant.
#[derive(Debug, Default)]
struct Touched {
    flags: Vec<usize>,
    everything: bool,
}

pub(super) fn transitions(setting: &Setting<'_>, evidence: &Evidence) -> Vec<Transition> {
    let scales = Scales::new(setting, evidence);
    let mut walk = Walk {
        scales: &scales,
        groups: Vec::new(),
        weights: vec![Weight::NOTHING; evidence.flags.len()],
        tally: Tally::default(),
        current: Measure::None,
        transitions: Vec::new(),
    };
    walk.regroup(setting.policies.at(Time::MIN));
    for (at, touched) in breakpoints(&scales) {
        walk.step(at, &touched);
    }
    walk.transitions
}

/// Every instant at which anything may change, and what.
fn breakpoints(scales: &Scales<'_>) -> BTreeMap<Time, Touched> {
    let Scales { setting, evidence, fates } = scales;
    let mut points: BTreeMap<Time, Touched> = BTreeMap::new();
    for at in setting.policies.switches() {
        points.entry(at).or_default().everything = true;
    }
    for (index, (flag, fate)) in evidence.flags.iter().zip(&fates.flags).enumerate() {
        let mut touch = |at: Option<Time>| {
            // Before its time a flag is nothing, and what happens there is settled at its time.
            if let Some(at) = at.filter(|at| *at >= flag.position.time) {
                points.entry(at).or_default().flags.push(index);
            }
        };
        touch(Some(flag.position.time));
        touch(fate.counts_from);
        touch(fate.end);
        for reason in setting.policies.all().filter_map(|policy| policy.reasons.get(&flag.reason)) {
            touch(after(flag.observed_at, reason.max_life));
            for step in &reason.decay {
                touch(after(flag.observed_at, step.after));
            }
        }
        let quarrel = fates.quarrels.get(&identity(flag));
        for (from, until) in quarrel.iter().flat_map(|quarrel| &quarrel.open) {
            touch(Some(*from));
            touch(Some(*until));
        }
        for cure in &evidence.cures {
            if cure.position > flag.position {
                touch(Some(cure.position.time));
                touch(cure.withdrawn_at);
            }
        }
    }
    for receipt in &evidence.receipts {
        points.entry(receipt.position.time).or_default();
    }
    points
}

/// The instant `span` after `at`, if it can be written; what lies beyond never comes.
fn after(at: Time, span: interlock_record::Span) -> Option<Time> {
    Time::from_micros(at.micros() + span.micros())
}

struct Walk<'a> {
    scales: &'a Scales<'a>,
    /// The group of each flag's issuer under the policy of the moment.
    groups: Vec<MemberId>,
    weights: Vec<Weight>,
    tally: Tally,
    current: Measure,
    transitions: Vec<Transition>,
}

impl Walk<'_> {
    fn step(&mut self, at: Time, touched: &Touched) {
        let policy = self.scales.setting.policies.at(at);
        let before = self.reweigh(policy, at, touched);
        let peers = Peers::at(self.scales, policy, at);
        let entered =
            |measure: &Measure| self.tally.meets(policy, *measure, &peers, Threshold::Enter);
        let up = above(Measure::None).rev().find(entered).unwrap_or(Measure::None);
        let next = if up >= self.current {
            up
        } else {
            let lost: Vec<(Measure, Measure)> = before
                .iter()
                .filter_map(|(index, weight)| self.scales.lost(*index, weight, at))
                .collect();
            let stands = |measure: &Measure| {
                !lost.iter().any(|(above, top)| above < measure && measure <= top)
                    && self.tally.meets(policy, *measure, &peers, Threshold::Keep)
            };
            above(up).rev().skip_while(|measure| *measure > self.current).find(stands).unwrap_or(up)
        };
        if next != self.current {
            let because = self.because(&before, next);
            self.transitions.push(Transition { at, from: self.current, to: next, because });
            self.current = next;
        }
    }

    /// Weighs what was touched again; returns what it weighed before.
    fn reweigh(&mut self, policy: &Policy, at: Time, touched: &Touched) -> Vec<(usize, Weight)> {
        let mut indices = touched.flags.clone();
        if touched.everything {
            indices = (0..self.weights.len()).collect();
            self.regroup(policy);
        }
        // Ascending, since breakpoints visits flags in order; a flag may be touched twice.
        indices.dedup();
        let mut before = Vec::with_capacity(indices.len());
        for index in indices {
            let weight = self.scales.weigh(index, at);
            let old = std::mem::replace(&mut self.weights[index], weight);
            self.tally.remove(self.groups[index], &old);
            self.tally.add(self.groups[index], &weight);
            before.push((index, old));
        }
        before
    }

    /// Forms the groups of `policy` and adds everything up anew.
    fn regroup(&mut self, policy: &Policy) {
        let flags = &self.scales.evidence.flags;
        self.groups = flags.iter().map(|flag| policy.group_of(flag.position.member)).collect();
        self.tally = Tally::default();
        for (group, weight) in self.groups.iter().zip(&self.weights) {
            self.tally.add(*group, weight);
        }
    }

    fn because(&self, before: &[(usize, Weight)], next: Measure) -> Vec<usize> {
        if next > self.current {
            let supports = |index: &usize| self.weights[*index].for_measure(next) > 0;
            (0..self.weights.len()).filter(supports).collect()
        } else {
            let from = self.current;
            let faded = before.iter().filter(|(index, old)| {
                old.for_measure(from) > self.weights[*index].for_measure(from)
            });
            faded.map(|(index, _)| *index).collect()
        }
    }
}

/// The measures above `measure`, ascending.
fn above(measure: Measure) -> impl DoubleEndedIterator<Item = Measure> {
    Measure::ALL.iter().copied().filter(move |other| *other > measure)
}
