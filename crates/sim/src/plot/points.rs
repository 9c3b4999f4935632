//! The points of a sweep: rows with the same settings, taken together.

use crate::cascade::output::Row;
use crate::cascade::scenario::Setting;
use crate::cascade::{COLUMNS, Summary};

/// A point of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its settings.
    pub settings: Vec<Setting>,
    /// How many runs it has.
    pub runs: usize,
    /// What its runs say of each of [`COLUMNS`], where any has a value.
    pub summaries: Vec<Option<Summary>>,
}

impl Point {
    /// What its runs say of a column.
    pub fn summary(&self, column: &str) -> Option<&Summary> {
        let index = COLUMNS.iter().position(|other| other.name == column)?;
        self.summaries.get(index)?.as_ref()
    }

    /// Its settings in one line.
    pub fn label(&self) -> String {
        if self.settings.is_empty() {
            return "as written".to_owned();
        }
        let settings = self.settings.iter().map(|setting| {
            let short = setting.key.rsplit('.').next().unwrap_or(&setting.key);
            format!("{short} {}", setting.value)
        });
        settings.collect::<Vec<_>>().join(", ")
    }
}

/// The points of rows, in the order in which they come first.
pub fn points(rows: &[Row]) -> Vec<Point> {
    let mut groups: Vec<(&[Setting], Vec<&Row>)> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some((settings, group)) if *settings == row.settings.as_slice() => group.push(row),
            _ => match groups.iter_mut().find(|(settings, _)| *settings == row.settings) {
                Some((_, group)) => group.push(row),
                None => groups.push((&row.settings, vec![row])),
            },
        }
    }
    groups
        .into_iter()
        .map(|(settings, group)| {
            let column = |index: usize| {
                let values: Vec<f64> =
                    group.iter().filter_map(|row| row.values.get(index)?.number()).collect();
                Summary::of(&values)
            };
            let summaries = (0..COLUMNS.len()).map(column).collect();
            Point { settings: settings.to_vec(), runs: group.len(), summaries }
        })
        .collect()
}
