//! Charter versions that come about with the program and change real nodes: who must sign, from when
//! they hold, who catches up, what becomes of rivals, and how a governance key is recovered.

use interlock_wire::v1::{DecisionChange, Measure, Severity};

use crate::calls::{flag, instant, tag};
use crate::consortium::{Consortium, POLICY, run};
use crate::eventually;
use crate::governed::{alike, all_at, apply_signed, said, say, word};
use crate::node::Node;

const FOUR: [&str; 4] = ["acme", "bolt", "cato", "dune"];

/// Waits until every node's decision on a subject is this measure.
async fn all_decide(nodes: &[Node], number: u8, measure: Measure) {
    for node in nodes {
        eventually(&format!("{} comes to {measure:?}", node.name), async || {
            let announced = node.decision(tag(number)).await.announced();
            (announced == measure).then_some(()).ok_or_else(|| format!("{announced:?}"))
        })
        .await;
    }
}

fn everyone(consortium: &Consortium) -> Vec<&Node> {
    consortium.nodes.iter().collect()
}

#[tokio::test]
async fn a_policy_that_a_quorum_signed_is_in_force_everywhere_at_one_instant() {
    let consortium = Consortium::start_governed(&FOUR, 4).await;
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four") };
    acme.raise(flag(tag(1), Severity::High)).await;
    // Flags that came in another order than they were signed would be a revision of their own.
    all_decide(&consortium.nodes, 1, Measure::Review).await;
    bolt.raise(flag(tag(1), Severity::High)).await;
    all_decide(&consortium.nodes, 1, Measure::Lock).await;

    // Nothing supports more than to look closer.
    let mild = consortium.path("mild.toml");
    std::fs::write(&mild, POLICY.replace("ceiling = \"LOCK\"", "ceiling = \"OBSERVE\""))
        .expect("it is ours");
    let words = ["--policy", word(&mild), "--effective-from", "+4s"];
    let from = consortium.amend(cato, &words, &["acme", "bolt", "dune"]);
    all_at(&everyone(&consortium), 2).await;
    for node in &consortium.nodes {
        assert_eq!(node.decision(tag(1)).await.announced(), Measure::Lock, "not before its time");
    }
    for node in &consortium.nodes {
        let told = node.told(tag(1), DecisionChange::Announced, Measure::Observe).await;
        assert_eq!(instant(told.at), from, "at {}", node.name);
        let revised = node.events(tag(1)).await;
        let revised = revised.iter().filter(|event| event.change() == DecisionChange::Revised);
        assert_eq!(revised.count(), 0, "the past is not decided again");
    }
    let shown = said(&["charter", "show", "--node", &acme.api()]);
    assert_eq!(shown["version"], 2);
    assert_eq!(shown["versions"][1]["signed"], serde_json::json!(["acme", "bolt", "dune"]));
}

#[tokio::test]
async fn a_version_that_too_few_signed_is_refused_with_what_is_missing() {
    let consortium = Consortium::start_governed(&FOUR, 2).await;
    let acme = &consortium.nodes[0];
    let (document, proposed) = consortium.propose(acme, &["--limit", "disputes_a_day=7"]);
    assert_eq!(proposed["quorum"], serde_json::json!([3, 3]));
    for signers in [&[][..], &["acme", "cato"]] {
        let refused = consortium.apply(acme, &document, signers);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert_eq!(refused.json["holds"], false);
        let signed = &refused.json["signed"][0];
        assert_eq!(signed["needed"], 3);
        assert_eq!(signed["signed"], serde_json::json!(signers));
        let missing: Vec<&str> =
            FOUR.into_iter().filter(|member| !signers.contains(member)).collect();
        assert_eq!(signed["missing"], serde_json::json!(missing));
        let why = refused.json["refused"].as_str().expect("it is said");
        assert!(why.contains("UNSIGNED"), "{why}");
    }
    // One member twice is one, and a signature of another text is none.
    let (other, _) = consortium.propose(acme, &["--limit", "disputes_a_day=8"]);
    let signatures: Vec<_> =
        [(&document, "acme"), (&document, "acme"), (&document, "bolt"), (&other, "cato")]
            .into_iter()
            .map(|(document, member)| consortium.sign(document, member))
            .collect();
    let refused = apply_signed(acme, &document, &signatures);
    assert_eq!(
        (refused.code, &refused.json["signed"][0]["signed"]),
        (Some(1), &serde_json::json!(["acme", "bolt"]))
    );
    assert!(refused.json["idle"][0].as_str().is_some_and(|idle| idle.starts_with("cato")));
    for node in &consortium.nodes[..2] {
        assert_eq!(node.status().await.charter_version, 1);
    }
    let held = consortium.apply(acme, &document, &["acme", "bolt", "cato"]);
    assert_eq!((held.code, &held.json["newest"]), (Some(0), &serde_json::json!(2)));
}

