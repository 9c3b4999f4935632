//! `interlock sim`: simulations, in virtual time and without a network.

mod directory;
mod list;
mod manifest;
mod plot;
mod run;
mod source;
mod summary;
mod sweep;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// Simulate what a policy does to a whole industry.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    List(list::List),
    Run(run::SimRun),
    Sweep(sweep::Sweep),
    Plot(plot::Plot),
}

impl SimCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::List(verb) => verb.run(output),
            Self::Run(verb) => verb.run(output),
            Self::Sweep(verb) => verb.run(output),
            Self::Plot(verb) => verb.run(output),
        }
    }
}
