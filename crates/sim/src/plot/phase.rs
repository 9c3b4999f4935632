//! Phase diagrams: how one column depends on one or two settings.

use plotters::prelude::{BLACK, Color, IntoFont, PathElement, Rectangle, Text, WHITE};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::frame::{Frame, Look, curve_on};
use super::points::Point;
use super::{FONT, PlotError, SIZE, sheet, short};

/// The most values of a setting that a diagram shows.
const MOST_VALUES: usize = 40;
/// The darkest cell's share of black: numbers in it are written in white.
const DARKEST: f64 = 0.75;
/// From this share of the greatest value on a cell is dark.
const DARK: f64 = 0.6;

/// Draws the mean of a column over the values of one or two settings. With one it is a curve with its
/// confidence interval, with two a field of cells, each with its number.
///
/// # Errors
/// [`PlotError`], also where not one or two settings take more than one value.
pub fn phase(points: &[Point], column: &str) -> Result<String, PlotError> {
    let keys: Vec<&str> = points
        .first()
        .map(|point| point.settings.iter().map(|setting| setting.key.as_str()).collect())
        .unwrap_or_default();
    let axes: Vec<(&str, Vec<&str>)> = keys
        .iter()
        .map(|key| (*key, values(points, key)))
        .filter(|(_, values)| values.len() > 1)
        .collect();
    if axes.iter().any(|(_, values)| values.len() > MOST_VALUES) {
        return Err(PlotError::Nothing(format!(
            "expected at most {MOST_VALUES} values of a setting"
        )));
    }
    match axes.as_slice() {
        [axis] => curve(points, column, axis),
        [down, across] => field(points, column, down, across),
        _ => Err(PlotError::Nothing(format!(
            "a phase diagram needs one or two settings with several values, there are {}",
            axes.len()
        ))),
    }
}

fn values<'a>(points: &'a [Point], key: &str) -> Vec<&'a str> {
    let mut values = Vec::new();
    for point in points {
        let found = point.settings.iter().find(|setting| setting.key == key);
        if let Some(setting) = found
            && !values.contains(&setting.value.as_str())
        {
            values.push(&setting.value);
        }
    }
    values
}

fn place(point: &Point, axis: &(&str, Vec<&str>)) -> Option<usize> {
    let setting = point.settings.iter().find(|setting| setting.key == axis.0)?;
    axis.1.iter().position(|value| *value == setting.value)
}

fn curve(points: &[Point], column: &str, axis: &(&str, Vec<&str>)) -> Result<String, PlotError> {
    let found: Vec<_> = points
        .iter()
        .filter_map(|point| Some((place(point, axis)? as f64, point.summary(column)?.mean)))
        .collect();
    if found.is_empty() {
        return Err(PlotError::Nothing(format!("no run has a value of {column}")));
    }
    let top = found.iter().map(|(_, mean)| mean.high).fold(1e-9, f64::max) * 1.1;
    let last = (axis.1.len() - 1) as f64;
    let name = |x: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let index = x.round() as usize;
        let is_whole = (x - x.round()).abs() < 1e-6;
        axis.1.get(index).filter(|_| is_whole).map_or(String::new(), ToString::to_string)
    };
    sheet(|sheet| {
        let frame = Frame {
            caption: &format!("{column} by {}", axis.0),
            x: (-0.3, last + 0.3),
            y: (0.0, top),
            x_desc: axis.0,
            y_desc: &format!("{column} (mean, 95 % interval)"),
            x_label: &name,
            y_label: &short,
        };
        let mut chart = frame.chart(sheet)?;
        let bars = found.iter().map(|(x, mean)| {
            PathElement::new(vec![(*x, mean.low.max(0.0)), (*x, mean.high)], BLACK.mix(0.5))
        });
        chart.draw_series(bars)?;
        let curve: Vec<(f64, f64)> = found.iter().map(|(x, mean)| (*x, mean.value)).collect();
        curve_on(&mut chart, &curve, Look::SolidRound)
    })
}

fn field(
    points: &[Point],
    column: &str,
    down: &(&str, Vec<&str>),
    across: &(&str, Vec<&str>),
) -> Result<String, PlotError> {
    let found: Vec<(usize, usize, f64)> = points
        .iter()
        .filter_map(|point| {
            let value = point.summary(column)?.mean.value;
            Some((place(point, down)?, place(point, across)?, value))
        })
        .collect();
    if found.is_empty() {
        return Err(PlotError::Nothing(format!("no run has a value of {column}")));
    }
    let most = found.iter().map(|(.., value)| value.abs()).fold(1e-9, f64::max);
    let (left, top, right, bottom) = (170, 60, pixels(SIZE.0) - 30, pixels(SIZE.1) - 80);
    let (rows, columns) = (down.1.len(), across.1.len());
    let edge = |from: i32, to: i32, index: usize, count: usize| {
        let share = index as f64 / count as f64;
        #[allow(clippy::cast_possible_truncation)]
        let step = (f64::from(to - from) * share).round() as i32;
        from + step
    };
    let middle = Pos::new(HPos::Center, VPos::Center);
    sheet(|sheet| {
        let font = |size: i32| (FONT, size).into_font();
        let caption = format!("{column} (mean): darker is more");
        sheet.draw(&Text::new(caption, (left, 20), font(22)))?;
        for (row, at, value) in &found {
            let corners = [
                (edge(left, right, *at, columns), edge(top, bottom, *row, rows)),
                (edge(left, right, at + 1, columns), edge(top, bottom, row + 1, rows)),
            ];
            let share = value.abs() / most;
            sheet.draw(&Rectangle::new(corners, BLACK.mix(share * DARKEST).filled()))?;
            sheet.draw(&Rectangle::new(corners, BLACK.stroke_width(1)))?;
            let ink = if share > DARK { WHITE } else { BLACK };
            let style = font(15).color(&ink).pos(middle);
            let center = (
                i32::midpoint(corners[0].0, corners[1].0),
                i32::midpoint(corners[0].1, corners[1].1),
            );
            sheet.draw(&Text::new(short(*value), center, style))?;
        }
        for (row, value) in down.1.iter().enumerate() {
            let y = i32::midpoint(edge(top, bottom, row, rows), edge(top, bottom, row + 1, rows));
            let style = font(15).color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
            sheet.draw(&Text::new((*value).to_owned(), (left - 8, y), style))?;
        }
        for (at, value) in across.1.iter().enumerate() {
            let x =
                i32::midpoint(edge(left, right, at, columns), edge(left, right, at + 1, columns));
            let style = font(15).color(&BLACK).pos(middle);
            sheet.draw(&Text::new((*value).to_owned(), (x, bottom + 16), style))?;
        }
        sheet.draw(&Text::new(format!("down: {}", down.0), (left, bottom + 34), font(15)))?;
        sheet.draw(&Text::new(format!("across: {}", across.0), (left, bottom + 54), font(15)))?;
        Ok(())
    })
}

fn pixels(size: u32) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}
