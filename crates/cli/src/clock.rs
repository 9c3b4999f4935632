//! The clock of this machine, read here and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use interlock_record::Time;

/// Now, as far as the clock shows a time that can be written.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).ok().and_then(Time::from_micros).unwrap_or(Time::MAX)
}
