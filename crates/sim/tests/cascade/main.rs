//! Cascades: from scenario files to rows.
// What is compared exactly are counts, and shares of them that have one spelling.
#![allow(clippy::float_cmp)]

mod breaker;
mod evidence;
mod files;
mod herds;
mod same;
mod shipped;
mod truth;

use std::num::NonZeroUsize;

use interlock_sim::cascade::output::Row;
use interlock_sim::cascade::scenario::Setting;
use interlock_sim::cascade::{Logged, Run, RunError, Runs, Scenario, Shipped};

fn settings(texts: &[&str]) -> Vec<Setting> {
    texts.iter().map(|text| text.parse().expect("a setting")).collect()
}

fn shipped(name: &str, texts: &[&str]) -> Scenario {
    Shipped::named(name).expect("shipped").read(&settings(texts)).expect("settings that fit")
}

fn runs(scenario: &Scenario, seed: u64, reps: u32, jobs: usize) -> Vec<Run> {
    let jobs = NonZeroUsize::new(jobs).expect("a thread");
    let mut all = Vec::new();
    let done: Result<(), RunError> =
        Runs { seed, reps, jobs, logged: Logged::First }.run(scenario, |run| {
            all.push(run);
            Ok(())
        });
    done.expect("it settles");
    all
}

/// One run as a row.
fn row(scenario: &Scenario) -> Row {
    Row::of(scenario, &[], &runs(scenario, 1, 1, 1)[0])
}

/// A value that is there.
fn value(row: &Row, column: &str) -> f64 {
    row.value(column).unwrap_or_else(|| panic!("{column} has a value"))
}
