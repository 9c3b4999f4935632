//! The arithmetic behind a decision at one instant: each flag's points, each rule's sums.

use interlock_record::{Measure, Time};

use super::Setting;
use super::tally::{Peers, Tally, Threshold};
use super::weigh::{Factors, Scales, Standing};
use crate::evidence::Evidence;
use crate::policy::Rule;

/// The arithmetic behind a decision at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One for each of the evidence's flags, in their order.
    pub flags: Vec<FlagAccount>,
    /// One for each measure that has a rule, the gravest first.
    pub measures: Vec<MeasureAccount>,
}

/// What one flag weighs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagAccount {
    /// Whether and why it counts.
    pub standing: Standing,
    /// The factors of its points.
    pub factors: Factors,
    /// Its points: those of the factors if it counts, else 0.
    pub points: u64,
    /// The greatest measure that it supports.
    pub supports: Measure,
}

/// What comes together for one measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureAccount {
    /// The measure.
    pub measure: Measure,
    /// Points over all groups, each capped.
    pub points: u64,
    /// How many groups are witnesses.
    pub issuers: u64,
    /// How many in a thousand peers act at least so.
    pub peer_permille: u64,
    /// Its rules.
    pub rules: Vec<RuleAccount>,
}

/// Whether one rule is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleAccount {
    /// The rule.
    pub rule: Rule,
    /// The points that keep the measure.
    pub exit_points: u64,
    /// Whether it is met.
    pub entered: bool,
    /// Whether it would keep a measure that was entered.
    pub kept: bool,
}

/// Accounts for every flag and rule at `at`.
pub fn explain(setting: &Setting<'_>, evidence: &Evidence, at: Time) -> Explanation {
    let scales = Scales::new(setting, evidence);
    let policy = setting.policies.at(at);
    let mut tally = Tally::default();
    let mut flags = Vec::with_capacity(evidence.flags.len());
    for (index, flag) in evidence.flags.iter().enumerate() {
        let weight = scales.weigh(index, at);
        tally.add(policy.group_of(flag.position.member), &weight);
        flags.push(FlagAccount {
            standing: weight.standing,
            factors: weight.factors,
            points: weight.points,
            supports: weight.top,
        });
    }
    let peers = Peers::at(&scales, policy, at);
    let account = |measure: Measure| {
        let sum = tally.sum(policy, measure, &peers);
        let rules = policy.rules_of(measure).iter().map(|rule| RuleAccount {
            rule: *rule,
            exit_points: rule.exit_points(policy.exit_percent),
            entered: sum.meets(rule, policy, Threshold::Enter),
            kept: sum.meets(rule, policy, Threshold::Keep),
        });
        MeasureAccount {
            measure,
            points: sum.points,
            issuers: sum.issuers,
            peer_permille: sum.peer_permille,
            rules: rules.collect(),
        }
    };
    let ruled = Measure::ALL.iter().rev().copied().filter(|m| !policy.rules_of(*m).is_empty());
    Explanation { flags, measures: ruled.map(account).collect() }
}
