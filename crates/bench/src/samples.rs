//! What a bench has measured, beside its floor, and how that is shown.

use std::process::Command;
use std::time::Duration;

/// One line of a bench's table.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    /// 99th percentile and greatest, where the value is a median.
    tail: Option<(f64, f64)>,
    samples: usize,
    /// What the machine itself takes, or gives, in the same unit.
    floor: Option<f64>,
    aim: &'static str,
}

impl Row {
    /// Spans of time: their median is the value, in milliseconds.
    pub(crate) fn spans(name: impl Into<String>, mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |permille: usize| {
            let index = samples.len().saturating_sub(1) * permille / 1_000;
            samples.get(index).map_or(0.0, |span| span.as_secs_f64() * 1_000.0)
        };
        Self {
            name: name.into(),
            value: at(500),
            unit: "ms",
            tail: Some((at(990), at(1_000))),
            samples: samples.len(),
            floor: None,
            aim: "",
        }
    }

    /// One value.
    pub(crate) fn of(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, tail: None, samples: 1, floor: None, aim: "" }
    }

    /// So many in so long, as so many a second.
    pub(crate) fn rate(
        name: impl Into<String>,
        count: usize,
        took: Duration,
        unit: &'static str,
    ) -> Self {
        let rate = count as f64 / took.as_secs_f64().max(f64::EPSILON);
        Self { samples: count, ..Self::of(name, rate, unit) }
    }

    /// The same line, standing on `floor`, which is in the same unit.
    pub(crate) const fn over(mut self, floor: f64) -> Self {
        self.floor = Some(floor);
        self
    }

    /// The same line, with what is aimed at.
    pub(crate) const fn aim(mut self, aim: &'static str) -> Self {
        self.aim = aim;
        self
    }

    /// The value: of spans, their median in milliseconds.
    pub(crate) const fn value(&self) -> f64 {
        self.value
    }

    fn ratio(&self) -> Option<f64> {
        self.floor.filter(|floor| *floor > 0.0).map(|floor| self.value / floor)
    }
}

/// What was measured on: cores, and the commit where that is known.
struct Machine {
    cores: usize,
    commit: Option<String>,
}

impl Machine {
    fn this() -> Self {
        let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok();
        let commit = commit.filter(|output| output.status.success());
        let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            commit: commit.map(|commit| commit.trim().to_owned()),
        }
    }
}

/// As many digits as a reader needs.
fn shown(value: f64) -> String {
    match value.abs() {
        big if big >= 1_000.0 => format!("{value:.0}"),
        some if some >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[allow(clippy::print_stdout)]
pub(crate) fn print_table(rows: &[Row]) {
    println!(
        "{:<50} {:>11} {:<13} {:>9} {:>9} {:>8} {:>11} {:>7}  AIM",
        "", "VALUE", "UNIT", "P99", "MAX", "SAMPLES", "FLOOR", "RATIO"
    );
    let maybe = |value: Option<f64>| value.map(shown).unwrap_or_default();
    for row in rows {
        println!(
            "{:<50} {:>11} {:<13} {:>9} {:>9} {:>8} {:>11} {:>7}  {}",
            row.name,
            shown(row.value),
            row.unit,
            maybe(row.tail.map(|(p99, _)| p99)),
            maybe(row.tail.map(|(_, max)| max)),
            row.samples,
            maybe(row.floor),
            maybe(row.ratio()),
            row.aim,
        );
    }
}

#[allow(clippy::print_stdout)]
pub(crate) fn print_json(rows: &[Row]) {
    let Machine { cores, commit } = Machine::this();
    for row in rows {
        println!(
            "{}",
            serde_json::json!({
                "name": row.name, "value": row.value, "unit": row.unit,
                "p99": row.tail.map(|(p99, _)| p99), "max": row.tail.map(|(_, max)| max),
                "samples": row.samples, "floor": row.floor, "ratio": row.ratio(), "aim": row.aim,
                "machine": {"cores": cores, "arch": std::env::consts::ARCH}, "commit": commit,
            })
        );
    }
}
