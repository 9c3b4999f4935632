//! `interlock sim`: the engine in virtual time, without any node.

mod replay;
mod validate;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be simulated.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    Replay(replay::Replay),
    Validate(validate::Validate),
}

impl SimCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Replay(verb) => verb.run(output),
            Self::Validate(verb) => verb.run(output),
        }
    }
}
