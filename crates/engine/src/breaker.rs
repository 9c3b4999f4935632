//! The breaker: one platform's fault is not everybody's. A record whose flags, added to those of
//! its feed's records in the window up to it, exceed the feed's quota is held as a whole.
//!
//! Every flag counts, held or not, by the count in the signed header, so that all nodes hold the
//! same records whatever they know of what became of the flags.

use std::collections::VecDeque;

use interlock_record::{Span, Time};

use crate::charter::{Allowance, Quota};

/// The records of a feed in its window: time and count of flags of each, in order of time.
pub type Window = VecDeque<(Time, u64)>;

/// How far back of a record the breaker looks: the quota's window, and before it the whole of an
/// allowance, of which earlier records may have used up a part.
pub fn reach(quota: &Quota, allowance: Option<&Allowance>) -> Span {
    let period = allowance.map_or(Span::ZERO, |allowance| allowance.until.since(allowance.from));
    Span::from_micros(quota.window.micros().saturating_add(period.micros())).unwrap_or(Span::MAX)
}

/// Counts a record's flags in its feed's window and says whether the record is held. Entries are
/// kept for `keep`, the longest [`reach`] that the feed ever had.
pub fn holds(
    (quota, allowance): (Quota, Option<Allowance>),
    keep: Span,
    window: &mut Window,
    time: Time,
    flags: u64,
) -> bool {
    let oldest = time.minus(keep.max(reach(&quota, allowance.as_ref())));
    while window.front().is_some_and(|(earlier, _)| *earlier <= oldest) {
        window.pop_front();
    }
    window.push_back((time, flags));
    let start = time.minus(quota.window);
    let (mut total, mut allowed, mut used) = (0, 0, 0);
    for (at, flags) in window.iter() {
        let inside = allowance.is_some_and(|some| some.from <= *at && *at < some.until);
        match (inside, *at > start) {
            (true, true) => allowed += flags,
            (true, false) => used += flags,
            (false, true) => total += flags,
            (false, false) => {}
        }
    }
    let left = allowance.map_or(0, |allowance| allowance.flags.saturating_sub(used));
    // A record without flags has nothing to hold.
    flags > 0 && total + allowed.saturating_sub(left) > quota.flags
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Span = Span::from_secs(60);
    const QUOTA: Quota = Quota { flags: 10, window: KEEP };

    fn at(secs: i64) -> Time {
        Time::from_micros(secs * 1_000_000).expect("in range")
    }

    #[test]
    fn a_record_is_held_only_above_the_quota() {
        let mut window = Window::new();
        let mut holds = |secs, flags| holds((QUOTA, None), KEEP, &mut window, at(secs), flags);
        assert!(!holds(0, 9), "below");
        assert!(!holds(1, 1), "at");
        assert!(holds(2, 1), "above");
        assert!(!holds(3, 0), "nothing to hold");
    }

    #[test]
    fn held_flags_count_and_leave_the_window_with_time() {
        let mut window = Window::new();
        let mut holds = |secs, flags| holds((QUOTA, None), KEEP, &mut window, at(secs), flags);
        assert!(holds(0, 11));
        assert!(holds(59, 1), "the held flags still count");
        assert!(!holds(60, 1), "the window is open at its start");
        assert_eq!(window.len(), 2);
    }

    #[test]
    fn an_allowance_is_used_up_once_and_leaves_the_quota_alone() {
        let allowance = Some(Allowance { flags: 100, from: at(10), until: at(20) });
        let mut window = Window::new();
        let mut holds = |secs, flags| holds((QUOTA, allowance), KEEP, &mut window, at(secs), flags);
        assert!(!holds(9, 10), "the quota itself");
        assert!(!holds(10, 100), "at the allowance");
        assert!(holds(11, 1), "above both");
        assert!(holds(20, 1), "after the allowance only the quota is left");
        assert!(!holds(69, 8), "the backlog that was allowed does not count afterwards");
    }

    #[test]
    fn an_allowance_longer_than_the_window_is_not_given_again_in_each() {
        let allowance = Allowance { flags: 100, from: at(100), until: at(700) };
        let keep = reach(&QUOTA, Some(&allowance));
        assert_eq!(keep, Span::from_secs(660), "the window and the period before it");
        let mut window = Window::new();
        let mut holds =
            |secs, flags| holds((QUOTA, Some(allowance)), keep, &mut window, at(secs), flags);
        assert!(!holds(100, 90), "most of the allowance");
        assert!(!holds(161, 20), "the ten that are left, and the quota");
        assert!(!holds(222, 10), "the quota of another window");
        assert!(holds(223, 1), "above it");
        assert!(holds(690, 11), "at the end as well");
        assert!(!holds(760, 5), "and the quota goes on");
    }

    #[test]
    fn a_longer_window_of_a_later_charter_finds_what_came_before() {
        let short = Quota { flags: 10, window: Span::from_secs(1) };
        let mut window = Window::new();
        assert!(!holds((short, None), KEEP, &mut window, at(0), 10));
        assert!(!holds((short, None), KEEP, &mut window, at(5), 1));
        assert!(holds((QUOTA, None), KEEP, &mut window, at(6), 1));
    }
}
