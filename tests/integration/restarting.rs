//! A node that is killed has lost nothing that it acknowledged; one that is asked to end ends well.

use std::collections::BTreeSet;

use interlock_wire::v1::{self, DecisionChange::*, Measure, Severity};

use crate::calls::{flag, raising, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::node::Node;

/// Raises flags on ever new subjects until the node is gone; the ids of those acknowledged.
async fn raise_until_gone(
    mut platform: v1::platform_client::PlatformClient<tonic::transport::Channel>,
    acknowledged: tokio::sync::watch::Sender<usize>,
) -> Vec<Vec<u8>> {
    let mut ids = Vec::new();
    for number in (0..=u64::MAX).map(|number| number % 200) {
        let subject = tag(u8::try_from(number).expect("below 200"));
        match platform.raise_flags(raising(flag(subject, Severity::High))).await {
            Ok(raised) => ids.extend(raised.into_inner().statements),
            Err(_) => break,
        }
        acknowledged.send_replace(ids.len());
    }
    ids
}

async fn own_flags(node: &Node) -> Vec<v1::FlagAccount> {
    let request = v1::ListFlagsRequest { limit: 1_000, ..Default::default() };
    let listed = node.platform().await.list_flags(request).await.expect("it answers").into_inner();
    assert!(!listed.more, "this machine is too fast for this test: stop earlier");
    listed.flags
}

async fn decisions(node: &Node) -> Vec<v1::SubjectDecision> {
    let subjects = (0..=210).map(|number| crate::calls::subject(tag(number))).collect();
    let request = v1::LookupRequest { subjects };
    let answer = node.platform().await.lookup(request).await.expect("it answers").into_inner();
    answer.decisions
}

#[tokio::test]
async fn a_killed_node_has_lost_nothing_and_catches_up() {
    let mut consortium = Consortium::start(&["acme", "bolt", "coil"], 3).await;
    consortium.nodes[1].raise(flag(tag(210), Severity::High)).await;
    let bolt = &consortium.nodes[1];
    bolt.told(tag(210), Effective, Measure::Review).await;
    let saved = bolt.status().await.cursor;

    let (acknowledged, mut count) = tokio::sync::watch::channel(0);
    let raising = tokio::spawn(raise_until_gone(bolt.platform().await, acknowledged));
    let (elsewhere, _) = tokio::sync::watch::channel(0);
    let raising_elsewhere =
        tokio::spawn(raise_until_gone(consortium.nodes[0].platform().await, elsewhere));
    count.wait_for(|count| *count >= 30).await.expect("it is raising");
    consortium.nodes[1].kill();
    let acknowledged = raising.await.expect("no panic");
    assert!(acknowledged.len() >= 30);

    // Elsewhere life goes on.
    for number in 200..210 {
        consortium.nodes[2].raise(flag(tag(number), Severity::High)).await;
    }
    consortium.nodes[1].start();
    consortium.nodes[1].answers().await;
    let kept: BTreeSet<Vec<u8>> =
        own_flags(&consortium.nodes[1]).await.into_iter().map(|flag| flag.statement).collect();
    let lost = acknowledged.iter().filter(|id| !kept.contains(*id)).count();
    assert_eq!(lost, 0, "of {} acknowledged", acknowledged.len());

    raising_elsewhere.abort();
    let _ = raising_elsewhere.await;
    consortium.connected(3).await;
    consortium.agreed().await;
    journal_goes_on(&consortium.nodes[1], &saved).await;
    // Once every measure is in force, all answer alike in every field.
    let all = eventually("all decide alike", async || {
        let all = [
            decisions(&consortium.nodes[0]).await,
            decisions(&consortium.nodes[1]).await,
            decisions(&consortium.nodes[2]).await,
        ];
        let same = all[0] == all[1] && all[1] == all[2];
        if same { Ok(all) } else { Err("different decisions".to_owned()) }
    })
    .await;
    let flagged = |decision: &&v1::SubjectDecision| {
        decision.consortium.as_ref().is_some_and(|it| it.announced() >= Measure::Review)
    };
    assert!(all[0].iter().filter(flagged).count() >= 41);
    assert_eq!(consortium.nodes[1].status().await.equivocations, 0);
}

/// Asserts that nothing in the journal is missing or told twice, read from a saved cursor.
async fn journal_goes_on(node: &Node, saved: &str) {
    let entries = node.journal_after(saved).await;
    let mut seen = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.kind == "FLAG_ACCEPTED") {
        assert!(seen.insert(&entry.detail), "told twice: {entry:?}");
    }
    let of_journal: Vec<u64> = entries
        .iter()
        .filter(|entry| entry.kind.starts_with("DECISION_"))
        .map(|entry| entry.number)
        .collect();
    assert!(of_journal.len() >= 40, "{} decisions", of_journal.len());
    let request = v1::WatchDecisionsRequest { cursor: saved.to_owned(), ..Default::default() };
    let (mut watch, _) = node.watch(request).await;
    let mut of_watch = Vec::new();
    while of_watch.last() < of_journal.last() {
        of_watch.push(watch.event().await.number);
    }
    assert_eq!(of_watch, of_journal, "both streams go on after the same cursor");
}

#[tokio::test]
async fn a_node_that_is_asked_to_end_ends_well_and_starts_again() {
    let mut consortium = Consortium::start(&["acme", "bolt"], 2).await;
    let acme = &consortium.nodes[0];
    let (id, _) = acme.raise(flag(tag(1), Severity::High)).await;
    // Endless answers and standing connections must not keep it from ending.
    let tail = v1::WatchStart::Tail.into();
    let request = v1::WatchDecisionsRequest { start: tail, ..Default::default() };
    let (mut watch, _) = acme.watch(request).await;
    let _idle = acme.platform().await;
    let before = acme.status().await;

    let status = consortium.nodes[0].terminate().await;
    assert_eq!(status.code(), Some(0), "{}", consortium.nodes[0].log());
    let ended = watch.ended().await.expect("a watch does not end well");
    assert_eq!(ended.code(), tonic::Code::Unavailable, "{ended:?}");
    assert!(!consortium.nodes[0].path("interlock.sock").exists(), "its socket is gone");

    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    let acme = &consortium.nodes[0];
    let after = acme.status().await;
    assert_eq!(after.records, before.records);
    assert_eq!(after.frontier_digest, before.frontier_digest);
    assert!(after.journal >= before.journal);
    assert_eq!(own_flags(acme).await[0].statement, id.0);
    // It signs on, in the same chain, once it has asked bolt.
    consortium.connected(2).await;
    acme.raise(flag(tag(2), Severity::High)).await;
    consortium.agreed().await;
    assert_eq!(consortium.nodes[1].status().await.equivocations, 0);
}