#[tokio::test]
async fn what_may_not_follow_is_refused_before_anybody_signs_it() {
    let consortium = Consortium::start_governed(&FOUR, 1).await;
    let acme = &consortium.nodes[0];
    let refused = |words: &[&str], expected: &str| {
        let out = consortium.path("refused.toml");
        let api = acme.api();
        let proposal = ["charter", "propose", "--node", &api, "--out", word(&out)];
        let said = say(&[&proposal, words].concat());
        assert_eq!(said.code, Some(3), "{said:?}");
        assert!(said.stderr.contains(expected), "{said:?}");
        assert!(!out.exists(), "nothing is written");
    };
    refused(&["--quorum", "2"], "quorum");
    refused(&["--pepper", word(&consortium.path("pepper.key"))], "pepper");
    refused(&["--remove", "eris"], "does not name member eris");
    refused(&["--retire", "acme/9"], "does not name feed acme/9");
    let (_, key) = consortium.enrol("nobody");
    refused(&["--trustee", &format!("acme/2=bolt:{key}")], "trustee");
    refused(&["--resolves"], "no rivals");
    consortium.amend(acme, &["--effective-from", "+10m"], &["acme", "bolt", "cato"]);
    refused(&["--effective-from", "+1m"], "effective_from");
    refused(&["--effective-from", "2026-01-01T00:00:00Z"], "has passed");
}

#[tokio::test]
async fn no_version_holds_from_before_it_was_issued_and_none_is_late_unless_that_is_meant() {
    let consortium = Consortium::start_governed(&FOUR, 1).await;
    let acme = &consortium.nodes[0];
    let api = acme.api();
    let (document, proposed) = consortium.propose(acme, &["--effective-from", "+0s"]);
    let signatures: Vec<_> =
        ["acme", "bolt", "cato"].map(|member| consortium.sign(&document, member)).into();
    // Its time has come: who signs or applies it must mean it.
    let out = consortium.path("late.sig");
    let key = consortium.signing_key("governance", "dune");
    let sign = ["--member", "dune", "--key", word(&key), "--out", word(&out)];
    let sign = [&["charter", "sign", word(&document)][..], &sign].concat();
    let signature = word(&signatures[0]);
    let apply = ["charter", "apply", word(&document), "--node", &api, "--signature", signature];
    for words in [&sign[..], &apply] {
        let late = say(words);
        assert_eq!(late.code, Some(3), "{late:?}");
        assert!(late.stderr.contains("has passed") && late.stderr.contains("--late"), "{late:?}");
    }
    assert!(!out.exists(), "nothing is written");

    // A document that is made to hold from before it was issued is none at all, for nobody.
    let text = std::fs::read_to_string(&document).expect("it was written");
    let from = proposed["effective_from"].as_str().expect("it is said");
    let line = format!("effective_from = \"{from}\"");
    assert!(text.contains(&line), "{text}");
    let earlier = text.replace(&line, "effective_from = \"2026-01-01T00:00:00Z\"");
    let edited = consortium.path("earlier.toml");
    std::fs::write(&edited, &earlier).expect("it is ours");
    let refused = say(&[
        "charter",
        "sign",
        word(&edited),
        "--member",
        "dune",
        "--key",
        word(&key),
        "--out",
        word(&out),
        "--late",
    ]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("expected a time not before issued_at"), "{refused:?}");
    let request = interlock_wire::v1::ApplyCharterRequest {
        document: earlier.into_bytes(),
        signatures: Vec::new(),
    };
    let refused = acme.governance().await.apply_charter(request).await;
    let refused = refused.expect_err("whoever has signed it");
    assert!(refused.message().contains("expected a time not before issued_at"), "{refused:?}");
    assert_eq!(acme.status().await.charter_version, 1);

    let applied = apply_signed(acme, &document, &signatures);
    assert_eq!((applied.code, &applied.json["holds"]), (Some(0), &true.into()), "{applied:?}");
    let shown = said(&["charter", "show", "--node", &api]);
    assert_eq!(shown["issued_at"], shown["effective_from"], "at once is the earliest");
}

