//! Members and keys that come and go: a stolen key, a member that is removed, one that joins.

use interlock_record::{FeedHead, SealContext, SignedRecord, verify};
use interlock_wire::v1::{Measure, Severity};

use crate::calls::{flag, raising, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::governed::{SEEN_SOON, alike, all_at, reach, said};
use crate::hostile::{feed, harm, record, records};
use crate::node::Node;

/// Waits until a node's decision on a subject is this measure.
pub(crate) async fn decides(node: &Node, number: u8, measure: Measure) {
    eventually(&format!("{} comes to {measure:?}", node.name), async || {
        let announced = node.decision(tag(number)).await.announced();
        (announced == measure).then_some(()).ok_or_else(|| format!("{announced:?}"))
    })
    .await;
}

/// Waits until nothing goes either way between a node and a member.
pub(crate) async fn parted(node: &Node, member: &str) {
    eventually(&format!("{} has nothing to do with {member}", node.name), async || {
        match reach(node, member).await {
            (false, false) => Ok(()),
            saw => Err(format!("{saw:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_stolen_key_is_revoked_and_a_new_feed_takes_over() {
    let names = ["acme", "bolt", "cato", "mallory"];
    let mut consortium = Consortium::start_governed(&names, 3).await;
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    acme.raise(flag(tag(1), Severity::High)).await;
    let (sequence, id) = bolt_knows(bolt, 1).await;
    // From here on it is the thief who signs.
    acme.raise(flag(tag(2), Severity::High)).await;
    for node in [bolt, cato] {
        decides(node, 2, Measure::Review).await;
    }
    let (last, _) = bolt_knows(bolt, 2).await;

    let (fresh, key) = consortium.enrol("acme");
    let retire = format!("acme/1={sequence}:{id}");
    let new_feed = format!("acme/2={key},quota=100/1h");
    let words = ["--retire", &retire, "--add-feed", &new_feed, "--effective-from", "+1ms"];
    consortium.amend(bolt, &words, &["bolt", "cato", "mallory"]);
    all_at(&[bolt, cato], 2).await;
    for node in [bolt, cato] {
        parted(node, "acme").await;
        decides(node, 1, Measure::Review).await;
        decides(node, 2, Measure::None).await;
    }

    // What the thief signs later is kept wherever it turns up, and means nothing.
    let head = head_of(bolt, &consortium, acme).await;
    let context = SealContext { charter_version: 1, ..consortium.context(feed("acme", 1)) };
    let later = record(&head, &acme.key(), context, harm(tag(3)));
    let relay = consortium.meet(bolt).await;
    relay.send(Some(records(&[later.signed().encode()]))).await;
    for node in [bolt, cato] {
        eventually("the later record is kept", async || {
            let known = node.head(feed("acme", 1)).await;
            (known.as_ref().map(|(at, _)| *at) == Some(last + 1))
                .then_some(())
                .ok_or_else(|| format!("{known:?}"))
        })
        .await;
        assert_eq!(node.decision(tag(3)).await.announced(), Measure::None);
    }

    // The member comes back with its new key, on the disk that it had.
    let chain = consortium.export(bolt);
    let acme = &mut consortium.nodes[0];
    acme.terminate().await;
    std::fs::copy(&chain, acme.path("charter.toml")).expect("both are ours");
    std::fs::copy(fresh.path("feed.key"), acme.path("feed.key")).expect("both are ours");
    acme.configure("acme", &format!("feed = 2\n{SEEN_SOON}"));
    acme.start();
    acme.answers().await;
    consortium.connected(3).await;
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    acme.raise(flag(tag(4), Severity::High)).await;
    for node in [acme, bolt, cato] {
        decides(node, 4, Measure::Review).await;
        decides(node, 2, Measure::None).await;
    }
    alike(&[acme, bolt, cato]).await;
}

/// Waits until bolt knows so many records of acme's first feed, and what it says of the last.
async fn bolt_knows(bolt: &Node, flags: u64) -> (u64, String) {
    eventually("bolt knows acme's records", async || {
        let mut accepted = bolt.journal_after("").await;
        accepted.retain(|entry| entry.kind == "FLAG_ACCEPTED");
        let known = bolt.head(feed("acme", 1)).await;
        match known {
            Some(head) if accepted.len() as u64 == flags => Ok(head),
            _ => Err(format!("{known:?}")),
        }
    })
    .await
}

/// The state of a member's first feed after its last record, as another node's disk has it.
pub(crate) async fn head_of(at: &Node, consortium: &Consortium, of: &Node) -> FeedHead {
    let mask = consortium.traitor();
    let mut client = consortium.dial(at, &mask).await.expect("it is a member");
    let (last, _) = at.head(feed(&of.name, 1)).await.expect("it has records");
    let range = interlock_wire::peer::Range {
        member: of.name.clone(),
        feed: 1,
        first: 1,
        last,
        ..Default::default()
    };
    let request = interlock_wire::peer::PullRequest {
        consortium: consortium.id().0.to_vec(),
        ranges: vec![range],
    };
    let mut chunks = client.pull(request).await.expect("a good request").into_inner();
    let mut head = FeedHead::empty();
    while let Some(chunk) = chunks.message().await.expect("the stream goes on") {
        for bytes in chunk.records {
            let record = SignedRecord::decode(&bytes).expect("a record");
            let key = of.key().public();
            let record = verify(record, &consortium.id(), &key).expect("it verifies");
            head = head.next(&record).expect("it follows");
        }
    }
    head
}

#[tokio::test]
async fn a_member_that_is_removed_is_cut_off_and_does_not_come_back() {
    let mut consortium = Consortium::start_governed(&["acme", "bolt", "cato", "dune"], 4).await;
    consortium.nodes[3].raise(flag(tag(1), Severity::High)).await;
    consortium.agreed().await;
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    consortium.amend(acme, &["--remove", "dune"], &["acme", "bolt", "cato"]);
    all_at(&[acme, bolt, cato], 2).await;
    for node in [acme, bolt, cato] {
        parted(node, "dune").await;
        decides(node, 1, Measure::Review).await;
    }
    let shown = said(&["charter", "show", "--node", &acme.api()]);
    assert_eq!(shown["members"][3]["status"], "removed");
    assert!(shown["feeds"][3]["last"].as_str().is_some_and(|last| last != "0"));

    // On a fresh disk it knows nothing of its removal, and knocks.
    let dune = &mut consortium.nodes[3];
    dune.terminate().await;
    std::fs::remove_dir_all(dune.path("data")).expect("it is ours");
    let before = door(&consortium.nodes[0]).await;
    let dune = &mut consortium.nodes[3];
    dune.start();
    dune.answers().await;
    let dune = &consortium.nodes[3];
    eventually("it is turned away again and again", async || {
        let knocks = door(&consortium.nodes[0]).await - before;
        (knocks >= 2).then_some(()).ok_or_else(|| format!("{knocks} knocks"))
    })
    .await;
    let signed = dune.platform().await.raise_flags(raising(flag(tag(2), Severity::High))).await;
    for node in &consortium.nodes[..3] {
        parted(node, "dune").await;
        assert_eq!(node.decision(tag(2)).await.announced(), Measure::None, "{signed:?}");
    }
    assert_eq!(reach(dune, "acme").await, (false, false));
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    acme.raise(flag(tag(3), Severity::High)).await;
    for node in [acme, bolt, cato] {
        decides(node, 3, Measure::Review).await;
    }
    assert_eq!(dune.decision(tag(3)).await.announced(), Measure::None, "it hears nothing more");
}

/// How many connections a node has turned away.
async fn door(node: &Node) -> u64 {
    node.peers().await.refusals.iter().map(|refusal| refusal.count).sum()
}

#[tokio::test]
async fn who_joins_starts_from_an_exported_chain_and_gets_everything() {
    let consortium = Consortium::start_governed(&["acme", "bolt", "cato"], 3).await;
    let [acme, bolt, cato] = &consortium.nodes[..] else { unreachable!("three") };
    acme.raise(flag(tag(1), Severity::High)).await;
    bolt.raise(flag(tag(1), Severity::High)).await;
    let (mut eris, key) = consortium.enrol("eris");
    let candidate = consortium.candidate(&eris, &key);
    let words = ["--add-member", &candidate, "--effective-from", "+1ms"];
    // Three of four groups: the newcomer signs too, or all the others do.
    consortium.amend(acme, &words, &["acme", "cato", "eris"]);
    all_at(&[acme, bolt, cato], 2).await;
    let chain = consortium.export(bolt);
    std::fs::copy(&chain, eris.path("charter.toml")).expect("both are ours");
    eris.configure("eris", SEEN_SOON);
    eris.start();
    eris.answers().await;
    decides(&eris, 1, Measure::Lock).await;
    alike(&[acme, bolt, cato, &eris]).await;
    eris.signs().await;
    eris.raise(flag(tag(2), Severity::High)).await;
    for node in [acme, bolt, cato, &eris] {
        decides(node, 2, Measure::Review).await;
    }
    // And it has a say from now on.
    consortium.amend(&eris, &["--limit", "disputes_a_day=7"], &["acme", "bolt", "eris"]);
    all_at(&[acme, bolt, cato, &eris], 3).await;
}
