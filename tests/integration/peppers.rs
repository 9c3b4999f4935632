//! Another pepper takes force on nodes that run: who has it goes on and sees a person's flags of both
//! epochs, who has not is told, and whoever has only the old one finds nobody any more.

use std::collections::BTreeSet;

use interlock_node::clock::now;
use interlock_record::{IdType, Pepper, SubjectTag, Time, normalise, tag, unhex};
use interlock_wire::v1::{self, Measure, Severity, subject::By};
use tonic::Code;

use crate::calls::{flag, raising};
use crate::consortium::{Consortium, run};
use crate::eventually;
use crate::governed::{SEEN_SOON, alike, all_at, said, word};
use crate::hostile::reason;
use crate::node::Node;

/// A borrower's telephone number, of the hundred that [`enumerate`] tries.
fn phone(number: u8) -> String {
    format!("138001380{number:02}")
}

fn subject(number: u8) -> v1::Subject {
    let identifier = v1::RawIdentifier { id_type: v1::IdType::Phone.into(), value: phone(number) };
    v1::Subject { by: Some(By::Identifier(identifier)) }
}

fn draft(number: u8) -> v1::FlagDraft {
    let subject = Some(subject(number));
    v1::FlagDraft { subject, id_type: 0, ..flag(SubjectTag([0; 32]), Severity::High) }
}

async fn look_up(node: &Node, number: u8) -> Result<v1::SubjectDecision, tonic::Status> {
    let request = v1::LookupRequest { subjects: vec![subject(number)] };
    let answer = node.platform().await.lookup(request).await?.into_inner();
    Ok(answer.decisions[0].clone())
}

/// Waits until a look-up of a borrower finds this measure to apply; the tag that it found it under.
async fn applies(node: &Node, number: u8, measure: Measure) -> SubjectTag {
    eventually(&format!("{} applies {measure:?}", node.name), async || {
        match look_up(node, number).await {
            Ok(found) if found.apply() == measure => {
                Ok(SubjectTag::from_slice(&found.subject).expect("a tag"))
            }
            saw => Err(format!("{saw:?}")),
        }
    })
    .await
}

/// Waits until a record time has come.
async fn comes(instant: Time) {
    eventually("the version is in force", async || {
        (now() >= instant).then_some(()).ok_or_else(|| format!("{instant} is to come"))
    })
    .await;
}

fn pepper(consortium: &Consortium, file: &str) -> Pepper {
    let text = std::fs::read_to_string(consortium.path(file)).expect("keygen wrote it");
    let bytes = unhex(text.trim()).expect("keygen wrote it");
    Pepper::from_bytes(bytes.try_into().expect("32 bytes"))
}

/// The tag of a borrower under a pepper.
fn tagged(pepper: &Pepper, number: u8) -> SubjectTag {
    tag(pepper, &normalise(IdType::Phone, &phone(number)).expect("it validates"))
}

/// Which of a hundred numbers are flagged, as whoever holds a pepper and the records finds out.
fn enumerate(pepper: &Pepper, flagged: &BTreeSet<SubjectTag>) -> Vec<u8> {
    (0..100).filter(|number| flagged.contains(&tagged(pepper, *number))).collect()
}

/// The tags of all flags that a node knows.
async fn flagged(node: &Node) -> BTreeSet<SubjectTag> {
    let entries = node.journal_after("").await;
    let accepted = entries.iter().filter(|entry| entry.kind == "FLAG_ACCEPTED");
    let subject = |detail: &str| {
        let detail: serde_json::Value = serde_json::from_str(detail).expect("it is JSON");
        detail["subject"].as_str().expect("flags have one").parse().expect("a tag")
    };
    accepted.map(|entry| subject(&entry.detail)).collect()
}

/// Hands the second pepper to a node, which reads it at its next start.
fn hand_out(consortium: &Consortium, node: &Node) {
    std::fs::copy(consortium.path("pepper-2.key"), node.path("pepper-2.key")).expect("ours");
    let both = "pepper = { 1 = \"pepper.key\", 2 = \"pepper-2.key\" }";
    node.edit("node.toml", "pepper = \"pepper.key\"", both);
}

/// acme, bolt and cato have both peppers, dune the first one; all run, and acme has flagged borrower
/// 7 under it.
async fn two_peppers() -> Consortium {
    let consortium =
        Consortium::found_governed(&["acme", "bolt", "cato", "dune"], |_| String::new());
    run(&["keygen", "--pepper", word(&consortium.path("pepper-2.key"))]);
    for node in &consortium.nodes[..3] {
        hand_out(&consortium, node);
    }
    let consortium = consortium.run(4).await;
    consortium.nodes[0].raise(draft(7)).await;
    for node in &consortium.nodes {
        let found = applies(node, 7, Measure::Review).await;
        assert_eq!(found, tagged(&pepper(&consortium, "pepper.key"), 7), "{}", node.name);
    }
    consortium
}

