//! A member that is suspended: what it said counts on, what it says meanwhile means nothing, nobody
//! speaks with it; and with a new feed it is back.

use interlock_record::SealContext;
use interlock_wire::v1::{Measure, Severity};

use crate::calls::{flag, raising, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::governed::{SEEN_SOON, alike, all_at, said};
use crate::hostile::{feed, harm, reason, record, records};
use crate::node::Node;
use crate::succession::{decides, head_of, parted};

async fn refuses(node: &Node) -> String {
    let raised = node.platform().await.raise_flags(raising(flag(tag(9), Severity::High))).await;
    reason(&raised.expect_err("its feed has ended"))
}

#[tokio::test]
async fn a_suspended_member_is_inert_until_it_is_reinstated() {
    let names = ["acme", "bolt", "dune", "mallory"];
    let mut consortium = Consortium::start_governed(&names, 3).await;
    let [acme, bolt, dune, _] = &consortium.nodes[..] else { unreachable!("four") };
    acme.raise(flag(tag(1), Severity::High)).await;
    dune.raise(flag(tag(1), Severity::High)).await;
    for node in [acme, bolt, dune] {
        decides(node, 1, Measure::Lock).await;
    }
    alike(&[acme, bolt, dune]).await;
    let signers = ["acme", "bolt", "mallory"];
    consortium.amend(acme, &["--suspend", "dune"], &signers);
    all_at(&[acme, bolt], 2).await;
    for node in [acme, bolt] {
        parted(node, "dune").await;
        // What it said before its last head counts on, as one witness of two.
        decides(node, 1, Measure::Lock).await;
    }
    let shown = said(&["charter", "show", "--node", &acme.api()]);
    assert_eq!(shown["members"][2]["status"], "suspended");
    let last = shown["feeds"][2]["last"].as_str();
    assert!(last.is_some_and(|last| last != "0" && last != "-"), "{shown}");

    // What it signs all the same, or another with its key, is kept wherever it turns up, and means
    // nothing.
    consortium.nodes[2].terminate().await;
    let [acme, bolt, dune, _] = &consortium.nodes[..] else { unreachable!("four") };
    let head = head_of(bolt, &consortium, dune).await;
    let context = SealContext { charter_version: 1, ..consortium.context(feed("dune", 1)) };
    let later = record(&head, &dune.key(), context, harm(tag(2)));
    let relay = consortium.meet(bolt).await;
    relay.send(Some(records(&[later.signed().encode()]))).await;
    for node in [acme, bolt] {
        eventually("the later record is kept", async || {
            let known = node.head(feed("dune", 1)).await;
            (known.as_ref().map(|(at, _)| *at) == Some(head.sequence + 1))
                .then_some(())
                .ok_or_else(|| format!("{known:?}"))
        })
        .await;
        assert_eq!(node.decision(tag(2)).await.announced(), Measure::None, "{}", node.name);
    }

    // Reinstated with a new feed, it takes part with a new key on the disk that it had.
    let (fresh, key) = consortium.enrol("dune");
    let new_feed = format!("dune/2={key}");
    let words = ["--reinstate", "dune", "--add-feed", &new_feed];
    let acme = &consortium.nodes[0];
    consortium.amend(acme, &words, &signers);
    all_at(&[acme, &consortium.nodes[1]], 3).await;
    let chain = consortium.export(acme);
    let dune = &mut consortium.nodes[2];
    std::fs::copy(&chain, dune.path("charter.toml")).expect("both are ours");
    // With its old feed it is still a stranger to everybody, and signs nothing.
    dune.start();
    dune.answers().await;
    assert_eq!(refuses(dune).await, "NOT_SIGNING");
    dune.terminate().await;
    std::fs::copy(fresh.path("feed.key"), dune.path("feed.key")).expect("both are ours");
    dune.configure("dune", &format!("feed = 2\n{SEEN_SOON}"));
    dune.start();
    dune.answers().await;
    consortium.connected(3).await;
    let [acme, bolt, dune, _] = &consortium.nodes[..] else { unreachable!("four") };
    dune.raise(flag(tag(3), Severity::High)).await;
    acme.raise(flag(tag(3), Severity::High)).await;
    for node in [acme, bolt, dune] {
        decides(node, 3, Measure::Lock).await;
        decides(node, 1, Measure::Lock).await;
        // What it said while it was suspended still means nothing.
        let meanwhile = node.decision(tag(2)).await.announced();
        assert_eq!(meanwhile, Measure::None, "{}", node.name);
    }
    alike(&[acme, bolt, dune]).await;
    // And it has a say again: it signs the next version as the third of four.
    consortium.amend(dune, &["--limit", "disputes_a_day=7"], &["acme", "bolt", "dune"]);
    all_at(&[acme, bolt, dune], 4).await;
}
