//! Keys behind passphrases and signers, and what a node that wakes up on an old copy of its store
//! does: no node forks itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use interlock_wire::v1::{Measure, Severity};
use tonic::{Code, Status};

use crate::calls::{flag, raising, tag};
use crate::consortium::{Consortium, run};
use crate::eventually;
use crate::hostile::reason;
use crate::node::{FORCED, Killed, Node, program};

async fn refused(node: &Node) -> Status {
    let raised = node.platform().await.raise_flags(raising(flag(tag(9), Severity::High))).await;
    raised.expect_err("it must not sign")
}

async fn sequence(node: &Node) -> u64 {
    let frontier = node.status().await.frontier;
    frontier.iter().find(|head| head.member == node.name).map_or(0, |head| head.sequence)
}

fn write_secret(node: &Node, name: &str, text: &str) {
    std::fs::write(node.path(name), text).expect("it is ours");
    node.set_mode(name, 0o600);
}

/// Puts a node's key under a passphrase.
fn encrypt(node: &Node, passphrase: &str) {
    write_secret(node, "passphrase", passphrase);
    let path = |name: &str| node.path(name).display().to_string();
    let (key, new, file) = (path("feed.key"), path("new.key"), path("passphrase"));
    let shown = run(&["key", "encrypt", &key, "--out", &new, "--new-passphrase-file", &file]);
    assert!(shown.contains("a passphrase (Argon2id, 65536 KiB, 3 passes, 4 lanes)"), "{shown}");
    std::fs::rename(&new, &key).expect("both are ours");
    let text = std::fs::read_to_string(&key).expect("it is there");
    assert!(text.starts_with("interlock key, encrypted, version 1\n"), "{text}");
}

#[tokio::test]
async fn a_node_starts_with_a_key_under_a_passphrase_and_only_with_that() {
    let mut consortium = Consortium::found(&["acme"]);
    encrypt(&consortium.nodes[0], "correct horse battery");
    let acme = &consortium.nodes[0];
    let ended = acme.refused().await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("there is no terminal to ask"), "{ended:?}");

    acme.edit("node.toml", "[api]", "[passphrase]\nfile = \"passphrase\"\n[api]");
    write_secret(acme, "passphrase", "correct horse batterx\n");
    let ended = acme.refused().await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("feed.key: wrong passphrase"), "{ended:?}");
    assert!(!ended.stderr.contains("horse"), "{ended:?}");
    assert!(!acme.path("data").exists() && !acme.path("last-signed").exists());

    write_secret(acme, "passphrase", "correct horse battery\n");
    consortium.nodes[0].start();
    let acme = &consortium.nodes[0];
    acme.answers().await;
    // A consortium of one asks nobody.
    acme.raise(flag(tag(1), Severity::High)).await;
    assert!(!acme.log().contains("horse"));
}

#[tokio::test]
async fn a_new_key_can_be_encrypted_and_is_the_same_one_without() {
    let consortium = Consortium::found(&["acme"]);
    let acme = &consortium.nodes[0];
    write_secret(acme, "passphrase", "correct horse battery\n");
    let path = |name: &str| acme.path(name).display().to_string();
    let (file, home, plain) = (path("passphrase"), path("new"), path("plain.key"));
    let public = run(&["keygen", "--out", &home, "--passphrase-file", &file]);
    let key = format!("{home}/feed.key");
    for shown in [
        run(&["key", "show", &key]),
        run(&["key", "decrypt", &key, "--out", &plain, "--passphrase-file", &file]),
        run(&["key", "show", &plain]),
    ] {
        assert!(shown.contains(public.trim()), "{shown}");
    }
    let again = program()
        .args(["key", "decrypt", &key, "--out", &path("other"), "--passphrase-env", "PHRASE"])
        .env("PHRASE", "wrong horse battery")
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("wrong passphrase") && !stderr.contains("horse"), "{stderr}");
    write_secret(acme, "passphrase", "too short\n");
    let short = program()
        .args(["keygen", "--out", &path("short"), "--passphrase-file", &file])
        .output()
        .expect("the program starts");
    assert_eq!(short.status.code(), Some(3));
    assert!(!acme.path("short").join("feed.key").exists());
}

