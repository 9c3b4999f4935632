//! A run as one tidy row: every column with its unit and what it says.
#![allow(clippy::float_arithmetic)]

use super::scenario::Scenario;
use super::stats::quantile;
use super::tally::{DAY_MICROS, Tally};

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// A number.
    Real(f64),
    /// There is none: nothing happened of which it could be told.
    Missing,
}

/// One column.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it says.
    pub about: &'static str,
    value: fn(&Tally, &Scenario) -> Value,
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Column {
    /// The value of a run.
    pub fn of(&self, tally: &Tally, scenario: &Scenario) -> Value {
        (self.value)(tally, scenario)
    }
}

impl Value {
    /// The value as a number, if there is one.
    #[allow(clippy::cast_precision_loss)]
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(count as f64),
            Self::Real(real) => Some(real),
            Self::Missing => None,
        }
    }
}

macro_rules! count {
    ($name:ident, $unit:literal, $about:literal) => {
        Column {
            name: stringify!($name),
            unit: $unit,
            about: $about,
            value: |tally, _| Value::Count(tally.$name),
        }
    };
}

macro_rules! lag {
    ($name:literal, $list:ident, $quantile:literal, $about:literal) => {
        Column {
            name: $name,
            unit: "h",
            about: $about,
            value: |tally, _| scaled(&tally.$list, $quantile, HOUR_MICROS),
        }
    };
}

macro_rules! real {
    ($name:literal, $unit:literal, $about:literal, $value:expr) => {
        Column { name: $name, unit: $unit, about: $about, value: $value }
    };
}

macro_rules! gravest {
    ($name:literal, $number:literal) => {
        Column {
            name: $name,
            unit: "persons",
            about: "borrowers of whom this was the gravest measure that any platform put in force",
            value: |tally, _| Value::Count(tally.gravest[$number]),
        }
    };
}

const HOUR_MICROS: f64 = 3_600_000_000.0;

