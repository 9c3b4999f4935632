//! `interlock flag`: flags of this member.

mod list;
mod raise;
mod recall;
mod withdraw;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be done about this member's flags.
#[derive(Debug, Subcommand)]
pub(crate) enum FlagCommand {
    Raise(raise::Raise),
    Withdraw(withdraw::Withdraw),
    Recall(recall::Recall),
    List(list::List),
}

impl FlagCommand {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Raise(raise) => raise.run(output).await,
            Self::Withdraw(withdraw) => withdraw.run(output).await,
            Self::Recall(recall) => recall.run(output).await,
            Self::List(list) => list.run(output).await,
        }
    }
}