#[tokio::test]
async fn who_was_away_for_ten_versions_or_lost_its_disk_has_the_whole_chain() {
    let mut consortium = Consortium::start_governed(&FOUR, 4).await;
    consortium.nodes[2].raise(flag(tag(3), Severity::High)).await;
    consortium.agreed().await;
    for away in [2, 3] {
        consortium.nodes[away].terminate().await;
    }
    std::fs::remove_dir_all(consortium.nodes[2].path("data")).expect("it is ours");
    for round in 0..10_u32 {
        let acme = &consortium.nodes[0];
        let limit = format!("disputes_a_day={}", round + 10);
        let words = ["--limit", &limit, "--effective-from", "+1ms"];
        consortium.amend(acme, &words, &["acme", "bolt", "cato"]);
    }
    for back in [2, 3] {
        consortium.nodes[back].start();
        consortium.nodes[back].answers().await;
    }
    all_at(&everyone(&consortium), 11).await;
    consortium.agreed().await;
    for node in &consortium.nodes {
        let shown = said(&["charter", "show", "--node", &node.api()]);
        assert_eq!(shown["versions"].as_array().map(Vec::len), Some(11), "at {}", node.name);
        assert_eq!(shown["disputes_a_day"], 19);
    }
    // It is on disk: nobody has to tell it again.
    let mut consortium = consortium;
    for node in &mut consortium.nodes {
        node.terminate().await;
    }
    let dune = &mut consortium.nodes[3];
    dune.start();
    dune.answers().await;
    all_at(&[dune], 11).await;
}

#[tokio::test]
async fn rivals_take_everybody_back_and_the_version_that_names_both_forward() {
    let consortium = Consortium::start_governed(&FOUR, 4).await;
    let [acme, bolt, ..] = &consortium.nodes[..] else { unreachable!("four") };
    let (one, _) = consortium.propose(acme, &["--limit", "disputes_a_day=7"]);
    let (other, _) = consortium.propose(acme, &["--limit", "disputes_a_day=8"]);
    // Two members sign both: else there would be no two quorums.
    let first = consortium.apply(acme, &one, &["acme", "bolt", "cato"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    all_at(&everyone(&consortium), 2).await;
    let second = consortium.apply(bolt, &other, &["bolt", "cato", "dune"]);
    assert_eq!((second.code, &second.json["newest"]), (Some(1), &serde_json::json!(1)));
    assert_eq!(second.json["refused"], serde_json::Value::Null, "it is signed, and has a rival");
    all_at(&everyone(&consortium), 1).await;
    for node in &consortium.nodes {
        eventually(&format!("{} knows both", node.name), async || {
            let rivals = node.status().await.charter_rivals.len();
            (rivals == 2).then_some(()).ok_or_else(|| format!("{rivals} rivals"))
        })
        .await;
        let journal = node.journal_after("").await;
        assert!(journal.iter().any(|entry| entry.kind == "CHARTER_FORKED"), "at {}", node.name);
        let status = run(&["status", "--node", &node.api()]);
        assert!(status.starts_with("CHARTER FORK"), "{status}");
    }
    let (resolving, _) = consortium.propose(acme, &["--resolves", "--limit", "disputes_a_day=9"]);
    let applied = consortium.apply(acme, &resolving, &["acme", "bolt", "dune"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    all_at(&everyone(&consortium), 2).await;
    for node in &consortium.nodes {
        assert_eq!(node.status().await.charter_rivals.len(), 0);
        let shown = said(&["charter", "show", "--node", &node.api()]);
        assert_eq!(shown["disputes_a_day"], 9, "at {}", node.name);
    }
    alike(&everyone(&consortium)).await;
}

#[tokio::test]
async fn a_lost_governance_key_is_replaced_with_the_recovery_key() {
    let consortium = Consortium::start_governed(&FOUR, 1).await;
    let acme = &consortium.nodes[0];
    let new = consortium.path("new");
    let key = run(&["keygen", "--governance", word(&new)]);
    let change = format!("dune={}", key.trim());
    let (document, _) = consortium.propose(acme, &["--governance-key", &change]);
    // Dune's old key is lost: the recovery key speaks for version 1, the new key for version 2.
    let mut signatures: Vec<_> =
        ["acme", "bolt"].iter().map(|member| consortium.sign(&document, member)).collect();
    let (recovery, renewed) = (consortium.path("recovery.sig"), consortium.path("renewed.sig"));
    let sign = ["charter", "sign", word(&document), "--member", "dune"];
    let old_key = consortium.signing_key("recovery", "dune");
    let by_recovery = ["--recovery", "--key", word(&old_key), "--out", word(&recovery)];
    said(&[&sign[..], &by_recovery].concat());
    signatures.push(recovery.clone());
    let half = apply_signed(acme, &document, &signatures);
    assert_eq!(half.code, Some(1), "{half:?}");
    let signed = serde_json::json!(["acme", "bolt", "dune"]);
    assert_eq!(half.json["signed"][0]["signed"], signed);
    assert_eq!(half.json["signed"][1]["signed"], serde_json::json!(["acme", "bolt"]));
    let new_key = new.join("governance.key");
    said(&[&sign[..], &["--key", word(&new_key), "--out", word(&renewed)]].concat());
    signatures.push(renewed);
    let whole = apply_signed(acme, &document, &signatures);
    assert_eq!((whole.code, &whole.json["signed"][1]["signed"]), (Some(0), &signed));
}
