//! The frontier: what containment costs in wrongful locks, policy by policy.

use plotters::prelude::{BLACK, Circle, Color, DashedLineSeries, IntoFont, PathElement, Text};

use crate::cascade::Estimate;

use super::frame::{Frame, above_legend};
use super::points::Point;
use super::{Drawn, FONT, PlotError, Sheet, sheet, short};

/// The most points that are named below the picture.
const MOST_NAMED: usize = 16;
/// How high a line of names is, in pixels.
const NAME_LINE: i32 = 18;

/// Which points are best: no other contains at least as much at no more cost, and is better in one.
/// `contained` and `wrongful` are the columns that are compared, by their means.
pub fn best(points: &[Point], contained: &str, wrongful: &str) -> Vec<usize> {
    let of = |point: &Point| {
        Some((point.summary(contained)?.mean.value, point.summary(wrongful)?.mean.value))
    };
    let places: Vec<Option<(f64, f64)>> = points.iter().map(of).collect();
    let beaten = |(contained, wrongful): (f64, f64)| {
        places.iter().flatten().any(|(more, less)| {
            *more >= contained && *less <= wrongful && (*more > contained || *less < wrongful)
        })
    };
    let places = places.iter().enumerate();
    places
        .filter_map(|(index, place)| place.filter(|place| !beaten(*place)).map(|_| index))
        .collect()
}

/// Draws containment against wrongful locks: each point with its confidence intervals and its number,
/// the best ones filled and joined by a line.
///
/// # Errors
/// [`PlotError`].
pub fn frontier(points: &[Point], contained: &str, wrongful: &str) -> Result<String, PlotError> {
    let places: Vec<_> = points
        .iter()
        .enumerate()
        .filter_map(|(index, point)| {
            Some((index, point.summary(wrongful)?.mean, point.summary(contained)?.mean))
        })
        .collect();
    if places.is_empty() {
        return Err(PlotError::Nothing(format!(
            "expected points with both {contained} and {wrongful}, found none"
        )));
    }
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max).max(1e-9) * 1.1;
    let x = most(&mut places.iter().map(|(_, x, _)| x.high));
    let y = most(&mut places.iter().map(|(_, _, y)| y.high));
    let best = best(points, contained, wrongful);
    sheet(|sheet| {
        let named = points.len().min(MOST_NAMED);
        let (upper, lower) = sheet.split_vertically(above_legend(named.div_ceil(2)));
        let frame = Frame {
            caption: "What containment costs",
            x: (0.0, x),
            y: (0.0, y),
            x_desc: &format!("{wrongful} (mean)"),
            y_desc: &format!("{contained} (mean)"),
            x_label: &short,
            y_label: &short,
        };
        let mut chart = frame.chart(&upper)?;
        let mut line: Vec<(f64, f64)> = places
            .iter()
            .filter(|(index, ..)| best.contains(index))
            .map(|(_, x, y)| (x.value, y.value))
            .collect();
        line.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        chart.draw_series(DashedLineSeries::new(line, 6, 4, BLACK.stroke_width(1)))?;
        for (index, x, y) in &places {
            let (low, high) = (x.low.max(0.0), x.high);
            let bars = [
                vec![(low, y.value), (high, y.value)],
                vec![(x.value, y.low.max(0.0)), (x.value, y.high)],
            ];
            chart.draw_series(bars.map(|bar| PathElement::new(bar, BLACK.mix(0.4))))?;
            let style = if best.contains(index) { BLACK.filled() } else { BLACK.stroke_width(1) };
            chart.draw_series([Circle::new((x.value, y.value), 5, style)])?;
        }
        for (x, y, names) in marks(&places) {
            let shift = (frame.x.1 * 0.008, frame.y.1 * 0.035);
            let font = (FONT, 14).into_font();
            chart.draw_series([Text::new(names, (x + shift.0, y + shift.1), font)])?;
        }
        names(&lower, points, &best)
    })
}

/// Where numbers stand, and which: points at one place share a mark.
fn marks(places: &[(usize, Estimate, Estimate)]) -> Vec<(f64, f64, String)> {
    let mut marks: Vec<(f64, f64, String)> = Vec::new();
    for (index, x, y) in places {
        let number = (index + 1).to_string();
        let same = |mark: &&mut (f64, f64, String)| (mark.0, mark.1) == (x.value, y.value);
        match marks.iter_mut().find(same) {
            Some((_, _, names)) => {
                names.push_str(", ");
                names.push_str(&number);
            }
            None => marks.push((x.value, y.value, number)),
        }
    }
    marks
}

/// Writes which number is which point.
fn names(sheet: &Sheet<'_>, points: &[Point], best: &[usize]) -> Drawn<()> {
    for (index, point) in points.iter().enumerate().take(MOST_NAMED) {
        let row = i32::try_from(index / 2)?;
        let column = i32::try_from(index % 2)?;
        let mark = if best.contains(&index) { " (best)" } else { "" };
        let more = if index + 1 == MOST_NAMED && points.len() > MOST_NAMED {
            format!(" ... and {} more", points.len() - MOST_NAMED)
        } else {
            String::new()
        };
        let text = format!("{}  {}{mark}{more}", index + 1, point.label());
        let at = (60 + column * 440, row * NAME_LINE + 4);
        sheet.draw(&Text::new(text, at, (FONT, 14).into_font()))?;
    }
    Ok(())
}
