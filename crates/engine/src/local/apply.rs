//! What a member applies to a subject: the decision and its people's acts, put together.

use std::collections::BTreeSet;

use interlock_record::{Measure, Time};

use crate::ledger::rows::{ActRow, LocalRow, ScopeRow, TransitionRow, measure};
use crate::policy::{Confirm, Schedule};

/// The greatest measure of an override. `CLOSE` is only ever confirmed.
pub const MAX_OVERRIDE: Measure = Measure::Lock;

/// What bears on what is applied to a subject.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// This member's own decision over time.
    pub scope: &'a ScopeRow,
    /// The policies by which it was taken.
    pub policies: &'a Schedule,
    /// What its people did.
    pub local: &'a LocalRow,
}

/// What is applied, and why it is that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The measure.
    pub measure: Measure,
    /// Why.
    pub because: Because,
}

/// Why a measure is the one that is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// It was decided, and needs no person.
    Decided,
    /// It was decided, and a person confirmed it.
    Confirmed,
    /// A graver one was decided that waits for a person.
    Waits,
    /// A graver one was decided that a person refused.
    Refused,
    /// An exemption holds that allows nothing above it.
    Exempted,
    /// An override holds.
    Overridden,
    /// The node is in simulated mode, and applies nothing.
    Simulated,
}

impl Because {
    /// Every ground.
    pub const ALL: &'static [Self] = &[
        Self::Decided,
        Self::Confirmed,
        Self::Waits,
        Self::Refused,
        Self::Exempted,
        Self::Overridden,
        Self::Simulated,
    ];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "DECIDED",
            Self::Confirmed => "CONFIRMED",
            Self::Waits => "WAITS",
            Self::Refused => "REFUSED",
            Self::Exempted => "EXEMPTED",
            Self::Overridden => "OVERRIDDEN",
            Self::Simulated => "SIMULATED",
        }
    }
}

/// A measure that waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// The measure.
    pub measure: Measure,
    /// Since when it is announced.
    pub since: Time,
}

impl Ground<'_> {
    /// What is applied at `at`: an override first, then an exemption, then the decision.
    pub fn apply(&self, at: Time) -> Applied {
        if let Some(act) = holding(self.local.overriding.as_ref(), at) {
            let measure = act.measure().min(MAX_OVERRIDE);
            return Applied { measure, because: Because::Overridden };
        }
        let decided = self.decided(at);
        match holding(self.local.exemption.as_ref(), at) {
            Some(act) if act.measure() < decided.measure => {
                Applied { measure: act.measure(), because: Because::Exempted }
            }
            _ => decided,
        }
    }

    /// The measure in force, or the greatest below it that needs no person or has one.
    fn decided(&self, at: Time) -> Applied {
        let in_force = self.scope.in_force(at);
        let measure = up_to(in_force).find(|measure| !self.needs_person(*measure, at));
        let measure = measure.unwrap_or(Measure::None);
        let because = if measure < in_force {
            let refused = self.refusal(in_force, at).is_some();
            if refused { Because::Refused } else { Because::Waits }
        } else if self.is_manual(measure, at) {
            Because::Confirmed
        } else {
            Because::Decided
        };
        Applied { measure, because }
    }

    /// Whether `measure` must wait for a person at `at`, and has none.
    fn needs_person(&self, measure: Measure, at: Time) -> bool {
        self.is_manual(measure, at) && self.confirmation(measure, at).is_none()
    }

    fn is_manual(&self, measure: Measure, at: Time) -> bool {
        measure != Measure::None && self.policies.at(at).confirm_of(measure) == Confirm::Manual
    }

    /// The confirmation of just `measure` that holds at `at`: the announced measure has not been
    /// below it since it was confirmed. Once it has been, somebody must look again.
    pub fn confirmation(&self, measure: Measure, at: Time) -> Option<&ActRow> {
        let since = at_least_since(self.scope, measure, at)?;
        self.local.confirmations.iter().find(|act| {
            act.measure() == measure
                && act.holds(at)
                && act.announced_since.is_some_and(|seen| since.micros() <= seen)
        })
    }

    /// The refusal of just `measure` that holds at `at`: no other has been announced since.
    pub fn refusal(&self, measure: Measure, at: Time) -> Option<&ActRow> {
        let latest = self.scope.latest(at)?;
        self.local.refusal.as_ref().filter(|act| {
            act.measure() == measure
                && to(latest) == measure
                && act.holds(at)
                && act.announced_since.is_some_and(|seen| latest.at <= seen)
        })
    }

    /// The announced measure that waits for a person at `at`, unless somebody has answered it, or
    /// has put something else in force meanwhile.
    pub fn proposal(&self, at: Time) -> Option<Proposal> {
        let latest = self.scope.latest(at)?;
        let measure = to(latest);
        let settled = holding(self.local.overriding.as_ref(), at).is_some()
            || holding(self.local.exemption.as_ref(), at)
                .is_some_and(|act| act.measure() < measure)
            || self.refusal(measure, at).is_some();
        (!settled && self.needs_person(measure, at))
            .then(|| Time::from_micros(latest.at))
            .flatten()
            .map(|since| Proposal { measure, since })
    }

    /// Since when the announced measure is at least `measure`, where a person may answer it: it
    /// waits for one by the policy, and at least that much is announced.
    pub fn answerable(&self, measure: Measure, at: Time) -> Option<Time> {
        self.is_manual(measure, at).then(|| at_least_since(self.scope, measure, at)).flatten()
    }

    /// When what is applied next changes after `at`, if nothing more comes.
    pub fn until(&self, at: Time) -> Option<Time> {
        let now = self.apply(at).measure;
        self.instants().into_iter().find(|next| *next > at && self.apply(*next).measure != now)
    }

    /// The next instant after `at` at which anything here may change.
    pub fn next_change(&self, at: Time) -> Option<Time> {
        let quiet = self.scope.transitions.is_empty() && !self.local.has_acts();
        if quiet {
            return None;
        }
        self.instants().into_iter().find(|next| *next > at)
    }

    /// The last instant up to `at` at which the decision may have changed what is applied.
    pub fn last_change(&self, at: Time) -> Option<Time> {
        self.instants().into_iter().rev().find(|last| *last <= at)
    }

    fn instants(&self) -> BTreeSet<Time> {
        let decision = self.scope.transitions.iter().map(|step| step.at);
        let in_force = self.scope.effective.iter().map(|step| step.at);
        let acts = [&self.local.exemption, &self.local.overriding];
        let acts = acts.into_iter().flatten().filter_map(|act| act.until);
        let times = decision.chain(in_force).chain(acts).filter_map(Time::from_micros);
        times.chain(self.policies.switches()).collect()
    }
}

fn to(step: &TransitionRow) -> Measure {
    measure(step.to)
}

fn holding(act: Option<&ActRow>, at: Time) -> Option<&ActRow> {
    act.filter(|act| act.holds(at))
}

/// The measures from `measure` down.
fn up_to(measure: Measure) -> impl Iterator<Item = Measure> {
    Measure::ALL.iter().rev().copied().filter(move |other| *other <= measure)
}

/// Since when the announced measure has been `measure` or graver without a break, if it is at `at`.
fn at_least_since(scope: &ScopeRow, measure: Measure, at: Time) -> Option<Time> {
    let past = scope.transitions.iter().rev().filter(|step| step.at <= at.micros());
    past.take_while(|step| to(step) >= measure).last().and_then(|step| Time::from_micros(step.at))
}

#[cfg(test)]
mod tests;
