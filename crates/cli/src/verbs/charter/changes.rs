//! What a proposal changes, as people write it on the command line.

use std::str::FromStr;

use interlock_record::{FeedId, MemberId, PublicKey, RecordId, Span, Time};

use super::member::{QuotaLine, public_key};
use crate::exit::Failure;
use crate::term;

/// A point in time, or one that lies so far ahead of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    At(Time),
    Ahead(Span),
}

impl Moment {
    pub(super) const fn from(self, now: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ahead(span) => now.plus(span),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |error: String| format!("{error}, or +DURATION such as +1h");
        match text.strip_prefix('+') {
            Some(span) => span.parse().map(Self::Ahead).map_err(|error| format!("{error}")),
            None => text.parse().map(Self::At).map_err(|error| expected(format!("{error}"))),
        }
    }
}

/// `WHO=WHAT`, both as they stand.
fn halves<'a>(text: &'a str, expected: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=').ok_or_else(|| format!("expected {expected}, got {text:?}"))
}

/// Something said of a member: `MEMBER=WHAT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Of<T> {
    pub member: MemberId,
    pub what: T,
}

fn of<T>(
    text: &str,
    expected: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Of<T>, String> {
    let (member, what) = halves(text, expected)?;
    let member = member.parse().map_err(|error| format!("{error}"))?;
    Ok(Of { member, what: read(what)? })
}

/// `MEMBER=TEXT`.
pub(super) fn of_text(text: &str) -> Result<Of<String>, String> {
    of(text, "MEMBER=TEXT", |what| Ok(what.to_owned()))
}

/// `MEMBER=KEY`.
pub(super) fn of_key(text: &str) -> Result<Of<PublicKey>, String> {
    of(text, "MEMBER=KEY", public_key)
}

/// A new feed: `MEMBER/FEED=KEY[,quota=FLAGS/WINDOW]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewFeed {
    pub feed: FeedId,
    pub key: PublicKey,
    pub quota: Option<QuotaLine>,
}

impl FromStr for NewFeed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (feed, rest) = halves(text, "MEMBER/FEED=KEY[,quota=FLAGS/WINDOW]")?;
        let (key, quota) = match rest.split_once(",quota=") {
            Some((key, quota)) => (key, Some(quota.parse()?)),
            None => (rest, None),
        };
        Ok(Self { feed: term::feed(feed)?, key: public_key(key)?, quota })
    }
}

/// The end of a feed: `MEMBER/FEED[=SEQUENCE:ID]`, or `=0` where no record counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retirement {
    pub feed: FeedId,
    /// The last record that counts; none: whatever the node knows.
    pub last: Option<Last>,
}

/// The last record of a feed that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub sequence: u64,
    pub id: Option<RecordId>,
}

impl FromStr for Retirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((feed, last)) = text.split_once('=') else {
            return Ok(Self { feed: term::feed(text)?, last: None });
        };
        let last = match last.split_once(':') {
            None if last == "0" => Some(Last { sequence: 0, id: None }),
            None => None,
            Some((sequence, id)) => match (sequence.parse::<u64>(), id.parse()) {
                (Ok(sequence), Ok(id)) if sequence > 0 => Some(Last { sequence, id: Some(id) }),
                _ => None,
            },
        };
        let last = last.ok_or_else(|| {
            format!("expected MEMBER/FEED=SEQUENCE:RECORD-ID, or =0 for none, got {text:?}")
        })?;
        Ok(Self { feed: term::feed(feed)?, last: Some(last) })
    }
}

/// A feed's quota: `MEMBER/FEED=FLAGS/WINDOW`, or `=none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FeedQuota {
    pub feed: FeedId,
    pub quota: Option<QuotaLine>,
}

impl FromStr for FeedQuota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (feed, quota) = halves(text, "MEMBER/FEED=FLAGS/WINDOW or MEMBER/FEED=none")?;
        let quota = if quota == "none" { None } else { Some(quota.parse()?) };
        Ok(Self { feed: term::feed(feed)?, quota })
    }
}

/// Flags beside the quota, once: `MEMBER/FEED=FLAGS:FROM:UNTIL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FeedAllowance {
    pub feed: FeedId,
    pub flags: u64,
    pub from: Moment,
    pub until: Moment,
}

