//! `interlock sim sweep`: a scenario over a grid of settings.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use interlock_sim::cascade::output::{Row, read_rows, write_header, write_rows};
use interlock_sim::cascade::scenario::Setting;
use interlock_sim::cascade::sweep::Axis;
use interlock_sim::cascade::{COLUMNS, Logged, Runs, SweepError, run_sweep};
use interlock_sim::plot::{Point, best, points};
use serde::Serialize;

use super::directory::{ROWS, begin_rows, parquet};
use super::manifest::{Make, Manifest};
use super::run::{Stopped, progress};
use super::source::{RunArgs, Source};
use super::summary::number;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::table::Table;

/// Run a scenario at every point of a grid of settings.
///
/// Each --set gives a key and its values: a list (1,2,3), or a range FROM:TO:STEP, both ends included.
/// All points have the same borrowers and the same luck, run by run. Rows are written as they come, so
/// that a sweep that was stopped goes on where it was when it is started again with the same words.
/// --frontier says which points are best: no other contains more at no more cost.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock sim sweep herding --set policy.peer_receipts=ignore,count \\
      --set policy.measure.LOCK.rule.0.issuers=1:5:1 --reps 20 --frontier --out sweep
  interlock sim plot sweep")]
pub(crate) struct Sweep {
    #[command(flatten)]
    args: RunArgs,
    /// A key and its values; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUES", required = true)]
    settings: Vec<Setting>,
    /// Where the results are written, or go on to be.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Say which points are best.
    #[arg(long)]
    frontier: bool,
    /// What is good: the column whose mean is to be great.
    #[arg(long, value_name = "COLUMN", default_value = "contained", value_parser = column)]
    contained: String,
    /// What is bad: the column whose mean is to be small.
    #[arg(long, value_name = "COLUMN", default_value = "wrongful_lock_days", value_parser = column)]
    wrongful: String,
}

#[derive(Debug, Serialize)]
struct PointReport<'a> {
    set: Vec<String>,
    runs: usize,
    contained: Option<f64>,
    wrongful: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<bool>,
    contained_column: &'a str,
    wrongful_column: &'a str,
}

impl Sweep {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let source = Source::find(&self.args.scenario)?;
        let plain = source.read(&[])?;
        let axes: Result<Vec<Axis>, _> = self.settings.iter().map(Axis::of).collect();
        let axes = axes.map_err(|error| Failure::usage(format!("--set {error}")))?;
        let grid = Axis::points(&axes).map_err(|error| Failure::usage(format!("--set {error}")))?;
        // A mistake at the last point is told before the first is run.
        for point in &grid {
            source.read(point)?;
        }
        let keys: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
        let RunArgs { seed, reps, .. } = self.args;
        let make = Make::of(&plain, &self.settings, seed, reps);
        let mut rows = begin(&self.out, make, &keys)?;
        let total = grid.len() * reps as usize;
        let path = self.out.join(ROWS);
        let mut file = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let bar = progress(total as u64, rows.len() as u64);
        let runs = Runs { seed, reps, jobs: self.args.jobs(), logged: Logged::None };
        let done = rows.len();
        run_sweep(
            &grid,
            &runs,
            done,
            |point| source.read(point),
            |row| {
                let mut line = Vec::new();
                write_rows(std::slice::from_ref(&row), &mut line).map_err(anyhow::Error::from)?;
                file.write_all(&line).map_err(anyhow::Error::from)?;
                rows.push(row);
                bar.inc(1);
                Ok::<_, Stopped>(())
            },
        )
        .map_err(|Stopped(error)| error)?;
        bar.finish_and_clear();
        parquet(&self.out, &keys, &rows)?;
        self.report(output, &points(&rows))
    }

    fn report(&self, output: &mut Output, points: &[Point]) -> anyhow::Result<Exit> {
        let best = best(points, &self.contained, &self.wrongful);
        let mean = |point: &Point, name: &str| Some(point.summary(name)?.mean.value);
        let mut table = Table::new(&["point", "runs", "contained", "wrongful", "best"]).right(&[
            "runs",
            "contained",
            "wrongful",
        ]);
        for (index, point) in points.iter().enumerate() {
            let report = PointReport {
                set: point.settings.iter().map(ToString::to_string).collect(),
                runs: point.runs,
                contained: mean(point, &self.contained),
                wrongful: mean(point, &self.wrongful),
                best: self.frontier.then(|| best.contains(&index)),
                contained_column: &self.contained,
                wrongful_column: &self.wrongful,
            };
            if output.is_json() {
                output.json(&report)?;
                continue;
            }
            let cell = |value: Option<f64>| value.map_or("-".to_owned(), number);
            let mark = if report.best == Some(true) { "best" } else { "" };
            table.row([
                report.set.join(" "),
                report.runs.to_string(),
                cell(report.contained),
                cell(report.wrongful),
                mark.to_owned(),
            ]);
        }
        if !output.is_json() {
            output.line(&table)?;
            output.line(format!(
                "(contained: {}, wrongful: {}; means over runs)",
                self.contained, self.wrongful
            ))?;
        }
        Ok(Exit::Done)
    }
}

impl From<SweepError> for Stopped {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::File(error) => Self(error.into()),
            SweepError::Run { .. } => Self(Failure::bad_input(error.to_string()).into()),
        }
    }
}

/// Begins the directory of a sweep, or gives the rows that it has already.
fn begin(out: &Path, make: Make, keys: &[&str]) -> anyhow::Result<Vec<Row>> {
    let path = out.join(ROWS);
    if let Some(earlier) = Manifest::read(out)? {
        if earlier.make != make {
            return Err(Failure::bad_input(format!(
                "{}: expected results of the same scenario, settings, seed and runs, to go on with",
                out.display()
            ))
            .into());
        }
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // A row that was being written when the sweep was stopped is written again.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(whole as u64)?;
        if whole == 0 {
            write_header(keys, OpenOptions::new().append(true).open(&path)?)?;
        }
        let rows = read_rows(BufReader::new(File::open(&path)?));
        return rows.with_context(|| format!("{}: cannot go on", path.display()));
    }
    begin_rows(out, keys)?.flush()?;
    Manifest::here(make).write(out)?;
    Ok(Vec::new())
}

/// The name of a column.
pub(super) fn column(name: &str) -> Result<String, String> {
    if COLUMNS.iter().any(|column| column.name == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    Err(format!("expected one of {}", names.join(", ")))
}
