//! `interlock sim`: real logs in virtual time, and what others have published.

use std::fs;

use tempfile::TempDir;

use crate::{Ended, run};

const POLICY: &str = "version = 1
[reason.FRAUD_SUSPECTED]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = \"90d\"
ceiling = \"LOCK\"
[[measure.LOCK.rule]]
points = 100
";

/// A source lists two subjects, a copier follows, and the source takes one back; a third is on three
/// lists, and one of them says of another that it paid.
const EVENTS: &str = "time,issuer,op,subject,batch
2026-01-01T00:00:00Z,source,add,s1,1
2026-01-01T00:00:00Z,source,add,s2,1
2026-01-02T00:00:00Z,copier,add,s1,1
2026-01-02T00:00:00Z,copier,add,s2,1
2026-01-03T00:00:00Z,source,del,s1,1
2026-01-04T00:00:00Z,copier,add,s3,1
2026-01-04T00:00:00Z,other,add,s3,1
2026-01-05T00:00:00Z,source,add,s3,1
2026-01-06T00:00:00Z,other,repay,s2,1
";

fn replay(events: &str, more: &[&str]) -> Ended {
    let dir: TempDir = tempfile::tempdir().expect("a directory of our own");
    let (file, policy) = (dir.path().join("events.csv"), dir.path().join("p.toml"));
    fs::write(&file, events).expect("written");
    fs::write(&policy, POLICY).expect("written");
    let (file, policy) = (file.display().to_string(), policy.display().to_string());
    run(&[&["sim", "replay", &file, "--policy", &policy], more].concat())
}

fn outcomes(more: &[&str]) -> serde_json::Value {
    let ended = replay(EVENTS, &[more, &["-o", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(ended.ended(0)).expect("one document");
    assert_eq!(
        (&json["flags"], &json["withdrawals"], &json["cures"]),
        (&7.into(), &1.into(), &1.into())
    );
    assert_eq!(json["issuers"], serde_json::json!({"copier": 3, "other": 2, "source": 4}));
    assert_eq!(json["subjects"], 3);
    json["outcomes"].clone()
}

#[test]
fn a_log_is_decided_under_a_policy() {
    let expected =
        serde_json::json!([{"k": null, "ever": 3, "opened_by_withdrawal": 1, "at_end": 2}]);
    assert_eq!(outcomes(&[]), expected);
    assert_eq!(
        outcomes(&["--k", "1,2,3"]),
        serde_json::json!([
            {"k": 1, "ever": 3, "opened_by_withdrawal": 0, "at_end": 3},
            {"k": 2, "ever": 3, "opened_by_withdrawal": 1, "at_end": 2},
            {"k": 3, "ever": 1, "opened_by_withdrawal": 0, "at_end": 1},
        ])
    );
}

#[test]
fn what_is_derived_is_no_witness() {
    assert_eq!(
        outcomes(&["--k", "1,2", "--derived", "copier=source"]),
        serde_json::json!([
            {"k": 1, "ever": 3, "opened_by_withdrawal": 1, "at_end": 2},
            {"k": 2, "ever": 1, "opened_by_withdrawal": 0, "at_end": 1},
        ])
    );
    let ended = replay(EVENTS, &["--k", "2", "--derived", "copier=source"]);
    let text = ended.ended(0);
    assert!(text.contains("7 flags (2 derived), 1 withdrawal, 1 cure"), "{text}");
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    replay(EVENTS, &["--derived", "copier=nobody"])
        .failed(2, "expected issuers of the file, got nobody");
    replay(EVENTS, &["--derived", "copier"]).failed(2, "expected COPIER=SOURCE");
    replay(EVENTS, &["--k", "0"]).failed(2, "'--k <N,N,...>'");
    replay(EVENTS, &["--k", "1001"]).failed(2, "'--k <N,N,...>'");
    replay(EVENTS, &["--k", "1000"]).ended(0);
    replay(EVENTS, &["--measure", "NONE"]).failed(2, "expected a measure above NONE");
    let bad = format!("{EVENTS}2026-01-07T00:00:00Z,other,lock,s1,1\n");
    replay(&bad, &[]).failed(3, "events.csv:11: op: expected add, del or repay, got \"lock\"");
}

#[test]
fn figures_are_told_with_what_they_should_be() {
    let ended =
        run(&["sim", "validate", "--case", "granovetter", "--case", "real-log", "-o", "json"]);
    let lines: Vec<serde_json::Value> = ended
        .ended(0)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document a line"))
        .collect();
    assert_eq!(lines[0]["expected"], 100.0);
    assert_eq!(lines[0]["found"], 100.0);
    assert_eq!(lines[0]["pass"], true);
    let skipped = lines.last().expect("rows");
    assert_eq!(
        (&skipped["case"], &skipped["pass"]),
        (&"real-log".into(), &serde_json::Value::Null)
    );
    let ended = run(&["sim", "validate", "--case", "real-log"]);
    assert!(ended.ended(0).contains("skipped: no --log"));
    run(&["sim", "validate", "--case", "nothing"]).failed(2, "'nothing'");
    run(&["sim", "validate", "--jobs", "0"]).failed(2, "--jobs");
}

#[test]
fn figures_of_another_log_are_a_no() {
    let dir: TempDir = tempfile::tempdir().expect("a directory of our own");
    let file = dir.path().join("events.csv");
    fs::write(&file, EVENTS).expect("written");
    let file = file.display().to_string();
    let ended = run(&["sim", "validate", "--case", "real-log", "--log", &file]);
    assert!(ended.ended(1).contains("NO"));
}
