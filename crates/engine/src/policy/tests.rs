//! Mistakes in a policy file, and what is said of each.

use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"version = 1
issuer_cap = 100
trust.acme = 50
peers = ["acme"]
groups = [["acme", "acme-cash"], ["beta"]]
[id_type.PHONE]
ceiling = "REVIEW"
[reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "180d"
ceiling = "LOCK"
decay = [{ after = "30d", percent = 70 }, { after = "90d", percent = 40 }]
criteria = { LOW = "1 to 29 days late" }
[[measure.FREEZE.rule]]
points = 60
issuers = 2
[measure.CLOSE]
confirm = "manual"
[cure.REPAID]
reasons = ["OVERDUE"]
scope = "own"
percent = 0
"#;

/// A change of the good policy: what stands there, what stands there instead, and how the error
/// begins. The line is that of the change.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("version = 1\n", "", "p.toml:1: version: required, but not given"),
    ("version = 1", "version = 2", "p.toml:1: version: expected a whole number from 1 to 1, got 2"),
    ("version = 1", "version = \"1\"", "p.toml:1: version: expected a whole number"),
    ("version = 1", "version = = 1", "p.toml:1: expected TOML: "),
    ("version = 1", "version = 1\nversion = 1", "p.toml:2: expected TOML: duplicate key"),
    ("issuer_cap = 100", "isuer_cap = 100", "p.toml:2: isuer_cap: unknown key, expected one of "),
    ("issuer_cap = 100", "issuer_cap = 100.0", "p.toml:2: issuer_cap: expected a whole number"),
    (
        "issuer_cap = 100",
        "issuer_cap = -1",
        "p.toml:2: issuer_cap: expected a whole number from 0 to 1000000000, got -1",
    ),
    (
        "issuer_cap = 100",
        "issuer_cap = 1000000001",
        "p.toml:2: issuer_cap: expected a whole number",
    ),
    ("issuer_cap = 100", "issuer_cap = 99999999999999999999999999", "p.toml:2: "),
    (
        "issuer_cap = 100",
        "witness_points = 0",
        "p.toml:2: witness_points: expected a whole number from 1 to",
    ),
    (
        "issuer_cap = 100",
        "exit_percent = 0",
        "p.toml:2: exit_percent: expected a whole number from 1 to 100, got 0",
    ),
    ("issuer_cap = 100", "exit_percent = 101", "p.toml:2: exit_percent: expected"),
    (
        "issuer_cap = 100",
        "skin_in_game = 1",
        "p.toml:2: skin_in_game: expected true or false, got 1",
    ),
    (
        "issuer_cap = 100",
        "peer_receipts = \"some\"",
        "p.toml:2: peer_receipts: expected \"ignore\" or \"count\", got \"some\"",
    ),
    ("issuer_cap = 100", "notice_delay = \"2 s\"", "p.toml:2: notice_delay: expected a duration"),
    ("issuer_cap = 100", "notice_delay = \"1h30m\"", "p.toml:2: notice_delay: expected a duration"),
    ("issuer_cap = 100", "notice_delay = \"-2s\"", "p.toml:2: notice_delay: expected a duration"),
    ("issuer_cap = 100", "notice_delay = \"1.5s\"", "p.toml:2: notice_delay: expected a duration"),
    (
        "issuer_cap = 100",
        "notice_delay = 2",
        "p.toml:2: notice_delay: expected a text in quotes, got 2",
    ),
    (
        "issuer_cap = 100",
        "dispute_rest = \"36526d\"",
        "p.toml:2: dispute_rest: expected a duration",
    ),
    (
        "trust.acme = 50",
        "trust.acme = 201",
        "p.toml:3: trust.acme: expected a whole number from 0 to 200, got 201",
    ),
    ("trust.acme = 50", "trust.\"a b\" = 50", "p.toml:3: trust.a b: expected a member id"),
    ("trust.acme = 50", "trust = 50", "p.toml:3: trust: expected a table, got 50"),
    ("[\"acme\"]\n", "[\"acme\", \"acme\"]\n", "p.toml:4: peers[1]: expected each member once"),
    ("peers = [\"acme\"]", "peers = \"acme\"", "p.toml:4: peers: expected a list, got \"acme\""),
    (
        "[\"beta\"]]",
        "[\"acme\"]]",
        "p.toml:5: groups[1]: expected each member in one group, acme is in two",
    ),
    ("[\"beta\"]]", "[]]", "p.toml:5: groups[1]: expected at least one member"),
    ("id_type.PHONE", "id_type.FAX", "p.toml:6: id_type.FAX: expected "),
    ("ceiling = \"REVIEW\"\n", "", "p.toml:6: id_type.PHONE.ceiling: required, but not given"),
    ("reason.OVERDUE", "reason.LATE", "p.toml:8: reason.LATE: expected "),
    (", CRITICAL = 80", "", "p.toml:9: reason.OVERDUE.points.CRITICAL: required, but not given"),
    (
        "CRITICAL = 80",
        "CRITICAL = 1000001",
        "p.toml:9: reason.OVERDUE.points.CRITICAL: expected a whole number from 0 to 1000000",
    ),
    (
        "CRITICAL = 80",
        "CRITICAL = 80, DIRE = 9",
        "p.toml:9: reason.OVERDUE.points.DIRE: unknown key, expected one of LOW, MEDIUM, HIGH, CRITICAL",
    ),
    ("max_life = \"180d\"\n", "", "p.toml:8: reason.OVERDUE.max_life: required, but not given"),
    ("\"LOCK\"", "\"lock\"", "p.toml:11: reason.OVERDUE.ceiling: expected "),
    (
        "\"LOCK\"",
        "\"LOCK\"\npropagates = \"no\"",
        "p.toml:12: reason.OVERDUE.propagates: expected true or false, got \"no\"",
    ),
    (
        "\"90d\"",
        "\"30d\"",
        "p.toml:12: reason.OVERDUE.decay[1]: expected `after` to rise from step to step",
    ),
    (
        "\"90d\"",
        "\"29d\"",
        "p.toml:12: reason.OVERDUE.decay[1]: expected `after` to rise from step to step",
    ),
    (
        "percent = 40",
        "percent = 70",
        "p.toml:12: reason.OVERDUE.decay[1]: expected `percent` to fall from step to step",
    ),
    (
        "percent = 70",
        "percent = 101",
        "p.toml:12: reason.OVERDUE.decay[0].percent: expected a whole number from 0 to 100, got 101",
    ),
    ("criteria = { LOW", "criteria = { NONE", "p.toml:13: reason.OVERDUE.criteria.NONE: expected "),
    (
        "points = 60\nissuers = 2",
        "points = 0",
        "p.toml:14: measure.FREEZE.rule[0]: expected points, issuers or peer_permille above 0",
    ),
    (
        "points = 60",
        "points = 1000000001",
        "p.toml:15: measure.FREEZE.rule[0].points: expected a whole number",
    ),
    (
        "points = 60",
        "peer_permille = 1001",
        "p.toml:15: measure.FREEZE.rule[0].peer_permille: expected a whole number from 0 to 1000, got 1001",
    ),
    (
        "points = 60",
        "weight = 60",
        "p.toml:15: measure.FREEZE.rule[0].weight: unknown key, expected one of points, issuers, peer_permille",
    ),
    ("measure.CLOSE", "measure.NONE", "p.toml:"),
    ("measure.CLOSE", "measure.BAN", "p.toml:17: measure.BAN: expected "),
    (
        "\"manual\"",
        "\"never\"",
        "p.toml:18: measure.CLOSE.confirm: expected \"auto\" or \"manual\", got \"never\"",
    ),
    ("cure.REPAID", "cure.PAID", "p.toml:19: cure.PAID: expected "),
    ("reasons = [\"OVERDUE\"]\n", "", "p.toml:19: cure.REPAID.reasons: required, but not given"),
    (
        "[\"OVERDUE\"]",
        "[\"OVERDUE\", \"OVERDUE\"]",
        "p.toml:20: cure.REPAID.reasons[1]: expected each reason once",
    ),
    (
        "\"own\"",
        "\"mine\"",
        "p.toml:21: cure.REPAID.scope: expected \"own\" or \"any\", got \"mine\"",
    ),
    ("scope = \"own\"\n", "", "p.toml:19: cure.REPAID.scope: required, but not given"),
    (
        "percent = 0\n",
        "percent = 101\n",
        "p.toml:22: cure.REPAID.percent: expected a whole number from 0 to 100, got 101",
    ),
];

