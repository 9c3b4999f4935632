//! Look-ups while a loan application waits: by tag and by identifier, one and many at a call, on
//! subjects that the node has (`fill`) and on such that it has not, and while flags come in.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use interlock_sim::dice::Dice;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::{self, subject::By};
use tonic::transport::Channel;

use crate::api::{connect, device};
use crate::fill::identifier;
use crate::floor;
use crate::samples::Row;

/// How many subjects a batch asks for.
const BATCH: u64 = 100;

/// Look-ups by tag and by identifier.
#[derive(Debug, Args)]
pub(crate) struct Lookup {
    /// The node.
    #[arg(long, value_name = "ADDR")]
    node: String,
    /// How many subjects `fill` has put into its store.
    #[arg(long)]
    subjects: u64,
    /// How many calls of each kind.
    #[arg(long, default_value_t = 5_000)]
    calls: usize,
    /// A directory on the node's disk, for the floor.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

impl Lookup {
    pub(crate) async fn run(self) -> anyhow::Result<Vec<Row>> {
        ensure!(self.subjects > 0, "expected subjects in the store: see fill");
        let channel = connect(&self.node).await?;
        let mut dice = Dice::new(7);
        let mut tags = Vec::new();
        let mut client = PlatformClient::new(channel.clone());
        let mut rows = Vec::new();
        let calls =
            Row::spans("floor: an empty call", floor::empty_calls(&channel, self.calls).await?);
        let empty = calls.value();
        let raw = |dice: &mut Dice| device(identifier(dice.below(self.subjects)));
        let mut spans = Vec::with_capacity(self.calls);
        for _ in 0..self.calls {
            let (took, found) = ask(&mut client, vec![raw(&mut dice)]).await?;
            spans.push(took);
            tags.extend(found.decisions.into_iter().map(|found| found.subject));
        }
        rows.push(Row::spans("by identifier, any of them", spans).over(empty).aim("p99 2 ms"));
        let mut spans = Vec::with_capacity(self.calls);
        for tag in &tags {
            spans.push(ask(&mut client, vec![by_tag(tag)]).await?.0);
        }
        rows.push(Row::spans("by tag, asked for before", spans).over(empty).aim("1.25"));
        let mut spans = Vec::with_capacity(self.calls);
        for number in 0..self.calls {
            spans.push(ask(&mut client, vec![device(format!("stranger-{number}"))]).await?.0);
        }
        rows.push(Row::spans("by identifier, of whom nothing is known", spans).over(empty));
        let mut spans = Vec::new();
        for _ in 0..self.calls / 10 {
            let subjects = (0..BATCH).map(|_| raw(&mut dice)).collect();
            spans.push(ask(&mut client, subjects).await?.0);
        }
        rows.push(Row::spans(format!("by identifier, {BATCH} a call"), spans).over(empty));
        rows.push(self.many_callers(&channel, &tags).await?);
        rows.push(calls);
        rows.push(Row::spans(
            "floor: a row read, of as many as were written",
            floor::store_reads(&self.directory, self.calls)?,
        ));
        Ok(rows)
    }

    /// Sixteen callers at once, against sixteen that make empty calls.
    async fn many_callers(&self, channel: &Channel, tags: &[Vec<u8>]) -> anyhow::Result<Row> {
        const CALLERS: usize = 16;
        let begun = Instant::now();
        let tasks: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let mut client = PlatformClient::new(channel.clone());
                let tags: Vec<Vec<u8>> =
                    tags.iter().skip(caller).step_by(CALLERS).cloned().collect();
                tokio::spawn(async move {
                    for tag in &tags {
                        ask(&mut client, vec![by_tag(tag)]).await?;
                    }
                    anyhow::Ok(tags.len())
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        let took = begun.elapsed();
        let begun = Instant::now();
        let tasks: Vec<_> = (0..CALLERS)
            .map(|_| {
                let channel = channel.clone();
                let count = tags.len() / CALLERS;
                tokio::spawn(async move { floor::empty_calls(&channel, count).await })
            })
            .collect();
        let mut empty = 0;
        for task in tasks {
            empty += task.await??.len();
        }
        let floor = Row::rate("", empty, begun.elapsed(), "calls/s");
        let row = Row::rate(format!("by tag, {CALLERS} callers"), done, took, "calls/s");
        Ok(row.over(floor.value()).aim("0.8"))
    }
}

fn by_tag(tag: &[u8]) -> v1::Subject {
    v1::Subject { by: Some(By::Tag(tag.to_vec())) }
}

async fn ask(
    client: &mut PlatformClient<Channel>,
    subjects: Vec<v1::Subject>,
) -> anyhow::Result<(Duration, v1::LookupResponse)> {
    let expected = subjects.len();
    let begun = Instant::now();
    let found = client.lookup(v1::LookupRequest { subjects }).await?.into_inner();
    let took = begun.elapsed();
    ensure!(found.decisions.len() == expected, "expected a decision for each subject");
    Ok((took, found))
}
