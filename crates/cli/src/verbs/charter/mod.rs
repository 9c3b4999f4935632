//! `interlock charter`: the document that says who the members are and by which policy all decide.

mod init;
mod member;
mod show;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be done with a charter.
#[derive(Debug, Subcommand)]
pub(crate) enum CharterCommand {
    Init(init::Init),
    Show(show::Show),
}

impl CharterCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Init(init) => init.run(output),
            Self::Show(show) => show.run(output),
        }
    }
}
