//! What runs came to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use interlock_sim::cascade::output::Row;
use interlock_sim::cascade::{COLUMNS, Estimate, QUANTILES, Summary};
use serde::Serialize;

use crate::table::Table;

/// What the runs of a scenario came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    scenario: String,
    seed: u64,
    reps: u32,
    columns: BTreeMap<&'static str, ColumnReport>,
}

#[derive(Debug, Serialize)]
struct ColumnReport {
    unit: &'static str,
    about: &'static str,
    /// How many runs have a value.
    runs: usize,
    mean: EstimateReport,
    quantiles: BTreeMap<String, EstimateReport>,
}

#[derive(Debug, Serialize)]
struct EstimateReport {
    value: f64,
    low: f64,
    high: f64,
}

impl From<Estimate> for EstimateReport {
    fn from(estimate: Estimate) -> Self {
        Self { value: estimate.value, low: estimate.low, high: estimate.high }
    }
}

impl Report {
    /// What the rows of one scenario say.
    pub(super) fn of(scenario: &str, seed: u64, reps: u32, rows: &[Row]) -> Self {
        let columns = COLUMNS.iter().enumerate().filter_map(|(index, column)| {
            let values: Vec<f64> =
                rows.iter().filter_map(|row| row.values.get(index)?.number()).collect();
            let summary = Summary::of(&values)?;
            let quantiles = QUANTILES.iter().zip(summary.quantiles);
            let report = ColumnReport {
                unit: column.unit,
                about: column.about,
                runs: summary.runs,
                mean: summary.mean.into(),
                quantiles: quantiles
                    .map(|(q, estimate)| (q.to_string(), estimate.into()))
                    .collect(),
            };
            Some((column.name, report))
        });
        Self { scenario: scenario.to_owned(), seed, reps, columns: columns.collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = if self.reps == 1 { "1 run".to_owned() } else { format!("{} runs", self.reps) };
        writeln!(f, "{}: {runs}, seed {}", self.scenario, self.seed)?;
        let columns = COLUMNS.iter().filter_map(|column| {
            let report = self.columns.get(column.name)?;
            Some((column.name, report))
        });
        if self.reps == 1 {
            let mut table =
                Table::new(&["column", "value", "unit", "what it says"]).right(&["value"]);
            for (name, report) in columns {
                let value = number(report.mean.value);
                let cells = [name, &value, report.unit, report.about];
                table.row(cells.map(str::to_owned));
            }
            return write!(f, "{table}");
        }
        let titles = ["column", "mean", "95 % interval", "5 %", "50 %", "95 %", "runs", "unit"];
        let mut table =
            Table::new(&titles).right(&["mean", "95 % interval", "5 %", "50 %", "95 %", "runs"]);
        for (name, report) in columns {
            let EstimateReport { value, low, high } = report.mean;
            let mut cells = vec![name.to_owned(), number(value)];
            cells.push(format!("{} to {}", number(low), number(high)));
            cells.extend(report.quantiles.values().map(|estimate| number(estimate.value)));
            cells.push(report.runs.to_string());
            cells.push(report.unit.to_owned());
            table.row(cells);
        }
        write!(f, "{table}")?;
        let note = "the quantiles' own intervals are in -o json; `interlock sim run` with one run says what the columns mean";
        write!(f, "\n({note})")
    }
}

/// A number as it is read best.
pub(super) fn number(number: f64) -> String {
    let size = number.abs();
    if number.fract() == 0.0 || size >= 1_000.0 {
        format!("{number:.0}")
    } else if size >= 1.0 {
        format!("{number:.2}")
    } else {
        format!("{number:.4}")
    }
}
