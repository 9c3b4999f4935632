//! What operators do with the program beside charters: erase what several of them want gone, look at
//! forks and keep their proof, and carry a chain of charters as a file.

use interlock_record::{ForkProof, unhex};
use interlock_wire::v1::{Measure, Severity};

use crate::calls::{flag, tag};
use crate::consortium::{Consortium, run};
use crate::eventually;
use crate::governed::{all_at, said, say, word};
use crate::hostile::{feed, harm, record, records};
use interlock_record::FeedHead;

#[tokio::test]
async fn a_statement_that_a_quorum_wants_erased_is_gone_at_every_node() {
    let consortium = Consortium::start_governed(&["acme", "bolt", "cato"], 3).await;
    let [acme, bolt, cato] = &consortium.nodes[..] else { unreachable!("three") };
    let (wrong, _) = acme.raise(flag(tag(1), Severity::High)).await;
    consortium.agreed().await;
    let id = wrong.to_string();
    let erase = |api: &str| {
        let words = ["erase", &id, "--ground", "error", "--node", api];
        said(&words)["statements"].as_array().map(Vec::len)
    };
    // Its issuer alone has to keep it for the charter's min_keep.
    assert_eq!(erase(&acme.api()), Some(1));
    consortium.agreed().await;
    assert_eq!(bolt.decision(tag(1)).await.announced(), Measure::Review);
    assert_eq!(erase(&bolt.api()), Some(1));
    for node in [acme, bolt, cato] {
        eventually(&format!("{} has erased it", node.name), async || {
            let journal = node.journal_after("").await;
            let erased = journal.iter().any(|entry| entry.kind == "STATEMENT_ERASED");
            let announced = node.decision(tag(1)).await.announced();
            (erased && announced == Measure::None)
                .then_some(())
                .ok_or_else(|| format!("{announced:?}, erased: {erased}"))
        })
        .await;
    }
    let again = say(&["erase", &id, "--ground", "LAW", "--node", &cato.api()]);
    assert_eq!(again.code, Some(5), "there is nothing left to name: {again:?}");
}

#[tokio::test]
async fn a_fork_is_listed_with_what_is_void_and_its_proof_goes_into_a_file() {
    let consortium = Consortium::start(&["acme", "bolt", "mallory"], 2).await;
    let acme = &consortium.nodes[0];
    let api = acme.api();
    assert_eq!(run(&["forks", "--node", &api]).trim(), "no forked feed is known");
    let proof = consortium.path("mallory.fork");
    let wanted = ["forks", "mallory/1", "--proof-out", word(&proof), "--node", &api];
    assert_eq!(say(&wanted).code, Some(3), "there is no proof yet");

    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let sealed = |number| {
        let context = consortium.context(mallory);
        record(&FeedHead::empty(), &key, context, harm(tag(number))).signed().encode()
    };
    let stream = consortium.meet(acme).await;
    stream.send(Some(records(&[sealed(1)]))).await;
    stream.send(Some(records(&[sealed(2)]))).await;
    eventually("the fork is known", async || {
        let known = acme.status().await.equivocations;
        (known == 1).then_some(()).ok_or_else(|| format!("{known} equivocations"))
    })
    .await;
    let listed = said(&wanted);
    let fork = &listed["forks"][0];
    assert_eq!((fork["feed"].as_str(), fork["sequence"].as_u64()), (Some("mallory/1"), Some(1)));
    assert_eq!(fork["void_from"].as_u64(), Some(1), "neither branch is final");
    let text = std::fs::read_to_string(&proof).expect("it was written");
    let bytes = unhex(text.trim()).expect("hexadecimal digits");
    let decoded = ForkProof::decode(&bytes).expect("it is a proof");
    let verified = decoded.verify(&consortium.id(), &key.public());
    assert!(verified.is_ok(), "whoever has the feed's key can check it: {verified:?}");
}

#[tokio::test]
async fn a_chain_as_a_file_is_checked_and_shows_what_changed() {
    let consortium = Consortium::start_governed(&["acme", "bolt", "cato"], 1).await;
    let acme = &consortium.nodes[0];
    let words = ["--group", "bolt=cato", "--limit", "retention=400d", "--quorum", "2"];
    consortium.amend(acme, &words, &["acme", "bolt"]);
    all_at(&[acme], 2).await;
    let chain = consortium.export(acme);
    let shown = said(&["charter", "show", word(&chain)]);
    assert_eq!((shown["version"].as_u64(), shown["retention"].as_str()), (Some(2), Some("400d")));
    assert_eq!(shown["versions"][1]["signed"], serde_json::json!(["acme", "bolt"]));
    assert_eq!(shown["versions"][1]["signed_own"], serde_json::json!(["acme", "cato"]));

    let first = consortium.path("charter.toml");
    let differs = run(&["charter", "diff", word(&first), word(&chain)]);
    let lines: Vec<&str> = differs.lines().collect();
    assert_eq!(lines[0], "version 1 -> 2");
    for line in ["+ member.bolt.group: cato", "+ limits.retention: 400d", "~ version: 1 -> 2"] {
        assert!(lines.contains(&line), "expected {line:?} in {differs}");
    }
    assert!(!differs.contains("policy"), "what stays is not told: {differs}");

    // One changed byte of a document, and nobody has signed it.
    let text = std::fs::read_to_string(&chain).expect("it was written");
    let forged = consortium.path("forged.json");
    std::fs::write(&forged, text.replace("400d", "401d")).expect("it is ours");
    let refused = say(&["charter", "show", word(&forged)]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("signed by 0 of the 2 groups"), "{refused:?}");
}