/// The words that start a signer for a node's key.
fn signer(consortium: &Consortium, node: &Node) -> Vec<String> {
    let path = |name: &str| node.path(name).display().to_string();
    let (feed, id) = (format!("{}/1", node.name), consortium.id().to_string());
    ["signer", "--key", &path("held.key"), "--feed", &feed, "--consortium", &id]
        .map(str::to_owned)
        .to_vec()
}

/// Takes the key away from a node; its configuration names a signer instead.
fn hand_over(node: &Node, way: &str) {
    std::fs::rename(node.path("feed.key"), node.path("held.key")).expect("both are ours");
    node.edit("node.toml", "feed_key = \"feed.key\"\n", "");
    node.edit("node.toml", "[api]", &format!("[signer]\n{way}\n[api]"));
}

async fn start_signer(consortium: &Consortium, node: &Node) -> Killed {
    let socket = node.path("signer.sock");
    let log = std::fs::File::create(node.path("signer.log")).expect("it is ours");
    let mut command = program();
    command.args(signer(consortium, node)).arg("--socket").arg(&socket);
    let started = Killed(command.stderr(log).spawn().expect("the program starts"));
    eventually("the signer listens", async || {
        let reached = std::os::unix::net::UnixStream::connect(&socket);
        reached.map(drop).map_err(|error| error.to_string())
    })
    .await;
    started
}

#[tokio::test]
async fn a_node_whose_signer_dies_refuses_clearly_and_signs_again_when_it_is_back() {
    let mut consortium = Consortium::found(&["acme", "bolt"]);
    hand_over(&consortium.nodes[0], "socket = \"signer.sock\"");
    let signer = start_signer(&consortium, &consortium.nodes[0]).await;
    consortium.nodes.iter_mut().for_each(Node::start);
    for node in &consortium.nodes {
        node.answers().await;
    }
    // That bolt lets it in shows that the signer signed its transport key.
    consortium.connected(2).await;
    let acme = &consortium.nodes[0];
    acme.raise(flag(tag(1), Severity::High)).await;
    consortium.agreed().await;

    drop(signer);
    let before = acme.state().await;
    let status = refused(acme).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SIGNER_FAILED"));
    assert!(status.message().contains("signer.sock"), "{status:?}");
    assert_eq!(acme.state().await, before, "nothing has changed");
    // Others' flags come in all the same.
    consortium.nodes[1].raise(flag(tag(2), Severity::High)).await;
    consortium.agreed().await;

    let _signer = start_signer(&consortium, acme).await;
    eventually("it signs again", async || {
        let raised = acme.platform().await.raise_flags(raising(flag(tag(3), Severity::High))).await;
        raised.map(drop).map_err(|status| status.message().to_owned())
    })
    .await;
    consortium.agreed().await;
    for node in &consortium.nodes {
        assert_eq!(node.status().await.equivocations, 0);
    }
}

#[tokio::test]
async fn a_command_can_be_the_signer_and_never_signs_two_for_one_place() {
    let mut consortium = Consortium::found(&["acme"]);
    let acme = &consortium.nodes[0];
    let mut words = vec![env!("CARGO_BIN_EXE_interlock").to_owned()];
    words.extend(signer(&consortium, acme));
    words.push("--stdio".to_owned());
    hand_over(acme, &format!("command = {words:?}"));
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    consortium.nodes[0].raise(flag(tag(1), Severity::High)).await;
    let signed = consortium.nodes[0].path("held.key.signed");
    let text = std::fs::read_to_string(&signed).expect("it remembers");
    assert!(text.contains("feed = acme/1\nsequence = 1\n"), "{text}");
    assert_eq!(consortium.nodes[0].terminate().await.code(), Some(0));

    // It was restored from nothing: the signer does not sign another first record.
    std::fs::remove_dir_all(consortium.nodes[0].path("data")).expect("it is ours");
    std::fs::remove_file(consortium.nodes[0].path("last-signed")).expect("it is ours");
    consortium.nodes[0].start();
    let acme = &consortium.nodes[0];
    acme.answers().await;
    let status = refused(acme).await;
    assert_eq!(reason(&status), "SIGNER_FAILED");
    assert!(status.message().contains("ALREADY_SIGNED"), "{status:?}");
}

