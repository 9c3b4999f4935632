//! Rows as CSV and Parquet, and back.

mod parquet;

use std::io::{self, Read, Write};

use super::row::{COLUMNS, Value};
use super::run::Run;
use super::scenario::{Scenario, Setting};
use super::tally::DAY_MICROS;

pub use self::parquet::write_parquet;

/// What stands before a setting's key in the name of its column.
pub const SETTING_PREFIX: &str = "set.";
/// The first columns of a row, before settings and [`COLUMNS`].
pub const FIRST_COLUMNS: [&str; 3] = ["scenario", "run", "seed"];

/// One run as a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// Which run of its point it is, from 0.
    pub run: u32,
    /// Its seed.
    pub seed: u64,
    /// The settings of its point.
    pub settings: Vec<Setting>,
    /// A value for each of [`COLUMNS`].
    pub values: Vec<Value>,
}

/// Rows that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum BadRows {
    /// They cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// They are no CSV.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// A line is not as it should be.
    #[error("line {line}: expected {expected}, got {got:?}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What would have been right.
        expected: String,
        /// What was found.
        got: String,
    },
    /// Parquet could not be written.
    #[error(transparent)]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

impl Row {
    /// The row of a run.
    pub fn of(scenario: &Scenario, settings: &[Setting], run: &Run) -> Self {
        Self {
            scenario: scenario.name.clone(),
            run: run.number,
            seed: run.seed,
            settings: settings.to_vec(),
            values: COLUMNS.iter().map(|column| column.of(&run.tally, scenario)).collect(),
        }
    }

    /// The value of the column of that name.
    pub fn value(&self, name: &str) -> Option<f64> {
        let index = COLUMNS.iter().position(|column| column.name == name)?;
        self.values.get(index)?.number()
    }
}

/// The header of rows whose points have these keys.
pub fn header(keys: &[&str]) -> Vec<String> {
    let first = FIRST_COLUMNS.iter().map(ToString::to_string);
    let settings = keys.iter().map(|key| format!("{SETTING_PREFIX}{key}"));
    first.chain(settings).chain(COLUMNS.iter().map(|column| column.name.to_owned())).collect()
}

/// Writes rows as CSV, without a header.
///
/// # Errors
/// Where they cannot be written.
pub fn write_rows(rows: &[Row], to: impl Write) -> Result<(), BadRows> {
    let mut csv = csv::Writer::from_writer(to);
    for row in rows {
        let first = [row.scenario.clone(), row.run.to_string(), row.seed.to_string()];
        let settings = row.settings.iter().map(|setting| setting.value.clone());
        let values = row.values.iter().map(|value| text(*value));
        csv.write_record(first.into_iter().chain(settings).chain(values))?;
    }
    csv.flush()?;
    Ok(())
}

/// Writes the header of rows as CSV.
///
/// # Errors
/// Where it cannot be written.
pub fn write_header(keys: &[&str], to: impl Write) -> Result<(), BadRows> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(header(keys))?;
    csv.flush()?;
    Ok(())
}

/// Reads rows from CSV.
///
/// # Errors
/// [`BadRows`] with the line, for anything that is not as [`write_rows`] writes it.
pub fn read_rows(from: impl Read) -> Result<Vec<Row>, BadRows> {
    let mut csv = csv::Reader::from_reader(from);
    let found: Vec<String> = csv.headers()?.iter().map(ToOwned::to_owned).collect();
    let keys: Vec<String> = found
        .iter()
        .filter_map(|name| name.strip_prefix(SETTING_PREFIX).map(ToOwned::to_owned))
        .collect();
    let keys_ref: Vec<&str> = keys.iter().map(String::as_str).collect();
    let expected = header(&keys_ref);
    if found != expected {
        return Err(BadRows::Line { line: 1, expected: expected.join(","), got: found.join(",") });
    }
    csv.records()
        .map(|record| {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let field = |index: usize| record.get(index).unwrap_or("");
            let bad = |expected: &str, got: &str| BadRows::Line {
                line,
                expected: expected.to_owned(),
                got: got.to_owned(),
            };
            let settings = keys.iter().enumerate().map(|(index, key)| Setting {
                key: key.clone(),
                value: field(FIRST_COLUMNS.len() + index).to_owned(),
            });
            let start = FIRST_COLUMNS.len() + keys.len();
            let values = (0..COLUMNS.len()).map(|index| {
                let text = field(start + index);
                value(text).ok_or_else(|| bad("a number or nothing", text))
            });
            Ok(Row {
                scenario: field(0).to_owned(),
                run: field(1).parse().map_err(|_| bad("the number of a run", field(1)))?,
                seed: field(2).parse().map_err(|_| bad("a seed", field(2)))?,
                settings: settings.collect(),
                values: values.collect::<Result<_, BadRows>>()?,
            })
        })
        .collect()
}

fn text(value: Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        // A decimal point tells it from a whole number, also where it is one.
        Value::Real(real) => format!("{real:?}"),
        Value::Missing => String::new(),
    }
}

fn value(text: &str) -> Option<Value> {
    if text.is_empty() {
        return Some(Value::Missing);
    }
    match text.parse() {
        Ok(count) => Some(Value::Count(count)),
        Err(_) => text.parse().ok().map(Value::Real),
    }
}

/// Writes the locks in force at the end of each day: run, day, deserved, undeserved.
///
/// # Errors
/// Where they cannot be written.
pub fn write_daily(scenario: &Scenario, run: &Run, mut to: impl Write) -> io::Result<()> {
    let days = usize::try_from(scenario.horizon.micros() / DAY_MICROS).unwrap_or(0);
    let (mut deserved, mut undeserved) = (0_i64, 0_i64);
    let step = |daily: &[i64], day: usize| daily.get(day).copied().unwrap_or(0);
    for day in 0..days.max(1) {
        deserved += step(&run.tally.daily_true, day);
        undeserved += step(&run.tally.daily_wrongful, day);
        writeln!(to, "{},{},{deserved},{undeserved}", run.number, day + 1)?;
    }
    Ok(())
}

/// The header of [`write_daily`].
pub const DAILY_HEADER: &str = "run,day,locks_true,locks_wrongful";

/// Writes every lag: run, kind, seconds.
///
/// # Errors
/// Where they cannot be written.
pub fn write_lags(run: &Run, mut to: impl Write) -> io::Result<()> {
    let tally = &run.tally;
    let kinds = [
        ("collective_true", &tally.collective_true),
        ("collective_wrongful", &tally.collective_wrongful),
        ("reopened", &tally.reopened),
    ];
    for (kind, lags) in kinds {
        for lag in lags {
            writeln!(to, "{},{kind},{}", run.number, lag / 1_000_000)?;
        }
    }
    Ok(())
}

/// The header of [`write_lags`].
pub const LAGS_HEADER: &str = "run,kind,lag_s";
