//! An explanation as text.

use interlock_wire::v1;

use super::*;

fn response() -> v1::ExplainResponse {
    let flag = |byte: u8, issuer: &str, points| v1::FlagAccount {
        statement: vec![byte; 32],
        issuer: issuer.to_owned(),
        reason: v1::Reason::Overdue.into(),
        severity: v1::Severity::High.into(),
        confidence: 90,
        standing: v1::Standing::Counts.into(),
        base: 50,
        trust: 100,
        decay: 70,
        cured: 100,
        points,
        supports: v1::Measure::Lock.into(),
        ..Default::default()
    };
    v1::ExplainResponse {
        decision: Some(v1::SubjectDecision {
            subject: vec![0xcd; 32],
            consortium: Some(v1::Decision {
                announced: v1::Measure::Lock.into(),
                effective: v1::Measure::Review.into(),
                effective_until: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
                ..Default::default()
            }),
            own: Some(v1::Decision {
                announced: v1::Measure::Lock.into(),
                effective: v1::Measure::Lock.into(),
                ..Default::default()
            }),
            apply: v1::Measure::Freeze.into(),
            would_apply: v1::Measure::Freeze.into(),
            applied_because: v1::AppliedBecause::Waits.into(),
            ..Default::default()
        }),
        flags: vec![flag(1, "acme", 31), flag(2, "bolt", 31)],
        measures: vec![v1::MeasureAccount {
            measure: v1::Measure::Lock.into(),
            points: 62,
            issuers: 2,
            peer_permille: 0,
            rules: vec![v1::RuleAccount {
                points: 100,
                issuers: 3,
                peer_permille: 0,
                exit_points: 50,
                entered: false,
                kept: false,
            }],
        }],
        transitions: vec![v1::Transition {
            at: Some(prost_types::Timestamp { seconds: 120, nanos: 0 }),
            from: v1::Measure::Lock.into(),
            to: v1::Measure::None.into(),
            because: vec![vec![2; 32]],
        }],
        freshness: Some(v1::Freshness {
            as_of: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
            frontier_digest: vec![0; 32],
            members_unheard: vec!["cord".to_owned()],
        }),
        at: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
        local: Some(v1::LocalPart {
            subject: vec![0xcd; 32],
            acts: vec![v1::LocalAct {
                kind: v1::ActKind::Exemption.into(),
                measure: v1::Measure::Freeze.into(),
                until: Some(prost_types::Timestamp { seconds: 90, nanos: 0 }),
                by: "li".to_owned(),
                why: "case 7".to_owned(),
                audit: 3,
                ..Default::default()
            }],
        }),
        borrower: None,
    }
}

#[test]
fn the_arithmetic_is_readable() {
    let text = Account::from(response()).to_string();
    for expected in [
        "LOCK announced, REVIEW in force",
        "flag 2 is 0202",
        "missing 38 points, 1 witnesses",
        "planned  flag 2",
        "apply    FREEZE (WAITS)",
        "local: EXEMPTION FREEZE by li at - until 1970-01-01T00:01:30Z: case 7 (audit 3)",
        "hint: LOCK waits for a person to confirm it; until then FREEZE applies",
        "hint: this member's own decision is LOCK (LOCK in force)",
        "hint: this node may be behind: it has not heard lately of cord",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing from:\n{text}");
    }
}

#[test]
fn a_subject_of_whom_nothing_is_known_is_explained_too() {
    let text = Account::from(v1::ExplainResponse::default()).to_string();
    assert!(text.contains("no flag is known"), "{text}");
    assert!(text.contains("no measure was ever announced"), "{text}");
}

#[test]
fn json_has_what_is_missing() {
    let json = serde_json::to_value(Account::from(response())).expect("it is JSON");
    assert_eq!(json["measures"][0]["rules"][0]["missing"]["points"], 38);
    assert_eq!(json["flags"][0]["standing"], "COUNTS");
}
