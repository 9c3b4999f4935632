//! Instants.

use interlock_record::Time;
use prost_types::Timestamp;

/// The instant as protobuf writes it.
///
/// # Panics
/// Never: the rest of a division by a second is less than a second.
pub fn timestamp(at: Time) -> Timestamp {
    let micros = at.micros();
    let nanos = micros.rem_euclid(1_000_000) * 1_000;
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).expect("less than a second"),
    }
}

/// A timestamp that is no instant of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time between the years 1 and 9999 with whole microseconds")]
pub struct BadTimestamp;

/// The instant of a timestamp.
///
/// # Errors
/// When it cannot be written, or has a fraction of a microsecond.
pub fn time(timestamp: &Timestamp) -> Result<Time, BadTimestamp> {
    let whole = (0..1_000_000_000).contains(&timestamp.nanos) && timestamp.nanos % 1_000 == 0;
    timestamp
        .seconds
        .checked_mul(1_000_000)
        .filter(|_| whole)
        .and_then(|micros| micros.checked_add(i64::from(timestamp.nanos / 1_000)))
        .and_then(Time::from_micros)
        .ok_or(BadTimestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_the_wire() {
        for text in
            ["1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
        {
            let at: Time = text.parse().expect(text);
            assert_eq!(time(&timestamp(at)), Ok(at));
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for (seconds, nanos) in
            [(0, 1), (0, -1_000), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)]
        {
            assert_eq!(time(&Timestamp { seconds, nanos }), Err(BadTimestamp), "{seconds} {nanos}");
        }
    }
}
