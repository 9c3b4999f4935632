//! One node: its home directory, its process, and the clients of its API.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use interlock_wire::v1;
use interlock_wire::v1::governance_client::GovernanceClient;
use interlock_wire::v1::operator_client::OperatorClient;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::review_client::ReviewClient;
use tonic::transport::{Channel, Endpoint};

use crate::eventually;

/// The program under test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interlock"));
    command.env_remove("INTERLOCK_NODE").env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Why a node is forced to sign in tests.
pub(crate) const FORCED: &str = "the others are not there";

/// A member's node. Its process is killed when this is dropped.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    /// Where other members reach it.
    pub(crate) address: String,
    process: Option<Child>,
    /// Whether it signs without asking others first: where those do not run, and the point of the
    /// test is something else.
    pub(crate) forced: bool,
}

/// How a program that would not run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// What a refused request must leave as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    records: u64,
    journal: u64,
    equivocations: u64,
    frontier: Vec<u8>,
}

impl Node {
    pub(crate) fn new(name: &str, home: PathBuf, address: String) -> Self {
        Self { name: name.to_owned(), home, address, process: None, forced: false }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Writes its configuration, with these lines beside the usual ones.
    pub(crate) fn configure(&self, member: &str, more: &str) {
        let config = format!(
            "charter = \"charter.toml\"\nmember = \"{member}\"\nfeed_key = \"feed.key\"\npepper = \"pepper.key\"\ndata = \"data\"\n{more}[api]\nsocket = \"interlock.sock\"\n"
        );
        std::fs::write(self.path("node.toml"), config).expect("it is ours");
    }

    /// Replaces a part of one of its files.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
        std::fs::write(&path, text.replacen(from, to, 1)).expect("it is ours");
    }

    pub(crate) fn set_mode(&self, file: &str, mode: u32) {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(file), mode).expect("it is ours");
    }

    fn command(&self) -> Command {
        let mut command = program();
        command.args(["node", "run", "--config"]).arg(self.path("node.toml"));
        if self.forced {
            command.args(["--force-sign", FORCED]);
        }
        command
    }

    /// Starts its process; its log goes to `node.log`.
    pub(crate) fn start(&mut self) {
        self.start_as(self.command());
    }

    /// As [`Node::start`], with everything logged that can be.
    pub(crate) fn start_talkative(&mut self) {
        let mut command = self.command();
        command.env("RUST_LOG", "trace");
        self.start_as(command);
    }

    fn start_as(&mut self, mut command: Command) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.path("node.log"));
        let log = log.expect("its home is ours");
        let started = command.stdout(Stdio::null()).stderr(log).spawn();
        self.process = Some(started.expect("the program starts"));
    }

    /// Its process's number.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// Its API's address, as the program takes it.
    pub(crate) fn api(&self) -> String {
        format!("unix:{}", self.path("interlock.sock").display())
    }

    /// Runs it when it ought to refuse: how it ended.
    pub(crate) async fn refused(&self) -> Ended {
        let log = self.path("refused.log");
        let stderr = File::create(&log).expect("its home is ours");
        let started = self.command().stdout(Stdio::null()).stderr(stderr).spawn();
        let mut process = Killed(started.expect("the program starts"));
        let status = eventually("the node refuses to start", async || process.ended()).await;
        let stderr = std::fs::read_to_string(&log).expect("text");
        Ended { code: status.code(), stderr }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is ours");
        process.wait().expect("it is ours");
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let mut process = Killed(self.process.take().expect("it runs"));
        let id = process.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        assert!(sent.success());
        eventually("the node ends", async || process.ended()).await
    }

    async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        Endpoint::from_shared(self.api())?.connect().await
    }

    pub(crate) async fn platform(&self) -> PlatformClient<Channel> {
        PlatformClient::new(self.channel().await.unwrap_or_else(|_| panic!("{}", self.log())))
    }

    pub(crate) async fn governance(&self) -> GovernanceClient<Channel> {
        GovernanceClient::new(self.channel().await.unwrap_or_else(|_| panic!("{}", self.log())))
    }

    pub(crate) async fn operator(&self) -> OperatorClient<Channel> {
        OperatorClient::new(self.channel().await.unwrap_or_else(|_| panic!("{}", self.log())))
    }

    pub(crate) async fn review(&self) -> ReviewClient<Channel> {
        ReviewClient::new(self.channel().await.unwrap_or_else(|_| panic!("{}", self.log())))
    }

    /// The node as the program's `--node` names it.
    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.path("interlock.sock").display())
    }

    /// Its log, for panics.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.path("node.log")).unwrap_or_default();
        format!("{} does not answer; its log:\n{log}", self.name)
    }

    /// Waits until its API answers.
    pub(crate) async fn answers(&self) {
        eventually(&format!("{} answers", self.name), async || match self.channel().await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.log()),
        })
        .await;
    }

    /// Waits until it signs.
    pub(crate) async fn signs(&self) {
        eventually(&format!("{} signs", self.name), async || {
            let why = self.status().await.not_signing;
            if why.is_empty() { Ok(()) } else { Err(why) }
        })
        .await;
    }

    pub(crate) async fn status(&self) -> v1::GetStatusResponse {
        let asked = self.operator().await.get_status(v1::GetStatusRequest {}).await;
        asked.expect("it answers").into_inner()
    }

    pub(crate) async fn peers(&self) -> v1::ListPeersResponse {
        let asked = self.operator().await.list_peers(v1::ListPeersRequest {}).await;
        asked.expect("it answers").into_inner()
    }

    /// How often it refused something for this reason.
    pub(crate) async fn refusals(&self, reason: &str) -> u64 {
        let refusals = self.peers().await.refusals;
        refusals.iter().find(|refusal| refusal.reason == reason).map_or(0, |refusal| refusal.count)
    }

    pub(crate) async fn state(&self) -> State {
        let status = self.status().await;
        State {
            records: status.records,
            journal: status.journal,
            equivocations: status.equivocations,
            frontier: status.frontier_digest,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            drop(Killed(process));
        }
        if std::thread::panicking() && Path::new(&self.path("node.log")).exists() {
            eprintln!("--- the log of {}:\n{}", self.name, self.log());
        }
    }
}

/// A process that does not outlive this.
pub(crate) struct Killed(pub(crate) Child);

impl Killed {
    fn ended(&mut self) -> Result<ExitStatus, String> {
        self.0.try_wait().expect("it is ours").ok_or_else(|| "it still runs".to_owned())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
