//! What an overlay changes, and what is refused.

use super::*;
use crate::local::{LocalSettings, Mode};
use crate::policy::Schedule;

const POLICY: &str =
    "version = 1\n[trust]\nacme = 50\n[[measure.LOCK.rule]]\npoints = 100\nissuers = 2\n";

fn over(overlay: &str) -> Policy {
    let policy = Policy::from_toml("policy", POLICY).expect("a good policy");
    Overlay::parse("overlay", overlay).expect("a good overlay").over(&policy)
}

#[test]
fn an_overlay_changes_trust_peers_rules_and_who_is_asked() {
    let policy = over(
        "version = 1\npeers = [\"bolt\"]\npeer_receipts = \"count\"\n[trust]\nbolt = 0\ndefault = 80\n\
         [[measure.LOCK.rule]]\npoints = 200\nissuers = 3\n[measure.FREEZE]\nconfirm = \"manual\"\n",
    );
    let id = |text: &str| text.parse().expect("an id");
    assert_eq!(policy.trust_in(id("acme")), 50, "what it does not name stays");
    assert_eq!((policy.trust_in(id("bolt")), policy.trust_in(id("coil"))), (0, 80));
    assert_eq!(
        policy.rules_of(Measure::Lock),
        [Rule { points: 200, issuers: 3, peer_permille: 0 }]
    );
    assert_eq!(policy.confirm_of(Measure::Freeze), Confirm::Manual);
    assert_eq!(policy.peer_receipts, PeerReceipts::Count);
    assert_eq!(policy.peers.len(), 1);
    let nothing = over("version = 1\n");
    assert_eq!(nothing, Policy::from_toml("policy", POLICY).expect("a good policy"));
}

#[test]
fn an_overlay_is_read_strictly() {
    for (text, expected) in [
        ("", "o:1: version: required, but not given"),
        ("version = 2", "o:1: version: expected a whole number from 1 to 1"),
        ("version = 1\nissuer_cap = 5", "o:2: issuer_cap: unknown key"),
        (
            "version = 1\n[trust]\nacme = 201",
            "o:3: trust.acme: expected a whole number from 0 to 200",
        ),
        ("version = 1\npeers = [\"a\", \"a\"]", "o:2: peers[1]: expected each member once"),
        ("version = 1\npeer_receipts = \"no\"", "o:2: peer_receipts: expected \"ignore\" or"),
        (
            "version = 1\n[measure.NONE]\nconfirm = \"manual\"",
            "o:2: measure.NONE: expected a measure",
        ),
        (
            "version = 1\n[measure.CLOSE]\nconfirm = \"auto\"",
            "o:3: measure.CLOSE.confirm: expected \"manual\"",
        ),
        ("version = 1\n[[measure.LOCK.rule]]\npoints = 0", "a rule that asks for nothing"),
    ] {
        let error = Overlay::parse("o", text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let long = format!("version = 1\n#{}", "x".repeat(MAX_POLICY_BYTES - 13));
    assert_eq!(long.len(), MAX_POLICY_BYTES);
    assert!(Overlay::parse("o", &long).is_ok());
    let error = Overlay::parse("o", &(long + "x")).expect_err("too long").to_string();
    assert!(error.contains("bytes of overlay"), "{error}");
}

#[test]
fn settings_that_decide_otherwise_have_another_digest() {
    let overlay = |text: &str| Overlay::parse("o", text).expect("a good overlay");
    let plain = LocalSettings::default();
    let all = [
        plain.clone(),
        LocalSettings { mode: Mode::Simulated, ..plain.clone() },
        LocalSettings {
            simulated_reasons: [interlock_record::Reason::Other].into(),
            ..plain.clone()
        },
        LocalSettings { overlay: Some(overlay("version = 1")), ..plain.clone() },
        LocalSettings { overlay: Some(overlay("version = 1\n[trust]\nacme = 1")), ..plain },
    ];
    let digests: std::collections::BTreeSet<_> =
        all.iter().map(LocalSettings::digest).map(|digest| digest.0).collect();
    assert_eq!(digests.len(), all.len());
    let schedule = Schedule::constant(Policy::from_toml("p", POLICY).expect("a good policy"));
    let seen = all[4].policies(&schedule);
    assert_eq!(seen.at(interlock_record::Time::MIN).trust_in("acme".parse().expect("an id")), 1);
}
