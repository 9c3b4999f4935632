//! `interlock status`.

use clap::Args;
use interlock_wire::v1;

use crate::client::{NodeArgs, operator};
use crate::exit::Exit;
use crate::output::Output;
use crate::view::StatusView;

/// Show how the node is: what it knows, whether it signs, how many subjects are at which measure.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock status -o json | jq .records")]
pub(crate) struct Status {
    #[command(flatten)]
    node: NodeArgs,
}

impl Status {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let node = self.node.connect().await?;
        let response = node
            .call(&v1::GetStatusRequest {}, |channel, request| async move {
                operator(channel).get_status(request).await
            })
            .await?;
        output.result(&StatusView::from(response))?;
        Ok(Exit::Done)
    }
}