/// Stands between a node and its signer: passes questions and answers through, but keeps the answers
/// to so many records.
fn lossy(node: &Node, loses: &Arc<AtomicU32>) {
    let (near, far) = (node.path("lossy.sock"), node.path("signer.sock"));
    let listener = UnixListener::bind(near).expect("it is ours");
    let loses = loses.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (near, loses, far) = (stream.expect("it connects"), loses.clone(), far.clone());
            std::thread::spawn(move || {
                let far = UnixStream::connect(far)?;
                let mut answers = BufReader::new(far.try_clone()?).lines();
                for question in BufReader::new(near.try_clone()?).lines() {
                    let question = question?;
                    writeln!(&far, "{question}")?;
                    let Some(answer) = answers.next() else { break };
                    let lost = question.contains(" sign interlock/record/v1 ")
                        && loses.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
                    if lost {
                        break;
                    }
                    writeln!(&near, "{}", answer?)?;
                }
                std::io::Result::Ok(())
            });
        }
    });
}

#[tokio::test]
async fn a_signature_that_got_lost_is_asked_for_again_and_the_node_goes_on() {
    let mut consortium = Consortium::found(&["acme", "bolt"]);
    let loses = Arc::new(AtomicU32::new(0));
    hand_over(&consortium.nodes[0], "socket = \"lossy.sock\"");
    let _signer = start_signer(&consortium, &consortium.nodes[0]).await;
    lossy(&consortium.nodes[0], &loses);
    consortium.nodes.iter_mut().for_each(Node::start);
    for node in &consortium.nodes {
        node.answers().await;
    }
    consortium.connected(2).await;
    let acme = &consortium.nodes[0];
    acme.raise(flag(tag(1), Severity::High)).await;
    consortium.agreed().await;

    // Both answers are lost. The signer has signed record 2, and the node has not got it.
    loses.store(2, Relaxed);
    let before = acme.state().await;
    let mut write = raising(flag(tag(2), Severity::High));
    write.idempotency_key = "write 2".to_owned();
    let refused = acme.platform().await.raise_flags(write.clone()).await;
    let status = refused.expect_err("no signature came");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SIGNER_FAILED"));
    assert!(status.message().contains("may have signed"), "{status:?}");
    assert_eq!(loses.load(Relaxed), 0, "it asked twice");
    assert_eq!(acme.state().await, before, "nothing has changed");
    let signed = std::fs::read_to_string(acme.path("held.key.signed")).expect("it remembers");
    assert!(signed.contains("sequence = 2\n"), "{signed}");

    // Somebody else's write comes first: the signer gets the very same record 2, then record 3.
    eventually("the signer is asked again", async || {
        let raised = acme.platform().await.raise_flags(raising(flag(tag(3), Severity::High))).await;
        raised.map(drop).map_err(|status| status.message().to_owned())
    })
    .await;
    assert_eq!(sequence(acme).await, 3);
    let again = acme.platform().await.raise_flags(write).await.expect("it is done").into_inner();
    assert!(again.repeated_request, "one write");
    assert_eq!(sequence(acme).await, 3);
    consortium.agreed().await;
    for node in &consortium.nodes {
        assert_eq!(node.status().await.equivocations, 0);
        for number in 1..4 {
            let announced = node.decision(tag(number)).await.announced();
            assert_eq!(announced, Measure::Review, "{}", node.name);
        }
    }
    let log = std::fs::read_to_string(acme.path("signer.log")).expect("text");
    assert!(!log.contains("refused to sign"), "{log}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("it is ours");
    for entry in std::fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is there");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("both are ours");
    }
}

/// acme has signed three records, and stands on a copy of its store that has one. Nobody runs.
async fn restored() -> Consortium {
    let mut consortium = Consortium::start(&["acme", "bolt", "coil"], 3).await;
    consortium.nodes[0].raise(flag(tag(1), Severity::High)).await;
    consortium.agreed().await;
    consortium.nodes[0].terminate().await;
    copy(&consortium.nodes[0].path("data"), &consortium.nodes[0].path("copy"));
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    consortium.connected(3).await;
    for number in 2..4 {
        consortium.nodes[0].raise(flag(tag(number), Severity::High)).await;
    }
    consortium.agreed().await;
    for node in &mut consortium.nodes {
        node.terminate().await;
    }
    let acme = &consortium.nodes[0];
    std::fs::remove_dir_all(acme.path("data")).expect("it is ours");
    std::fs::rename(acme.path("copy"), acme.path("data")).expect("both are ours");
    consortium
}

