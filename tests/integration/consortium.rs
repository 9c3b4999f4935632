//! A consortium of nodes on this machine, made with the program itself as its members would.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use interlock_engine::charter::{Charter, Charters};
use interlock_node::peers::CharterFeed;
use interlock_record::ConsortiumId;
use tempfile::TempDir;

use crate::eventually;
use crate::node::{Node, program};

/// One HIGH flag makes a REVIEW, two of different members a LOCK; a MEDIUM one is only observed.
pub(crate) const POLICY: &str = r#"version = 1
notice_delay = "1050ms"
[reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "180d"
ceiling = "LOCK"
[reason.FRAUD_SUSPECTED]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "180d"
ceiling = "LOCK"
[[measure.OBSERVE.rule]]
points = 20
[[measure.REVIEW.rule]]
points = 40
[[measure.LOCK.rule]]
points = 100
issuers = 2
"#;

/// How long announced measures take to come into force, by the policy above.
pub(crate) const NOTICE_MICROS: i64 = 1_050_000;

/// Nodes by the order of their names; all of it goes away when this is dropped.
pub(crate) struct Consortium {
    pub(crate) nodes: Vec<Node>,
    pub(crate) charter: Arc<Charter>,
    dir: TempDir,
}

impl Consortium {
    /// The consortium's id.
    pub(crate) fn id(&self) -> ConsortiumId {
        ConsortiumId(self.charter.id().0)
    }

    /// Who may connect, as long as the first charter holds.
    pub(crate) fn roster(&self) -> CharterFeed {
        let charters = Charters::first(Charter::clone(&self.charter));
        CharterFeed::new(tokio::sync::watch::channel(Arc::new(charters)).1)
    }

    /// Keys, pepper, charter and configurations; no node runs yet.
    pub(crate) fn found(members: &[&str]) -> Self {
        Self::found_with(members, POLICY)
    }

    /// The same with another policy.
    pub(crate) fn found_with(members: &[&str], policy: &str) -> Self {
        Self::found_fully(members, policy, "", |_, _| String::new())
    }

    /// The same with more lines in every configuration, and what `more` says of each member in the
    /// charter; it is given the consortium's directory.
    pub(crate) fn found_fully(
        members: &[&str],
        policy: &str,
        config: &str,
        more: impl Fn(&Path, &str) -> String,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(path("policy.toml"), policy).expect("it is ours");
        run(&["keygen", "--pepper", &path("pepper.key")]);
        let host = own_host();
        let mut nodes = Vec::new();
        let mut words = vec!["charter".to_owned(), "init".to_owned()];
        for member in members {
            let key = run(&["keygen", "--out", &path(member)]);
            let address = format!("{host}:{}", free_port(&host));
            words.extend([
                "--member".to_owned(),
                format!("{member}={address}={}{}", key.trim(), more(dir.path(), member)),
            ]);
            nodes.push(Node::new(member, dir.path().join(member), address));
        }
        let (policy, pepper, charter) =
            (path("policy.toml"), path("pepper.key"), path("charter.toml"));
        words.extend(["--name", "test", "--max-clock-skew", "50ms"].map(str::to_owned));
        words.extend(
            ["--policy", &policy, "--pepper", &pepper, "--out", &charter].map(str::to_owned),
        );
        run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        for node in &nodes {
            std::fs::copy(&charter, node.path("charter.toml")).expect("both are ours");
            std::fs::copy(&pepper, node.path("pepper.key")).expect("both are ours");
            node.configure(&node.name, config);
        }
        let text = std::fs::read_to_string(&charter).expect("it was written");
        let charter = Arc::new(Charter::parse(&charter, &text).expect("the program wrote it"));
        Self { nodes, charter, dir }
    }

    /// A consortium of which the first `running` nodes run, reach each other, and sign: where they
    /// are no quorum, since they are told to.
    pub(crate) async fn start(members: &[&str], running: usize) -> Self {
        Self::found(members).run(running).await
    }

    /// The same with another first charter, before any node runs.
    pub(crate) fn rewrite_charter(mut self, edit: impl Fn(String) -> String) -> Self {
        let text = edit(self.charter.text.clone());
        assert_ne!(text, self.charter.text, "the edit found nothing");
        for node in &self.nodes {
            std::fs::write(node.path("charter.toml"), &text).expect("it is ours");
        }
        self.charter = Arc::new(Charter::parse("charter.toml", &text).expect("still a charter"));
        self
    }

    /// Puts lines at the head of every node's configuration.
    pub(crate) fn configure(self, lines: &str) -> Self {
        for node in &self.nodes {
            node.edit("node.toml", "charter = ", &format!("{lines}charter = "));
        }
        self
    }

    /// Starts the first `running` nodes and waits until they reach each other.
    pub(crate) async fn run(mut self, running: usize) -> Self {
        let this = &mut self;
        let forced = running < this.charter.quorum as usize;
        this.nodes.iter_mut().for_each(|node| node.forced = forced);
        for node in &mut this.nodes[..running] {
            node.start();
        }
        for node in &this.nodes[..running] {
            node.answers().await;
        }
        this.connected(running).await;
        self
    }

    /// Waits until the first `running` nodes reach each other, both ways, and sign.
    pub(crate) async fn connected(&self, running: usize) {
        for node in &self.nodes[..running] {
            eventually(&format!("{} and the others reach each other", node.name), async || {
                let peers = node.peers().await.peers;
                let up = |peer: &&interlock_wire::v1::Peer| {
                    let runs = self.nodes[..running].iter().any(|node| node.name == peer.member);
                    runs && !(peer.dialled && peer.heard)
                };
                peers.iter().find(up).map_or(Ok(()), |peer| Err(format!("{peer:?}")))
            })
            .await;
            node.signs().await;
        }
    }

    /// Waits until all nodes know the same records.
    pub(crate) async fn agreed(&self) {
        eventually("all nodes know the same", async || {
            let mut digests = BTreeSet::new();
            let mut saw = Vec::new();
            for node in &self.nodes {
                let status = node.status().await;
                saw.push((status.member, status.records));
                digests.insert(status.frontier_digest);
            }
            if digests.len() == 1 { Ok(()) } else { Err(format!("{saw:?}")) }
        })
        .await;
    }

    /// A loopback address at which nothing listens, on this consortium's own host.
    pub(crate) fn free_address(&self) -> String {
        let host = self.nodes[0].address.rsplit_once(':').expect("host and port").0;
        format!("{host}:{}", free_port(host))
    }

    /// A file of the consortium's own.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }
}

/// Runs the program to its good end; what it printed.
pub(crate) fn run(words: &[&str]) -> String {
    let ended = program().args(words).output().expect("the program starts");
    assert!(ended.status.success(), "{words:?}: {ended:?}");
    String::from_utf8(ended.stdout).expect("text")
}

/// A loopback address that no other test uses, so that a port found free on it stays free.
pub(crate) fn own_host() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let [_, a, b, c] = (std::process::id().wrapping_mul(64).wrapping_add(count)).to_be_bytes();
    format!("127.{}.{b}.{}", a | 1, c.clamp(1, 254))
}

pub(crate) fn free_port(host: &str) -> u16 {
    let listener = TcpListener::bind((host, 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}
