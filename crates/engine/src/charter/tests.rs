//! Mistakes in a charter, and what is said of each.

use std::fmt::Write as _;

use interlock_record::{SigningKey, hex};
use proptest::prelude::*;

use super::*;

fn key(number: u8) -> String {
    SigningKey::from_seed([number; 32]).public().to_string()
}

/// Three members in two groups.
fn good() -> String {
    let digest = hex(&[5; 32]);
    format!(
        r#"format = 1
name = "consortium"
version = 1
rules = 1
nonce = "{digest}"
pepper_epoch = 1
pepper_check = "{digest}"
quorum = 2
[limits]
max_clock_skew = "500ms"
[[member]]
id = "acme"
group = "a"
address = "acme.example:7000"
[[member.feed]]
number = 1
key = "{}"
quota = {{ flags = 10, window = "60s" }}
[[member]]
id = "acme-cash"
group = "a"
address = "cash.example:7000"
[[member.feed]]
number = 1
key = "{}"
[[member]]
id = "beta"
address = "beta.example:7000"
[[member.feed]]
number = 1
key = "{}"
[policy]
version = 1
notice_delay = "1500ms"
"#,
        key(1),
        key(2),
        key(3),
    )
}

#[test]
fn the_good_charter_is_read() {
    let charter = Charter::parse("c.toml", &good()).expect("it has no mistake");
    assert_eq!((charter.quorum, charter.release_k), (2, DEFAULT_RELEASE_K));
    assert_eq!(charter.members.len(), 3);
    let policy = &charter.policy;
    let group = |member: &str| policy.group_of(member.parse().expect("an id"));
    assert_eq!(group("acme"), group("acme-cash"));
    assert_ne!(group("acme"), group("beta"));
}

#[test]
fn its_id_is_that_of_its_bytes() {
    let one = Charter::parse("c.toml", &good()).expect("it has no mistake");
    let other = Charter::parse("d.toml", &good()).expect("it has no mistake");
    assert_eq!(one.id(), other.id(), "whatever the file is called");
    let commented = Charter::parse("c.toml", &format!("{}# more\n", good())).expect("no mistake");
    assert_ne!(one.id(), commented.id());
}

