//! What runs came to, as SVG: readable without colour, by kinds of lines and marks and by labels.
#![allow(clippy::float_arithmetic, clippy::cast_precision_loss)]

mod curves;
mod frame;
mod frontier;
mod phase;
mod points;

pub use curves::{lags, locks_over_time};
pub use frontier::{best, frontier};
pub use phase::phase;
pub use points::{Point, points};

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::prelude::{IntoDrawingArea, SVGBackend, WHITE};

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlotError {
    /// There is nothing to draw.
    #[error("{0}")]
    Nothing(String),
    /// A file is not what it should be.
    #[error("line {line}: expected {expected}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// The drawing failed.
    #[error("cannot draw: {0}")]
    Drawing(String),
}

/// Width and height in pixels.
const SIZE: (u32, u32) = (960, 600);
/// The font of everything.
const FONT: &str = "sans-serif";

type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// Draws on a sheet and gives the SVG.
fn sheet(draw: impl FnOnce(&Sheet<'_>) -> Drawn<()>) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        sheet.fill(&WHITE).map_err(|error| PlotError::Drawing(error.to_string()))?;
        draw(&sheet).map_err(|error| PlotError::Drawing(error.to_string()))?;
        sheet.present().map_err(|error| PlotError::Drawing(error.to_string()))?;
    }
    Ok(svg)
}

/// A number as it is read best: without needless decimals.
fn short(number: f64) -> String {
    let size = number.abs();
    if size >= 100_000.0 {
        format!("{number:.1e}")
    } else if size >= 100.0 || number.fract() == 0.0 {
        format!("{number:.0}")
    } else if size >= 1.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.3}")
    }
}

/// The lines of a CSV file without quotes, but for its header, with their numbers from 1.
fn records(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let lines = text.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty());
    lines.map(|(index, line)| (index + 1, line.split(',').collect()))
}
