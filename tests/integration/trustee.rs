//! A member that is gone: what it said stays, and a trustee takes it back for it.

use interlock_record::StatementId;
use interlock_wire::v1::{self, Measure, Severity};

use crate::calls::{flag, raising, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::governed::{SEEN_SOON, all_at};
use crate::node::Node;

async fn all_decide(nodes: &[&Node], number: u8, measure: Measure) {
    for node in nodes {
        eventually(&format!("{} comes to {measure:?}", node.name), async || {
            let announced = node.decision(tag(number)).await.announced();
            (announced == measure).then_some(()).ok_or_else(|| format!("{announced:?}"))
        })
        .await;
    }
}

#[tokio::test]
async fn a_trustee_takes_back_what_a_member_that_is_gone_has_said() {
    let mut consortium = Consortium::start_governed(&["acme", "bolt", "cato", "dune"], 4).await;
    let (one, _) = consortium.nodes[3].raise(flag(tag(1), Severity::High)).await;
    consortium.nodes[3].raise(flag(tag(2), Severity::High)).await;
    for number in [1, 2] {
        consortium.nodes[0].raise(flag(tag(number), Severity::High)).await;
    }
    consortium.agreed().await;
    consortium.nodes[3].terminate().await;
    let (mut desk, key) = consortium.enrol("dune");
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    let others = [acme, bolt, cato];
    for number in [1, 2] {
        all_decide(&others, number, Measure::Lock).await;
    }
    let trustee = format!("dune/2=bolt:{key}");
    let address = format!("dune={}", desk.address);
    let words = ["--remove", "dune", "--trustee", &trustee, "--address", &address];
    consortium.amend(acme, &words, &["acme", "bolt", "cato"]);
    all_at(&others, 2).await;

    // Bolt's second node, which speaks in dune's second feed.
    std::fs::copy(consortium.export(bolt), desk.path("charter.toml")).expect("both are ours");
    desk.configure("dune", &format!("feed = 2\n{SEEN_SOON}"));
    desk.start();
    desk.answers().await;
    all_decide(&[&desk], 1, Measure::Lock).await;
    let refused = desk.platform().await.raise_flags(raising(flag(tag(3), Severity::High))).await;
    let refused = refused.expect_err("a trustee raises nothing");
    assert!(refused.message().contains("trustee"), "{refused:?}");
    withdraw(&desk, one).await;
    all_decide(&others, 1, Measure::Review).await;
    all_decide(&others, 2, Measure::Lock).await;
    let recall = v1::RecallRequest {
        reason: v1::Reason::Overdue.into(),
        cause: v1::WithdrawCause::Other.into(),
        ..Default::default()
    };
    desk.platform().await.recall(recall).await.expect("it recalls for the member");
    all_decide(&others, 2, Measure::Review).await;
}

async fn withdraw(desk: &Node, flag: StatementId) {
    // The trustee's node knows the flag as soon as it has dune's first feed.
    eventually("the trustee may withdraw", async || {
        let request = v1::WithdrawRequest {
            statement: flag.0.to_vec(),
            cause: v1::WithdrawCause::Other.into(),
            idempotency_key: "once".to_owned(),
            ..Default::default()
        };
        let withdrawn = desk.platform().await.withdraw(request).await;
        withdrawn.map(|_| ()).map_err(|status| format!("{status:?}"))
    })
    .await;
}
