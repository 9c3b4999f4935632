//! `interlock sim run`: runs of one scenario.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use interlock_sim::cascade::output::Row;
use interlock_sim::cascade::scenario::Setting;
use interlock_sim::cascade::{Logged, Run, RunError, Runs};

use super::directory::Directory;
use super::manifest::{Make, Manifest};
use super::source::{RunArgs, Source};
use super::summary::Report;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Run a scenario: who is locked, rightly and wrongly, for how long, and what it contains.
///
/// Decisions come from the engine with the scenario's policy files. With --out a directory is written:
/// one row a run (rows.csv, rows.parquet), locks at the end of each day (daily.csv), every lag
/// (lags.csv), what happened in the first run (events.jsonl) and what it was made of (manifest.json). The
/// same seed gives the same bytes, whatever --jobs says. docs/simulation.md explains scenarios and columns.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock sim run one-platform-fault
  interlock sim run one-platform-fault --set policy.measure.LOCK.rule.0.issuers=1
  interlock sim run herding --set policy.peer_receipts=ignore --reps 100 --out herding-ignore")]
pub(crate) struct SimRun {
    #[command(flatten)]
    args: RunArgs,
    /// A value in place of the scenario's, or of the policy file's where it begins with policy.; may be
    /// repeated. Entries of lists are named by number or by their name.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Write the results into this directory, which has none yet.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl SimRun {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let source = Source::find(&self.args.scenario)?;
        let plain = source.read(&[])?;
        let scenario = source.read(&self.settings)?;
        let keys: Vec<&str> = self.settings.iter().map(|setting| setting.key.as_str()).collect();
        let mut directory =
            self.out.as_deref().map(|path| Directory::create(path, &keys)).transpose()?;
        let RunArgs { seed, reps, .. } = self.args;
        let logged = if directory.is_some() { Logged::First } else { Logged::None };
        let runs = Runs { seed, reps, jobs: self.args.jobs(), logged };
        let mut manifest = Manifest::here(Make::of(&plain, &self.settings, seed, reps));
        let bar = progress(u64::from(reps), 0);
        let mut rows = Vec::new();
        runs.run(&scenario, |run: Run| {
            let row = Row::of(&scenario, &self.settings, &run);
            if let Some(directory) = &mut directory {
                directory.take(&scenario, &run, &row)?;
            }
            if let Some(log) = &run.log {
                manifest.events_left_out = log.left_out;
            }
            rows.push(row);
            bar.inc(1);
            Ok::<_, Stopped>(())
        })
        .map_err(|Stopped(error)| error)?;
        bar.finish_and_clear();
        if let (Some(directory), Some(path)) = (directory, &self.out) {
            directory.finish(&keys, &rows)?;
            manifest.write(path)?;
        }
        output.result(&Report::of(&scenario.name, seed, reps, &rows))?;
        Ok(Exit::Done)
    }
}

/// Why runs were stopped.
pub(super) struct Stopped(pub anyhow::Error);

impl From<RunError> for Stopped {
    fn from(error: RunError) -> Self {
        Self(Failure::bad_input(error.to_string()).into())
    }
}

impl From<anyhow::Error> for Stopped {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

/// A bar on stderr; hidden where that is no terminal.
pub(super) fn progress(runs: u64, done: u64) -> ProgressBar {
    let bar = ProgressBar::new(runs).with_position(done);
    let template = "{elapsed_precise} {wide_bar} {human_pos}/{human_len} runs, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
