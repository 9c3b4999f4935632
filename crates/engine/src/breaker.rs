//! The breaker: one platform's fault is not everybody's. A record whose flags, added to those of
//! its feed's records in the window up to it, exceed the feed's quota is held as a whole.
//!
//! Every flag counts, held or not, by the count in the signed header, so that all nodes hold the
//! same records whatever they know of what became of the flags.

use std::collections::VecDeque;

use interlock_record::Time;

use crate::charter::Quota;

/// Counts a record's flags in its feed's window (times and flag counts of the records before it, in
/// order of time) and says whether the record is held.
pub fn holds(quota: Quota, window: &mut VecDeque<(Time, u64)>, time: Time, flags: u64) -> bool {
    let start = time.minus(quota.window);
    while window.front().is_some_and(|(earlier, _)| *earlier <= start) {
        window.pop_front();
    }
    window.push_back((time, flags));
    let total: u64 = window.iter().map(|(_, flags)| flags).sum();
    // A record without flags has nothing to hold.
    flags > 0 && total > quota.flags
}

#[cfg(test)]
mod tests {
    use interlock_record::Span;

    use super::*;

    fn at(secs: i64) -> Time {
        Time::from_micros(secs * 1_000_000).expect("in range")
    }

    #[test]
    fn a_record_is_held_only_above_the_quota() {
        let quota = Quota { flags: 10, window: Span::from_secs(60) };
        let mut window = VecDeque::new();
        assert!(!holds(quota, &mut window, at(0), 9), "below");
        assert!(!holds(quota, &mut window, at(1), 1), "at");
        assert!(holds(quota, &mut window, at(2), 1), "above");
        assert!(!holds(quota, &mut window, at(3), 0), "nothing to hold");
    }

    #[test]
    fn held_flags_count_and_leave_the_window_with_time() {
        let quota = Quota { flags: 10, window: Span::from_secs(60) };
        let mut window = VecDeque::new();
        assert!(holds(quota, &mut window, at(0), 11));
        assert!(holds(quota, &mut window, at(59), 1), "the held flags still count");
        assert!(!holds(quota, &mut window, at(60), 1), "the window is open at its start");
        assert_eq!(window.len(), 2);
    }
}