#[test]
fn the_good_policy_is_read() {
    let policy = Policy::from_toml("p.toml", GOOD).expect("it has no mistake");
    assert_eq!(policy.exit_percent, 80, "the default");
    assert_eq!(policy.trust_in("acme".parse().expect("an id")), 50);
    assert_eq!(policy.rules_of(Measure::Freeze)[0].issuers, 2);
    assert_eq!(policy.confirm_of(Measure::Close), Confirm::Manual);
    assert_eq!(policy.reasons[&Reason::Overdue].disputed_ceiling, Measure::Review);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    for (good, bad, expected) in MISTAKES {
        assert_eq!(GOOD.matches(good).count(), 1, "{good:?} must stand there once");
        let error = Policy::from_toml("p.toml", &GOOD.replacen(good, bad, 1));
        let error = error.expect_err(bad).to_string();
        assert!(error.starts_with(expected), "{bad:?}\n  expected {expected}\n  got      {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn limits_are_inclusive() {
    for (key, good, bad) in [
        ("issuer_cap", "0", "-1"),
        ("issuer_cap", "1000000000", "1000000001"),
        ("witness_points", "1", "0"),
        ("exit_percent", "100", "101"),
        ("notice_delay", "\"36525d\"", "\"36526d\""),
        ("notice_delay", "\"0s\"", "\"s\""),
        ("dispute_rest", "\"1us\"", "\"1ns\""),
    ] {
        let with = |value: &str| Policy::from_toml("p", &format!("version = 1\n{key} = {value}\n"));
        assert!(with(good).is_ok(), "{key} = {good}: {:?}", with(good));
        assert!(with(bad).is_err(), "{key} = {bad}");
    }
}

#[test]
fn a_file_too_long_or_too_deep_is_refused() {
    let long = format!("version = 1\n#{}", "x".repeat(crate::limits::MAX_POLICY_BYTES));
    let error = Policy::from_toml("p.toml", &long).expect_err("too long").to_string();
    assert!(error.starts_with("p.toml:1: expected at most 262144 bytes of policy"), "{error}");
    for open in ["[", "{a=", "[[", "a.", "{a=["] {
        let deep = format!("version = 1\nx = {}", open.repeat(20_000));
        assert!(Policy::from_toml("p.toml", &deep).is_err());
        let deep = format!("version = 1\n{}", open.repeat(20_000));
        assert!(Policy::from_toml("p.toml", &deep).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = Policy::from_toml("p.toml", &text);
    }

    #[test]
    fn no_piece_put_anywhere_makes_the_reader_panic(
        at in 0..GOOD.len(),
        cut in 0..40_usize,
        piece in prop_oneof![
            any::<String>(),
            "[\\[\\]{}=.\"'0-9a-z_, \n#-]{0,12}",
            Just("9223372036854775808".to_owned()),
            Just("\u{feff}".to_owned()),
        ],
    ) {
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{piece}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(error) = Policy::from_toml("p.toml", &text) {
            let lines = text.split('\n').count();
            prop_assert!((1..=lines).contains(&(error.line as usize)), "{error} of {lines} lines");
        }
    }
}
