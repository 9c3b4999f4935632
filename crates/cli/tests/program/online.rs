//! Verbs that speak to a node.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::task::spawn_blocking;

use crate::fake::{FakeNode, Shared};
use crate::{Ended, command, run};

/// Runs the program while the fake node serves.
async fn ask(node: &FakeNode, words: &[&str]) -> Ended {
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.extend(["--node".to_owned(), node.url()]);
    let run = move || run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    spawn_blocking(run).await.expect("it ran")
}

const RAISE: [&str; 12] = [
    "flag",
    "raise",
    "--device",
    "d1",
    "--reason",
    "overdue",
    "--severity",
    "HIGH",
    "--confidence",
    "90",
    "--applied-measure",
    "LOCK",
];

#[test]
fn a_node_that_is_not_there_is_told_in_one_line() {
    run(&["status", "--node", "http://127.0.0.1:1"]).failed(4, "no node at http://127.0.0.1:1");
    run(&["peers", "--node", "unix:/nowhere.sock"]).failed(4, "no node at unix:/nowhere.sock");
    run(&["peers", "--node", "127.0.0.1:1"]).failed(2, "expected http://HOST:PORT");
}

#[tokio::test]
async fn a_lock_of_two_flags_is_seen_by_a_script() {
    let shared = Shared::default();
    let (acme, bolt) =
        (FakeNode::start(&shared, "acme").await, FakeNode::start(&shared, "bolt").await);
    let raised = ask(&acme, &RAISE).await;
    assert_eq!(raised.ended(0).lines().next().map(str::len), Some(64), "{raised:?}");
    let check = ["check", "--device", "d1", "--device", "d2", "--at-least", "FREEZE", "-o", "json"];
    ask(&acme, &check).await.ended(0);
    ask(&bolt, &RAISE).await.ended(0);
    let checked = ask(&acme, &check).await;
    let json: serde_json::Value = serde_json::from_str(checked.ended(1)).expect("one document");
    assert_eq!(json["decisions"][0]["apply"], "LOCK");
    assert_eq!(json["decisions"][1]["consortium"]["announced"], "NONE");
    let explained = ask(&acme, &["explain", "--device", "d1"]).await;
    assert!(explained.ended(0).contains("LOCK announced, LOCK in force"), "{explained:?}");
    ask(&acme, &["status"]).await.ended(0);
    ask(&acme, &["peers"]).await.ended(0);
    ask(&acme, &["flag", "list"]).await.ended(0);
}

#[tokio::test]
async fn a_refusal_names_the_fields() {
    let node = FakeNode::start(&Shared::default(), "acme").await;
    let refused = ask(&node, &[&RAISE[..], &["--rule-version", "wrong"]].concat()).await;
    refused.failed(
        5,
        "refused: the request is wrong; flags[0].rule_version: expected another [BAD_FIELD]",
    );
    ask(&node, &["watch", "--cursor", "x"]).await.failed(5, "the cursor is of another store");
    let absent = "ab".repeat(32);
    ask(&node, &["flag", "withdraw", &absent, "--cause", "ERROR"]).await.failed(5, "no such flag");
}

#[tokio::test]
async fn a_write_that_is_tried_again_is_one_write() {
    let shared = Shared::default();
    let node = FakeNode::start(&shared, "acme").await;
    shared.memory().unavailable = 2;
    ask(&node, &RAISE).await.ended(0);
    assert_eq!(shared.memory().publishes, 1);
    let with_key = [&RAISE[..], &["--idempotency-key", "k"]].concat();
    ask(&node, &with_key).await.ended(0);
    let again = ask(&node, &with_key).await;
    assert!(again.ended(0).contains("written by an earlier call"), "{again:?}");
    assert_eq!(shared.memory().publishes, 2);
    shared.memory().unavailable = 100;
    ask(&node, &with_key).await.failed(4, "try again with --idempotency-key k");
}

#[tokio::test]
async fn a_watch_goes_on_after_its_cursor_when_the_node_is_back() {
    let shared = Shared::default();
    let (acme, bolt) =
        (FakeNode::start(&shared, "acme").await, FakeNode::start(&shared, "bolt").await);
    let mut watch = tokio::process::Command::from(command(&[
        "watch",
        "--tail",
        "-o",
        "json",
        "--limit",
        "4",
        "--node",
        &acme.url(),
    ]))
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .kill_on_drop(true)
    .spawn()
    .expect("the program starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
    let first = lines.next_line().await.expect("it is text").expect("it begins");
    assert!(first.contains("\"caught_up\""), "{first}");

    let lock = async |device| {
        let raise: Vec<&str> =
            RAISE.iter().map(|word| if *word == "d1" { device } else { *word }).collect();
        ask(&bolt, &raise).await.ended(0);
        let other = FakeNode::start(&shared, "cord").await;
        ask(&other, &raise).await.ended(0);
    };
    lock("d1").await;
    let mut numbers = Vec::new();
    while numbers.len() < 2 {
        numbers.extend(event_number(&lines.next_line().await.expect("text").expect("more")));
    }
    let address = acme.address;
    acme.stop().await;
    lock("d2").await;
    let _acme = FakeNode::start_at(&shared, "acme", address).await;
    while let Some(line) = lines.next_line().await.expect("it is text") {
        numbers.extend(event_number(&line));
    }
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(watch.wait().await.expect("it ends").success());
}

fn event_number(line: &str) -> Option<u64> {
    let json: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    if json["kind"] == "event" { json["number"].as_u64() } else { None }
}
