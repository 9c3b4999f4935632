//! A member that says two things in one place.

use interlock_record::{FeedHead, SealContext, Span};
use interlock_wire::v1::{Measure, Severity};

use crate::calls::{flag, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::hostile::{feed, harm, record, records};

#[tokio::test]
async fn two_records_in_one_place_are_proven_at_every_node() {
    let consortium = Consortium::start(&["acme", "bolt", "coil", "mallory"], 3).await;
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let to_acme = record(&FeedHead::empty(), &key, consortium.context(mallory), harm(tag(1)));
    let to_bolt = record(&FeedHead::empty(), &key, consortium.context(mallory), harm(tag(2)));
    assert_ne!(to_acme.id(), to_bolt.id());

    let [acme, bolt, coil, _] = &consortium.nodes[..] else { unreachable!("four members") };
    let acme_hears = consortium.meet(acme).await;
    let bolt_hears = consortium.meet(bolt).await;
    acme_hears.send(Some(records(&[to_acme.signed().encode()]))).await;
    bolt_hears.send(Some(records(&[to_bolt.signed().encode()]))).await;

    for node in [acme, bolt, coil] {
        eventually(&format!("{} knows the fork", node.name), async || {
            match node.status().await.equivocations {
                1 => Ok(()),
                count => Err(format!("{count} equivocations")),
            }
        })
        .await;
        let entries = node.journal_after("").await;
        let told: Vec<_> = entries.iter().filter(|entry| entry.kind == "EQUIVOCATION").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = r#"{"feed":"mallory/1","sequence":1}"#;
        assert_eq!(told[0].detail, expected, "{}", node.name);
    }

    // The proof is not told again, and those who are honest go on.
    let both = [to_acme.signed().encode(), to_bolt.signed().encode()];
    acme_hears.send(Some(records(&both))).await;
    coil.raise(flag(tag(3), Severity::High)).await;
    for node in [acme, bolt, coil] {
        eventually("an honest flag arrives", async || {
            let measure = node.decision(tag(3)).await.announced();
            (measure == Measure::Review).then_some(()).ok_or_else(|| format!("{measure:?}"))
        })
        .await;
        assert_eq!(node.status().await.equivocations, 1, "{}", node.name);
    }
}

#[tokio::test]
async fn a_record_of_the_future_does_not_hide_the_one_that_others_have() {
    let consortium = Consortium::start(&["acme", "bolt", "mallory"], 2).await;
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let now = consortium.context(mallory);
    let later = SealContext { time: now.time.plus(Span::from_secs(3_600)), ..now };
    let to_acme = record(&FeedHead::empty(), &key, later, harm(tag(1)));
    let to_bolt = record(&FeedHead::empty(), &key, now, harm(tag(2)));

    let [acme, bolt, _] = &consortium.nodes[..] else { unreachable!("three members") };
    let mut acme_hears = consortium.meet(acme).await;
    acme_hears.send(Some(records(&[to_acme.signed().encode()]))).await;
    // A frame that is refused: the one before it has been looked at.
    acme_hears.send(None).await;
    assert_eq!(acme_hears.refusal().await.as_deref(), Ok("BAD_FRAME"));
    let bolt_hears = consortium.meet(bolt).await;
    bolt_hears.send(Some(records(&[to_bolt.signed().encode()]))).await;
    for node in [bolt, acme] {
        eventually(&format!("{} has the record that bolt was given", node.name), async || {
            let frontier = node.status().await.frontier;
            let head = frontier.iter().find(|head| head.member == "mallory");
            head.is_some_and(|head| head.head == to_bolt.id().0)
                .then_some(())
                .ok_or_else(|| format!("{frontier:?}"))
        })
        .await;
        eventually(&format!("{} knows the fork", node.name), async || {
            let known = node.status().await.equivocations;
            (known == 1).then_some(()).ok_or_else(|| format!("{known} equivocations"))
        })
        .await;
        let measure = node.decision(tag(2)).await.announced();
        assert_eq!(measure, Measure::None, "of two records in one place neither means anything");
    }
}