impl FromStr for FeedAllowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "MEMBER/FEED=FLAGS:FROM:UNTIL";
        let wrong = || format!("expected {expected}, each a time or +DURATION, got {text:?}");
        let (feed, rest) = halves(text, expected)?;
        let (flags, times) = rest.split_once(':').ok_or_else(wrong)?;
        let flags = flags.parse().map_err(|_| wrong())?;
        // A time has colons of its own and ends with Z; a duration has none.
        let cut =
            if times.starts_with('+') { times.find(':') } else { times.find("Z:").map(|z| z + 1) };
        let cut = cut.ok_or_else(wrong)?;
        let (from, until) = (times[..cut].parse()?, times[cut + 1..].parse()?);
        Ok(Self { feed: term::feed(feed)?, flags, from, until })
    }
}

/// A feed in which a trustee signs for a member that is gone: `GONE/FEED=TRUSTEE:KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trusteeship {
    pub feed: FeedId,
    pub trustee: MemberId,
    pub key: PublicKey,
}

impl FromStr for Trusteeship {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (feed, rest) = halves(text, "GONE/FEED=TRUSTEE:KEY")?;
        let (trustee, key) = rest
            .split_once(':')
            .ok_or_else(|| format!("expected GONE/FEED=TRUSTEE:KEY, got {text:?}"))?;
        let trustee = trustee.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { feed: term::feed(feed)?, trustee, key: public_key(key)? })
    }
}

/// One of the charter's limits: `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitChange {
    pub key: String,
    pub value: String,
}

/// The limits that are durations.
const SPANS: [&str; 3] = ["max_clock_skew", "min_keep", "retention"];
/// The limits that are counts.
const COUNTS: [&str; 2] = ["statements_a_day", "disputes_a_day"];

impl LimitChange {
    /// Its value in the document.
    pub(super) fn item(&self) -> Result<toml_edit::Item, Failure> {
        if SPANS.contains(&self.key.as_str()) {
            return Ok(toml_edit::value(self.value.as_str()));
        }
        let count = self.value.parse::<i64>().map_err(|_| {
            Failure::usage(format!("--limit {}: expected a count, got {:?}", self.key, self.value))
        })?;
        Ok(toml_edit::value(count))
    }
}

impl FromStr for LimitChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = halves(text, "KEY=VALUE")?;
        if !SPANS.contains(&key) && !COUNTS.contains(&key) {
            let all = [&SPANS[..], &COUNTS[..]].concat().join(", ");
            return Err(format!("expected one of {all}, got {key:?}"));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_or_counted_from_now() {
        let now: Time = "2026-01-01T00:00:00Z".parse().expect("a time");
        let moment: Moment = "+90s".parse().expect("a moment");
        assert_eq!(moment.from(now).to_string(), "2026-01-01T00:01:30Z");
        let moment: Moment = "2026-02-01T00:00:00Z".parse().expect("a moment");
        assert_eq!(moment.from(now).to_string(), "2026-02-01T00:00:00Z");
        for text in ["", "+", "+1", "1h", "tomorrow"] {
            assert!(text.parse::<Moment>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn an_allowance_is_read_with_times_of_either_kind() {
        for (text, from) in [
            ("acme/1=500:2026-01-01T00:00:00Z:2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("acme/1=500:2026-01-01T00:00:00.5Z:+2h", "2026-01-01T00:00:00.5Z"),
        ] {
            let allowance: FeedAllowance = text.parse().expect(text);
            assert_eq!(
                (allowance.flags, allowance.from),
                (500, Moment::At(from.parse().expect(from)))
            );
        }
        let both: FeedAllowance = "acme/1=5:+0s:+1h".parse().expect("it is well formed");
        assert_eq!(both.from, Moment::Ahead(Span::from_secs(0)));
        for text in ["acme/1=5", "acme/1=5:+1h", "acme/1=x:+0s:+1h", "acme=5:+0s:+1h", "acme/1"] {
            assert!(text.parse::<FeedAllowance>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn a_feed_ends_at_a_head_at_none_or_where_the_node_says() {
        let id = "ab".repeat(32);
        let read = |text: &str| text.parse::<Retirement>().map(|end| end.last);
        assert_eq!(read("acme/1"), Ok(None));
        assert_eq!(read("acme/1=0"), Ok(Some(Last { sequence: 0, id: None })));
        let last = read(&format!("acme/1=7:{id}")).expect("well formed").expect("given");
        assert_eq!((last.sequence, last.id.map(|id| id.to_string())), (7, Some(id.clone())));
        for text in ["acme/1=7".to_owned(), format!("acme/1=0:{id}"), "acme/1=7:ab".to_owned()] {
            assert!(read(&text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn other_limits_and_counts_that_are_none_are_refused() {
        assert!("colour=red".parse::<LimitChange>().is_err());
        let limit: LimitChange = "disputes_a_day=many".parse().expect("the key is known");
        assert!(limit.item().is_err());
    }
}
