//! Disputes with real processes: seen by whoever must answer, and lapsing by themselves.

use interlock_record::{Span, StatementId, Time};
use interlock_wire::v1::{self, DecisionChange::*, Measure, Severity};
use tonic::Code;

use crate::calls::{flag, instant, tag};
use crate::consortium::{Consortium, POLICY};
use crate::eventually;
use crate::hostile::reason;
use crate::node::Node;

/// Long enough to look at it at three nodes of a machine that is busy.
const DEADLINE_SECS: u32 = 10;

fn policy() -> String {
    let times =
        format!("version = 1\ndispute_deadline = \"{DEADLINE_SECS}s\"\ndispute_rest = \"1h\"\n");
    POLICY.replacen("version = 1\n", &times, 1)
}

async fn dispute(node: &Node, flag: StatementId) -> Result<Time, tonic::Status> {
    let request = v1::OpenDisputeRequest {
        flag: flag.0.to_vec(),
        by: "li.na".to_owned(),
        why: "the borrower shows a receipt".to_owned(),
        ..Default::default()
    };
    let opened = node.platform().await.open_dispute(request).await?;
    Ok(instant(opened.into_inner().time))
}

async fn resolve(node: &Node, flag: StatementId) -> Result<Time, tonic::Status> {
    let request = v1::ResolveDisputeRequest {
        flag: flag.0.to_vec(),
        outcome: v1::Outcome::Rejected.into(),
        ..Default::default()
    };
    let answered = node.platform().await.resolve_dispute(request).await?;
    Ok(instant(answered.into_inner().time))
}

async fn open(node: &Node, own_only: bool) -> Vec<v1::OpenDispute> {
    let request = v1::ListDisputesRequest { own_only, ..Default::default() };
    node.review().await.list_disputes(request).await.expect("it answers").into_inner().disputes
}

/// How the journal says that a dispute ended.
async fn end(node: &Node) -> serde_json::Value {
    let what = format!("{} tells how it ended", node.name);
    eventually(&what, async || {
        let journal = node.journal_after("").await;
        let entry = journal.into_iter().rev().find(|entry| entry.kind == "DISPUTE_CLOSED");
        let entry = entry.ok_or_else(|| "not yet".to_owned())?;
        Ok(serde_json::from_str(&entry.detail).expect("JSON"))
    })
    .await
}

#[tokio::test]
async fn a_dispute_without_an_answer_lapses_at_every_node_with_nothing_else_happening() {
    let members = ["acme", "bolt", "coil"];
    let mut consortium = Consortium::found_with(&members, &policy()).run(3).await;
    let [acme, bolt, coil] = &consortium.nodes[..] else { unreachable!("three members") };
    let subject = tag(1);
    let (first, _) = acme.raise(flag(subject, Severity::High)).await;
    bolt.raise(flag(subject, Severity::High)).await;
    for node in &consortium.nodes {
        node.told(subject, Applied, Measure::Lock).await;
    }
    let opened = dispute(coil, first).await.expect("another's flag");
    let deadline = opened.plus(Span::from_secs(DEADLINE_SECS));
    for node in &consortium.nodes {
        node.told(subject, Applied, Measure::Review).await;
        let listed = open(node, false).await;
        let [listed] = &listed[..] else { panic!("{listed:?}") };
        assert_eq!((listed.issuer.as_str(), listed.own), ("acme", node.name == "acme"));
        assert_eq!((instant(listed.since), instant(listed.deadline)), (opened, deadline));
        assert!((0..i64::from(DEADLINE_SECS)).contains(&listed.left_seconds), "{listed:?}");
        assert_eq!(listed.flag, first.0);
        assert_eq!(open(node, true).await.len(), usize::from(node.name == "acme"));
    }
    let request = v1::ExplainRequest { subject: Some(crate::calls::subject(subject)), at: None };
    let explained = acme.platform().await.explain(request).await.expect("it answers").into_inner();
    let disputed =
        explained.flags.iter().find(|flag| flag.statement == first.0).expect("it is there");
    assert_eq!(instant(disputed.dispute_deadline), deadline, "the clock is at the flag too");

    // One node is down when the time comes.
    consortium.nodes[1].kill();
    for place in [0, 2] {
        let told = end(&consortium.nodes[place]).await;
        assert_eq!((&told["end"], &told["at"]), (&"LAPSED".into(), &deadline.to_string().into()));
        assert_eq!(open(&consortium.nodes[place], false).await, []);
    }
    consortium.nodes[1].start();
    consortium.nodes[1].answers().await;
    assert_eq!(end(&consortium.nodes[1]).await["end"], "LAPSED");
    for node in &consortium.nodes {
        let decision = node.decision(subject).await;
        assert_eq!(decision.announced(), Measure::Review, "one flag is left at {}", node.name);
    }
    let late = resolve(&consortium.nodes[0], first).await.expect_err("too late");
    assert_eq!(
        (late.code(), reason(&late).as_str()),
        (Code::FailedPrecondition, "NO_SUCH_DISPUTE")
    );
}

#[tokio::test]
async fn an_answer_in_time_restores_and_further_disputes_rest() {
    let consortium = Consortium::found_with(&["acme", "bolt", "coil"], &policy()).run(3).await;
    let [acme, bolt, coil] = &consortium.nodes[..] else { unreachable!("three members") };
    let subject = tag(1);
    let (first, _) = acme.raise(flag(subject, Severity::High)).await;
    bolt.raise(flag(subject, Severity::High)).await;
    coil.told(subject, Applied, Measure::Lock).await;
    let early = resolve(acme, first).await.expect_err("there is none");
    assert_eq!(reason(&early), "NO_SUCH_DISPUTE");
    dispute(coil, first).await.expect("another's flag");
    acme.told(subject, Applied, Measure::Review).await;
    resolve(acme, first).await.expect("in time");
    for node in &consortium.nodes {
        assert_eq!(end(node).await["end"], "ANSWERED", "{}", node.name);
        eventually("the lock is back", async || {
            let decision = node.decision(subject).await;
            let back = decision.effective() == Measure::Lock;
            if back { Ok(()) } else { Err(format!("{decision:?}")) }
        })
        .await;
    }
    let resting = dispute(bolt, first).await.expect_err("others rest");
    assert_eq!(reason(&resting), "NO_SUCH_DISPUTE");
    assert!(resting.message().contains("further ones rest until"), "{resting}");
    // Who opened it and why stayed at coil.
    let request = v1::ListAuditRequest::default();
    let log = coil.review().await.list_audit(request).await.expect("it answers").into_inner();
    assert_eq!(log.entries.iter().map(|entry| entry.act.as_str()).collect::<Vec<_>>(), ["DISPUTE"]);
}
