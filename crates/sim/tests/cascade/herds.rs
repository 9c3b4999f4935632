//! Receipts that count, held against what is known exactly: thresholds on a full mesh (M. Granovetter,
//! "Threshold models of collective behavior", American Journal of Sociology 83, 1978).

use std::fmt::Write as _;

use interlock_sim::cascade::Scenario;

use crate::{row, value};

/// One flag on one borrower; platform i, counted from 0, locks as soon as `threshold(i)` others have.
fn mesh(count: u64, follows: &str, threshold: impl Fn(u64) -> u64) -> Scenario {
    let policy = r#"
        version = 1
        peer_receipts = "count"
        [reason.OTHER]
        points = { LOW = 1, MEDIUM = 1, HIGH = 1, CRITICAL = 100 }
        max_life = "100d"
        ceiling = "LOCK"
        [[measure.LOCK.rule]]
        points = 1000000
    "#;
    let mut text = format!(
        r#"
        version = 1
        name = "mesh"
        horizon = "50d"
        policy = "policy.toml"
        borrowers = {{ count = 1, lenders = [{{ count = 1, weight = 1 }}] }}
        [delays]
        react = ["1m", "1h"]
        [[cause]]
        name = "flag"
        share_ppm = 1_000_000
        onset = "1d"
        seers = "p{}"
        reason = "OTHER"
        stages = [{{ severity = "CRITICAL", applied = "LOCK", deserves = "NONE" }}]
        withdrawn = {{ share_ppm = 1_000_000, after = "30d", cause = "ERROR" }}
        [platforms]
        count = {count}
        follows = {follows}
        "#,
        "0".repeat(count.to_string().len() - 1) + "1",
    );
    let mut overlays = Vec::new();
    for platform in 1..count {
        // So many of the others, in thousands of them, rounded down as the engine does.
        let permille = threshold(platform) * 1_000 / (count - 1);
        let rule = if permille == 0 {
            "points = 1".to_owned()
        } else {
            format!("peer_permille = {permille}")
        };
        overlays.push(format!("version = 1\n[[measure.LOCK.rule]]\n{rule}\n"));
        let name = format!("p{:0width$}", platform + 1, width = count.to_string().len());
        writeln!(text, "[[platforms.overlay]]\nfile = \"{platform}\"\nmembers = [\"{name}\"]")
            .expect("written");
    }
    let load = |name: &str| match name.parse::<usize>() {
        Ok(number) => Ok(overlays[number - 1].clone()),
        Err(_) => Ok(policy.to_owned()),
    };
    Scenario::parse("mesh.toml", &text, &[], &load).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_platform_follows_one_more_and_all_lock() {
    let row = row(&mesh(40, "\"everyone\"", |platform| platform));
    assert_eq!(value(&row, "locks_wrongful"), 40.0);
    assert_eq!(value(&row, "wrongful_share_max"), 1_000.0);
    assert_eq!(value(&row, "locks_triggered"), 39.0);
    assert_eq!(value(&row, "branching_ratio"), 39.0 / 40.0);
    // Receipts name the flag: when it is withdrawn, everything is open again.
    assert_eq!(value(&row, "persons_still_locked"), 0.0);
    assert!(value(&row, "reopened_max") <= 2.0);
}

#[test]
fn one_threshold_higher_and_the_chain_breaks_at_once() {
    let row = row(&mesh(40, "\"everyone\"", |platform| if platform == 1 { 2 } else { platform }));
    assert_eq!(value(&row, "locks_wrongful"), 1.0);
    assert_eq!(value(&row, "branching_ratio"), 0.0);
}

#[test]
fn who_follows_nobody_locks_with_nobody() {
    let row = row(&mesh(20, "\"nobody\"", |platform| platform));
    assert_eq!(value(&row, "locks_wrongful"), 1.0);
}

#[test]
fn on_a_ring_everybody_follows_its_neighbours() {
    // Every platform locks when one of its two neighbours has: half of its peers.
    let ring = r#"{ graph = "small-world", degree = 2, rewired_ppm = 0 }"#;
    let one_of_two = |count: u64| move |_| (count - 1) / 2;
    assert_eq!(value(&row(&mesh(21, ring, one_of_two(21))), "locks_wrongful"), 21.0);
    // When both must have, it stays where it began.
    let row = row(&mesh(21, ring, |_| 20));
    assert_eq!(value(&row, "locks_wrongful"), 1.0);
}
