//! `interlock audit`: whether what a node keeps is what follows from its records.

mod replay;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be audited.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    Replay(replay::AuditReplay),
}

impl AuditCommand {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Replay(replay) => replay.run(output).await,
        }
    }
}
