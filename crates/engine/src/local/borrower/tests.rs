//! Which reasons are told, and in which order.

use std::collections::BTreeSet;

use interlock_record::MemberId;

use super::*;
use crate::evidence::jsonl::EvidenceFile;
use crate::policy::{Policy, Schedule};
use crate::timeline::{Setting, View, explain};

const REASONS: [(&str, u64); 5] = [
    ("OVERDUE", 10),
    ("FRAUD_SUSPECTED", 50),
    ("IDENTITY_STALE", 30),
    ("INCOME_INSUFFICIENT", 30),
    ("OTHER", 20),
];

/// The reasons told of flags by two members, each for the first `count` reasons.
fn told(count: usize, measure: Measure) -> Vec<(&'static str, u64)> {
    let mut policy = "version = 1\n[id_type.PHONE]\nceiling = \"REVIEW\"\n".to_owned();
    let mut lines = String::new();
    for (place, (reason, points)) in REASONS.iter().enumerate() {
        policy += &["[reason.", reason, "]\n"].concat();
        let points = points.to_string();
        let all =
            ["LOW", "MEDIUM", "HIGH", "CRITICAL"].map(|level| [level, " = ", &points].concat());
        policy += &["points = { ", &all.join(", "), " }\n"].concat();
        policy += "max_life = \"100d\"\nceiling = \"LOCK\"\n";
        for issuer in ["acme", "bolt"].iter().filter(|_| place < count) {
            let line = serde_json::json!({
                "kind": "flag", "id": format!("{issuer}{place}"), "issuer": issuer, "subject": "s",
                "reason": reason, "severity": "HIGH", "confidence": 100,
                "applied_measure": "LOCK", "time": format!("2026-01-0{}T00:00:00Z", place + 1),
                "id_type": if *issuer == "bolt" && *reason == "OTHER" { "PHONE" } else { "ID_NUMBER" },
            });
            lines += &[&line.to_string(), "\n"].concat();
        }
    }
    let policies = Schedule::constant(Policy::from_toml("p", &policy).expect("a good policy"));
    let file = EvidenceFile::parse("e", &lines).expect("good evidence");
    let members: BTreeSet<MemberId> = file.issuers();
    let evidence = file.subjects(&members).remove("s").expect("it is there").evidence;
    let setting = Setting { policies: &policies, members: &members, view: View::Consortium };
    let at = "2026-02-01T00:00:00Z".parse().expect("a time");
    let explanation = explain(&setting, &evidence, at);
    let reasons = principal_reasons(&evidence, &explanation, measure).into_iter();
    reasons.map(|reason| (reason.reason.name(), reason.points)).collect()
}

#[test]
fn the_weightiest_come_first_and_there_are_at_most_four() {
    assert_eq!(told(1, Measure::Lock), [("OVERDUE", 20)]);
    assert_eq!(told(3, Measure::Lock).len(), MAX_PRINCIPAL_REASONS - 1);
    assert_eq!(told(4, Measure::Lock).len(), MAX_PRINCIPAL_REASONS);
    assert_eq!(
        told(5, Measure::Lock),
        [
            ("FRAUD_SUSPECTED", 100),
            ("IDENTITY_STALE", 60),
            ("INCOME_INSUFFICIENT", 60),
            ("OVERDUE", 20)
        ],
        "equal ones in the order of the vocabulary; what does not support a lock is left out"
    );
    assert_eq!(told(5, Measure::Review).last(), Some(&("OTHER", 40)), "it supports a review");
    assert_eq!(told(5, Measure::Close), [], "nothing supports that");
}
