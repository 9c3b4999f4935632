//! Mistakes in scenario files are told with file, line and what was expected.

use interlock_sim::cascade::{Scenario, Shipped};

use crate::settings;

const GOOD: &str = r#"version = 1
name = "small"
horizon = "30d"
policy = "policy.toml"

[platforms]
count = 3

[borrowers]
count = 10
lenders = [{ count = 1, weight = 1 }]

[[cause]]
name = "error"
share_ppm = 1_000_000
onset = ["0d", "5d"]
seers = "lenders"
reason = "OTHER"
stages = [{ severity = "LOW", applied = "LOCK", deserves = "NONE" }]
"#;

const POLICY: &str = r#"version = 1
[reason.OTHER]
points = { LOW = 10, MEDIUM = 20, HIGH = 30, CRITICAL = 40 }
max_life = "10d"
ceiling = "LOCK"
[[measure.LOCK.rule]]
points = 10
"#;

fn read(text: &str, sets: &[&str]) -> Result<Scenario, String> {
    let load = |name: &str| match name {
        "policy.toml" => Ok(POLICY.to_owned()),
        "edges.csv" => Ok("p1,p2\np2,p9\n".to_owned()),
        other => Err(format!("cannot read {other}")),
    };
    Scenario::parse("small.toml", text, &settings(sets), &load).map_err(|error| error.to_string())
}

/// `GOOD` with `from` replaced.
fn mistake(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read(&GOOD.replace(from, to), &[]).expect_err(to)
}

#[test]
fn a_mistake_is_told_with_its_place() {
    read(GOOD, &[]).expect("it is good");
    let cases = [
        (
            "version = 1",
            "version = 2",
            "small.toml:1: version: expected a whole number from 1 to 1",
        ),
        (
            "horizon = \"30d\"",
            "horizon = \"30 days\"",
            "small.toml:3: horizon: expected a duration",
        ),
        (
            "horizon = \"30d\"",
            "horizon = \"0s\"",
            "small.toml:3: horizon: expected a duration of at least 1s",
        ),
        ("policy.toml", "other.toml", "small.toml:4: policy: cannot read other.toml"),
        (
            "count = 3",
            "count = 0",
            "small.toml:7: platforms.count: expected a whole number from 1 to 1024, got 0",
        ),
        ("count = 3", "count = 1025", "small.toml:7: platforms.count: expected"),
        (
            "count = 3",
            "count = 3\nfollows = \"some\"",
            "small.toml:8: platforms.follows: expected \"everyone\"",
        ),
        (
            "count = 3",
            "count = 3\nfollows = { graph = \"small-world\", degree = 1, rewired_ppm = 0 }",
            "small.toml:8: platforms.follows.degree: expected",
        ),
        (
            "count = 3",
            "count = 3\nfollows = { graph = \"file\", file = \"edges.csv\" }",
            "small.toml:8: platforms.follows.file: expected a graph of platforms p1 to p3, got \"p9\"",
        ),
        ("count = 3", "cuont = 3", "platforms.count: required"),
        ("count = 3", "count = 3\nflags = 1", "small.toml:8: platforms.flags: unknown key"),
        ("count = 10", "count = 100_000_001", "small.toml:10: borrowers.count: expected"),
        (
            "{ count = 1, weight = 1 }",
            "{ count = 4, weight = 1 }",
            "small.toml:11: borrowers.lenders[0].count: expected a whole number from 1 to 3",
        ),
        (
            "{ count = 1, weight = 1 }",
            "",
            "small.toml:11: borrowers.lenders: expected at least one",
        ),
        (
            "name = \"error\"",
            "name = \"an error\"",
            "small.toml:14: cause[0].name: expected a name",
        ),
        (
            "share_ppm = 1_000_000",
            "share_ppm = 1_000_001",
            "small.toml:15: cause[0].share_ppm: expected a whole number from 0 to 1000000",
        ),
        (
            "[\"0d\", \"5d\"]",
            "[\"5d\", \"0d\"]",
            "small.toml:16: cause[0].onset[1]: expected at least 5d",
        ),
        ("[\"0d\", \"5d\"]", "5", "small.toml:16: cause[0].onset: expected a duration like"),
        (
            "seers = \"lenders\"",
            "seers = \"p4\"",
            "small.toml:17: cause[0].seers: expected a platform from p1 to p3",
        ),
        (
            "reason = \"OTHER\"",
            "reason = \"LATE\"",
            "small.toml:18: cause[0].reason: expected one of OVERDUE",
        ),
        (
            "deserves = \"NONE\" }]",
            "deserves = \"NONE\" }, { severity = \"LOW\", applied = \"LOCK\", deserves = \"NONE\" }]",
            "small.toml:19: cause[0].stages[1]: expected `after` to rise",
        ),
        ("seers = \"lenders\"", "seers = \"lenders\"\nepisodes = 2", "every: required above 0s"),
        (
            "seers = \"lenders\"",
            "seers = \"lenders\"\nepisodes = [1, 65]",
            "small.toml:18: cause[0].episodes[1]: expected a whole number from 1 to 64",
        ),
    ];
    for (from, to, expected) in cases {
        let found = mistake(from, to);
        assert!(found.starts_with("small.toml:"), "{found}");
        assert!(found.contains(expected), "expected {expected:?} in {found:?}");
    }
    let twice = format!("{GOOD}{}", &GOOD[GOOD.find("[[cause]]").expect("a cause")..]);
    let found = read(&twice, &[]).expect_err("twice");
    assert!(found.contains("small.toml:20") && found.contains("different names"), "{found}");
}

