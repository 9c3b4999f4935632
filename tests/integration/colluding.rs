//! A quorum that colludes: what it can do, and what it cannot do or hide.

use interlock_node::clock::now;
use interlock_record::{FeedNumber, Span};
use interlock_wire::v1::{self, DecisionChange, Measure, Severity};

use crate::calls::{flag, instant, subject, tag};
use crate::consortium::{Consortium, POLICY, run};
use crate::eventually;
use crate::governed::{all_at, said, word};
use crate::node::Node;

const PLOTTERS: [&str; 3] = ["acme", "bolt", "cato"];

/// What a node's backend is to enforce.
async fn applied(node: &Node, number: u8) -> Measure {
    let request = v1::LookupRequest { subjects: vec![subject(tag(number))] };
    let answer = node.platform().await.lookup(request).await.expect("it answers").into_inner();
    answer.decisions[0].apply()
}

#[tokio::test]
async fn a_quorum_that_colludes_changes_the_rules_for_all_and_is_seen_to_have_signed() {
    let consortium = Consortium::start_governed(&["acme", "bolt", "cato", "dune"], 4).await;
    let [acme, bolt, cato, dune] = &consortium.nodes[..] else { unreachable!("four") };
    acme.raise(flag(tag(1), Severity::High)).await;
    let before = dune.told(tag(1), DecisionChange::Effective, Measure::Review).await;

    // Without dune, and against it, they make one flag enough to lock. It holds at dune's node too.
    let harsh = consortium.path("harsh.toml");
    let two_witnesses = "points = 100\nissuers = 2";
    assert!(POLICY.contains(two_witnesses));
    std::fs::write(&harsh, POLICY.replace(two_witnesses, "points = 40")).expect("it is ours");
    let words = ["--policy", word(&harsh), "--effective-from", "+4s"];
    let from = consortium.amend(acme, &words, &PLOTTERS);
    all_at(&[acme, bolt, cato, dune], 2).await;
    let locked = dune.told(tag(1), DecisionChange::Effective, Measure::Lock).await;

    // From the time that it states: what was decided before is as it was, at every node.
    assert!(instant(locked.at) >= from, "{locked:?}");
    for node in &consortium.nodes {
        let events = node.events(tag(1)).await;
        let revised = events.iter().filter(|event| event.change() == DecisionChange::Revised);
        assert_eq!(revised.count(), 0, "at {}: {events:?}", node.name);
    }
    assert!(dune.events(tag(1)).await.contains(&before));

    // Who signed it is at every node, and in a file that anybody checks without one.
    let chain = consortium.export(dune);
    for shown in [
        said(&["charter", "show", "--node", &dune.api()]),
        said(&["charter", "show", word(&chain)]),
    ] {
        assert_eq!(shown["versions"][1]["signed"], serde_json::json!(PLOTTERS), "{shown}");
        assert_eq!(shown["versions"][1]["holds"], true);
    }
    let text = run(&["charter", "diff", word(&dune.path("charter.toml")), word(&chain)]);
    assert!(text.contains("policy.measure.LOCK"), "{text}");

    // Dune need not apply it, and its log says who decided that.
    let until = now().plus(Span::from_secs(3_600)).to_string();
    let by = ["--by", "li.na", "--why", "we did not sign version 2"];
    let what = ["--tag", &tag(1).to_string(), "--measure", "NONE", "--until", &until];
    run(&[&["override", "--node", &dune.api()], &what[..], &by].concat());
    eventually("dune applies nothing", async || {
        let (at_dune, at_bolt) = (applied(dune, 1).await, applied(bolt, 1).await);
        let expected = (at_dune, at_bolt) == (Measure::None, Measure::Lock);
        expected.then_some(()).ok_or_else(|| format!("{at_dune:?}, {at_bolt:?}"))
    })
    .await;

    // They cannot speak for dune: its feed keeps its key, whoever signs another.
    let (_, thief) = consortium.enrol("thief");
    let (document, _) = consortium.propose(acme, &[]);
    let text = std::fs::read_to_string(&document).expect("it was written");
    let key =
        &consortium.charter.members[&"dune".parse().expect("an id")].feeds[&FeedNumber(1)].key;
    let stolen = text.replace(&key.to_string(), &thief);
    assert_ne!(stolen, text);
    let stolen_file = consortium.path("stolen.toml");
    std::fs::write(&stolen_file, stolen).expect("it is ours");
    let refused = consortium.apply(acme, &stolen_file, &["acme", "bolt", "cato", "dune"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let why = refused.json["refused"].as_str().expect("it is said");
    assert!(why.contains("feed dune/1 has another key"), "{why}");
    // Nor leave it out as if it had never been.
    assert_eq!(acme.status().await.charter_version, 2);
}
