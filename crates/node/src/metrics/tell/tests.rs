//! The endpoint and its documentation agree, and nothing in it can name a subject.

use std::collections::{BTreeMap, BTreeSet};

use interlock_engine::ledger::rows::CountersRow;
use interlock_engine::replica::{PeerView, Withholding};

use super::*;

/// A scrape in which everything is told.
fn full() -> String {
    let member: MemberId = "mallory".parse().expect("a member id");
    let feed = interlock_record::FeedId { member, number: interlock_record::FeedNumber(1) };
    let peer =
        PeerView { member, dialled: true, heard: false, heard_at: None, behind: 7, refused: 1 };
    let withholding = Withholding {
        member,
        lag_records: 3,
        lag_since: Some(now()),
        lag_feed: Some(feed),
        undelivered: 2,
        hidden: vec![feed],
        signs: vec![WithholdingSign::HiddenFeed],
    };
    let account = AccountView {
        standing: "SHUT",
        left: None,
        because: Some("REFUSED_FRAMES"),
        pauses: 6,
        shut_outs: 1,
        refused: vec![("BAD_SIGNATURE", 21)],
    };
    let scrape = Scrape {
        report: Report {
            heads: Vec::new(),
            peers: vec![peer],
            counters: CountersRow { arrivals: 5, statements: 9, ..CountersRow::default() },
            not_signing: None,
            withholding: vec![withholding],
            late_feeds: vec![feed],
        },
        accounts: vec![(member, account)],
        refusals: vec![("BAD_SIGNATURE", 21)],
        waiting: vec![(member, 4)],
        queued: 1,
        timers_due: 2,
        store_bytes: 1_000,
        at: now(),
    };
    let meters = WriterMeters::default();
    meters.stepped(std::time::Duration::from_millis(3));
    scrape.text(&meters).expect("text")
}

/// Each metric's kind.
fn told(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').expect("a name and a kind");
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

#[test]
fn the_table_and_the_endpoint_agree() {
    let document = include_str!("../../../../../docs/operating.md");
    let rows = document.lines().filter(|line| line.starts_with("| `interlock_"));
    let documented: BTreeMap<String, String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    assert_eq!(told(&full()), documented);
}

#[test]
fn values_and_labels_are_as_they_should_be() {
    let text = full();
    let lines: BTreeSet<&str> = text.lines().collect();
    for line in [
        "interlock_records_total 5",
        "interlock_statements_total 9",
        "interlock_store_bytes 1000",
        "interlock_refusals_total{reason=\"BAD_SIGNATURE\"} 21",
        "interlock_peer_refusals_total{peer=\"mallory\",reason=\"BAD_SIGNATURE\"} 21",
        "interlock_peer_standing{peer=\"mallory\",standing=\"SHUT\"} 1",
        "interlock_peer_standing{peer=\"mallory\",standing=\"OPEN\"} 0",
        "interlock_peer_withholds{peer=\"mallory\",sign=\"HIDDEN_FEED\"} 1",
        "interlock_peer_waiting_frames{peer=\"mallory\"} 4",
        "interlock_writer_step_seconds_count 1",
    ] {
        assert!(lines.contains(line), "no {line} in\n{text}");
    }
    let labels = text.lines().filter_map(|line| line.split_once('{')).flat_map(|(_, rest)| {
        let labels = rest.split_once('}').map_or("", |(labels, _)| labels);
        labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name)
    });
    let known = ["le", "peer", "reason", "sign", "standing"];
    assert!(labels.into_iter().all(|label| known.contains(&label)), "{text}");
}
