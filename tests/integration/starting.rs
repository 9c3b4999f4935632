//! A node that is not set up well does not start, says why in one line, and makes nothing.

use std::net::TcpListener;

use interlock_engine::ledger::rows::StoredRow;
use interlock_engine::ledger::{Column, Draft, LedgerFault, MetaKey};
use interlock_store::{FORMAT, Store};
use interlock_wire::v1::Severity;

use crate::calls::{flag, tag};
use crate::consortium::{Consortium, run};
use crate::node::{Ended, Node};

/// Asserts that it failed with one line on stderr that has all of `expected`.
fn failed(what: &str, ended: &Ended, expected: &[&str]) {
    assert!(ended.code.is_some_and(|code| code != 0), "{what}: {ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{what}: {ended:?}");
    for expected in expected {
        assert!(ended.stderr.contains(expected), "{what}: expected {expected:?} in {ended:?}");
    }
    assert!(!ended.stderr.contains("panicked"), "{what}: {ended:?}");
}

type Mistake = (&'static str, &'static [&'static str], fn(&Consortium, &Node));

/// What can be wrong, what the line says of it, and how it comes about.
const MISTAKES: &[Mistake] = &[
    (
        "the API for everybody",
        &["node.toml", "api.listen", "loopback", "0.0.0.0:7200"],
        |_, node| {
            node.edit("node.toml", "socket = ", "listen = \"0.0.0.0:7200\"\nsocket = ");
        },
    ),
    ("the API for the network", &["api.listen", "loopback"], |_, node| {
        node.edit("node.toml", "socket = ", "listen = \"192.0.2.1:7200\"\nsocket = ");
    }),
    ("the API for everybody on IPv6", &["api.listen", "loopback"], |_, node| {
        node.edit("node.toml", "socket = ", "listen = \"[::]:7200\"\nsocket = ");
    }),
    ("no API", &["node.toml", "listen or socket"], |_, node| {
        node.edit("node.toml", "socket = \"interlock.sock\"\n", "");
    }),
    ("a key that others may read", &["feed.key", "644", "chmod 600"], |_, node| {
        node.set_mode("feed.key", 0o644);
    }),
    ("a pepper that the group may read", &["pepper.key", "640", "chmod 600"], |_, node| {
        node.set_mode("pepper.key", 0o640);
    }),
    ("a pepper of somebody else", &["pepper.key", "epoch 1"], |consortium, node| {
        let other = consortium.path("other.key");
        run(&["keygen", "--pepper", &other.display().to_string()]);
        std::fs::copy(other, node.path("pepper.key")).expect("both are ours");
    }),
    ("a key that is not in the charter", &["feed.key", "acme/1"], |consortium, node| {
        let other = consortium.path("other");
        run(&["keygen", "--out", &other.display().to_string()]);
        std::fs::copy(other.join("feed.key"), node.path("feed.key")).expect("both are ours");
    }),
    ("a key that is none", &["feed.key", "64 hexadecimal digits"], |_, node| {
        std::fs::write(node.path("feed.key"), "no key\n").expect("it is ours");
    }),
    ("neither a key nor a signer", &["node.toml", "feed_key or signer", "neither"], |_, node| {
        node.edit("node.toml", "feed_key = \"feed.key\"\n", "");
    }),
    ("a key and a signer", &["node.toml", "feed_key or signer", "both"], |_, node| {
        node.edit("node.toml", "[api]", "[signer]\nsocket = \"x\"\n[api]");
    }),
    ("a signer that is reached in two ways", &["command or socket", "both"], |_, node| {
        node.edit("node.toml", "feed_key = \"feed.key\"\n", "");
        node.edit("node.toml", "[api]", "[signer]\nsocket = \"x\"\ncommand = [\"y\"]\n[api]");
    }),
    ("a signer that is reached in no way", &["command or socket", "neither"], |_, node| {
        node.edit("node.toml", "feed_key = \"feed.key\"\n", "");
        node.edit("node.toml", "[api]", "[signer]\n[api]");
    }),
    ("a signer that is not there", &["the signer at", "nobody.sock"], |_, node| {
        node.edit("node.toml", "feed_key = \"feed.key\"\n", "");
        node.edit("node.toml", "[api]", "[signer]\nsocket = \"nobody.sock\"\n[api]");
    }),
    ("two passphrases", &["passphrase: expected file or env"], |_, node| {
        node.edit("node.toml", "[api]", "[passphrase]\nfile = \"x\"\nenv = \"Y\"\n[api]");
    }),
    ("no key at all", &["feed.key", "No such file"], |_, node| {
        std::fs::remove_file(node.path("feed.key")).expect("it is ours");
    }),
    ("a member that is not in the charter", &["charter.toml", "nobody/1"], |_, node| {
        node.edit("node.toml", "member = \"acme\"", "member = \"nobody\"");
    }),
    ("a feed that is not in the charter", &["charter.toml", "acme/2"], |_, node| {
        node.edit("node.toml", "feed_key", "feed = 2\nfeed_key");
    }),
    ("an unknown key in the configuration", &["node.toml:5: ", "dta"], |_, node| {
        node.edit("node.toml", "data = ", "dta = ");
    }),
    ("a configuration that is no TOML", &["node.toml:2: "], |_, node| {
        node.edit("node.toml", "member = \"acme\"", "member = acme");
    }),
    ("content keys among what they protect", &["content_keys", "outside of data"], |_, node| {
        node.edit("node.toml", "data = ", "content_keys = \"data/keys\"\ndata = ");
    }),
    ("no charter", &["charter.toml", "No such file"], |_, node| {
        std::fs::remove_file(node.path("charter.toml")).expect("it is ours");
    }),
    ("a charter with a wrong number", &["charter.toml:1: ", "format"], |_, node| {
        node.edit("charter.toml", "format = 1", "format = 2");
    }),
    ("a charter with an unknown key", &["charter.toml:2: ", "nane"], |_, node| {
        node.edit("charter.toml", "name = ", "nane = 1\nname = ");
    }),
    ("a charter whose notice is too short", &["charter.toml:", "notice_delay"], |_, node| {
        node.edit("charter.toml", "1050ms", "1049ms");
    }),
];

#[tokio::test]
async fn mistakes_are_told_in_one_line_and_leave_nothing() {
    for (what, expected, mistake) in MISTAKES {
        let consortium = Consortium::found(&["acme", "bolt"]);
        let acme = &consortium.nodes[0];
        mistake(&consortium, acme);
        failed(what, &acme.refused().await, expected);
        assert!(!acme.path("data").exists(), "{what}: it made a store");
        assert!(!acme.path("interlock.sock").exists(), "{what}: it made a socket");
    }
}

#[tokio::test]
async fn what_another_uses_is_not_taken() {
    let mut consortium = Consortium::found(&["acme", "bolt"]);
    let port = TcpListener::bind(&consortium.nodes[0].address).expect("it was free");
    let address = consortium.nodes[0].address.clone();
    failed("a port in use", &consortium.nodes[0].refused().await, &[&address, "in use"]);
    drop(port);
    consortium.nodes[0].forced = true;
    consortium.nodes[0].start();
    consortium.nodes[0].forced = false;
    consortium.nodes[0].answers().await;
    let acme = &consortium.nodes[0];
    acme.raise(flag(tag(1), Severity::High)).await;
    let before = acme.status().await;

    failed("a store in use", &acme.refused().await, &["data"]);
    let config = std::fs::read_to_string(acme.path("node.toml")).expect("it is ours");
    acme.edit("node.toml", "\"data\"", "\"data-2\"\ncontent_keys = \"content-keys-2\"");
    failed("a socket in use", &acme.refused().await, &["interlock.sock", "in use"]);
    std::fs::write(acme.path("node.toml"), config).expect("it is ours");
    let after = acme.status().await;
    assert_eq!(
        (after.started_at, after.records),
        (before.started_at, before.records),
        "it runs on"
    );
}

/// The mark of a format that is not there yet.
struct Newer;

impl StoredRow for Newer {
    const COLUMN: Column = Column::Meta;

    fn encode(&self) -> Vec<u8> {
        (FORMAT + 1).to_be_bytes().to_vec()
    }

    fn decode(_: &[u8]) -> Result<Self, LedgerFault> {
        Ok(Self)
    }
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused_and_left_alone() {
    let consortium = Consortium::found(&["acme", "bolt"]);
    let acme = &consortium.nodes[0];
    let store = Store::open(&acme.path("data"), [7; 8]).expect("a new store");
    let mut draft = Draft::new(&store);
    draft.put(MetaKey::Format.bytes().to_vec(), &Newer);
    let changes = draft.into_changes();
    store.commit(&changes).expect("it is ours");
    drop(store);
    for _ in 0..2 {
        let expected = ["data", &format!("format {}", FORMAT + 1), "use a newer one"];
        failed("a newer store", &acme.refused().await, &expected);
    }
}
