//! Sweeps: the points of a grid of settings.

use super::scenario::Setting;

/// The most points of a sweep.
pub const MAX_POINTS: usize = 100_000;

/// A key and the values that it takes one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The key, as in [`Setting`].
    pub key: String,
    /// The values, as they are written.
    pub values: Vec<String>,
}

/// Values that cannot be swept over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAxis {
    /// A range is not one.
    #[error(
        "{key}: expected a range FROM:TO:STEP of whole numbers with one unit, STEP above 0, got {got:?}"
    )]
    Range {
        /// The key.
        key: String,
        /// What was found.
        got: String,
    },
    /// A value is empty.
    #[error("{0}: expected values separated by commas, one is empty")]
    Empty(String),
    /// A key is there twice.
    #[error("{0}: expected each key once")]
    Twice(String),
    /// There are too many points.
    #[error("expected at most {MAX_POINTS} points")]
    TooMany,
}

impl Axis {
    /// The values of a setting: a list, or a range `FROM:TO:STEP`, both ends included.
    ///
    /// # Errors
    /// [`BadAxis`].
    pub fn of(setting: &Setting) -> Result<Self, BadAxis> {
        let key = setting.key.clone();
        let mut values = Vec::new();
        for part in split(&setting.value) {
            let part = part.trim();
            if part.is_empty() {
                return Err(BadAxis::Empty(key));
            }
            let quoted = part.starts_with(['"', '\'', '[', '{']);
            if !quoted && part.matches(':').count() == 2 {
                let range = range(part)
                    .ok_or_else(|| BadAxis::Range { key: key.clone(), got: part.to_owned() })?;
                values.extend(range);
            } else {
                values.push(part.to_owned());
            }
            if values.len() > MAX_POINTS {
                return Err(BadAxis::TooMany);
            }
        }
        Ok(Self { key, values })
    }

    /// Every combination of the axes' values; the last axis changes fastest.
    ///
    /// # Errors
    /// [`BadAxis`] for a key that is there twice and for too many points.
    pub fn points(axes: &[Self]) -> Result<Vec<Vec<Setting>>, BadAxis> {
        let mut points = vec![Vec::new()];
        for (index, axis) in axes.iter().enumerate() {
            if axes[..index].iter().any(|earlier| earlier.key == axis.key) {
                return Err(BadAxis::Twice(axis.key.clone()));
            }
            if points.len().saturating_mul(axis.values.len()) > MAX_POINTS {
                return Err(BadAxis::TooMany);
            }
            points = points
                .into_iter()
                .flat_map(|point: Vec<Setting>| {
                    axis.values.iter().map(move |value| {
                        let mut point = point.clone();
                        point.push(Setting { key: axis.key.clone(), value: value.clone() });
                        point
                    })
                })
                .collect();
        }
        Ok(points)
    }
}

/// The parts between commas, those in brackets and quotes left alone.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start) = (0_u32, None, 0);
    let mut parts = Vec::new();
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The numbers of a range, each with its unit.
fn range(text: &str) -> Option<Vec<String>> {
    let mut ends = text.split(':').map(number);
    let (from, to, step) = (ends.next()??, ends.next()??, ends.next()??);
    if step.0 == 0 || from.1 != to.1 || from.1 != step.1 || from.0 > to.0 {
        return None;
    }
    if (to.0 - from.0) / step.0 >= MAX_POINTS as u64 {
        return None;
    }
    let count = (to.0 - from.0) / step.0;
    Some((0..=count).map(|index| format!("{}{}", from.0 + index * step.0, from.1)).collect())
}

/// A whole number and the unit after it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let unit = &text[end..];
    let letters = unit.bytes().all(|byte| byte.is_ascii_lowercase());
    letters.then(|| text[..end].parse().ok().map(|number| (number, unit)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Result<Axis, BadAxis> {
        Axis::of(&text.parse().expect("a setting"))
    }

    fn values(text: &str) -> Vec<String> {
        axis(text).expect(text).values
    }

    #[test]
    fn lists_and_ranges_are_values() {
        assert_eq!(values("a=1,5,9"), ["1", "5", "9"]);
        assert_eq!(values("a=1:7:3"), ["1", "4", "7"]);
        assert_eq!(values("a=1:8:3"), ["1", "4", "7"]);
        assert_eq!(values("a=2d:6d:2d"), ["2d", "4d", "6d"]);
        assert_eq!(values("a=ignore,count"), ["ignore", "count"]);
        assert_eq!(values("a=[1,2],[3,4]"), ["[1,2]", "[3,4]"]);
        assert_eq!(values("a=\"x,y\""), ["\"x,y\""]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in ["a=1:7:0", "a=7:1:1", "a=1d:7h:1d", "a=1:x:2", "a=0:100001:1"] {
            assert!(matches!(axis(bad), Err(BadAxis::Range { .. })), "{bad}");
        }
        assert_eq!(axis("a=1,,2"), Err(BadAxis::Empty("a".to_owned())));
    }

    #[test]
    fn points_are_every_combination_and_bounded() {
        let axes = [axis("a=1,2").expect("good"), axis("b=x,y,z").expect("good")];
        let points = Axis::points(&axes).expect("few");
        let text: Vec<String> = points
            .iter()
            .map(|point| point.iter().map(|setting| setting.value.as_str()).collect())
            .collect();
        assert_eq!(text, ["1x", "1y", "1z", "2x", "2y", "2z"]);
        let twice = [axes[0].clone(), axes[0].clone()];
        assert_eq!(Axis::points(&twice), Err(BadAxis::Twice("a".to_owned())));
        let wide = |key: &str| axis(&format!("{key}=1:317:1")).expect("good");
        assert_eq!(Axis::points(&[wide("a"), wide("b")]), Err(BadAxis::TooMany));
        assert_eq!(Axis::points(&[]).map(|points| points.len()), Ok(1));
    }
}
