//! `interlock dispute`: a borrower's objection to a flag, and the answer to it.

mod list;
mod open;
mod resolve;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be done about a disputed flag.
#[derive(Debug, Subcommand)]
pub(crate) enum DisputeCommand {
    List(list::List),
    Open(open::Open),
    Resolve(resolve::Resolve),
}

impl DisputeCommand {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::List(list) => list.run(output).await,
            Self::Open(open) => open.run(output).await,
            Self::Resolve(resolve) => resolve.run(output).await,
        }
    }
}
