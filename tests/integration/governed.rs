//! A consortium whose members can change its charter: their governance keys lie beside the nodes,
//! never in them, and what is done with them is done with the program itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use interlock_record::{FeedId, Time};
use serde_json::Value;

use crate::consortium::{Consortium, free_port, own_host, run};
use crate::eventually;
use crate::node::{Node, program};

/// Finality in a moment, so that tests need not wait for it.
pub(crate) const SEEN_SOON: &str = "seen_every = \"200ms\"\n";

/// How a verb ended, and the JSON that it printed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

/// Runs a verb to whatever end.
pub(crate) fn say(words: &[&str]) -> Said {
    let ended = program().args(["-o", "json"]).args(words).output().expect("the program starts");
    let stdout = String::from_utf8(ended.stdout).expect("text");
    let json = if stdout.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    };
    let stderr = String::from_utf8(ended.stderr).expect("text");
    Said { code: ended.status.code(), json, stderr }
}

/// Runs a verb to its good end; the JSON that it printed.
pub(crate) fn said(words: &[&str]) -> Value {
    let said = say(words);
    assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
    said.json
}

/// A file name that nobody else uses.
fn fresh(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{name}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A path as an argument.
pub(crate) fn word(path: &Path) -> &str {
    path.to_str().expect("our paths are text")
}

/// A new governance key in a directory of its own; its public half.
fn governance(dir: &Path) -> String {
    run(&["keygen", "--governance", word(dir)]).trim().to_owned()
}

impl Consortium {
    /// A consortium whose members have governance and recovery keys; `more` is what else the charter
    /// says of each, such as `,quota=50/10m`.
    pub(crate) fn found_governed(members: &[&str], more: impl Fn(&str) -> String) -> Self {
        Self::found_fully(members, crate::consortium::POLICY, SEEN_SOON, |dir, member| {
            let governance_key = governance(&dir.join("governance").join(member));
            let recovery_key = governance(&dir.join("recovery").join(member));
            let more = more(member);
            format!(",governance={governance_key},recovery={recovery_key}{more}")
        })
    }

    /// Such a consortium of which the first `running` nodes run and reach each other.
    pub(crate) async fn start_governed(members: &[&str], running: usize) -> Self {
        Self::found_governed(members, |_| String::new()).run(running).await
    }

    /// The file of a member's governance key, or of its recovery key.
    pub(crate) fn signing_key(&self, kind: &str, member: &str) -> PathBuf {
        self.path(kind).join(member).join("governance.key")
    }

    /// Proposes a version at a node; its document and what was said of it.
    pub(crate) fn propose(&self, at: &Node, words: &[&str]) -> (PathBuf, Value) {
        let file = self.path(&fresh("version.toml"));
        let api = at.api();
        let proposal = ["charter", "propose", "--node", &api, "--out", word(&file)];
        let proposed = said(&[&proposal, words].concat());
        (file, proposed)
    }

    /// A member's signature of a document.
    pub(crate) fn sign(&self, document: &Path, member: &str) -> PathBuf {
        let out = self.path(&fresh(&format!("{member}.sig")));
        let key = self.signing_key("governance", member);
        let (document, key) = (word(document), word(&key));
        // Tests do not wait for signers, and most versions of theirs hold at once.
        let words = ["--member", member, "--key", key, "--out", word(&out), "--late"];
        said(&[&["charter", "sign", document][..], &words].concat());
        out
    }

    /// Applies a document with these members' signatures at a node.
    pub(crate) fn apply(&self, at: &Node, document: &Path, signers: &[&str]) -> Said {
        let signatures: Vec<PathBuf> =
            signers.iter().map(|member| self.sign(document, member)).collect();
        apply_signed(at, document, &signatures)
    }

    /// Proposes, signs and applies a version at a node; from when it is in force.
    pub(crate) fn amend(&self, at: &Node, words: &[&str], signers: &[&str]) -> Time {
        let (document, proposed) = self.propose(at, words);
        let applied = self.apply(at, &document, signers);
        assert_eq!(applied.code, Some(0), "{applied:?}");
        assert_eq!(applied.json["holds"], true, "{applied:?}");
        let from = proposed["effective_from"].as_str().expect("it is said");
        from.parse().expect("a time")
    }

    /// The chain of charters as a node exports it.
    pub(crate) fn export(&self, at: &Node) -> PathBuf {
        let file = self.path(&fresh("chain.json"));
        said(&["charter", "export", "--node", &at.api(), "--out", word(&file)]);
        file
    }

    /// A new node's home with a new key; its public half too. No charter names it yet.
    pub(crate) fn enrol(&self, name: &str) -> (Node, String) {
        let home = self.path(&fresh(name));
        let key = run(&["keygen", "--out", word(&home)]).trim().to_owned();
        let host = own_host();
        let address = format!("{host}:{}", free_port(&host));
        let node = Node::new(name, home, address);
        std::fs::copy(self.path("pepper.key"), node.path("pepper.key")).expect("both are ours");
        (node, key)
    }

    /// What a member that joins says of itself, with a governance key of its own.
    pub(crate) fn candidate(&self, node: &Node, key: &str) -> String {
        let governance_key = governance(&self.path("governance").join(&node.name));
        format!("{}={}={key},governance={governance_key}", node.name, node.address)
    }
}

/// Applies a document with these signatures at a node.
pub(crate) fn apply_signed(at: &Node, document: &Path, signatures: &[PathBuf]) -> Said {
    let api = at.api();
    let mut words = vec!["charter", "apply", word(document), "--node", &api, "--late"];
    for signature in signatures {
        words.extend(["--signature", word(signature)]);
    }
    say(&words)
}

/// Waits until all these nodes are at a charter version.
pub(crate) async fn all_at(nodes: &[&Node], version: u32) {
    for node in nodes {
        eventually(&format!("{} is at version {version}", node.name), async || {
            let at = node.status().await.charter_version;
            (at == version).then_some(()).ok_or_else(|| format!("version {at}"))
        })
        .await;
    }
}

/// Waits until all these nodes know the same records.
pub(crate) async fn alike(nodes: &[&Node]) {
    eventually("they know the same records", async || {
        let mut saw = Vec::new();
        for node in nodes {
            let status = node.status().await;
            saw.push((status.frontier_digest, status.member, status.records));
        }
        let same = saw.iter().all(|(digest, ..)| *digest == saw[0].0);
        same.then_some(()).ok_or_else(|| format!("{saw:?}"))
    })
    .await;
}

/// Whether a node reaches a member and is reached by it.
pub(crate) async fn reach(node: &Node, member: &str) -> (bool, bool) {
    let peers = node.peers().await.peers;
    let peer = peers.iter().find(|peer| peer.member == member).expect("members stay listed");
    (peer.dialled, peer.heard)
}

impl Node {
    /// The head that it knows of a feed, as the command line writes it; none: no record.
    pub(crate) async fn head(&self, feed: FeedId) -> Option<(u64, String)> {
        let frontier = self.status().await.frontier;
        let head = frontier
            .iter()
            .find(|head| head.member == feed.member.as_str() && head.feed == feed.number.0)?;
        Some((head.sequence, interlock_record::hex(&head.head)))
    }
}
