//! A backup of a running node makes a node again that knows what it knew and then catches up.

use std::path::{Path, PathBuf};
use std::process::Output;

use interlock_wire::v1::{self, DecisionChange::Effective, Measure, Severity};
use sha2::Digest as _;

use crate::calls::{flag, raising, tag};
use crate::consortium::{Consortium, run};
use crate::hostile::reason;
use crate::node::{Node, program};

fn back_up(node: &Node, file: &str) -> PathBuf {
    let path = node.path(file);
    run(&["backup", "--node", &node.api(), "--out", &path.display().to_string()]);
    path
}

fn restore(from: &Path, node: &Node, more: &[&str]) -> Output {
    let mut command = program();
    command.args(["restore", "-o", "json", "--from"]).arg(from);
    command.arg("--data").arg(node.path("data")).args(more);
    command.output().expect("the program starts")
}

fn restored(from: &Path, node: &Node, more: &[&str]) -> serde_json::Value {
    let done = restore(from, node, more);
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).expect("one line of JSON")
}

/// Asserts that a restore was refused for what is wrong with its input, and made nothing.
fn refused(what: &str, done: &Output, expected: &str) {
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{what}: {stderr}");
    assert!(stderr.contains(expected), "{what}: expected {expected:?} in {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{what}: {stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_node_knows_what_it_knew_and_catches_up() {
    let mut consortium = Consortium::start(&["acme", "bolt"], 2).await;
    let before = consortium.nodes[0].status().await.cursor;
    consortium.nodes[0].raise(flag(tag(1), Severity::High)).await;
    consortium.nodes[1].raise(flag(tag(1), Severity::High)).await;
    consortium.agreed().await;
    let acme = &consortium.nodes[0];
    acme.told(tag(1), Effective, Measure::Lock).await;

    // While it is made the node goes on.
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let mut platform = acme.platform().await;
    let raising = tokio::spawn(async move {
        let mut raised = 0;
        while stopped.try_recv().is_err() {
            let draft = flag(tag(2), Severity::Medium);
            platform.raise_flags(raising(draft)).await.expect("it goes on");
            raised += 1;
        }
        raised
    });
    let file = back_up(acme, "one.backup");
    stop.send(()).expect("it is raising");
    assert!(raising.await.expect("no panic") > 0);
    let kinds: Vec<String> =
        acme.journal_after(&before).await.into_iter().map(|entry| entry.kind).collect();
    assert!(kinds.iter().any(|kind| kind == "BACKUP_MADE"), "{kinds:?}");
    consortium.nodes[1].raise(flag(tag(3), Severity::High)).await;
    consortium.agreed().await;
    let lock = consortium.nodes[0].decision(tag(1)).await;

    consortium.nodes[0].terminate().await;
    let taken = restore(&file, &consortium.nodes[0], &[]);
    refused("a data directory that is there", &taken, "is there already");
    std::fs::rename(consortium.nodes[0].path("data"), consortium.nodes[0].path("old"))
        .expect("ours");
    let report = restored(&file, &consortium.nodes[0], &[]);
    assert_eq!(report["without_content_key"], 0, "{report}");
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    consortium.connected(2).await;
    consortium.agreed().await;
    let acme = &consortium.nodes[0];
    assert_eq!(acme.decision(tag(1)).await, lock);
    let journal = acme.journal_after("").await;
    assert!(journal.iter().any(|entry| entry.kind == "RESTORED"));
    let request = v1::WatchJournalRequest { cursor: before };
    let status = acme.operator().await.watch_journal(request).await.expect_err("another store's");
    assert_eq!(reason(&status), "CURSOR_OF_OTHER_STORE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_content_keys_decides_without_the_contents() {
    let mut consortium = Consortium::start(&["acme"], 1).await;
    consortium.nodes[0].raise(flag(tag(1), Severity::High)).await;
    consortium.nodes[0].told(tag(1), Effective, Measure::Review).await;
    let file = back_up(&consortium.nodes[0], "one.backup");
    consortium.nodes[0].terminate().await;
    let node = &consortium.nodes[0];
    std::fs::remove_dir_all(node.path("data")).expect("ours");
    std::fs::remove_dir_all(node.path("content-keys")).expect("ours");

    refused("no content keys", &restore(&file, node, &[]), "--without-contents");
    let nowhere = node.path("nowhere").display().to_string();
    let done = restore(&file, node, &["--content-keys", &nowhere]);
    refused("content keys that are not there", &done, "no content keys");
    let mut bytes = std::fs::read(&file).expect("ours");
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    std::fs::write(node.path("bad.backup"), &bytes).expect("ours");
    let done = restore(&node.path("bad.backup"), node, &["--without-contents"]);
    refused("a damaged file", &done, "damaged");
    std::fs::write(node.path("cut.backup"), &bytes[..half / 2]).expect("ours");
    let done = restore(&node.path("cut.backup"), node, &["--without-contents"]);
    refused("a cut file", &done, "cut off");
    let done = restore(&node.path("node.toml"), node, &["--without-contents"]);
    refused("another file", &done, "no backup");
    let done = restore(&node.path("none.backup"), node, &["--without-contents"]);
    refused("no file", &done, "cannot read");
    assert!(!node.path("data").exists(), "nothing half done");

    let report = restored(&file, node, &["--without-contents"]);
    assert_eq!((&report["statements"], &report["without_content_key"]), (&0.into(), &1.into()));
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    let acme = &consortium.nodes[0];
    assert_eq!(acme.status().await.records, 1, "the chain is there, and goes on");
    assert_eq!(acme.decision(tag(1)).await.effective(), Measure::None);
    let kinds: Vec<String> =
        acme.journal_after("").await.into_iter().map(|entry| entry.kind).collect();
    assert!(kinds.iter().any(|kind| kind == "DECISION_REVISED"), "{kinds:?}");
    acme.raise(flag(tag(1), Severity::High)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_overwrites_nothing_and_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let consortium = Consortium::start(&["acme"], 1).await;
    let acme = &consortium.nodes[0];
    let file = back_up(acme, "one.backup");
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(&file).expect("ours");
    let again = program().args(["backup", "--node", &acme.api(), "--out"]).arg(&file).output();
    let again = again.expect("the program starts");
    assert_eq!(again.status.code(), Some(3), "{again:?}");
    assert_eq!(std::fs::read(&file).expect("ours"), bytes);
    let lost = program()
        .args(["backup", "--node", "unix:/nowhere.sock", "--out"])
        .arg(acme.path("two.backup"))
        .output()
        .expect("the program starts");
    assert_eq!(lost.status.code(), Some(4), "{lost:?}");
    let left = std::fs::read_dir(&acme.home).expect("ours").filter(|entry| {
        let name = entry.as_ref().expect("ours").file_name();
        name.to_string_lossy().contains("two.backup")
    });
    assert_eq!(left.count(), 0, "nothing half done");
}

/// A backup in which the payloads of its records are changed, all checks made to fit.
fn forged(file: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    const RECORDS: u8 = 2;
    let (mut at, mut forged) = (b"interlock-backup".len() + 4, file[..20].to_vec());
    while at < file.len() {
        let length = u32::from_be_bytes(file[at + 1..at + 5].try_into().expect("four bytes"));
        let end = at + 5 + length as usize;
        let mut frame = file[at..end].to_vec();
        if frame[0] == RECORDS {
            change(&mut frame[5..]);
        }
        forged.extend(frame);
        let check = sha2::Sha256::digest(&forged);
        forged.extend(&check[..16]);
        at = end + 16;
    }
    forged
}

#[tokio::test]
async fn a_forged_backup_that_fits_in_itself_is_refused_by_its_signatures() {
    let mut consortium = Consortium::start(&["acme"], 1).await;
    consortium.nodes[0].raise(flag(tag(1), Severity::High)).await;
    let file = back_up(&consortium.nodes[0], "one.backup");
    consortium.nodes[0].terminate().await;
    let node = &consortium.nodes[0];
    std::fs::rename(node.path("data"), node.path("old")).expect("ours");
    let good = std::fs::read(&file).expect("ours");
    assert_eq!(forged(&good, |_| {}), good, "what is not changed is the same file");
    // The signature of the record: field 4, 64 bytes.
    let bad = forged(&good, |payload| {
        let at = payload.windows(2).position(|pair| pair == [0x22, 0x40]).expect("a signature");
        payload[at + 12] ^= 1;
    });
    let bad_file = node.path("forged.backup");
    std::fs::write(&bad_file, &bad).expect("ours");
    // The restore has no charter, and everything fits. The node has one, and does not start on it.
    restored(&bad_file, node, &[]);
    let ended = node.refused().await;
    assert!(ended.stderr.contains("is not what its member signed"), "{ended:?}");
    assert!(ended.stderr.contains("record 1 of feed acme/1"), "{ended:?}");

    std::fs::remove_dir_all(node.path("data")).expect("ours");
    restored(&file, node, &[]);
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    assert_eq!(consortium.nodes[0].decision(tag(1)).await.announced(), Measure::Review);
}
