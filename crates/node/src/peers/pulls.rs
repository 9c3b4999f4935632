//! Pulling what is missing, over a connection of its own for each pull.

use std::time::Duration;

use interlock_engine::replica::{Input, PullEnd, PullRange};
use interlock_record::MemberId;
use interlock_wire::peer::PullRequest;
use interlock_wire::peer::gossip_client::GossipClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Context, MAX_MESSAGE_BYTES, charters, frames};
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
    while let Some(chunk) = timeout(CHUNK_PATIENCE, chunks.message()).await?? {
        match frames::records(&context.charters.now(), &chunk.records) {
            // One chunk at a time: the next is verified while this one is written.
            Ok(records) => context.writer.taken(Input::Records { from, records }).await?,
            Err(refused) => {
                context.links.count_refusal(refused.code);
                return Err(refused.into());
            }
        }
    }
    Ok(())
}
