//! Retention: what ended long enough ago is erased without anybody asking, in whatever feed it was said.

use interlock_record::{FeedId, FeedNumber};
use interlock_wire::v1::{Measure, Severity};

use crate::calls::{flag, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::governed::{SEEN_SOON, all_at, word};

const ERASED: &str = "STATEMENT_ERASED";

/// The journal's entries of this kind at a node.
async fn entries(node: &crate::node::Node, kind: &str) -> usize {
    node.journal_after("").await.iter().filter(|entry| entry.kind == kind).count()
}

#[tokio::test]
async fn what_was_said_in_an_ended_feed_is_erased_once_when_its_retention_is_over() {
    let names = ["acme", "bolt", "cato", "mallory"];
    let consortium = Consortium::found_governed(&names, |_| String::new())
        .rewrite_charter(|text| {
            let limits = "min_keep = \"1ms\"\nretention = \"1ms\"\nmax_clock_skew = ";
            text.replace("max_clock_skew = ", limits)
        })
        .configure("retention_every = \"200ms\"\n");
    let mut consortium = consortium.run(3).await;
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    let (raised, _) = acme.raise(flag(tag(1), Severity::High)).await;
    eventually("the flag is there", async || {
        let announced = bolt.decision(tag(1)).await.announced();
        (announced == Measure::Review).then_some(()).ok_or_else(|| format!("{announced:?}"))
    })
    .await;
    let old = FeedId { member: "acme".parse().expect("an id"), number: FeedNumber(1) };
    let (sequence, id) = bolt.head(old).await.expect("it has a record");

    let (fresh, key) = consortium.enrol("acme");
    let (retire, add) = (format!("acme/1={sequence}:{id}"), format!("acme/2={key},quota=100/1h"));
    let words = ["--retire", &retire, "--add-feed", &add, "--effective-from", "+1ms"];
    consortium.amend(bolt, &words, &["bolt", "cato", "mallory"]);
    all_at(&[bolt, cato], 2).await;
    let chain = consortium.export(bolt);
    let acme = &mut consortium.nodes[0];
    acme.terminate().await;
    std::fs::copy(word(&chain), acme.path("charter.toml")).expect("both are ours");
    std::fs::copy(fresh.path("feed.key"), acme.path("feed.key")).expect("both are ours");
    let lines = format!("feed = 2\nretention_every = \"200ms\"\n{SEEN_SOON}");
    acme.configure("acme", &lines);
    acme.start();
    acme.answers().await;
    consortium.connected(3).await;

    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    assert_eq!(entries(acme, ERASED).await, 0, "a flag that stands is kept");
    acme.withdraw(raised).await;
    for node in [acme, bolt, cato] {
        eventually(&format!("it is erased at {}", node.name), async || {
            let erased = entries(node, ERASED).await;
            (erased == 1).then_some(()).ok_or_else(|| format!("{erased}"))
        })
        .await;
    }
}
