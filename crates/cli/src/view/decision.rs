//! Decisions, events and answers to writes.

use std::fmt;

use interlock_record::{Measure, Time, hex};
use interlock_wire::v1;
use serde::Serialize;

use super::{ids, time};
use crate::output::counted;
use crate::term;

/// A measure, announced and in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DecisionView {
    pub announced: String,
    pub effective: String,
    pub since: Option<Time>,
    pub until: Option<Time>,
    pub effective_until: Option<Time>,
    pub because: Vec<String>,
}

/// What holds for one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SubjectView {
    pub subject: String,
    pub apply: String,
    /// Why it is that.
    pub because: String,
    pub apply_until: Option<Time>,
    /// What would be applied if nothing were simulated, where that is something else.
    pub would_apply: Option<String>,
    pub simulated: bool,
    pub consortium: DecisionView,
    pub own: DecisionView,
}

/// How fresh an answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FreshnessView {
    pub as_of: Option<Time>,
    pub frontier_digest: String,
    pub members_unheard: Vec<String>,
}

/// A change of an announced measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TransitionView {
    pub at: Option<Time>,
    pub from: String,
    pub to: String,
    pub because: Vec<String>,
}

/// A journal entry about a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct EventView {
    pub number: u64,
    pub recorded_at: Option<Time>,
    pub change: &'static str,
    pub scope: &'static str,
    pub subject: String,
    pub from: String,
    pub to: String,
    pub at: Option<Time>,
    pub because: Vec<String>,
    pub frontier_digest: String,
    pub arrivals: u64,
    pub corrects: Option<u64>,
    /// Why the measure is applied; only for APPLIED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_because: Option<String>,
    pub simulated: bool,
}

/// An accepted write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PublishView {
    pub statements: Vec<String>,
    pub time: Option<Time>,
    pub sequence: u64,
    pub repeated_request: bool,
    /// Whether it was only simulated: kept at this node, never signed or sent.
    pub simulated: bool,
}

fn measure(number: i32) -> String {
    term::name::<Measure>(number)
}

/// A ground's name without what all of them begin with.
pub(super) fn because(because: v1::AppliedBecause) -> String {
    let name = because.as_str_name();
    name.strip_prefix("APPLIED_BECAUSE_").unwrap_or(name).to_owned()
}

impl From<v1::Decision> for DecisionView {
    fn from(decision: v1::Decision) -> Self {
        Self {
            announced: measure(decision.announced),
            effective: measure(decision.effective),
            since: time(decision.since),
            until: time(decision.until),
            effective_until: time(decision.effective_until),
            because: ids(&decision.because),
        }
    }
}

impl From<v1::SubjectDecision> for SubjectView {
    fn from(decision: v1::SubjectDecision) -> Self {
        Self {
            subject: hex(&decision.subject),
            because: because(decision.applied_because()),
            apply_until: time(decision.apply_until),
            would_apply: (decision.simulated || decision.would_apply != decision.apply)
                .then(|| measure(decision.would_apply)),
            simulated: decision.simulated,
            apply: measure(decision.apply),
            consortium: decision.consortium.unwrap_or_default().into(),
            own: decision.own.unwrap_or_default().into(),
        }
    }
}

impl From<v1::Freshness> for FreshnessView {
    fn from(freshness: v1::Freshness) -> Self {
        Self {
            as_of: time(freshness.as_of),
            frontier_digest: hex(&freshness.frontier_digest),
            members_unheard: freshness.members_unheard,
        }
    }
}

impl From<v1::Transition> for TransitionView {
    fn from(transition: v1::Transition) -> Self {
        Self {
            at: time(transition.at),
            from: measure(transition.from),
            to: measure(transition.to),
            because: ids(&transition.because),
        }
    }
}

impl From<v1::DecisionEvent> for EventView {
    fn from(event: v1::DecisionEvent) -> Self {
        Self {
            number: event.number,
            recorded_at: time(event.recorded_at),
            change: match event.change() {
                v1::DecisionChange::Unspecified => "UNKNOWN",
                v1::DecisionChange::Announced => "ANNOUNCED",
                v1::DecisionChange::Effective => "EFFECTIVE",
                v1::DecisionChange::Revised => "REVISED",
                v1::DecisionChange::Applied => "APPLIED",
                v1::DecisionChange::Simulated => "SIMULATED",
            },
            scope: match event.scope() {
                v1::Scope::Unspecified => "UNKNOWN",
                v1::Scope::Consortium => "CONSORTIUM",
                v1::Scope::Own => "OWN",
                v1::Scope::Local => "LOCAL",
            },
            subject: hex(&event.subject),
            from: measure(event.from),
            to: measure(event.to),
            at: time(event.at),
            because: ids(&event.because),
            frontier_digest: hex(&event.frontier_digest),
            arrivals: event.arrivals,
            corrects: (event.corrects != 0).then_some(event.corrects),
            applied_because: (event.change() == v1::DecisionChange::Applied)
                .then(|| because(event.applied_because())),
            simulated: event.simulated,
        }
    }
}

impl From<v1::PublishResponse> for PublishView {
    fn from(response: v1::PublishResponse) -> Self {
        Self {
            statements: ids(&response.statements),
            time: time(response.time),
            sequence: response.sequence,
            repeated_request: response.repeated_request,
            simulated: response.simulated,
        }
    }
}

impl fmt::Display for PublishView {
    /// The statements' ids, one a line and first, so that scripts and people find them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for statement in &self.statements {
            writeln!(f, "{statement}")?;
        }
        let statements = counted(self.statements.len(), "statement");
        if self.simulated {
            write!(f, "{statements}, simulated here: neither signed nor sent")?;
        } else {
            write!(f, "{statements} in record {}", self.sequence)?;
        }
        if let Some(time) = self.time {
            write!(f, ", in effect from {time}")?;
        }
        if self.repeated_request {
            write!(f, " (written by an earlier call with this idempotency key)")?;
        }
        Ok(())
    }
}

impl fmt::Display for FreshnessView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_of {
            Some(as_of) => write!(f, "as of {as_of}")?,
            None => write!(f, "as of an unknown time")?,
        }
        if self.members_unheard.is_empty() {
            write!(f, ", every member heard of lately")
        } else {
            write!(f, ", perhaps behind: not heard lately of {}", self.members_unheard.join(", "))
        }
    }
}