#[tokio::test]
async fn another_pepper_takes_force_on_nodes_that_run() {
    let mut consortium = two_peppers().await;
    let [acme, bolt, cato, dune] = &consortium.nodes[..] else { unreachable!("four") };
    let new = consortium.path("pepper-2.key");
    let words = ["--pepper", word(&new), "--effective-from", "+4s"];
    let from = consortium.amend(acme, &words, &["acme", "bolt", "cato"]);
    all_at(&[acme, bolt, cato, dune], 2).await;
    // Before its time tags are made with the old one, and dune is warned.
    assert!(now() < from, "the version came late: nothing is shown");
    applies(dune, 7, Measure::Review).await;
    let shown = said(&["status", "--node", &dune.api()]);
    assert_eq!(shown["missing_pepper"], 2);
    let text = run(&["status", "--node", &dune.api()]);
    assert!(text.contains("MISSING: that of epoch 2"), "{text}");
    eventually("dune's log says so", async || {
        let log = dune.log();
        let told = log.contains("names a pepper that is not on this node") && log.contains("ERROR");
        told.then_some(()).ok_or(log)
    })
    .await;
    assert_eq!(said(&["status", "--node", &acme.api()])["missing_pepper"], serde_json::Value::Null);

    comes(from).await;
    let second = pepper(&consortium, "pepper-2.key");
    bolt.raise(draft(7)).await;
    bolt.raise(draft(8)).await;
    for node in [acme, bolt, cato] {
        assert_eq!(applies(node, 8, Measure::Review).await, tagged(&second, 8), "{}", node.name);
    }
    // The flag of the old epoch is found by the same number. The two are not added up: they are
    // two subjects, and it takes two witnesses of one to lock.
    alike(&[acme, bolt, cato, dune]).await;
    applies(cato, 7, Measure::Review).await;
    cato.raise(draft(7)).await;
    for node in [acme, bolt, cato] {
        assert_eq!(applies(node, 7, Measure::Lock).await, tagged(&second, 7), "{}", node.name);
    }
    // Whoever has flagged a person under the old pepper takes that back as ever.
    let old = tagged(&pepper(&consortium, "pepper.key"), 7);
    assert_eq!(cato.decision(old).await.announced(), Measure::Review);

    // Dune says what it lacks, takes everything in, and decides on tags as the others do.
    for status in [
        look_up(dune, 7).await.expect_err("it has no tag for anybody"),
        dune.platform().await.raise_flags(raising(draft(9))).await.expect_err("nor can it flag"),
    ] {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, "NO_PEPPER")
        );
        assert!(status.message().contains("epoch 2"), "{status:?}");
    }
    alike(&[acme, bolt, cato, dune]).await;
    let seen = dune.decision(tagged(&second, 7)).await.announced();
    assert_eq!(seen, Measure::Lock);
    // Nor does it start again without, and with it all is well.
    let dune = &mut consortium.nodes[3];
    dune.terminate().await;
    let ended = dune.refused().await;
    let says = "expected the pepper of epoch 2, which charter version 2 names";
    assert!(ended.stderr.contains(says), "{ended:?}");
    hand_out(&consortium, &consortium.nodes[3]);
    consortium.nodes[3].start();
    let dune = &consortium.nodes[3];
    dune.answers().await;
    applies(dune, 7, Measure::Lock).await;
    dune.signs().await;
    dune.raise(draft(8)).await;
    applies(&consortium.nodes[0], 8, Measure::Lock).await;
}

#[tokio::test]
async fn who_was_removed_finds_nobody_who_is_flagged_under_the_next_pepper() {
    let mut consortium = two_peppers().await;
    let old = pepper(&consortium, "pepper.key");
    // A member that holds the pepper need only try: here a hundred numbers, of 1.1e11 identity
    // numbers a few core-hours. That is what tags are, and the threat model says so.
    let dune = &consortium.nodes[3];
    assert_eq!(enumerate(&old, &flagged(dune).await), [7]);
    // Without the pepper nothing is found.
    assert_eq!(enumerate(&Pepper::from_bytes([1; 32]), &flagged(dune).await), [0_u8; 0]);

    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    let new = consortium.path("pepper-2.key");
    let words = ["--remove", "dune", "--pepper", word(&new), "--effective-from", "+2s"];
    let from = consortium.amend(acme, &words, &["acme", "bolt", "cato"]);
    all_at(&[acme, bolt, cato], 2).await;
    comes(from).await;
    for number in [7, 11, 23] {
        bolt.raise(draft(number)).await;
        applies(acme, number, Measure::Review).await;
    }
    // Let dune even get all records, from a disk that was thrown away, say: it reads on in what it
    // knew, and finds none of those that were flagged since.
    alike(&[acme, bolt, cato]).await;
    let all = flagged(acme).await;
    assert_eq!(all.len(), 4);
    assert_eq!(enumerate(&old, &all), [7], "of the old epoch");
    let since: BTreeSet<SubjectTag> =
        all.into_iter().filter(|tag| *tag != tagged(&old, 7)).collect();
    assert_eq!(enumerate(&old, &since), [0_u8; 0]);
    // A member has the new one, and tries as ever. Whoever passes it on gives all of it away.
    assert_eq!(enumerate(&pepper(&consortium, "pepper-2.key"), &since), [7, 11, 23]);

    // Nor does dune's node start on the version without that pepper.
    let dune = &mut consortium.nodes[3];
    dune.terminate().await;
    let chain = consortium.export(&consortium.nodes[0]);
    let dune = &consortium.nodes[3];
    std::fs::copy(&chain, dune.path("charter.toml")).expect("both are ours");
    dune.configure("dune", SEEN_SOON);
    let ended = dune.refused().await;
    assert!(ended.stderr.contains("expected the pepper of epoch 2"), "{ended:?}");
}
