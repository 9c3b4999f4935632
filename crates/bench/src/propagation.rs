//! From a flag's acknowledgement at one node to its decision in every node's journal.
//!
//! One flag at a time is raised at the first node. Every node journals the announced decision with
//! its own clock, which on one machine is everybody's; the last of them counts.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use clap::Args;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::watch_decisions_response::Kind;
use interlock_wire::v1::{self, subject::By};
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use crate::floor;
use crate::samples::Row;

/// How long a decision may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// From a flag's acknowledgement at one node to its decision in every node's journal.
#[derive(Debug, Args)]
pub(crate) struct Propagation {
    /// A node; may be repeated. Flags are raised at the first.
    #[arg(long = "node", value_name = "ADDR", required = true)]
    nodes: Vec<String>,
    /// How many flags.
    #[arg(long, default_value_t = 500)]
    flags: usize,
    /// A directory on the nodes' disk, for the floor.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

struct Node {
    client: PlatformClient<Channel>,
    channel: Channel,
    decisions: Streaming<v1::WatchDecisionsResponse>,
}

impl Propagation {
    pub(crate) async fn run(self) -> anyhow::Result<Vec<Row>> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for address in &self.nodes {
            nodes.push(Node::connect(address).await.with_context(|| address.clone())?);
        }
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(std::io::Error::other)?;
        let run = interlock_record::hex(&run);
        let mut acknowledged = Vec::new();
        let mut own = Vec::new();
        let mut everywhere = Vec::new();
        for number in 0..self.flags {
            let subject = device(format!("bench-{run}-{number}"));
            let start = SystemTime::now();
            nodes[0].raise(&subject).await?;
            let ack = SystemTime::now();
            let tag = nodes[0].tag(subject).await?;
            acknowledged.push(ack.duration_since(start).unwrap_or_default());
            let mut last = UNIX_EPOCH;
            for (index, node) in nodes.iter_mut().enumerate() {
                let journaled = node.journaled(&tag).await?;
                if index == 0 {
                    own.push(journaled.duration_since(start).unwrap_or_default());
                }
                last = last.max(journaled);
            }
            everywhere.push(last.duration_since(ack).unwrap_or_default());
        }
        let calls = floor::empty_calls(&nodes[0].channel, self.flags).await?;
        let calls = Row::new("floor: an empty call", calls);
        let fsyncs = floor::fsyncs(&self.directory, self.flags)?;
        let fsyncs = Row::new("floor: 512 bytes on disk (fsync)", fsyncs);
        // Raising costs one call and one fsync; reaching the others one hop and one fsync more.
        let once = calls.p50 + fsyncs.p50;
        Ok(vec![
            Row::new("raise acknowledged", acknowledged).over(once),
            Row::new("decided in the raising node's journal", own).over(once),
            Row::new("acknowledged to decided in every journal", everywhere).over(once),
            calls,
            fsyncs,
        ])
    }
}

impl Node {
    async fn connect(address: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(address.to_owned())?.connect().await?;
        let mut client = PlatformClient::new(channel.clone());
        let request = v1::WatchDecisionsRequest {
            start: v1::WatchStart::Tail.into(),
            ..v1::WatchDecisionsRequest::default()
        };
        let mut decisions = client.watch_decisions(request).await?.into_inner();
        match decisions.message().await? {
            Some(v1::WatchDecisionsResponse { kind: Some(Kind::CaughtUp(_)), .. }) => {}
            other => bail!("expected the watch to be caught up first, got {other:?}"),
        }
        Ok(Self { client, channel, decisions })
    }

    /// Raises a flag that is enough for a decision by itself.
    async fn raise(&mut self, subject: &v1::Subject) -> anyhow::Result<()> {
        let flag = v1::FlagDraft {
            subject: Some(subject.clone()),
            reason: v1::Reason::FraudSuspected.into(),
            severity: v1::Severity::High.into(),
            confidence: 100,
            applied_measure: v1::Measure::Lock.into(),
            ..v1::FlagDraft::default()
        };
        let request = v1::RaiseFlagsRequest { flags: vec![flag], idempotency_key: String::new() };
        self.client.raise_flags(request).await?;
        Ok(())
    }

    /// The subject's tag, to know its decision by.
    async fn tag(&mut self, subject: v1::Subject) -> anyhow::Result<Vec<u8>> {
        let found = self.client.lookup(v1::LookupRequest { subjects: vec![subject] }).await?;
        let decision = found.into_inner().decisions.pop().context("expected one decision")?;
        Ok(decision.subject)
    }

    /// When the node journaled the decision on a subject.
    async fn journaled(&mut self, tag: &[u8]) -> anyhow::Result<SystemTime> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.decisions.message()).await;
            let message =
                message.context("no decision within 30 s")??.context("the watch ended")?;
            let Some(Kind::Event(event)) = message.kind else { continue };
            if event.subject == tag && event.change() == v1::DecisionChange::Announced {
                let at = event.recorded_at.context("expected recorded_at")?;
                let secs = u64::try_from(at.seconds)?;
                return Ok(UNIX_EPOCH + Duration::new(secs, u32::try_from(at.nanos)?));
            }
        }
    }
}

fn device(value: String) -> v1::Subject {
    let identifier = v1::RawIdentifier { id_type: v1::IdType::Device.into(), value };
    v1::Subject { by: Some(By::Identifier(identifier)) }
}
