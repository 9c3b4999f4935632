//! What a borrower deserves decides what is called wrongful.

use interlock_sim::cascade::Scenario;

use crate::{row, value};

const POLICY: &str = r#"version = 1
[reason.OTHER]
points = { LOW = 10, MEDIUM = 20, HIGH = 30, CRITICAL = 40 }
max_life = "365d"
ceiling = "LOCK"
[[measure.LOCK.rule]]
points = 10
[cure.OTHER]
reasons = ["OTHER"]
scope = "any"
percent = 0
"#;

/// One borrower, ten platforms, one flag on the second day; what happens then is in `more`.
fn one(more: &str) -> Scenario {
    let text = format!(
        r#"version = 1
name = "one"
horizon = "100d"
policy = "policy.toml"
platforms = {{ count = 10 }}
borrowers = {{ count = 1, lenders = [{{ count = 1, weight = 1 }}] }}
delays = {{ gossip = "1s", react = "1m", reopen = "2h" }}
[[cause]]
name = "cause"
share_ppm = 1_000_000
onset = "1d"
seers = "p01"
reason = "OTHER"
{more}
"#
    );
    let load = |_: &str| Ok(POLICY.to_owned());
    Scenario::parse("one.toml", &text, &[], &load).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_mistake_that_is_withdrawn_is_wrongful_until_everything_is_open() {
    let row = row(&one(r#"
stages = [{ severity = "LOW", applied = "LOCK", deserves = "NONE" }]
withdrawn = { share_ppm = 1_000_000, after = "10d", cause = "ERROR" }
"#));
    assert_eq!(value(&row, "locks_wrongful"), 10.0);
    assert_eq!(value(&row, "locks_true"), 0.0);
    assert_eq!(value(&row, "locks_wrongful_own"), 1.0);
    assert_eq!(value(&row, "persons_locked_elsewhere"), 1.0);
    // The issuer acts at once; the others a minute after the notice delay of two seconds.
    let lag = value(&row, "collective_wrongful_p50");
    assert!((lag - 62.0 / 3_600.0).abs() < 1e-9, "{lag}");
    // The withdrawal needs a second to arrive, and platforms take two hours.
    let reopened = value(&row, "reopened_max");
    assert!((reopened - 7_201.0 / 3_600.0).abs() < 1e-9, "{reopened}");
    // Its own decision keeps the issuer's lock, too, until it has opened it.
    let micros = 10.0 * 86_400.0 + 7_201.0;
    let expected = (10.0 * micros - 9.0 * 62.0) / 86_400.0;
    let days = value(&row, "wrongful_lock_days");
    assert!((days - expected).abs() < 1e-6, "{days} and {expected}");
    let persons = value(&row, "wrongful_person_days");
    assert!((persons - micros / 86_400.0).abs() < 1e-6, "{persons}");
}

#[test]
fn a_lock_that_outlives_its_ground_becomes_wrongful() {
    let row = row(&one(r#"
lasts = "20d"
expires = "30d"
stages = [{ severity = "LOW", applied = "LOCK", deserves = "LOCK" }]
"#));
    assert_eq!(value(&row, "locks_true"), 10.0);
    assert_eq!(value(&row, "locks_wrongful"), 0.0);
    assert_eq!(value(&row, "persons_lock_outlived"), 1.0);
    assert_eq!(value(&row, "persons_locked_wrongful"), 0.0);
    let days = value(&row, "wrongful_person_days");
    assert!((days - (10.0 + 2.0 / 24.0)).abs() < 1e-6, "{days}");
}

#[test]
fn a_cure_ends_what_was_deserved_and_what_was_done() {
    let row = row(&one(r#"
stages = [{ severity = "LOW", applied = "LOCK", deserves = "LOCK" }]
cured = { share_ppm = 1_000_000, after = "5d", kind = "OTHER" }
draws = { count = 4, within = "2d", amount = 100 }
"#));
    assert_eq!(value(&row, "locks_true"), 10.0);
    let hours = value(&row, "wrongful_person_days") * 24.0;
    assert!((hours - (2.0 + 1.0 / 3_600.0)).abs() < 1e-6, "{hours}");
    assert_eq!(value(&row, "amount_tried"), 400.0);
    assert_eq!(value(&row, "contained"), 1_000.0, "all are locked on the second day");
}

#[test]
fn what_was_drawn_before_the_lock_is_lost() {
    let row = row(&one(r#"
noticed = "3d"
stages = [{ severity = "LOW", applied = "LOCK", deserves = "LOCK" }]
draws = { count = 4, within = "2d", amount = 100 }
"#));
    assert_eq!(value(&row, "contained"), 0.0);
    assert_eq!(value(&row, "amount_tried"), 400.0);
}
