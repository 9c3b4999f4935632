//! `interlock peers`.

use clap::Args;
use interlock_wire::v1;

use crate::client::{NodeArgs, operator};
use crate::exit::Exit;
use crate::output::Output;
use crate::view::PeersView;

/// Show whom the node reaches and hears, who is ahead of it, and what it refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock peers --node unix:/run/interlock.sock")]
pub(crate) struct Peers {
    #[command(flatten)]
    node: NodeArgs,
}

impl Peers {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let node = self.node.connect().await?;
        let response = node
            .call(&v1::ListPeersRequest {}, |channel, request| async move {
                operator(channel).list_peers(request).await
            })
            .await?;
        output.result(&PeersView::from(response))?;
        Ok(Exit::Done)
    }
}
