//! What is well formed and absurd: it is taken for what it says, and the node goes on.

use interlock_record::{FeedHead, SealContext, Span, Statement, Time};
use interlock_wire::peer::{self, push_frame::Kind};
use interlock_wire::timestamp;
use interlock_wire::v1::{self, Measure, Severity};

use crate::calls::{flag, raising, subject, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::hostile::{feed, harm, record, records};
use crate::node::Node;

/// Asserts that a node still signs and decides.
async fn goes_on(node: &Node, number: u8) {
    node.raise(flag(tag(number), Severity::High)).await;
    eventually("a flag is a decision", async || {
        let measure = node.decision(tag(number)).await.announced();
        (measure == Measure::Review).then_some(()).ok_or_else(|| format!("{measure:?}"))
    })
    .await;
}

#[tokio::test]
async fn claims_of_endless_feeds_harm_nobody() {
    let consortium = Consortium::start(&["acme", "bolt", "mallory"], 1).await;
    let acme = &consortium.nodes[0];
    let claim = |member: &str| peer::Head {
        member: member.to_owned(),
        feed: 1,
        sequence: u64::MAX,
        id: vec![7; 32],
    };
    let stream = consortium.meet(acme).await;
    let heads = vec![claim("bolt"), claim("mallory")];
    stream
        .send(Some(Kind::Frontier(peer::Frontier {
            heads,
            complete: true,
            ..peer::Frontier::default()
        })))
        .await;
    eventually("the claims are heard", async || {
        let peers = acme.peers().await.peers;
        let mallory = peers.iter().find(|peer| peer.member == "mallory").expect("a member");
        (mallory.behind_records > 0).then_some(()).ok_or_else(|| format!("{mallory:?}"))
    })
    .await;
    goes_on(acme, 1).await;
}

#[tokio::test]
async fn a_peer_that_comes_twice_is_heard_until_it_has_gone_twice() {
    let consortium = Consortium::start(&["acme", "mallory"], 1).await;
    let acme = &consortium.nodes[0];
    let heard = async |expected: bool| {
        eventually(&format!("heard is {expected}"), async || {
            let peers = acme.peers().await.peers;
            (peers[0].heard == expected).then_some(()).ok_or_else(|| format!("{peers:?}"))
        })
        .await;
    };
    let first = consortium.meet(acme).await;
    let mut second = consortium.meet(acme).await;
    heard(true).await;
    let records_before = acme.refusals("BAD_FRAME").await;
    drop(first);
    // The node notices in its own time; what the second says meanwhile is heard all along.
    for _ in 0..20 {
        second.send(None).await;
        assert_eq!(second.refusal().await.as_deref(), Ok("BAD_FRAME"));
        assert!(acme.peers().await.peers[0].heard, "the second stream stands");
    }
    assert_eq!(acme.refusals("BAD_FRAME").await, records_before + 20);
    drop(second);
    heard(false).await;
}

#[tokio::test]
async fn the_ends_of_time_are_times_like_any() {
    let consortium = Consortium::start(&["acme", "bolt", "mallory"], 2).await;
    let [acme, bolt, _] = &consortium.nodes[..] else { unreachable!("three members") };
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let old = SealContext { time: Time::MIN, ..consortium.context(mallory) };
    let Ok(Statement::Flag(ancient)) =
        Statement::decode(&harm(tag(1)), 1, consortium.context(mallory).time)
    else {
        unreachable!("it is a flag")
    };
    let ancient =
        interlock_record::Flag { observed_at: Time::MIN, expires_at: Some(Time::MAX), ..ancient };
    let ancient = Statement::Flag(ancient).encode().expect("within its limits");
    let first = record(&FeedHead::empty(), &key, old, ancient);
    let head = FeedHead::empty().next(&first).expect("it is the first");
    let next = SealContext { time: Time::MIN.plus(Span::from_secs(1)), ..old };
    let nonsense = record(&head, &key, next, vec![0xff; 1_024]);
    let stream = consortium.meet(acme).await;
    let both = [first.signed().encode(), nonsense.signed().encode()];
    stream.send(Some(records(&both))).await;
    eventually("both records are taken", async || {
        let count = acme.status().await.records;
        (count == 2).then_some(()).ok_or_else(|| format!("{count} records"))
    })
    .await;

    let draft = v1::FlagDraft {
        observed_at: Some(timestamp(Time::MIN)),
        expires_at: Some(timestamp(Time::MAX)),
        ..flag(tag(1), Severity::Critical)
    };
    acme.platform().await.raise_flags(raising(draft)).await.expect("old, and well formed");
    for at in [Time::MIN, Time::MAX] {
        let request =
            v1::ExplainRequest { subject: Some(subject(tag(1))), at: Some(timestamp(at)) };
        let explained = acme.platform().await.explain(request).await.expect("any time will do");
        assert_eq!(explained.into_inner().flags.len(), 2);
    }
    let recall = v1::RecallRequest {
        from: Some(timestamp(Time::MIN)),
        to: Some(timestamp(Time::MAX)),
        cause: v1::WithdrawCause::Error.into(),
        ..Default::default()
    };
    acme.platform().await.recall(recall).await.expect("all of its flags");
    goes_on(acme, 2).await;
    goes_on(bolt, 3).await;
    eventually("both know the same", async || {
        let (a, b) = (acme.status().await, bolt.status().await);
        let same = a.frontier_digest == b.frontier_digest;
        same.then_some(()).ok_or_else(|| format!("{} and {} records", a.records, b.records))
    })
    .await;
}
