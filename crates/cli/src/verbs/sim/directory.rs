//! The directory of results: which files it has, and how they are written.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use interlock_sim::cascade::output::{
    DAILY_HEADER, LAGS_HEADER, Row, write_daily, write_header, write_lags, write_parquet,
    write_rows,
};
use interlock_sim::cascade::{Run, Scenario};

use crate::exit::Failure;

/// One tidy row a run.
pub(super) const ROWS: &str = "rows.csv";
/// The same as Parquet.
pub(super) const PARQUET: &str = "rows.parquet";
/// Locks in force at the end of each day of each run.
pub(super) const DAILY: &str = "daily.csv";
/// Every lag of every run.
pub(super) const LAGS: &str = "lags.csv";
/// What happened in the first run.
pub(super) const EVENTS: &str = "events.jsonl";
/// What the results were made of.
pub(super) const MANIFEST: &str = "manifest.json";

/// The files of runs of one scenario.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    rows: BufWriter<File>,
    daily: BufWriter<File>,
    lags: BufWriter<File>,
}

impl Directory {
    /// Begins the files in a directory, which is created where it is not there. `keys` are those of
    /// the rows' settings.
    ///
    /// # Errors
    /// Where it has results already.
    pub(super) fn create(path: &Path, keys: &[&str]) -> anyhow::Result<Self> {
        let rows = begin_rows(path, keys)?;
        let mut daily = open(path, DAILY)?;
        writeln!(daily, "{DAILY_HEADER}")?;
        let mut lags = open(path, LAGS)?;
        writeln!(lags, "{LAGS_HEADER}")?;
        Ok(Self { path: path.to_owned(), rows, daily, lags })
    }

    /// Writes a run.
    pub(super) fn take(&mut self, scenario: &Scenario, run: &Run, row: &Row) -> anyhow::Result<()> {
        write_rows(std::slice::from_ref(row), &mut self.rows)?;
        write_daily(scenario, run, &mut self.daily)?;
        write_lags(run, &mut self.lags)?;
        if let Some(log) = &run.log {
            let path = self.path.join(EVENTS);
            fs::write(&path, &log.text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Ends the files.
    pub(super) fn finish(mut self, keys: &[&str], rows: &[Row]) -> anyhow::Result<()> {
        self.rows.flush()?;
        self.daily.flush()?;
        self.lags.flush()?;
        parquet(&self.path, keys, rows)
    }
}

/// Begins the file of rows in a directory, which is created where it is not there.
///
/// # Errors
/// Where it has results already.
pub(super) fn begin_rows(path: &Path, keys: &[&str]) -> anyhow::Result<BufWriter<File>> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    if path.join(MANIFEST).exists() || path.join(ROWS).exists() {
        return Err(Failure::bad_input(format!(
            "{}: expected a directory without results",
            path.display()
        ))
        .into());
    }
    let mut rows = open(path, ROWS)?;
    write_header(keys, &mut rows)?;
    Ok(rows)
}

/// Writes the rows as Parquet.
pub(super) fn parquet(directory: &Path, keys: &[&str], rows: &[Row]) -> anyhow::Result<()> {
    let mut file = open(directory, PARQUET)?;
    write_parquet(keys, rows, &mut file)?;
    file.flush()?;
    Ok(())
}

fn open(directory: &Path, name: &str) -> anyhow::Result<BufWriter<File>> {
    let path = directory.join(name);
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(BufWriter::new(file))
}
