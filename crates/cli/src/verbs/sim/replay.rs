//! `interlock sim replay`: a log of events of several issuers, decided by the engine in virtual time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::policy::{Confirm, MeasurePolicy, Policy, Rule, Schedule};
use interlock_record::{Measure, MemberId};
use interlock_sim::events::{Purpose, Reading};
use interlock_sim::told::{Copying, Outcome, Told};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::{Output, counted};
use crate::policy::schedule;
use crate::replay::events::{SaidArgs, read};
use crate::replay::told;
use crate::table::Table;
use crate::term::term;

/// The most issuers that a lock can be made to ask for here.
const MAX_K: u64 = 1_000;

/// Play a log of events of several issuers through the engine, in virtual time and without any node.
///
/// The file is CSV, gzipped or not, as `interlock replay` takes it: time, issuer, op (add, del or repay)
/// and subject, and where one flag says something else than the options, reason, severity, confidence and
/// measure. Subjects are names. Each issuer is a member; the decision is the consortium's. What is told is
/// how many subjects were ever at the measure or above it, how many of them came below it when a
/// flag was taken back, and how many are there at the last event.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock sim replay events.csv.gz --policy policy.toml
  interlock sim replay events.csv.gz --policy policy.toml --k 1,2,3 --derived copier=source -o json

JSON: {\"flags\",\"echoes\",\"withdrawals\",\"cures\",\"issuers\":{},\"subjects\",\"measure\",
  \"outcomes\":[{\"k\",\"ever\",\"opened_by_withdrawal\",\"at_end\"}]}; k is null without --k")]
pub(crate) struct Replay {
    /// The events; - reads stdin.
    #[arg(value_name = "EVENTS.csv[.gz]")]
    file: PathBuf,
    /// A policy file; each but the first with the time from which it holds, in rising order.
    #[arg(long = "policy", value_name = "FILE[@TIME]", required = true)]
    policies: Vec<String>,
    /// Ask for so many distinct issuers, and nothing else, in place of the policy's rules for the
    /// measure; each number is tried.
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=MAX_K))]
    k: Vec<u64>,
    /// What the first flags after the second has flagged the same subject is derived from it, and no
    /// witness; may be repeated.
    #[arg(long = "derived", value_name = "COPIER=SOURCE", value_parser = copying)]
    derived: Vec<Copying>,
    /// The measure that is looked at.
    #[arg(long, ignore_case = true, default_value = "LOCK", value_parser = term::<Measure>())]
    measure: Measure,
    #[command(flatten)]
    said: SaidArgs,
}

/// What came of it. The order of fields is that of the JSON.
#[derive(Debug, Serialize)]
struct Report {
    flags: u64,
    echoes: u64,
    withdrawals: u64,
    cures: u64,
    /// Events of each issuer.
    issuers: BTreeMap<String, u64>,
    subjects: u64,
    measure: Measure,
    outcomes: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    k: Option<u64>,
    ever: u64,
    opened_by_withdrawal: u64,
    at_end: u64,
}

impl Replay {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        if self.measure == Measure::None {
            return Err(Failure::usage("--measure: expected a measure above NONE").into());
        }
        let policies = schedule(&self.policies)?;
        let said = self.said.said();
        let events = read(&self.file, &Reading { said, purpose: Purpose::LookingAt })?;
        let named = self.derived.iter().flat_map(|copying| [copying.copier, copying.source]);
        if let Some(stranger) = named.into_iter().find(|id| !events.contains_key(id.as_str())) {
            let message = format!("--derived: expected issuers of the file, got {stranger}");
            return Err(Failure::usage(message).into());
        }
        let told = told::told(&events, self.derived.clone())?;
        let outcomes = if self.k.is_empty() {
            vec![Line::of(None, told.outcome(&policies, self.measure))]
        } else {
            let of = |k: &u64| {
                let policies = asking(&policies, self.measure, *k);
                Line::of(Some(*k), told.outcome(&policies, self.measure))
            };
            self.k.iter().map(of).collect()
        };
        let per_issuer = events.into_iter().map(|(issuer, events)| (issuer, events.len() as u64));
        output.result(&Report::of(&told, per_issuer.collect(), self.measure, outcomes))?;
        Ok(Exit::Done)
    }
}

/// The same policies, where a measure asks for so many issuers and nothing else.
fn asking(policies: &Schedule, measure: Measure, k: u64) -> Schedule {
    policies.map(|policy| {
        let mut policy: Policy = policy.clone();
        let blank = || MeasurePolicy { confirm: Confirm::Auto, rules: Vec::new() };
        policy.measures.entry(measure).or_insert_with(blank).rules =
            vec![Rule { points: 0, issuers: k, peer_permille: 0 }];
        policy
    })
}

fn copying(text: &str) -> Result<Copying, String> {
    let expected = "expected COPIER=SOURCE, two different issuers";
    let (copier, source) = text.split_once('=').ok_or(expected)?;
    let id = |text: &str| text.parse::<MemberId>().map_err(|error| error.to_string());
    let copying = Copying { copier: id(copier)?, source: id(source)? };
    if copying.copier == copying.source { Err(expected.to_owned()) } else { Ok(copying) }
}

impl Report {
    fn of(
        told: &Told,
        issuers: BTreeMap<String, u64>,
        measure: Measure,
        outcomes: Vec<Line>,
    ) -> Self {
        let counts = told.counts();
        Self {
            flags: counts.flags,
            echoes: counts.echoes,
            withdrawals: counts.withdrawals,
            cures: counts.cures,
            issuers,
            subjects: told.subjects() as u64,
            measure,
            outcomes,
        }
    }
}

impl Line {
    fn of(k: Option<u64>, outcome: Outcome) -> Self {
        let Outcome { ever, opened_by_withdrawal, at_end } = outcome;
        Self { k, ever, opened_by_withdrawal, at_end }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} of {} on {}: {} ({}), {}, {}",
            counted(self.flags + self.withdrawals + self.cures, "event"),
            counted(self.issuers.len(), "issuer"),
            counted(self.subjects, "subject"),
            counted(self.flags, "flag"),
            format_args!("{} derived", self.echoes),
            counted(self.withdrawals, "withdrawal"),
            counted(self.cures, "cure"),
        )?;
        let titles = ["issuers asked for", "ever", "opened by take-backs", "at the end"];
        let mut table = Table::new(&titles).right(&titles);
        for line in &self.outcomes {
            let k = line.k.map_or_else(|| "as the policy says".to_owned(), |k| k.to_string());
            let counts = [line.ever, line.opened_by_withdrawal, line.at_end];
            let counts = counts.map(|count| count.to_string());
            table.row([k].into_iter().chain(counts));
        }
        write!(f, "Subjects at {} or above:\n{table}", self.measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_copies_is_told_from_whom() {
        let read = copying("a=b").expect("two issuers");
        assert_eq!((read.copier.as_str(), read.source.as_str()), ("a", "b"));
        for text in ["a", "a=", "=b", "a=a", "a b=c"] {
            assert!(copying(text).is_err(), "{text}");
        }
    }
}