/// The columns of a run, in their order.
pub const COLUMNS: &[Column] = &[
    real!("platforms", "platforms", "how many platforms there are", |_, scenario| {
        Value::Count(u64::from(scenario.platforms.count))
    }),
    real!("borrowers", "persons", "how many borrowers there are", |_, scenario| {
        Value::Count(u64::from(scenario.borrowers.count))
    }),
    count!(flags, "flags", "flags raised"),
    count!(flags_mistaken, "flags", "flags that say more than the borrower deserves"),
    count!(flags_derived, "flags", "flags that repeat others and say so"),
    count!(flags_held, "flags", "flags that the breaker held"),
    count!(flags_taken_back, "flags", "mistaken flags that their platform took back"),
    count!(disputes, "statements", "objections"),
    count!(persons_flagged, "persons", "borrowers that were flagged"),
    count!(persons_flagged_mistaken, "persons", "borrowers that were flagged by mistake"),
    count!(locks_true, "locks", "times that a platform locked a borrower that deserved it"),
    count!(locks_wrongful, "locks", "times that a platform locked a borrower that did not"),
    count!(locks_wrongful_own, "locks", "of those, by platforms that had flagged it themselves"),
    count!(persons_locked_true, "persons", "borrowers locked by anybody, and they deserved it"),
    count!(
        persons_locked_wrongful,
        "persons",
        "borrowers locked by anybody that did not deserve it then"
    ),
    count!(
        persons_locked_elsewhere,
        "persons",
        "of those, by a platform that had not flagged them"
    ),
    count!(
        persons_lock_outlived,
        "persons",
        "borrowers whose lock went on when they did not deserve it any more"
    ),
    real!(
        "wrongful_lock_days",
        "platform-days",
        "time of undeserved locks, each platform's counted",
        |tally, _| days(tally.wrongful_micros)
    ),
    real!(
        "wrongful_person_days",
        "person-days",
        "time in which a borrower was locked anywhere without deserving it",
        |tally, _| days(tally.wrongful_person_micros)
    ),
    real!(
        "wrongful_share_mean",
        "per mille",
        "share of platforms that locked somebody flagged by mistake at once: mean over those persons",
        |tally, _| mean_permille(&tally.shares_ppm)
    ),
    real!("wrongful_share_p95", "per mille", "the same, 95 % quantile", |tally, _| scaled(
        &tally.shares_ppm,
        0.95,
        1_000.0
    )),
    real!("wrongful_share_max", "per mille", "the same, the greatest", |tally, _| scaled(
        &tally.shares_ppm,
        1.0,
        1_000.0
    )),
    real!("collective_true", "persons", "deserved locks that became collective", |tally, _| {
        Value::Count(tally.collective_true.len() as u64)
    }),
    real!(
        "collective_wrongful",
        "persons",
        "undeserved locks that became collective",
        |tally, _| { Value::Count(tally.collective_wrongful.len() as u64) }
    ),
    lag!(
        "collective_true_p50",
        collective_true,
        0.5,
        "from the first flag until a deserved lock was collective: median"
    ),
    lag!("collective_wrongful_p50", collective_wrongful, 0.5, "the same of undeserved locks"),
    count!(
        locks_triggered,
        "locks",
        "locks that there would not have been without others' receipts"
    ),
    real!(
        "branching_ratio",
        "locks per lock",
        "how many further locks a lock brought about through its receipt",
        |tally, _| ratio(tally.locks_triggered, tally.locks_true + tally.locks_wrongful)
    ),
    real!("locks_per_flag", "locks per flag", "locks, for each flag", |tally, _| ratio(
        tally.locks_true + tally.locks_wrongful,
        tally.flags
    )),
    lag!(
        "reopened_p50",
        reopened,
        0.5,
        "from when the last mistaken flag was taken back until no undeserved lock was left: median"
    ),
    lag!("reopened_p95", reopened, 0.95, "the same, 95 % quantile"),
    lag!("reopened_max", reopened, 1.0, "the same, the longest"),
    count!(
        persons_still_locked,
        "persons",
        "borrowers still locked at the end though every mistaken flag was taken back"
    ),
    count!(draws, "draws", "times that borrowers tried to draw what would be lost"),
    count!(amount_tried, "currency", "what they tried to draw"),
    count!(amount_contained, "currency", "what they could not draw, being frozen or locked"),
    real!("contained", "per mille", "share of fraud losses contained", |tally, _| match ratio(
        tally.amount_contained,
        tally.amount_tried
    ) {
        Value::Real(share) => Value::Real(share * 1_000.0),
        other => other,
    }),
    gravest!("gravest_observe", 1),
    gravest!("gravest_review", 2),
    gravest!("gravest_reduce_limit", 3),
    gravest!("gravest_zero_limit", 4),
    gravest!("gravest_freeze", 5),
    gravest!("gravest_lock", 6),
    gravest!("gravest_close", 7),
];

#[allow(clippy::cast_precision_loss)]
fn days(micros: u128) -> Value {
    Value::Real(micros as f64 / DAY_MICROS as f64)
}

#[allow(clippy::cast_precision_loss)]
fn ratio(some: u64, all: u64) -> Value {
    if all == 0 { Value::Missing } else { Value::Real(some as f64 / all as f64) }
}

#[allow(clippy::cast_precision_loss)]
fn mean_permille(ppm: &[u64]) -> Value {
    if ppm.is_empty() {
        return Value::Missing;
    }
    let sum: u64 = ppm.iter().sum();
    Value::Real(sum as f64 / ppm.len() as f64 / 1_000.0)
}

#[allow(clippy::cast_precision_loss)]
fn scaled(values: &[u64], q: f64, unit: f64) -> Value {
    let mut sorted: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile(&sorted, q).map_or(Value::Missing, |value| Value::Real(value / unit))
}
