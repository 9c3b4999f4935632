//! A decision is proven by one node and checked by the program alone, with no node running; a stopped
//! node's log is gone through again.

use std::path::Path;

use interlock_wire::v1::{DecisionChange::Effective, Measure, Severity};

use crate::calls::{flag, tag};
use crate::consortium::Consortium;
use crate::node::program;

/// How the program ended, and what it printed as JSON.
fn ran(words: &[&str]) -> (Option<i32>, serde_json::Value) {
    let ended = program().args(words).args(["-o", "json"]).output().expect("the program starts");
    let stdout = String::from_utf8(ended.stdout).expect("text");
    let json = serde_json::from_str(stdout.trim()).unwrap_or(serde_json::Value::Null);
    (ended.status.code(), json)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn a_lock_is_proven_with_no_node_running_and_as_it_was_at_each_event() {
    let mut consortium = Consortium::start(&["acme", "bolt", "coil"], 3).await;
    let subject = tag(1);
    let [acme, bolt, coil] = &consortium.nodes[..] else { unreachable!("three members") };
    let (first, _) = acme.raise(flag(subject, Severity::High)).await;
    let (second, _) = bolt.raise(flag(subject, Severity::High)).await;
    let locked = coil.told(subject, Effective, Measure::Lock).await;
    assert!(locked.arrivals >= 2, "it notes what had come: {locked:?}");
    acme.withdraw(first).await;
    bolt.withdraw(second).await;
    let opened = coil.told(subject, Effective, Measure::None).await;
    consortium.agreed().await;

    let node = format!("unix:{}", text(&coil.path("interlock.sock")));
    let tag = subject.to_string();
    let mut files = Vec::new();
    for (name, event) in
        [("then", Some(locked.number)), ("after", Some(opened.number)), ("now", None)]
    {
        let out = text(&consortium.path(name));
        let event = event.map(|number| number.to_string());
        let mut words = vec!["decision", "export", "--node", &node, "--tag", &tag, "--out", &out];
        if let Some(event) = &event {
            words.extend(["--event", event]);
        }
        let (code, exported) = ran(&words);
        assert_eq!(code, Some(0), "{name}");
        assert_eq!(exported["subject"], tag);
        assert_eq!(ran(&words).0, Some(8), "a file that is there is not written over");
        files.push(out);
    }
    let unknown = "ff".repeat(32);
    let (code, _) = ran(&["decision", "export", "--node", &node, "--tag", &unknown]);
    assert_eq!(code, Some(5), "nothing is known on somebody else");
    let (code, replayed) = ran(&["audit", "replay", "--node", &node]);
    assert_eq!((code, &replayed["differ"]), (Some(0), &0.into()), "{replayed}");

    for node in &mut consortium.nodes {
        node.kill();
    }
    let charter = text(&consortium.path("charter.toml"));
    for (file, measure) in files.iter().zip(["LOCK", "NONE", "NONE"]) {
        let (code, verdict) = ran(&["decision", "verify", file, "--charter", &charter]);
        assert_eq!((code, &verdict["verified"]), (Some(0), &true.into()), "{file}: {verdict}");
        assert_eq!(verdict["effective"], measure, "{file}");
        assert_eq!(verdict["consortium_checked"], true);
    }
    let id = consortium.id().to_string();
    let verify = |file: &str, id: &str| ran(&["decision", "verify", file, "--consortium", id]).0;
    assert_eq!(verify(&files[0], &id), Some(0));
    assert_eq!(verify(&files[0], &unknown), Some(1), "another consortium's");
    let said = program().args(["decision", "verify", &files[0]]).output().expect("it starts");
    let said = String::from_utf8(said.stdout).expect("text");
    for part in ["VERIFIED: LOCK", "NOT CHECKED", "acme", "bolt", "no such file can show"] {
        assert!(said.contains(part), "{part}:\n{said}");
    }

    let mut bytes = std::fs::read(&files[0]).expect("it was written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&files[1], &bytes).expect("it is ours");
    let (code, verdict) = ran(&["decision", "verify", &files[1], "--charter", &charter]);
    assert_eq!((code, &verdict["code"]), (Some(1), &"DAMAGED".into()));
    std::fs::write(&files[1], "a letter").expect("it is ours");
    assert_eq!(verify(&files[1], &id), Some(3), "no bundle at all");

    let data = text(&consortium.nodes[2].path("data"));
    let (code, replayed) = ran(&["audit", "replay", "--data", &data, "--charter", &charter]);
    assert_eq!((code, &replayed["differ"]), (Some(0), &0.into()), "{replayed}");
    assert!(replayed["records"].as_u64() >= Some(4), "{replayed}");
    let nothing = text(&consortium.path("nothing"));
    let (code, _) = ran(&["audit", "replay", "--data", &nothing, "--charter", &charter]);
    assert_eq!(code, Some(3), "no node's directory");
}
