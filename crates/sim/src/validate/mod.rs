//! The engine held against what others have published: models of contagion and of herding, played
//! with policy files and the engine's own rules, and what they are known to do.
//!
//! Everything here comes from fixed seeds: a row is the same every time, whatever the number of
//! threads. What each case models, and where its numbers come from, is in `docs/simulation.md`.
#![allow(clippy::float_arithmetic)]

mod arithmetic;
mod contagion;
mod granovetter;
mod herding;
mod real_log;
mod repeat;
mod watts;
mod wrongful;

use std::fmt;

use interlock_engine::policy::Policy;

pub use real_log::{COPIER, SOURCE};

use crate::graph::GraphError;
use crate::plain;
use crate::told::Told;
use repeat::Repeat;

/// What is held against the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// Thresholds from 0 to 99 on a full mesh of 100.
    Granovetter,
    /// Cascades on random graphs from one lock.
    Watts,
    /// The same from a share of locks.
    GleesonCahalane,
    /// Locks by so many distinct issuers on random graphs.
    Bootstrap,
    /// Members that count earlier decisions, and members that do not.
    Herding,
    /// Locks of the harmless where honest members err.
    FalseLocks,
    /// A log of real lists.
    RealLog,
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As published.
    Full,
    /// Fewer runs, and tolerances as much wider as that makes the figures less certain.
    Quick,
}

/// What a figure is expected to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    /// This.
    Exactly(f64),
    /// This, give or take so much.
    Near {
        /// The figure.
        value: f64,
        /// By how much it may be missed.
        within: f64,
    },
    /// Less than this.
    Below(f64),
    /// More than this.
    Above(f64),
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Of which case.
    pub case: Case,
    /// What was looked at.
    pub what: String,
    /// What it is expected to be.
    pub expected: Expected,
    /// What it was; nothing where it could not be looked at.
    pub found: Option<f64>,
    /// How many runs it was found in.
    pub runs: u32,
}

/// What a case needs.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// How much is done.
    pub effort: Effort,
    /// In how many threads.
    pub jobs: usize,
    /// The log of real lists, read with [`COPIER`] as a member like any other, and read with it as one
    /// that copies [`SOURCE`]; nothing where there is none.
    pub log: Option<(&'a Told, &'a Told)>,
}

impl Case {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Granovetter,
        Self::Watts,
        Self::GleesonCahalane,
        Self::Bootstrap,
        Self::Herding,
        Self::FalseLocks,
        Self::RealLog,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granovetter => "granovetter",
            Self::Watts => "watts",
            Self::GleesonCahalane => "gleeson-cahalane",
            Self::Bootstrap => "bootstrap",
            Self::Herding => "herding",
            Self::FalseLocks => "false-locks",
            Self::RealLog => "real-log",
        }
    }

    /// The rows of this case.
    ///
    /// # Errors
    /// [`GraphError`] never for these sizes.
    pub fn rows(self, means: &Means<'_>) -> Result<Vec<Row>, GraphError> {
        match self {
            Self::Granovetter => granovetter::rows(),
            Self::Watts => watts::rows(means),
            Self::GleesonCahalane => contagion::from_a_share(means),
            Self::Bootstrap => contagion::by_issuers(means),
            Self::Herding => Ok(herding::rows(means)),
            Self::FalseLocks => Ok(wrongful::rows(means)),
            Self::RealLog => Ok(real_log::rows(means.log)),
        }
    }
}

impl Expected {
    /// Whether a figure is as expected.
    pub fn holds(self, found: f64) -> bool {
        match self {
            Self::Exactly(value) => (found - value).abs() < f64::EPSILON * value.abs().max(1.0),
            Self::Near { value, within } => (found - value).abs() <= within,
            Self::Below(limit) => found < limit,
            Self::Above(limit) => found > limit,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) | Self::Near { value, .. } => write!(f, "{}", figure(*value)),
            Self::Below(limit) => write!(f, "below {}", figure(*limit)),
            Self::Above(limit) => write!(f, "above {}", figure(*limit)),
        }
    }
}

impl Row {
    /// Whether it is as expected; nothing where it could not be looked at.
    pub fn passes(&self) -> Option<bool> {
        self.found.map(|found| self.expected.holds(found))
    }
}

/// A figure as people write it: whole, or with six decimals at most.
pub fn figure(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A row with a count or a share that has to be just this.
fn exact(case: Case, what: impl Into<String>, value: f64, found: f64, runs: u32) -> Row {
    Row { case, what: what.into(), expected: Expected::Exactly(value), found: Some(found), runs }
}

/// A policy of this house's own making.
fn policy(head: &str, rules: &[&str]) -> Policy {
    let text = plain::policy(head, rules);
    Policy::from_toml("policy", &text).expect("what is written here is a policy")
}

/// How often something came about.
#[allow(clippy::cast_precision_loss)] // Far below 2^52.
fn share(times: u64, out_of: u64) -> f64 {
    times as f64 / out_of as f64
}

/// How far a share may be off that is `p` in the long run and was found in so many runs: three times
/// the standard deviation.
fn three_sigma(p: f64, runs: u32) -> f64 {
    3.0 * (p * (1.0 - p) / f64::from(runs)).sqrt()
}

#[cfg(test)]
mod tests;