#[test]
fn the_quorum_is_two_thirds_unless_set() {
    for (groups, expected) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7)] {
        let mut text = good().replace("quorum = 2\n", "");
        text = text[..text.find("[[member]]").expect("members")].to_owned();
        for number in 0..groups {
            let key = key(10 + number);
            write!(
                text,
                "[[member]]\nid = \"m{number}\"\naddress = \"h:1\"\n\
                 [[member.feed]]\nnumber = 1\nkey = \"{key}\"\n"
            )
            .expect("writing to a string cannot fail");
        }
        text += "[policy]\nversion = 1\n";
        let charter = Charter::parse("c.toml", &text).expect("it has no mistake");
        assert_eq!(charter.quorum, expected, "{groups} groups");
    }
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let nonce = format!("nonce = \"{}\"\n", hex(&[5; 32]));
    let cases: &[(&str, &str, &str)] = &[
        (&nonce, "", "c.toml:1: nonce: required, but not given"),
        (&nonce, "nonce = \"abc\"\n", "c.toml:5: nonce: expected "),
        (
            "format = 1",
            "format = 2",
            "c.toml:1: format: expected a whole number from 1 to 1, got 2",
        ),
        ("\"consortium\"", "\"\"", "c.toml:2: name: expected 1 to 256 bytes without control"),
        (
            "\"consortium\"",
            "\"a\\u0007b\"",
            "c.toml:2: name: expected 1 to 256 bytes without control",
        ),
        (
            "version = 1\nrules",
            "version = 2\nrules",
            "c.toml:1: previous: expected the hash of the version before",
        ),
        ("rules = 1", "rules = 0", "c.toml:4: rules: expected a whole number from 1 to "),
        ("rules = 1", "rules = 99", "c.toml:4: rules: expected a whole number from 1 to "),
        (
            "pepper_epoch = 1",
            "pepper_epoch = 4294967296",
            "c.toml:6: pepper_epoch: expected a whole number",
        ),
        (
            "quorum = 2",
            "quorum = 1",
            "c.toml:8: quorum: expected a whole number from 2 to 2, got 1",
        ),
        (
            "quorum = 2",
            "quorum = 3",
            "c.toml:8: quorum: expected a whole number from 2 to 2, got 3",
        ),
        ("quorum = 2", "release_k = 0", "c.toml:8: release_k: expected a whole number from 1 to"),
        ("[limits]", "[limit]", "c.toml:9: limit: unknown key, expected one of "),
        ("\"500ms\"", "\"501ms\"", "c.toml:"),
        ("\"500ms\"", "\"500\"", "c.toml:10: limits.max_clock_skew: expected a duration"),
        (
            "\"acme\"",
            "\"beta\"",
            "c.toml:26: member[2]: expected each member once, beta is named twice",
        ),
        ("\"acme\"", "\"default\"", "c.toml:12: member[0].id: expected another id"),
        ("\"acme\"", "\"a/b\"", "c.toml:12: member[0].id: expected a member id"),
        (
            "\"acme.example:7000\"",
            "\"acme.example\"",
            "c.toml:14: member[0].address: expected host:port, got \"acme.example\"",
        ),
        (
            "\"acme.example:7000\"",
            "\"acme:70000\"",
            "c.toml:14: member[0].address: expected host:port",
        ),
        (
            "flags = 10",
            "flags = 0",
            "c.toml:18: member[0].feed[0].quota.flags: expected a whole number from 1",
        ),
        (
            ", window = \"60s\"",
            "",
            "c.toml:18: member[0].feed[0].quota.window: required, but not given",
        ),
        ("\"1500ms\"", "\"1499999us\"", "c.toml:"),
        ("\"1500ms\"", "\"1500ms\"\ngroups = [[\"acme\"]]", "c.toml:"),
    ];
    for (good_part, bad, expected) in cases {
        let text = good();
        assert!(text.contains(good_part), "{good_part:?}");
        let error = Charter::parse("c.toml", &text.replacen(good_part, bad, 1));
        let error = error.expect_err(bad).to_string();
        assert!(error.starts_with(expected), "{bad:?}\n  expected {expected}\n  got      {error}");
    }
}

#[test]
fn what_must_fit_together_is_told_what_it_must_be() {
    let cases = [
        (
            "\"1500ms\"",
            "\"1499999us\"",
            "notice_delay: expected at least max_clock_skew + 1s = 1500000us",
        ),
        (
            "\"500ms\"",
            "\"501ms\"",
            "notice_delay: expected at least max_clock_skew + 1s = 1501000us",
        ),
        ("\"1500ms\"", "\"1500ms\"\ngroups = [[\"acme\"]]", "groups: expected none here"),
    ];
    for (good_part, bad, expected) in cases {
        let error = Charter::parse("c.toml", &good().replacen(good_part, bad, 1));
        let error = error.expect_err(bad).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_key_serves_one_feed() {
    let twice = good().replace(&key(2), &key(1));
    let error = Charter::parse("c.toml", &twice).expect_err("twice").to_string();
    assert!(error.contains("expected a key of its own for each feed"), "{error}");
    let second = format!("[[member.feed]]\nnumber = 1\nkey = \"{}\"\n[policy]", key(9));
    let error = Charter::parse("c.toml", &good().replace("[policy]", &second));
    let error = error.expect_err("twice").to_string();
    assert!(error.contains("expected each feed once, 1 is named twice"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(
        text in any::<String>(),
        at in 0..600_usize,
        cut in 0..60_usize,
        piece in "[\\[\\]{}=.\"'0-9a-z_, \n-]{0,12}",
    ) {
        let _ = Charter::parse("c.toml", &text);
        let good = good();
        let end = (at + cut).min(good.len());
        let _ = Charter::parse("c.toml", &format!("{}{piece}{}", &good[..at], &good[end..]));
    }
}

mod chain;
