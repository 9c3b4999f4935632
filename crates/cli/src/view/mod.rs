//! What nodes answer, made readable: one serialisable view for each message, in JSON as it is and
//! as text by the verbs that show it.

mod account;
mod decision;
mod operator;
mod peers;
mod review;

use interlock_record::{Time, hex};
use prost_types::Timestamp;

pub(crate) use account::{Account, FlagView, MeasureView};
pub(crate) use decision::{
    DecisionView, EventView, FreshnessView, PublishView, SubjectView, TransitionView,
};
pub(crate) use operator::StatusView;
pub(crate) use peers::PeersView;
pub(crate) use review::{
    ActView, AuditView, BorrowerView, DisputeView, LocalActView, LocalView, QueueView,
};

const NANOS_PER_MICRO: i32 = 1_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// The instant on the wire.
pub(crate) fn timestamp(at: Time) -> Timestamp {
    let micros = at.micros().rem_euclid(MICROS_PER_SECOND);
    Timestamp {
        seconds: at.micros().div_euclid(MICROS_PER_SECOND),
        nanos: i32::try_from(micros).unwrap_or(0) * NANOS_PER_MICRO,
    }
}

/// The instant of the wire, if it was given and can be written.
pub(crate) fn time(at: Option<Timestamp>) -> Option<Time> {
    let Timestamp { seconds, nanos } = at?;
    let micros = seconds.checked_mul(MICROS_PER_SECOND)?;
    Time::from_micros(micros.checked_add(i64::from(nanos / NANOS_PER_MICRO))?)
}

/// Small hexadecimal digits of each id.
fn ids(ids: &[Vec<u8>]) -> Vec<String> {
    ids.iter().map(|id| hex(id)).collect()
}

/// What was said, if anything was.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A time in a table, or a dash.
pub(crate) fn or_dash<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), T::to_string)
}

/// The first digits of an id, enough for people to tell ids apart.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_wire() {
        for text in
            ["1969-12-31T23:59:59.999999Z", "2026-01-01T00:00:00.5Z", "0001-01-01T00:00:00Z"]
        {
            let at: Time = text.parse().expect(text);
            assert_eq!(time(Some(timestamp(at))), Some(at), "{text}");
        }
        assert_eq!(time(Some(Timestamp { seconds: i64::MAX, nanos: 0 })), None);
        assert_eq!(time(None), None);
    }
}
