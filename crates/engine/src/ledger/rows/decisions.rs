//! What was decided on a subject: rows, and what they say of an instant.

use interlock_record::{Measure, Time};
use prost::Message;

/// What was decided on a subject.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DecisionRow {
    /// The consortium's decision.
    #[prost(message, optional, tag = "1")]
    pub consortium: Option<ScopeRow>,
    /// This member's own, where it differs.
    #[prost(message, optional, tag = "2")]
    pub own: Option<ScopeRow>,
    /// When to look again, µs, if ever.
    #[prost(sint64, optional, tag = "3")]
    pub due: Option<i64>,
    /// The measure that this member applies, as the journal told it last.
    #[prost(uint32, tag = "20")]
    pub applied: u32,
    /// Since when it applies that measure, µs; none: it never applied another.
    #[prost(sint64, optional, tag = "21")]
    pub applied_since: Option<i64>,
}

/// One decision over time.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ScopeRow {
    /// All changes of the announced measure, past and planned.
    #[prost(message, repeated, tag = "1")]
    pub transitions: Vec<TransitionRow>,
    /// All changes of the measure in force, past and planned.
    #[prost(message, repeated, tag = "2")]
    pub effective: Vec<EffectiveRow>,
    /// The measure in force that the journal told last.
    #[prost(uint32, tag = "3")]
    pub told: u32,
    /// Up to when the journal has told everything, µs.
    #[prost(sint64, tag = "4")]
    pub settled_at: i64,
}

/// A change of the announced measure.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TransitionRow {
    /// When, µs.
    #[prost(sint64, tag = "1")]
    pub at: i64,
    /// The measure before.
    #[prost(uint32, tag = "2")]
    pub from: u32,
    /// The measure from then on.
    #[prost(uint32, tag = "3")]
    pub to: u32,
    /// The flags that brought it about.
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub because: Vec<Vec<u8>>,
    /// The journal entry that told it; 0: none yet.
    #[prost(uint64, tag = "5")]
    pub number: u64,
}

/// A change of the measure in force.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct EffectiveRow {
    /// When, µs.
    #[prost(sint64, tag = "1")]
    pub at: i64,
    /// The measure from then on.
    #[prost(uint32, tag = "2")]
    pub measure: u32,
}

impl ScopeRow {
    /// The measure announced at `at`.
    pub fn announced(&self, at: Time) -> Measure {
        self.latest(at).map_or(Measure::None, |step| measure(step.to))
    }

    /// The last change of the announced measure up to `at`.
    pub fn latest(&self, at: Time) -> Option<&TransitionRow> {
        self.transitions.iter().rev().find(|step| step.at <= at.micros())
    }

    /// The measure in force at `at`.
    pub fn in_force(&self, at: Time) -> Measure {
        let step = self.effective.iter().rev().find(|step| step.at <= at.micros());
        step.map_or(Measure::None, |step| measure(step.measure))
    }

    /// When the announced measure next changes after `at`.
    pub fn until(&self, at: Time) -> Option<Time> {
        let step = self.transitions.iter().find(|step| step.at > at.micros());
        step.and_then(|step| Time::from_micros(step.at))
    }

    /// When the measure in force next changes after `at`.
    pub fn effective_until(&self, at: Time) -> Option<Time> {
        let step = self.effective.iter().find(|step| step.at > at.micros());
        step.and_then(|step| Time::from_micros(step.at))
    }
}

/// A measure of a row. A number that is none cannot have been written.
pub fn measure(number: u32) -> Measure {
    Measure::from_number(number).unwrap_or(Measure::None)
}
