//! The breaker, seen from a whole scenario.

use crate::{row, shipped, value};

#[test]
fn flags_are_held_above_the_quota_only() {
    // One platform's fault and nothing else: as many flags as there are customers that it hits.
    let only = ["cause.error.share_ppm=0", "cause.fraud.share_ppm=0", "borrowers.count=2000"];
    let held = |flags: u64| {
        let quota = format!("platforms.breaker.flags={flags}");
        let echo = "cause.fault.echoed.share_ppm=0";
        let row = row(&shipped("one-platform-fault", &[&only[..], &[&quota, echo]].concat()));
        (value(&row, "flags"), value(&row, "flags_held"))
    };
    let (flags, none) = held(1_000_000);
    assert!(flags > 50.0);
    assert_eq!(none, 0.0);
    let all = held(0);
    assert_eq!(all, (flags, flags));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = flags as u64;
    assert_eq!(held(count), (flags, 0.0), "at the quota");
    assert_eq!(held(count - 1), (flags, 1.0), "one above");
}

#[test]
fn what_others_release_counts_again() {
    let settings = ["policy.measure.LOCK.rule.0.issuers=1", "platforms.breaker.releases=all"];
    let released =
        value(&row(&shipped("one-platform-fault", &settings)), "persons_locked_elsewhere");
    let held =
        value(&row(&shipped("one-platform-fault", &settings[..1])), "persons_locked_elsewhere");
    assert!(released > 3.0 * held, "{released} and {held}");
}
