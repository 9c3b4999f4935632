//! `interlock sim validate`: the engine held against what others have published.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;
use interlock_sim::events::{Purpose, Reading};
use interlock_sim::plain::SAID;
use interlock_sim::told::{Copying, Told};
use interlock_sim::validate::{COPIER, Case, Effort, Expected, Means, Row, SOURCE, figure};
use serde::Serialize;

use super::source::cores;
use crate::exit::Exit;
use crate::output::Output;
use crate::replay::events::read;
use crate::replay::told;
use crate::table::Table;

/// The most threads.
const MAX_JOBS: u16 = 1_024;

/// Hold the engine against published models and a log of real lists, with fixed seeds.
///
/// Each case is played through policy files and the engine's own rules, and each figure compared with
/// what is known of it: exit code 0 if all are as expected, 1 if one is not. What could not be looked at
/// is named and does not count. docs/simulation.md says where the figures come from.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock sim validate --log blocklist_events.csv.gz
  interlock sim validate --case watts --case herding --quick -o json

JSON: one line a figure:
  {\"case\",\"what\",\"expected\",\"relation\",\"tolerance\",\"found\",\"runs\",\"pass\"}
  found and pass are null where it could not be looked at")]
pub(crate) struct Validate {
    /// Only this case; may be repeated.
    #[arg(long = "case", value_name = "NAME", value_parser = PossibleValuesParser::new(Case::ALL.map(Case::name)))]
    cases: Vec<String>,
    /// Fewer runs, and tolerances that are as much wider: seconds instead of minutes.
    #[arg(long)]
    quick: bool,
    /// In how many threads; the figures are the same for any number. Default: one a core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_JOBS)))]
    jobs: Option<u16>,
    /// The log of real lists, for the case real-log.
    #[arg(long, value_name = "FILE.csv[.gz]", env = "INTERLOCK_REAL_LOG")]
    log: Option<PathBuf>,
}

/// A line of the table. The order of fields is that of the JSON.
#[derive(Debug, Serialize)]
struct Line<'a> {
    case: &'a str,
    what: &'a str,
    expected: f64,
    relation: &'a str,
    tolerance: Option<f64>,
    found: Option<f64>,
    runs: u32,
    pass: Option<bool>,
}

impl Validate {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let asked = |case: &Case| {
            self.cases.is_empty() || self.cases.iter().any(|name| name == case.name())
        };
        let cases: Vec<Case> = Case::ALL.into_iter().filter(asked).collect();
        let log = match &self.log {
            Some(path) if cases.contains(&Case::RealLog) => Some(read_log(path)?),
            _ => None,
        };
        let means = Means {
            effort: if self.quick { Effort::Quick } else { Effort::Full },
            jobs: self.jobs.map_or_else(|| cores().get(), usize::from),
            log: log.as_ref().map(|(apart, derived)| (apart, derived)),
        };
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(Duration::from_millis(200));
        let mut table =
            Table::new(&["case", "what", "runs", "expected", "tolerance", "found", "pass"])
                .right(&["runs", "expected", "tolerance", "found"]);
        let mut all_pass = true;
        for case in cases {
            spinner.set_message(case.name());
            for row in case.rows(&means)? {
                all_pass &= row.passes() != Some(false);
                if output.is_json() {
                    output.json(&line(&row))?;
                } else {
                    table.row(cells(&row));
                }
            }
            output.flush()?;
        }
        spinner.finish_and_clear();
        if !output.is_json() {
            output.line(&table)?;
        }
        Ok(if all_pass { Exit::Done } else { Exit::No })
    }
}

/// The log with the copier as a member like any other, and as one that copies.
fn read_log(path: &Path) -> anyhow::Result<(Told, Told)> {
    let events = read(path, &Reading { said: SAID, purpose: Purpose::LookingAt })?;
    let copying = Copying { copier: COPIER.parse()?, source: SOURCE.parse()? };
    Ok((told::told(&events, Vec::new())?, told::told(&events, vec![copying])?))
}

fn line(row: &Row) -> Line<'_> {
    let (expected, relation, tolerance) = match row.expected {
        Expected::Exactly(value) => (value, "exactly", None),
        Expected::Near { value, within } => (value, "near", Some(within)),
        Expected::Below(limit) => (limit, "below", None),
        Expected::Above(limit) => (limit, "above", None),
    };
    Line {
        case: row.case.name(),
        what: &row.what,
        expected,
        relation,
        tolerance,
        found: row.found.filter(|found| found.is_finite()),
        runs: row.runs,
        pass: row.passes(),
    }
}

fn cells(row: &Row) -> [String; 7] {
    let tolerance = match row.expected {
        Expected::Near { within, .. } => figure(within),
        Expected::Exactly(_) => "exact".to_owned(),
        Expected::Below(_) | Expected::Above(_) => String::new(),
    };
    let pass = match row.passes() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "skipped: no --log",
    };
    [
        row.case.name().to_owned(),
        row.what.clone(),
        row.runs.to_string(),
        row.expected.to_string(),
        tolerance,
        row.found.map(figure).unwrap_or_default(),
        pass.to_owned(),
    ]
}