#[test]
fn a_mistake_in_the_policy_is_told_with_its_own_place() {
    let load = |_: &str| Ok(POLICY.replace("10d", "ten days"));
    let error = Scenario::parse("small.toml", GOOD, &[], &load).expect_err("a bad policy");
    assert!(error.to_string().starts_with("policy.toml:4: "), "{error}");
}

#[test]
fn statements_about_one_borrower_are_bounded() {
    // 8 statements a flag, so that 64 episodes x 16 stages x 8 make 8,192 a seer.
    let stages: Vec<String> = (0..16)
        .map(|day| {
            format!("{{ after = \"{day}d\", severity = \"LOW\", applied = \"LOCK\", deserves = \"NONE\" }}")
        })
        .collect();
    let many = |platforms: u64| {
        let text = GOOD
            .replace(
                "stages = [{ severity = \"LOW\", applied = \"LOCK\", deserves = \"NONE\" }]",
                &format!("stages = [{}]", stages.join(", ")),
            )
            .replace("seers = \"lenders\"", "seers = \"platforms\"\nepisodes = 64\nevery = \"20d\"")
            .replace("count = 3", &format!("count = {platforms}"));
        read(&text, &[])
    };
    assert!(many(7).is_ok(), "below");
    assert!(many(8).is_ok(), "at");
    let above = many(9).expect_err("above");
    assert!(above.contains("at most 65536 statements about one borrower, got 73728"), "{above}");
}

#[test]
fn settings_take_the_place_of_values() {
    let count = |sets: &[&str]| read(GOOD, sets).map(|scenario| scenario.borrowers.count);
    assert_eq!(count(&["borrowers.count=7"]), Ok(7));
    let scenario = read(GOOD, &["cause.error.share_ppm=5", "cause.0.expires=2d"]).expect("good");
    assert_eq!(scenario.causes[0].share_ppm, 5);
    assert!(scenario.causes[0].expires.is_some());
    let policy = |sets: &[&str]| read(GOOD, sets).map(|scenario| scenario.policies);
    let changed = policy(&["policy.measure.LOCK.rule.0.issuers=2", "policy.issuer_cap=7"]);
    let policies = changed.expect("good");
    let policy = policies.at(interlock_record::Time::MIN);
    assert_eq!(policy.issuer_cap, 7);
    assert_eq!(policy.rules_of(interlock_record::Measure::Lock)[0].issuers, 2);
    for (set, expected) in [
        ("borrowers.cuont=7", "borrowers.cuont: unknown key"),
        ("cause.other.share_ppm=1", "expected one of the 1 entries of cause, got \"other\""),
        ("cause.1.share_ppm=1", "expected one of the 1 entries of cause"),
        ("no.such.key=1", "expected a key of the file, got \"no\""),
        ("borrowers.count.more=1", "expected borrowers.count to be a table or a list"),
        ("borrowers.lenders.0.count=1", "write the list anew"),
        ("policy.nothing=1", "nothing: unknown key"),
        ("borrowers.count=many", "borrowers.count: expected a whole number"),
    ] {
        let error = read(GOOD, &[set]).expect_err(set);
        assert!(error.contains(expected), "{set}: expected {expected:?} in {error:?}");
    }
    assert!("novalue".parse::<interlock_sim::cascade::scenario::Setting>().is_err());
    assert!("a..b=1".parse::<interlock_sim::cascade::scenario::Setting>().is_err());
}

#[test]
fn shipped_scenarios_are_found_by_their_name() {
    assert!(Shipped::named("herding").is_some());
    assert!(Shipped::named("herdin").is_none());
}
