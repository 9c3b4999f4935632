//! `interlock replay` through a consortium of two.

use std::fs;

use tokio::task::spawn_blocking;

use crate::fake::{FakeNode, Shared};
use crate::{Ended, run};

async fn replay(nodes: &[(&str, &FakeNode)], csv: &str, more: &[&str]) -> Ended {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("events.csv");
    fs::write(&path, csv).expect("written");
    let mut words = vec!["replay".to_owned(), path.display().to_string()];
    for (issuer, node) in nodes {
        words.extend(["--map".to_owned(), format!("{issuer}={}", node.url())]);
    }
    words.extend(more.iter().map(ToString::to_string));
    let run = move || run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    spawn_blocking(run).await.expect("it ran")
}

/// 300 subjects that both list, one of which b takes off again; a withdrawal without a flag; a cure.
fn events() -> String {
    let mut csv = "time,issuer,op,subject,batch\n".to_owned();
    for subject in 0..300 {
        for issuer in ["a", "b"] {
            csv.push_str(
                &["2026-01-01T00:00:00Z", issuer, "add", &format!("s{subject}"), "1\n"].join(","),
            );
        }
    }
    csv + "2026-01-01T00:00:01Z,b,del,s7,2\n2026-01-01T00:00:02Z,b,del,s7,3\n2026-01-01T00:00:03Z,a,repay,s8,4\n"
}

#[tokio::test]
async fn a_replay_ends_with_what_all_nodes_decided() {
    let shared = Shared::default();
    let (a, b) = (FakeNode::start(&shared, "a").await, FakeNode::start(&shared, "b").await);
    shared.memory().unavailable = 6;
    let ended = replay(&[("a", &a), ("b", &b)], &events(), &["-o", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(ended.ended(0)).expect("one document");
    for (field, expected) in [
        ("events", 603),
        ("flags", 600),
        ("withdrawals", 1),
        ("ignored", 1),
        ("cures", 1),
        ("subjects", 300),
        ("nodes", 2),
    ] {
        assert_eq!(json[field], expected, "{field} in {json}");
    }
    assert_eq!(json["subjects_at"], serde_json::json!([["LOCK", 299], ["NONE", 1]]));
    assert_eq!(json["locks"]["count"], 300);
    assert_eq!(json["locks"]["spread_us"]["max"], 0, "one memory, one time");
    assert_eq!(json["alike"], true);
}

#[tokio::test]
async fn an_accelerated_replay_takes_its_time() {
    let shared = Shared::default();
    let (a, b) = (FakeNode::start(&shared, "a").await, FakeNode::start(&shared, "b").await);
    let ended = replay(&[("a", &a), ("b", &b)], &events(), &["--speed", "30", "-o", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(ended.ended(0)).expect("one document");
    assert!(json["sending_ms"].as_u64().is_some_and(|ms| ms >= 100), "{json}");
}

#[tokio::test]
async fn nothing_is_sent_of_a_file_with_a_mistake() {
    let shared = Shared::default();
    let a = FakeNode::start(&shared, "a").await;
    let ended = replay(&[("a", &a)], &events(), &[]).await;
    ended.failed(3, "events.csv:3: issuer: \"b\" has no node");
    assert_eq!(shared.memory().publishes, 0);
}
