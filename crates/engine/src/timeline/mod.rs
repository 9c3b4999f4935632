//! The engine: `timeline(setting, evidence)`, a pure function that says which measure is announced
//! when, for the whole past and, if nothing more comes, the whole future.
//!
//! `fate` finds out when each flag begins, ends and is disputed; `weigh` what it weighs at an
//! instant; `tally` adds up and asks the rules; `walk` goes from instant to instant.

mod disputes;
mod explain;
mod fate;
mod tally;
mod walk;
mod weigh;

use std::collections::BTreeSet;

use interlock_record::{Measure, MemberId, Time};

pub use disputes::{DisputeState, OpenDispute, dispute_state, open_disputes};
pub use explain::{Explanation, FlagAccount, MeasureAccount, RuleAccount, explain};
pub use tally::{Sum, entered, peer_permille};
pub use weigh::{Factors, Standing};

use crate::evidence::Evidence;
use crate::policy::Schedule;

/// What an evaluation rests on beside the evidence.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// The policies over time.
    pub policies: &'a Schedule,
    /// The members of the consortium.
    pub members: &'a BTreeSet<MemberId>,
    /// Who asks.
    pub view: View,
}

/// Who asks for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The consortium: the answer is the same at every member.
    Consortium,
    /// One member: flags of its own that do not propagate count too, and it is not its own peer.
    Member(MemberId),
}

/// A change of the announced measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Time,
    /// The measure before.
    pub from: Measure,
    /// The measure from then on.
    pub to: Measure,
    /// The flags that brought it about, as indices into [`Evidence::flags`], ascending.
    pub because: Vec<usize>,
}

/// All changes of the announced measure of one subject, past and planned, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The changes.
    pub transitions: Vec<Transition>,
}

/// The timeline of one subject: the same for the same evidence, however it came.
pub fn timeline(setting: &Setting<'_>, evidence: &Evidence) -> Timeline {
    Timeline { transitions: walk::transitions(setting, evidence) }
}

impl Timeline {
    /// The measure announced at `at`.
    pub fn announced(&self, at: Time) -> Measure {
        let next = self.transitions.partition_point(|transition| transition.at <= at);
        if next == 0 { Measure::None } else { self.transitions[next - 1].to }
    }

    /// The measure in force at `at`: the least announced within the notice delay before it.
    pub fn effective(&self, policies: &Schedule, at: Time) -> Measure {
        let start = at.minus(policies.at(at).notice_delay);
        let within = self.transitions.iter().filter(|step| start < step.at && step.at <= at);
        within.map(|step| step.to).fold(self.announced(start), Measure::min)
    }

    /// When the announced measure next changes after `at`.
    pub fn until(&self, at: Time) -> Option<Time> {
        let next = self.transitions.partition_point(|transition| transition.at <= at);
        self.transitions.get(next).map(|transition| transition.at)
    }

    /// Every change of the measure in force, in order of time: when, and to what.
    pub fn effective_changes(&self, policies: &Schedule) -> Vec<(Time, Measure)> {
        let mut instants: BTreeSet<Time> = policies.switches().collect();
        for step in &self.transitions {
            instants.insert(step.at);
            for policy in policies.all() {
                instants.insert(step.at.plus(policy.notice_delay));
            }
        }
        let mut changes: Vec<(Time, Measure)> = Vec::new();
        for at in instants {
            let measure = self.effective(policies, at);
            if changes.last().map_or(Measure::None, |(_, last)| *last) != measure {
                changes.push((at, measure));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests;
