//! The charter versions that a node knows, verified here and not believed.

use interlock_engine::charter::SignedCharter;
use interlock_wire::{charter_signature, v1};
use tonic::Status;

use super::{Node, governance, operator, refusal};
use crate::chain::Chain;
use crate::exit::{Exit, Failure};

impl Node {
    /// Every charter version that the node knows.
    ///
    /// # Errors
    /// When the node cannot be reached, or what it has does not verify.
    pub(crate) async fn charters(&self) -> anyhow::Result<Chain> {
        let mut stream = self
            .call(&v1::ListChartersRequest::default(), |channel, request| async move {
                governance(channel).list_charters(request).await
            })
            .await?;
        let mut signed = Vec::new();
        loop {
            let late = |_| Status::deadline_exceeded("it stopped in the middle of its charters");
            let next = tokio::time::timeout(self.timeout, stream.message()).await.map_err(late);
            let next =
                next.and_then(|next| next).map_err(|error| refusal(&self.address, &error))?;
            let Some(charter) = next else { break };
            signed.push(from_wire(charter).map_err(|what| {
                let message =
                    format!("the node at {} sent what is no charter: {what}", self.address);
                Failure::new(Exit::Failed, message)
            })?);
        }
        Chain::verify(&format!("the charters of the node at {}", self.address), signed)
    }

    /// The heads that the node knows of every feed.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub(crate) async fn heads(&self) -> anyhow::Result<Vec<v1::FeedHead>> {
        let status = self
            .call(&v1::GetStatusRequest {}, |channel, request| async move {
                operator(channel).get_status(request).await
            })
            .await?;
        Ok(status.frontier)
    }
}

fn from_wire(charter: v1::SignedCharter) -> Result<SignedCharter, String> {
    let document =
        String::from_utf8(charter.document).map_err(|_| "expected text in UTF-8".to_owned())?;
    let signatures = charter
        .signatures
        .iter()
        .map(|signed| {
            charter_signature(&signed.member, &signed.role, &signed.key, &signed.signature)
                .map_err(|error| error.to_string())
        })
        .collect::<Result<_, _>>()?;
    Ok(SignedCharter { document, signatures })
}
