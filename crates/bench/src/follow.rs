//! Events to those who follow: all of a journal's past to many followers at once, with and without
//! one that does not read.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use interlock_wire::v1;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::watch_decisions_response::Kind;
use tonic::transport::Channel;

use crate::api::{connect, device, fresh_name, hard_flag};
use crate::samples::Row;

/// How many followers share a connection: below the streams that a node allows on one.
const FOLLOWERS_A_CONNECTION: usize = 50;
/// How many flags one call raises.
const FLAGS_A_CALL: usize = 200;
/// How long all may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Events to those who follow.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// The node.
    #[arg(long, value_name = "ADDR")]
    node: String,
    /// How many followers; may be repeated.
    #[arg(long = "followers", default_values_t = [1, 100, 1_000])]
    followers: Vec<usize>,
    /// How many flags are raised, each of which announces a measure.
    #[arg(long, default_value_t = 2_000)]
    flags: usize,
    /// The node's process, whose memory is looked at.
    #[arg(long)]
    pid: u32,
}

impl Follow {
    pub(crate) async fn run(self) -> anyhow::Result<Vec<Row>> {
        let start = self.tail().await?;
        self.raise().await?;
        let mut rows = Vec::new();
        for followers in &self.followers {
            let free = self.followed(*followers, &start, Stuck::None).await?;
            let before = resident_bytes(self.pid)?;
            let stuck = self.followed(*followers, &start, Stuck::One).await?;
            let grown = resident_bytes(self.pid)?.saturating_sub(before);
            let events = followers * self.flags;
            let free = Row::rate(format!("to {followers} followers"), events, free, "events/s");
            let stuck = Row::rate(
                format!("to {followers} followers, one more is stuck"),
                events,
                stuck,
                "events/s",
            );
            let free_rate = free.value();
            rows.push(free);
            rows.push(stuck.over(free_rate).aim("1"));
            let mib = grown as f64 / f64::from(1 << 20);
            rows.push(Row::of(
                format!("memory grown, {followers} followers, one stuck"),
                mib,
                "MiB",
            ));
        }
        Ok(rows)
    }

    /// The cursor of now.
    async fn tail(&self) -> anyhow::Result<String> {
        let mut client = PlatformClient::new(connect(&self.node).await?);
        let request = v1::WatchDecisionsRequest {
            start: v1::WatchStart::Tail.into(),
            ..v1::WatchDecisionsRequest::default()
        };
        let mut watch = client.watch_decisions(request).await?.into_inner();
        match watch.message().await? {
            Some(first) if matches!(first.kind, Some(Kind::CaughtUp(_))) => Ok(first.cursor),
            other => bail!("expected the watch to be caught up first, got {other:?}"),
        }
    }

    async fn raise(&self) -> anyhow::Result<()> {
        let mut client = PlatformClient::new(connect(&self.node).await?);
        let run = fresh_name()?;
        let mut raised = 0;
        while raised < self.flags {
            let count = FLAGS_A_CALL.min(self.flags - raised);
            let flags = (raised..raised + count)
                .flat_map(|number| hard_flag(device(format!("follow-{run}-{number}"))).flags)
                .collect();
            let request = v1::RaiseFlagsRequest { flags, idempotency_key: String::new() };
            client.raise_flags(request).await?;
            raised += count;
        }
        Ok(())
    }

    /// How long it takes until every follower has every announcement.
    async fn followed(
        &self,
        followers: usize,
        start: &str,
        stuck: Stuck,
    ) -> anyhow::Result<Duration> {
        let mut channels: Vec<Channel> = Vec::new();
        for _ in 0..followers.div_ceil(FOLLOWERS_A_CONNECTION) {
            channels.push(connect(&self.node).await?);
        }
        let held = match stuck {
            Stuck::None => None,
            Stuck::One => {
                let mut client = PlatformClient::new(connect(&self.node).await?);
                // Opened, and never read from.
                Some(client.watch_decisions(from(start)).await?)
            }
        };
        let begun = Instant::now();
        let tasks: Vec<_> = (0..followers)
            .map(|follower| {
                let channel = channels[follower / FOLLOWERS_A_CONNECTION].clone();
                tokio::spawn(one_follower(channel, start.to_owned(), self.flags))
            })
            .collect();
        for task in tasks {
            tokio::time::timeout(PATIENCE, task).await.context("no events within 120 s")???;
        }
        let took = begun.elapsed();
        drop(held);
        Ok(took)
    }
}

/// Whether one more follower is there that does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stuck {
    None,
    One,
}

fn from(cursor: &str) -> v1::WatchDecisionsRequest {
    v1::WatchDecisionsRequest { cursor: cursor.to_owned(), ..v1::WatchDecisionsRequest::default() }
}

async fn one_follower(channel: Channel, start: String, expected: usize) -> anyhow::Result<()> {
    let mut client = PlatformClient::new(channel);
    let mut watch = client.watch_decisions(from(&start)).await?.into_inner();
    let (mut announced, mut last) = (0, 0);
    while announced < expected {
        let message = watch.message().await?.context("the watch ended")?;
        if let Some(Kind::Event(event)) = message.kind {
            ensure!(event.number > last, "expected numbers that rise");
            last = event.number;
            announced += usize::from(event.change() == v1::DecisionChange::Announced);
        }
    }
    Ok(())
}

/// The memory that a process has, in bytes.
fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("expected VmRSS")?;
    Ok(kib.parse::<u64>()? * 1_024)
}
