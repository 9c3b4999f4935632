//! Pulling what is missing, over a connection of its own for each pull.

use std::time::Duration;

use interlock_engine::replica::{Input, PullEnd, PullRange};
use interlock_record::{MemberId, VerifiedRecord};
use interlock_wire::peer::PullRequest;
use interlock_wire::peer::gossip_client::GossipClient;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use super::frames::FrameRefused;
use super::{Context, MAX_MESSAGE_BYTES, charters, cost, frames};
use crate::transport::dial;

/// How long a peer may take for the next chunk: while it is asked for a feed nobody else is.
pub(super) const CHUNK_PATIENCE: Duration = Duration::from_secs(10);

/// What a peer is asked for.
#[derive(Debug)]
pub enum Asked {
    /// Records.
    Records(MemberId, Vec<PullRange>),
    /// Charter versions from this one on.
    Charters(MemberId, u32),
}

/// A pull that brings fewer bytes a second than this, beyond its first [`CHUNK_PATIENCE`], is broken
/// off: else a peer that lets records drip would keep everybody else from being asked.
const LEAST_BYTES_A_SECOND: u64 = 16 * 1_024;

/// Runs pulls as they are asked for, until the node shuts down. The replica asks a peer for one at a
/// time, so there are never more of them than peers.
pub async fn pull_forever(context: Context, mut asked: mpsc::Receiver<Asked>) {
    let mut shutdown = context.shutdown.clone();
    let mut pulls = JoinSet::new();
    loop {
        tokio::select! {
            next = asked.recv() => {
                let Some(next) = next else { return };
                let context = context.clone();
                pulls.spawn(async move {
                    let (from, ranges) = match next {
                        Asked::Records(from, ranges) => (from, ranges),
                        Asked::Charters(from, version) => {
                            if let Err(error) = charters::fetch(&context, from, version).await {
                                tracing::warn!(peer = %from, %error, "cannot fetch charters");
                            }
                            return;
                        }
                    };
                    let ended = match pull(&context, from, &ranges).await {
                        Ok(()) => PullEnd::Complete,
                        Err(error) => {
                            tracing::warn!(peer = %from, %error, "a pull broke off");
                            PullEnd::Failed
                        }
                    };
                    let _ = context.writer.input(Input::PullEnded { from, ended }).await;
                });
            }
            Some(_) = pulls.join_next() => {}
            _ = shutdown.wait_for(|over| *over) => return,
        }
    }
}

async fn pull(context: &Context, from: MemberId, ranges: &[PullRange]) -> anyhow::Result<()> {
    let charters = context.charters.now();
    let Some(member) = charters.newest().members.get(&from) else { return Ok(()) };
    let porter = &context.links.porter;
    porter.admit(from).await?;
    let Context { credentials, roster, now, .. } = context;
    let dialled =
        dial(&member.address, from, credentials.clone(), roster.clone(), now.clone()).await?;
    let mut client =
        GossipClient::new(dialled.channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let request = PullRequest {
        consortium: context.consortium.0.to_vec(),
        ranges: ranges.iter().map(Into::into).collect(),
    };
    let mut chunks = timeout(CHUNK_PATIENCE, client.pull(request)).await??.into_inner();
    let mut expected = Expected::new(ranges);
    let mut patience = Patience::default();
    while let Some(chunk) = patience.wait(chunks.message()).await?? {
        patience.earned(chunk.encoded_len());
        let records = frames::records(&context.charters.now(), &chunk.records)
            .and_then(|records| expected.check(records));
        match records {
            // One chunk at a time: the next is verified while this one is written.
            Ok(records) => {
                porter.excuse(from, records.len());
                let taken = context.writer.taken(Input::Records { from, records }).await;
                porter.excuse(from, 0);
                taken?;
            }
            Err(refused) => {
                context.links.count_refusal(refused.code);
                porter.refused(from, refused.code, cost::of(refused.code));
                return Err(refused.into());
            }
        }
        porter.admit(from).await?;
    }
    Ok(())
}

/// What a pull asked for, as far as it has not come.
struct Expected<'a> {
    ranges: &'a [PullRange],
    /// The first sequence number that may still come of the first of them.
    next: u64,
}

impl<'a> Expected<'a> {
    fn new(ranges: &'a [PullRange]) -> Self {
        Self { ranges, next: ranges.first().map_or(0, |range| range.first) }
    }

    /// Whether records are of those that were asked for, in that order. Nothing comes twice, so that
    /// an answer has an end.
    fn check(&mut self, records: Vec<VerifiedRecord>) -> Result<Vec<VerifiedRecord>, FrameRefused> {
        for record in &records {
            let header = record.header();
            let fits = |range: &PullRange, next| {
                range.feed == header.feed && (next..=range.last).contains(&header.sequence)
            };
            while let [range, rest @ ..] = self.ranges
                && !fits(range, self.next)
            {
                self.ranges = rest;
                self.next = rest.first().map_or(0, |range| range.first);
            }
            if self.ranges.is_empty() {
                let detail = format!("{} #{} was not asked for", header.feed, header.sequence);
                return Err(FrameRefused::new("NOT_ASKED", &detail));
            }
            self.next = header.sequence.saturating_add(1);
        }
        Ok(records)
    }
}

/// How long a peer is waited for: for each chunk, and in all by what it has brought.
#[derive(Default)]
struct Patience {
    waited: Duration,
    bytes: u64,
}

impl Patience {
    async fn wait<T>(&mut self, coming: impl Future<Output = T>) -> Result<T, Elapsed> {
        let begun = Instant::now();
        let came = timeout(self.left().min(CHUNK_PATIENCE), coming).await;
        self.waited += begun.elapsed();
        came
    }

    fn left(&self) -> Duration {
        let earned = Duration::from_millis(self.bytes.saturating_mul(1_000) / LEAST_BYTES_A_SECOND);
        (CHUNK_PATIENCE + earned).saturating_sub(self.waited)
    }

    fn earned(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests;
