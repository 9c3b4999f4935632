//! Flags raised one by one by callers at the same time: what queues up while the disk is busy shares
//! the next write, so many callers cost little more than one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use interlock_wire::v1::platform_client::PlatformClient;
use tonic::transport::Channel;

use crate::api::{connect, device, fresh_name, hard_flag};
use crate::floor;
use crate::samples::Row;

/// How many callers share a connection.
const CALLERS_A_CONNECTION: usize = 64;

/// Acknowledged calls, one flag each, by callers at the same time.
#[derive(Debug, Args)]
pub(crate) struct Raise {
    /// The node.
    #[arg(long, value_name = "ADDR")]
    node: String,
    /// How many callers; may be repeated.
    #[arg(long = "callers", default_values_t = [1, 16, 256])]
    callers: Vec<usize>,
    /// How many flags the callers raise together, for each caller at least ten.
    #[arg(long, default_value_t = 2_000)]
    flags: usize,
    /// A directory on the node's disk, for the floor.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

impl Raise {
    pub(crate) async fn run(self) -> anyhow::Result<Vec<Row>> {
        let channel = connect(&self.node).await?;
        let write = Row::spans(
            "floor: one write with fsync",
            floor::store_writes(&self.directory, self.flags)?,
        );
        let calls =
            Row::spans("floor: an empty call", floor::empty_calls(&channel, self.flags).await?);
        // One call, and one write that is waited for.
        let once = write.value() + calls.value();
        let mut rows = Vec::new();
        let mut alone = None;
        for callers in &self.callers {
            let flags = self.flags.max(callers * 10);
            let (took, spans) = self.raise(*callers, flags).await?;
            let rate =
                Row::rate(format!("raised, {callers} callers"), spans.len(), took, "flags/s");
            let alone = *alone.get_or_insert(rate.value());
            let aim = if *callers == 256 { "30 x one caller" } else { "" };
            rows.push(rate.over(alone).aim(aim));
            rows.push(
                Row::spans(format!("until acknowledged, {callers} callers"), spans).over(once),
            );
        }
        rows.extend([write, calls]);
        Ok(rows)
    }

    async fn raise(
        &self,
        callers: usize,
        flags: usize,
    ) -> anyhow::Result<(Duration, Vec<Duration>)> {
        let run = Arc::new(fresh_name()?);
        let left = Arc::new(AtomicUsize::new(flags));
        let mut channels: Vec<Channel> = Vec::new();
        for _ in 0..callers.div_ceil(CALLERS_A_CONNECTION) {
            channels.push(connect(&self.node).await?);
        }
        let begun = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let channel = channels[caller / CALLERS_A_CONNECTION].clone();
                tokio::spawn(one_caller(channel, run.clone(), left.clone()))
            })
            .collect();
        let mut spans = Vec::with_capacity(flags);
        for task in tasks {
            spans.extend(task.await??);
        }
        Ok((begun.elapsed(), spans))
    }
}

async fn one_caller(
    channel: Channel,
    run: Arc<String>,
    left: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<Duration>> {
    let mut client = PlatformClient::new(channel);
    let mut spans = Vec::new();
    loop {
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        let Ok(number) = taken else { return Ok(spans) };
        let begun = Instant::now();
        client.raise_flags(hard_flag(device(format!("raise-{run}-{number}")))).await?;
        spans.push(begun.elapsed());
    }
}