/// acme runs alone and does not sign; once the others are back, it goes on where it was.
async fn catches_up(mut consortium: Consortium, says: &str) {
    consortium.nodes[0].start();
    let acme = &consortium.nodes[0];
    acme.answers().await;
    let why = acme.status().await.not_signing;
    assert!(why.contains(says), "{why}");
    let status = refused(acme).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "NOT_SIGNING"));
    assert!(status.message().contains(says), "{status:?}");
    assert_eq!(sequence(acme).await, 1);

    for node in &mut consortium.nodes[1..] {
        node.start();
    }
    for node in &consortium.nodes {
        node.answers().await;
    }
    consortium.connected(3).await;
    let acme = &consortium.nodes[0];
    assert_eq!(sequence(acme).await, 3, "it signs only when it has all of its feed");
    acme.raise(flag(tag(4), Severity::High)).await;
    assert_eq!(sequence(acme).await, 4);
    consortium.agreed().await;
    for node in &consortium.nodes {
        assert_eq!(node.status().await.equivocations, 0, "{}", node.name);
    }
}

#[tokio::test]
async fn a_node_restored_from_an_old_backup_signs_when_it_has_caught_up() {
    let consortium = restored().await;
    let says = "has signed record 3 of its feed, but its store ends at record 1";
    catches_up(consortium, says).await;
}

#[tokio::test]
async fn a_restored_node_that_remembers_nothing_asks_the_others_first() {
    let consortium = restored().await;
    let acme = &consortium.nodes[0];
    std::fs::remove_file(acme.path("last-signed")).expect("it is ours");
    catches_up(consortium, "0 of the 1 groups needed have answered, not yet: bolt, coil").await;
}

#[tokio::test]
async fn what_is_missing_is_made_from_the_store_with_a_warning() {
    let mut consortium = Consortium::found(&["acme"]);
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    consortium.nodes[0].raise(flag(tag(1), Severity::High)).await;
    consortium.nodes[0].terminate().await;
    let kept = std::fs::read_to_string(consortium.nodes[0].path("last-signed")).expect("text");
    std::fs::remove_file(consortium.nodes[0].path("last-signed")).expect("it is ours");
    assert!(!consortium.nodes[0].log().contains("nothing was remembered"));
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    let acme = &consortium.nodes[0];
    assert!(acme.log().contains("nothing was remembered of what this node signed last"));
    let made = std::fs::read_to_string(acme.path("last-signed")).expect("text");
    let line = |text: &str, name: &str| {
        text.lines().find(|line| line.starts_with(name)).map(str::to_owned)
    };
    for name in ["feed = ", "sequence = ", "record = "] {
        assert_eq!(line(&made, name), line(&kept, name));
    }
    consortium.nodes[0].terminate().await;
    std::fs::write(consortium.nodes[0].path("last-signed"), "damaged").expect("it is ours");
    let ended = consortium.nodes[0].refused().await;
    assert!(ended.stderr.contains("last-signed") && ended.stderr.contains("move"), "{ended:?}");
}

#[tokio::test]
async fn a_forced_start_is_logged_and_journaled_with_its_reason() {
    let mut consortium = Consortium::found(&["acme", "bolt"]);
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    assert_eq!(reason(&refused(&consortium.nodes[0]).await), "NOT_SIGNING");
    consortium.nodes[0].terminate().await;
    consortium.nodes[0].forced = true;
    consortium.nodes[0].start();
    let acme = &consortium.nodes[0];
    acme.answers().await;
    acme.raise(flag(tag(1), Severity::High)).await;
    let entries = acme.journal_after("").await;
    let forced: Vec<_> = entries.iter().filter(|entry| entry.kind == "SIGNING_FORCED").collect();
    assert_eq!(forced.len(), 1, "{entries:?}");
    assert_eq!(forced[0].detail, format!("{{\"reason\":\"{FORCED}\"}}"));
    assert!(acme.log().contains("WARN") && acme.log().contains(FORCED), "{}", acme.log());
}
