//! What all pictures share: axes, curves that are told apart by dashes and marks, a legend below.

use plotters::chart::ChartContext;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, Circle, Color, Cross, DashedLineSeries, IntoFont, LineSeries,
    PathElement, SVGBackend, ShapeStyle, Text, TriangleMarker,
};

use super::{Drawn, FONT, SIZE, Sheet};

/// So many marks stand on a curve.
const MARKS: usize = 12;
/// The height of a line of the legend, in pixels.
const LEGEND_LINE: u32 = 26;
/// Where a legend's samples begin and end, in pixels.
const SAMPLE: (i32, i32) = (90, 140);

pub(super) type Chart<'a> =
    ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// How a curve is told from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    SolidRound,
    DashedCross,
    DottedTriangle,
}

/// Axes and what is written on them.
pub(super) struct Frame<'a> {
    pub caption: &'a str,
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub x_desc: &'a str,
    pub y_desc: &'a str,
    pub x_label: &'a dyn Fn(f64) -> String,
    pub y_label: &'a dyn Fn(f64) -> String,
}

impl Frame<'_> {
    /// Draws the axes.
    pub(super) fn chart<'s>(&self, sheet: &Sheet<'s>) -> Drawn<Chart<'s>> {
        let mut chart = ChartBuilder::on(sheet)
            .caption(self.caption, (FONT, 22).into_font())
            .margin(18)
            .x_label_area_size(48)
            .y_label_area_size(78)
            .build_cartesian_2d(self.x.0..self.x.1, self.y.0..self.y.1)?;
        chart
            .configure_mesh()
            .x_desc(self.x_desc)
            .y_desc(self.y_desc)
            .x_label_formatter(&|x| (self.x_label)(*x))
            .y_label_formatter(&|y| (self.y_label)(*y))
            .label_style((FONT, 15).into_font())
            .light_line_style(BLACK.mix(0.05))
            .bold_line_style(BLACK.mix(0.15))
            .draw()?;
        Ok(chart)
    }
}

/// The height of what stands above a legend of so many lines.
pub(super) fn above_legend(lines: usize) -> u32 {
    SIZE.1 - LEGEND_LINE * u32::try_from(lines).unwrap_or(1) - 10
}

impl Look {
    /// How long dashes and the gaps between them are, in pixels.
    const fn dashes(self) -> Option<(i32, i32)> {
        match self {
            Self::SolidRound => None,
            Self::DashedCross => Some((10, 6)),
            Self::DottedTriangle => Some((2, 5)),
        }
    }
}

/// The stroke of curves and marks.
fn line() -> ShapeStyle {
    BLACK.stroke_width(2)
}

/// Draws a curve with its marks.
pub(super) fn curve_on(chart: &mut Chart<'_>, curve: &[(f64, f64)], look: Look) -> Drawn<()> {
    match look.dashes() {
        None => chart.draw_series(LineSeries::new(curve.iter().copied(), line()))?,
        Some((dash, gap)) => {
            chart.draw_series(DashedLineSeries::new(curve.iter().copied(), dash, gap, line()))?
        }
    };
    let every = curve.len().div_ceil(MARKS).max(1);
    let marks = curve.iter().copied().skip(every / 2).step_by(every);
    match look {
        Look::SolidRound => {
            chart.draw_series(marks.map(|at| Circle::new(at, 4, BLACK.filled())))?;
        }
        Look::DashedCross => {
            chart.draw_series(marks.map(|at| Cross::new(at, 5, line())))?;
        }
        Look::DottedTriangle => {
            chart.draw_series(marks.map(|at| TriangleMarker::new(at, 6, BLACK.filled())))?;
        }
    }
    Ok(())
}

/// Draws a thin curve without marks, of the same kind.
pub(super) fn thin_on(chart: &mut Chart<'_>, curve: &[(f64, f64)], look: Look) -> Drawn<()> {
    let (dash, gap) = look.dashes().unwrap_or((1_000_000, 1));
    let line = BLACK.mix(0.4).stroke_width(1);
    chart.draw_series(DashedLineSeries::new(curve.iter().copied(), dash, gap, line))?;
    Ok(())
}

/// Draws a line of the legend.
pub(super) fn legend(sheet: &Sheet<'_>, row: i32, label: &str, look: Look) -> Drawn<()> {
    let y = row * i32::try_from(LEGEND_LINE)? + 12;
    let (dash, gap) = look.dashes().unwrap_or((SAMPLE.1 - SAMPLE.0, 1));
    let mut from = SAMPLE.0;
    while from < SAMPLE.1 {
        let to = (from + dash).min(SAMPLE.1);
        sheet.draw(&PathElement::new(vec![(from, y), (to, y)], line()))?;
        from += dash + gap;
    }
    let middle = (i32::midpoint(SAMPLE.0, SAMPLE.1), y);
    match look {
        Look::SolidRound => sheet.draw(&Circle::new(middle, 4, BLACK.filled()))?,
        Look::DashedCross => sheet.draw(&Cross::new(middle, 5, line()))?,
        Look::DottedTriangle => sheet.draw(&TriangleMarker::new(middle, 6, BLACK.filled()))?,
    }
    let text = Text::new(label.to_owned(), (SAMPLE.1 + 12, y - 8), (FONT, 15).into_font());
    sheet.draw(&text)?;
    Ok(())
}
