//! Instants and spans of time as whole microseconds. Nobody here reads a clock.

use std::fmt;
use std::str::FromStr;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// A span of time in microseconds, never negative, at most [`Span::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

/// A text that is not an instant as the protocol writes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 2026-01-01T00:00:00Z (UTC, at most 6 decimals), got {0:?}")]
pub struct BadTime(pub String);

/// A text that is not a span as the protocol writes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a duration like \"2s\" or \"180d\" (one whole number and one of us, ms, s, m, h, d, at most 36525d), got {0:?}"
)]
pub struct BadSpan(pub String);

impl Time {
    /// 0001-01-01T00:00:00Z, before anything that can be written.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z, the last instant that can be written.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant `micros` microseconds after the epoch, if it can be written.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 { None } else { Some(Self(micros)) }
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant `span` later, or [`Time::MAX`].
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        let micros = self.0.saturating_add(span.0);
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// The instant `span` earlier, or [`Time::MIN`].
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        let micros = self.0.saturating_sub(span.0);
        if micros < Self::MIN.0 { Self::MIN } else { Self(micros) }
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub const fn since(self, earlier: Self) -> Span {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 { Span(0) } else { Span(micros) }
    }
}

impl Span {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);
    /// The longest span that may be written: 100 years of 365.25 days.
    pub const MAX: Self = Self(36_525 * 86_400_000_000);

    /// A span of so many microseconds, if it is neither negative nor longer than [`Span::MAX`].
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < 0 || micros > Self::MAX.0 { None } else { Some(Self(micros)) }
    }

    /// A span of so many milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis as i64 * 1_000)
    }

    /// A span of so many seconds (at most about 136 years of them fit, more than [`Span::MAX`] is cut).
    pub const fn from_secs(secs: u32) -> Self {
        let micros = secs as i64 * 1_000_000;
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// A span of so many days of 24 hours.
    pub const fn from_days(days: u16) -> Self {
        let micros = days as i64 * 86_400_000_000;
        if micros > Self::MAX.0 { Self::MAX } else { Self(micros) }
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with `Z`, with as many decimals as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .expect("every Time is between the years 1 and 9999");
        f.pad(&text)
    }
}

impl FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let bad = || BadTime(text.to_owned());
        let bytes = text.as_bytes();
        // The parser takes offsets, small letters and nanoseconds too; the protocol does not.
        let shape = bytes.len() >= 20 && bytes[10] == b'T' && bytes.last() == Some(&b'Z');
        let decimals = match bytes.get(19) {
            Some(b'Z') => bytes.len() == 20,
            Some(b'.') => (22..=27).contains(&bytes.len()),
            _ => false,
        };
        // A leap second has no instant of its own in µs since the epoch.
        if !shape || !decimals || &bytes[17..19] == b"60" {
            return Err(bad());
        }
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| bad())?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000)
            .ok()
            .and_then(Self::from_micros)
            .ok_or_else(bad)
    }
}

/// The units a span may be written in, the smallest first, and their microseconds.
const UNITS: [(&str, i64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

impl fmt::Display for Span {
    /// One whole number and the largest unit that divides it, as the policy file writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = UNITS
            .iter()
            .rev()
            .find(|(_, size)| self.0 != 0 && self.0 % size == 0)
            .unwrap_or(&("s", 1_000_000));
        f.pad(&format!("{}{unit}", self.0 / size))
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(text.to_owned());
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, unit) = text.split_at(split);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        number
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(*size))
            .and_then(Self::from_micros)
            .ok_or_else(bad)
    }
}

macro_rules! serde_as_text {
    ($($name:ty),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;

serde_as_text!(Time, Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_as_many_decimals_as_needed() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-01-01T00:00:00.5Z",
            "2026-02-28T23:59:59.000001Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let at: Time = text.parse().expect(text);
            assert_eq!(at.to_string(), text);
        }
        assert_eq!(
            "2026-01-01T00:00:00.500Z".parse::<Time>().map(|t| t.to_string()),
            Ok("2026-01-01T00:00:00.5Z".to_owned())
        );
    }

    #[test]
    fn other_spellings_of_a_time_are_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00z",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.1234567Z",
            "2026-01-01T00:00:00.Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2016-12-31T23:59:60Z",
            "+2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z ",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn spans_have_one_whole_number_and_one_unit() {
        for (text, micros) in [
            ("0s", 0),
            ("1us", 1),
            ("2ms", 2_000),
            ("90s", 90_000_000),
            ("3m", 180_000_000),
            ("2h", 7_200_000_000),
            ("36525d", Span::MAX.micros()),
        ] {
            assert_eq!(text.parse::<Span>().map(Span::micros), Ok(micros), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "-1s",
            "+1s",
            "1.5d",
            "1 d",
            "1d12h",
            "1w",
            "36526d",
            "99999999999999999999d",
            "1D",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text:?} must be refused");
        }
        assert_eq!(Span::from_days(180).to_string(), "180d");
        assert_eq!(Span::from_millis(1_500).to_string(), "1500ms");
        assert_eq!(Span::ZERO.to_string(), "0s");
    }
}
