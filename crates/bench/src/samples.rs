//! Measured spans of time, and how they are shown.

use std::time::Duration;

/// One line of a bench's table.
#[derive(Debug)]
pub(crate) struct Row {
    pub name: &'static str,
    /// Microseconds: median, 99th percentile, greatest.
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
    pub count: usize,
    /// The floor's median, where the line stands on one.
    pub floor_p50: Option<u64>,
}

impl Row {
    /// The line of some samples.
    pub(crate) fn new(name: &'static str, mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |permille: usize| {
            let index = (samples.len().saturating_sub(1)) * permille / 1_000;
            samples.get(index).map_or(0, |span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
        };
        Self {
            name,
            p50: at(500),
            p99: at(990),
            max: at(1_000),
            count: samples.len(),
            floor_p50: None,
        }
    }

    /// The same line, standing on `floor`.
    pub(crate) fn over(mut self, floor: u64) -> Self {
        self.floor_p50 = Some(floor);
        self
    }

    fn ratio_permille(&self) -> Option<u64> {
        (self.p50 * 1_000).checked_div(self.floor_p50?)
    }
}

/// Milliseconds with three decimals.
fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

#[allow(clippy::print_stdout)]
pub(crate) fn print_table(rows: &[Row]) {
    println!(
        "{:<44} {:>10} {:>10} {:>10} {:>7}  RATIO OF P50 TO FLOOR",
        "", "P50 MS", "P99 MS", "MAX MS", "SAMPLES"
    );
    for row in rows {
        let ratio = row.ratio_permille().map(millis).unwrap_or_default();
        println!(
            "{:<44} {:>10} {:>10} {:>10} {:>7}  {ratio}",
            row.name,
            millis(row.p50),
            millis(row.p99),
            millis(row.max),
            row.count
        );
    }
}

#[allow(clippy::print_stdout)]
pub(crate) fn print_json(rows: &[Row]) {
    for row in rows {
        println!(
            "{}",
            serde_json::json!({
                "name": row.name, "unit": "us", "p50": row.p50, "p99": row.p99, "max": row.max,
                "samples": row.count, "floor_p50": row.floor_p50,
                "ratio": row.ratio_permille().map(millis),
            })
        );
    }
}
