//! From a flag's acknowledgement at one node to its decision in every node's journal, and how far
//! apart the nodes put it in force.
//!
//! One flag at a time is raised at the first node. Every node journals the announced decision with
//! its own clock, which on one machine is everybody's; the last of them counts.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use clap::Args;
use interlock_wire::v1;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::watch_decisions_response::Kind;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::api::{connect, device, fresh_name, hard_flag};
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
    /// Changes that the node has told of, by subject: when it journaled them.
    seen: HashMap<(Wanted, Vec<u8>), SystemTime>,
}

/// A change of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    Announced,
    Effective,
}

impl Propagation {
    pub(crate) async fn run(self) -> anyhow::Result<Vec<Row>> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for address in &self.nodes {
            nodes.push(Node::connect(address).await.with_context(|| address.clone())?);
        }
        let run = fresh_name()?;
        let mut acknowledged = Vec::new();
        let mut own = Vec::new();
        let mut everywhere = Vec::new();
        let mut tags = Vec::new();
        for number in 0..self.flags {
            let subject = device(format!("bench-{run}-{number}"));
            let start = SystemTime::now();
            nodes[0].raise(&subject).await?;
            let ack = SystemTime::now();
            let tag = nodes[0].tag(subject).await?;
            acknowledged.push(ack.duration_since(start).unwrap_or_default());
            let mut last = UNIX_EPOCH;
            for (index, node) in nodes.iter_mut().enumerate() {
                let journaled = node.journaled(&tag, Wanted::Announced).await?;
                if index == 0 {
                    own.push(journaled.duration_since(start).unwrap_or_default());
                }
                last = last.max(journaled);
            }
            everywhere.push(last.duration_since(ack).unwrap_or_default());
            tags.push(tag);
        }
        let apart = in_force_apart(&mut nodes, &tags).await?;
        let timers = Row::spans("floor: a timer is late by", timers(self.flags).await);
        let calls = floor::empty_calls(&nodes[0].channel, self.flags).await?;
        let calls = Row::spans("floor: an empty call", calls);
        let fsyncs = floor::fsyncs(&self.directory, self.flags)?;
        let fsyncs = Row::spans("floor: 512 bytes on disk (fsync)", fsyncs);
        // Raising costs one call and one fsync; reaching the others one hop and one fsync more.
        let once = calls.value() + fsyncs.value();
        Ok(vec![
            Row::spans("raise acknowledged", acknowledged).over(once),
            Row::spans("decided in the raising node's journal", own).over(once),
            Row::spans("acknowledged to decided in every journal", everywhere)
                .over(once)
                .aim("p50 5 ms, p99 20 ms"),
            Row::spans("in force at the last node after the first", apart)
                .over(timers.value())
                .aim("p99 5 ms"),
            calls,
            fsyncs,
            timers,
        ])
    }
}

/// How far apart in time the nodes put each decision in force.
async fn in_force_apart(nodes: &mut [Node], tags: &[Vec<u8>]) -> anyhow::Result<Vec<Duration>> {
    let mut apart = Vec::with_capacity(tags.len());
    for tag in tags {
        let (mut first, mut last) = (None, UNIX_EPOCH);
        for node in nodes.iter_mut() {
            let at = node.journaled(tag, Wanted::Effective).await?;
            first = Some(first.map_or(at, |first: SystemTime| first.min(at)));
            last = last.max(at);
        }
        apart.push(last.duration_since(first.unwrap_or(last)).unwrap_or_default());
    }
    Ok(apart)
}

impl Node {
    async fn connect(address: &str) -> anyhow::Result<Self> {
        let channel = connect(address).await?;
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
        Ok(Self { client, channel, decisions, seen: HashMap::new() })
    }

    /// Raises a flag that is enough for a decision by itself.
    async fn raise(&mut self, subject: &v1::Subject) -> anyhow::Result<()> {
        self.client.raise_flags(hard_flag(subject.clone())).await?;
        Ok(())
    }

    /// The subject's tag, to know its decision by.
    async fn tag(&mut self, subject: v1::Subject) -> anyhow::Result<Vec<u8>> {
        let found = self.client.lookup(v1::LookupRequest { subjects: vec![subject] }).await?;
        let decision = found.into_inner().decisions.pop().context("expected one decision")?;
        Ok(decision.subject)
    }

    /// When the node journaled a change of the decision on a subject.
    async fn journaled(&mut self, tag: &[u8], wanted: Wanted) -> anyhow::Result<SystemTime> {
        loop {
            if let Some(at) = self.seen.remove(&(wanted, tag.to_vec())) {
                return Ok(at);
            }
            let message = tokio::time::timeout(PATIENCE, self.decisions.message()).await;
            let message =
                message.context("no decision within 30 s")??.context("the watch ended")?;
            let Some(Kind::Event(event)) = message.kind else { continue };
            let change = match event.change() {
                v1::DecisionChange::Announced => Wanted::Announced,
                v1::DecisionChange::Effective => Wanted::Effective,
                _ => continue,
            };
            let at = event.recorded_at.context("expected recorded_at")?;
            let secs = u64::try_from(at.seconds)?;
            let at = UNIX_EPOCH + Duration::new(secs, u32::try_from(at.nanos)?);
            self.seen.insert((change, event.subject), at);
        }
    }
}

/// How much later than asked for a timer fires.
async fn timers(count: usize) -> Vec<Duration> {
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let due = tokio::time::Instant::now() + Duration::from_millis(5);
        tokio::time::sleep_until(due).await;
        spans.push(due.elapsed());
    }
    spans
}
