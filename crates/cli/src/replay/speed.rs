//! How fast events are played: at full speed, or at an acceleration of their own time.

use std::str::FromStr;
use std::time::Duration;

use interlock_record::Time;
use tokio::time::Instant;

/// How fast events are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speed {
    /// As fast as the nodes take them.
    Max,
    /// So many times as fast as they happened.
    Times(u64),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("max", _) => Ok(Self::Max),
            (_, Ok(times)) if times >= 1 => Ok(Self::Times(times)),
            _ => Err(format!("expected max, or a whole number of times from 1, got {text:?}")),
        }
    }
}

/// The clock of a replay: which instant of the file it is now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    speed: Speed,
    first: Time,
    started: Instant,
}

impl Pace {
    /// The file's first instant is now.
    pub(super) fn starting_now(speed: Speed, first: Time) -> Self {
        Self { speed, first, started: Instant::now() }
    }

    /// The instant of the file up to which everything is due.
    pub(super) fn due(&self) -> Time {
        self.due_after(self.started.elapsed())
    }

    fn due_after(&self, elapsed: Duration) -> Time {
        let Speed::Times(times) = self.speed else { return Time::MAX };
        let elapsed = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let played = i64::try_from(elapsed.saturating_mul(times)).unwrap_or(i64::MAX);
        Time::from_micros(self.first.micros().saturating_add(played)).unwrap_or(Time::MAX)
    }

    /// Returns when an event of that instant is due.
    pub(super) async fn wait_for(&self, at: Time) {
        if let Speed::Times(times) = self.speed {
            let ahead = u64::try_from(at.since(self.first).micros()).unwrap_or(0);
            tokio::time::sleep_until(self.started + Duration::from_micros(ahead / times)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_max_or_whole_numbers() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("86400".parse(), Ok(Speed::Times(86_400)));
        for text in ["", "0", "-1", "1.5", "fast"] {
            assert!(text.parse::<Speed>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn time_runs_as_many_times_as_fast() {
        let first = Time::from_micros(1_000_000).expect("a time");
        let pace = Pace::starting_now(Speed::Times(60), first);
        let minute_later = Time::from_micros(61_000_000);
        assert_eq!(Some(pace.due_after(Duration::from_secs(1))), minute_later);
        assert_eq!(Pace::starting_now(Speed::Max, first).due_after(Duration::ZERO), Time::MAX);
    }
}
