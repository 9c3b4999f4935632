//! Policies over time: which one governs an instant.

use std::sync::Arc;

use interlock_record::Time;

use super::Policy;
use crate::limits::MAX_POLICIES;

/// Policies over time. The first holds from the beginning of time, each other from its own instant.
#[derive(Debug, Clone)]
pub struct Schedule {
    first: Arc<Policy>,
    later: Vec<(Time, Arc<Policy>)>,
}

/// Policies that cannot follow one another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// A policy does not begin after the one before it.
    #[error("expected each policy to hold from later than the one before it, {0} is not")]
    NotLater(Time),
    /// There are too many.
    #[error("expected at most {MAX_POLICIES} policies")]
    TooMany,
}

impl Schedule {
    /// One policy for all time.
    pub fn constant(policy: Policy) -> Self {
        Self { first: Arc::new(policy), later: Vec::new() }
    }

    /// The same schedule with another policy from `from` on.
    ///
    /// # Errors
    /// [`BadSchedule`]; the schedule is given up then.
    pub fn then(mut self, from: Time, policy: Policy) -> Result<Self, BadSchedule> {
        if self.later.last().is_some_and(|(last, _)| *last >= from) {
            return Err(BadSchedule::NotLater(from));
        }
        if self.later.len() + 2 > MAX_POLICIES {
            return Err(BadSchedule::TooMany);
        }
        self.later.push((from, Arc::new(policy)));
        Ok(self)
    }

    /// The same schedule with every policy changed by `change`.
    #[must_use]
    pub fn map(&self, change: impl Fn(&Policy) -> Policy) -> Self {
        Self {
            first: Arc::new(change(&self.first)),
            later: self
                .later
                .iter()
                .map(|(from, policy)| (*from, Arc::new(change(policy))))
                .collect(),
        }
    }

    /// The policy that governs `at`.
    pub fn at(&self, at: Time) -> &Policy {
        let next = self.later.partition_point(|(from, _)| *from <= at);
        if next == 0 { &self.first } else { &self.later[next - 1].1 }
    }

    /// Every policy, in order of time.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        std::iter::once(&*self.first).chain(self.later.iter().map(|(_, policy)| &**policy))
    }

    /// The instants at which the policy changes.
    pub fn switches(&self) -> impl Iterator<Item = Time> {
        self.later.iter().map(|(from, _)| *from)
    }
}
