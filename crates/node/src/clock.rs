//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use interlock_record::Time;

/// The instant that the system's clock shows. A clock before 1970 or after 9999 counts as 1970.
///
/// # Panics
/// Never: the epoch is an instant.
pub fn now() -> Time {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .and_then(Time::from_micros)
        .unwrap_or_else(|| Time::from_micros(0).expect("the epoch is an instant"))
}

/// Fresh random bytes from the system.
///
/// # Errors
/// When the system has none to give.
pub fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}
