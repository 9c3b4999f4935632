//! Charter versions between nodes: a document may be larger than a frame, so they are asked for.

use interlock_engine::charter::SignedCharter;
use interlock_engine::replica::{Input, signed_charters};
use interlock_record::MemberId;
use interlock_wire::peer::gossip_client::GossipClient;
use interlock_wire::peer::{FetchChartersRequest, FetchChartersResponse};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;

use super::pulls::CHUNK_PATIENCE;
use super::{Context, MAX_CHARTER_MESSAGE_BYTES};
use crate::transport::dial;

/// How many charter versions wait for a peer.
pub(super) const MAX_WAITING_CHARTERS: usize = 2;

/// Asks a peer for its charter versions, and hands them over one by one.
pub(super) async fn fetch(context: &Context, from: MemberId, version: u32) -> anyhow::Result<()> {
    let charters = context.charters.now();
    let Some(member) = charters.newest().members.get(&from) else { return Ok(()) };
    let Context { credentials, roster, now, .. } = context;
    let dialled =
        dial(&member.address, from, credentials.clone(), roster.clone(), now.clone()).await?;
    let mut client =
        GossipClient::new(dialled.channel).max_decoding_message_size(MAX_CHARTER_MESSAGE_BYTES);
    let request =
        FetchChartersRequest { consortium: context.consortium.0.to_vec(), from_version: version };
    let mut versions = timeout(CHUNK_PATIENCE, client.fetch_charters(request)).await??.into_inner();
    while let Some(version) = timeout(CHUNK_PATIENCE, versions.message()).await?? {
        let charters = vec![SignedCharter::try_from(version)?];
        context.writer.taken(Input::Charters { from, charters }).await?;
    }
    Ok(())
}

/// Reads the versions that a peer asked for.
pub(super) fn answer(
    context: &Context,
    version: u32,
) -> mpsc::Receiver<Result<FetchChartersResponse, Status>> {
    let (versions, answers) = mpsc::channel(MAX_WAITING_CHARTERS);
    let store = context.store.clone();
    tokio::task::spawn_blocking(move || match signed_charters(&store, version) {
        Ok(charters) => {
            for charter in &charters {
                if versions.blocking_send(Ok(charter.into())).is_err() {
                    return;
                }
            }
        }
        Err(error) => {
            tracing::error!(%error, "cannot read the charters that a peer asked for");
            let _ = versions.blocking_send(Err(Status::internal("cannot read the charters")));
        }
    });
    answers
}
