//! `interlock sim`: the engine in virtual time, without any node.

mod directory;
mod list;
mod manifest;
mod plot;
mod replay;
mod run;
mod source;
mod summary;
mod sweep;
mod validate;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be simulated.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    List(list::List),
    Run(run::SimRun),
    Sweep(sweep::Sweep),
    Plot(plot::Plot),
    Replay(replay::Replay),
    Validate(validate::Validate),
}

impl SimCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::List(verb) => verb.run(output),
            Self::Run(verb) => verb.run(output),
            Self::Sweep(verb) => verb.run(output),
            Self::Plot(verb) => verb.run(output),
            Self::Replay(verb) => verb.run(output),
            Self::Validate(verb) => verb.run(output),
        }
    }
}
