//! What one flag weighs at one instant.

use interlock_record::{Measure, Time};

use super::fate::{Fates, identity, is_live};
use super::{Setting, View};
use crate::evidence::{Cure, Evidence, Flag, Origin};
use crate::policy::{CureScope, Policy};

/// Why a flag has points, or has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// Its time has not come.
    NotYet,
    /// It expired, or outlived the policy's `max_life`.
    Expired,
    /// It was withdrawn or recalled, or a dispute of it was upheld or never answered.
    TakenBack,
    /// A later flag of the same identity took its place.
    Replaced,
    /// It repeats what a dispute has settled.
    Settled,
    /// It was derived from other flags: an echo is no witness.
    Echo,
    /// The breaker holds its record.
    Held,
    /// The policy does not name its reason.
    ReasonUnnamed,
    /// Its reason does not propagate, and somebody else asks.
    NotPropagated,
}

/// The factors of a flag's points: `floor(base × confidence × trust × decay × cured / 100^4)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors {
    /// Base points of reason and severity.
    pub base: u64,
    /// The issuer's confidence, in percent.
    pub confidence: u64,
    /// Trust in the issuer, in percent.
    pub trust: u64,
    /// What age has left, in percent.
    pub decay: u64,
    /// What cures have left, in percent.
    pub cured: u64,
}

impl Factors {
    /// The points. At most 10⁶ × 100 × 200 × 100 × 100 before the division, so 64 bits suffice.
    pub const fn points(&self) -> u64 {
        self.base * self.confidence * self.trust * self.decay * self.cured / 100_000_000
    }
}

/// What one flag weighs at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    pub standing: Standing,
    pub factors: Factors,
    /// Its points; 0 unless it counts.
    pub points: u64,
    /// The greatest measure that it supports; `NONE` unless it has points.
    pub top: Measure,
}

impl Weight {
    pub(super) const NOTHING: Self = Self {
        standing: Standing::NotYet,
        factors: Factors { base: 0, confidence: 0, trust: 0, decay: 0, cured: 0 },
        points: 0,
        top: Measure::None,
    };

    /// The points with which it supports `measure`.
    pub(super) fn for_measure(&self, measure: Measure) -> u64 {
        if measure <= self.top { self.points } else { 0 }
    }
}

/// A subject's evidence with everything that is needed to weigh it at any instant.
#[derive(Debug)]
pub(super) struct Scales<'a> {
    pub setting: &'a Setting<'a>,
    pub evidence: &'a Evidence,
    pub fates: Fates,
}

impl<'a> Scales<'a> {
    pub(super) fn new(setting: &'a Setting<'a>, evidence: &'a Evidence) -> Self {
        Self { setting, evidence, fates: Fates::of(setting, evidence) }
    }

    pub(super) fn is_live(&self, flag: usize, at: Time) -> bool {
        let policies = self.setting.policies;
        is_live(policies, &self.evidence.flags[flag], &self.fates.flags[flag], at)
    }

    /// What flag `index` weighs at `at`.
    pub(super) fn weigh(&self, index: usize, at: Time) -> Weight {
        let flag = &self.evidence.flags[index];
        let policy = self.setting.policies.at(at);
        let standing = self.standing(index, at);
        let Some(reason) = policy.reasons.get(&flag.reason) else {
            return Weight { standing, ..Weight::NOTHING };
        };
        let factors = Factors {
            base: reason.base(flag.severity),
            confidence: u64::from(flag.confidence),
            trust: policy.trust_in(flag.position.member),
            decay: reason.decay_at(at.since(flag.observed_at)),
            cured: self.cured(policy, flag, |cure| in_force(cure, at)),
        };
        let points = if standing == Standing::Counts { factors.points() } else { 0 };
        let top = if points == 0 { Measure::None } else { self.top(policy, flag, at) };
        Weight { standing, factors, points, top }
    }

    fn standing(&self, index: usize, at: Time) -> Standing {
        let flag = &self.evidence.flags[index];
        let fate = &self.fates.flags[index];
        let past = |end: Option<Time>| end.is_some_and(|end| end <= at);
        let reason = self.setting.policies.at(at).reasons.get(&flag.reason);
        if at < flag.position.time {
            Standing::NotYet
        } else if fate.settled {
            Standing::Settled
        } else if past(fate.annulled_at) {
            Standing::TakenBack
        } else if past(fate.replaced_at) {
            Standing::Replaced
        } else if !self.is_live(index, at) {
            Standing::Expired
        } else if flag.origin == Origin::Echo {
            Standing::Echo
        } else if fate.counts_from.is_none_or(|from| at < from) {
            Standing::Held
        } else {
            match reason {
                None => Standing::ReasonUnnamed,
                Some(reason) if reason.propagates => Standing::Counts,
                Some(_) if self.setting.view == View::Member(flag.position.member) => {
                    Standing::Counts
                }
                Some(_) => Standing::NotPropagated,
            }
        }
    }

    /// The greatest measure that a flag with points supports.
    fn top(&self, policy: &Policy, flag: &Flag, at: Time) -> Measure {
        let Some(reason) = policy.reasons.get(&flag.reason) else { return Measure::None };
        let mut top = reason.ceiling;
        if let Some(ceiling) = policy.id_type_ceilings.get(&flag.id_type) {
            top = top.min(*ceiling);
        }
        let quarrel = self.fates.quarrels.get(&identity(flag));
        if quarrel.is_some_and(|quarrel| quarrel.is_open(at)) {
            top = top.min(reason.disputed_ceiling);
        }
        if policy.skin_in_game {
            top = top.min(flag.applied_measure);
        }
        top
    }

    /// The smallest percentage of the cures that `counts` lets in and that touch the flag.
    fn cured(&self, policy: &Policy, flag: &Flag, counts: impl Fn(&Cure) -> bool) -> u64 {
        let percentages = self.evidence.cures.iter().filter_map(|cure| {
            let rule = policy.cures.get(&cure.kind)?;
            let own = cure.position.member == flag.position.member;
            let touches = cure.position > flag.position
                && rule.reasons.contains(&flag.reason)
                && (rule.scope == CureScope::Any || own)
                && counts(cure);
            touches.then_some(rule.percent)
        });
        percentages.min().unwrap_or(100)
    }

    /// The measures for which flag `index`, which weighed `before` until `at`, loses points at `at`
    /// because something was found wrong or got better: above the first and up to the second.
    ///
    /// Each cause is looked at by itself, whatever else happens at that instant.
    pub(super) fn lost(
        &self,
        index: usize,
        before: &Weight,
        at: Time,
    ) -> Option<(Measure, Measure)> {
        if before.points == 0 {
            return None;
        }
        let flag = &self.evidence.flags[index];
        if self.fates.flags[index].annulled_at == Some(at) {
            return Some((Measure::None, before.top));
        }
        let policy = self.setting.policies.at(at);
        let new_cures = |cure: &Cure| cure.position.time == at && in_force(cure, at);
        let cured = before.factors.cured.min(self.cured(policy, flag, new_cures));
        if (Factors { cured, ..before.factors }).points() < before.points {
            return Some((Measure::None, before.top));
        }
        let quarrel = self.fates.quarrels.get(&identity(flag))?;
        let ceiling = policy.reasons.get(&flag.reason)?.disputed_ceiling;
        (quarrel.opens(at) && ceiling < before.top).then_some((ceiling, before.top))
    }
}

fn in_force(cure: &Cure, at: Time) -> bool {
    cure.position.time <= at && cure.withdrawn_at.is_none_or(|end| at < end)
}
