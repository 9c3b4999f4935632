//! Curves: locks over time, and the distribution of lags.

use std::collections::BTreeMap;

use super::frame::{Frame, Look, above_legend, curve_on, legend, thin_on};
use super::{PlotError, records, sheet, short};
use crate::cascade::quantile;

/// The deserved and the undeserved locks of a day, run by run.
type OfRuns = (Vec<f64>, Vec<f64>);

const SECONDS_PER_HOUR: f64 = 3_600.0;

/// Locks in force at the end of each day, deserved and not: the median over runs, and the 5 % and 95 %
/// quantiles as thin lines. `daily` is `daily.csv`.
///
/// # Errors
/// [`PlotError`].
pub fn locks_over_time(daily: &str) -> Result<String, PlotError> {
    let mut days: BTreeMap<u64, OfRuns> = BTreeMap::new();
    for (line, fields) in records(daily) {
        let expected = "run,day,locks_true,locks_wrongful";
        let bad = PlotError::Line { line, expected };
        let [_, day, deserved, undeserved] = fields.as_slice() else { return Err(bad) };
        let (Ok(day), Ok(deserved), Ok(undeserved)) =
            (day.parse(), deserved.parse(), undeserved.parse())
        else {
            return Err(bad);
        };
        let runs = days.entry(day).or_default();
        runs.0.push(deserved);
        runs.1.push(undeserved);
    }
    if days.is_empty() {
        return Err(PlotError::Nothing("daily.csv: expected at least one day".to_owned()));
    }
    let curve = |which: fn(&OfRuns) -> &Vec<f64>, q: f64| -> Vec<(f64, f64)> {
        days.iter()
            .map(|(day, runs)| {
                let mut sorted = which(runs).clone();
                sorted.sort_unstable_by(f64::total_cmp);
                (*day as f64, quantile(&sorted, q).unwrap_or(0.0))
            })
            .collect()
    };
    let deserved: Vec<_> = [0.05, 0.5, 0.95].map(|q| curve(|runs| &runs.0, q)).into();
    let undeserved: Vec<_> = [0.05, 0.5, 0.95].map(|q| curve(|runs| &runs.1, q)).into();
    let top = deserved.iter().chain(&undeserved).flatten().map(|(_, y)| *y).fold(1.0, f64::max);
    let last = days.keys().next_back().copied().unwrap_or(1) as f64;
    sheet(|sheet| {
        let (upper, lower) = sheet.split_vertically(above_legend(2));
        let frame = Frame {
            caption: "Locks in force, platform by platform",
            x: (0.0, last),
            y: (0.0, top * 1.08),
            x_desc: "day",
            y_desc: "locks in force at the end of the day",
            x_label: &short,
            y_label: &short,
        };
        let mut chart = frame.chart(&upper)?;
        let kinds = [
            (&deserved, "deserved (median of runs; thin: 5 % and 95 %)", Look::SolidRound),
            (&undeserved, "undeserved (the same)", Look::DashedCross),
        ];
        for (row, (curves, label, look)) in (0..).zip(kinds) {
            for thin in [&curves[0], &curves[2]] {
                thin_on(&mut chart, thin, look)?;
            }
            curve_on(&mut chart, &curves[1], look)?;
            legend(&lower, row, label, look)?;
        }
        Ok(())
    })
}

/// The distribution of lags: which share of them was over after so many hours. `lags` is `lags.csv`.
///
/// # Errors
/// [`PlotError`].
pub fn lags(lags: &str) -> Result<String, PlotError> {
    let mut kinds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (line, fields) in records(lags) {
        let bad = PlotError::Line { line, expected: "run,kind,lag_s" };
        let [_, kind, lag] = fields.as_slice() else { return Err(bad) };
        let lag: f64 = lag.parse().map_err(|_| bad)?;
        kinds.entry((*kind).to_owned()).or_default().push(lag / SECONDS_PER_HOUR);
    }
    if kinds.is_empty() {
        return Err(PlotError::Nothing(
            "lags.csv: no lock became collective, and none opened after a withdrawal".to_owned(),
        ));
    }
    let least = (1.0 / SECONDS_PER_HOUR).log10();
    let most = kinds.values().flatten().fold(1.0, |most: f64, lag| most.max(*lag));
    sheet(|sheet| {
        let (upper, lower) = sheet.split_vertically(above_legend(kinds.len()));
        let frame = Frame {
            caption: "How long it took",
            x: (least, (most * 1.5).log10()),
            y: (0.0, 1.03),
            x_desc: "hours (each step of the scale multiplies)",
            y_desc: "share that was over by then",
            x_label: &|x| short(10_f64.powf(x)),
            y_label: &|y| format!("{y:.1}"),
        };
        let mut chart = frame.chart(&upper)?;
        for (row, (kind, mut hours)) in (0..).zip(kinds) {
            hours.sort_unstable_by(f64::total_cmp);
            let (label, look) = match kind.as_str() {
                "collective_true" => ("first flag to collective lock, deserved", Look::SolidRound),
                "collective_wrongful" => {
                    ("first flag to collective lock, undeserved", Look::DashedCross)
                }
                _ => ("last mistake taken back to all open", Look::DottedTriangle),
            };
            let count = hours.len() as f64;
            let steps = hours.iter().enumerate().flat_map(|(index, hour)| {
                let at = hour.log10().max(least);
                [(at, index as f64 / count), (at, (index + 1) as f64 / count)]
            });
            let label = format!("{label} (n = {})", hours.len());
            let mut curve = vec![(least, 0.0)];
            curve.extend(steps);
            curve_on(&mut chart, &curve, look)?;
            legend(&lower, row, &label, look)?;
        }
        Ok(())
    })
}
