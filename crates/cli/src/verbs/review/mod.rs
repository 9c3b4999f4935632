//! `interlock review`: measures that wait for a person, and what people did.

mod answer;
mod list;
mod local;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be done about measures that wait for a person.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    List(list::List),
    Confirm(answer::Confirm),
    Refuse(answer::Refuse),
    Local(local::Local),
}

impl ReviewCommand {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::List(list) => list.run(output).await,
            Self::Confirm(confirm) => confirm.run(output).await,
            Self::Refuse(refuse) => refuse.run(output).await,
            Self::Local(local) => local.run(output).await,
        }
    }
}
