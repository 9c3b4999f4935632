//! `interlock decision`: proof of a decision, for somebody who has no node.

mod export;
mod verdict;
mod verify;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be done with a decision.
#[derive(Debug, Subcommand)]
pub(crate) enum DecisionCommand {
    Export(export::Export),
    Verify(verify::Verify),
}

impl DecisionCommand {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Export(export) => export.run(output).await,
            Self::Verify(verify) => verify.run(output),
        }
    }
}
