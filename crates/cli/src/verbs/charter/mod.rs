//! `interlock charter`: the document that says who the members are and by which policy all decide,
//! and how its next version comes about.

mod apply;
mod changes;
mod diff;
mod edit;
mod export;
mod init;
mod late;
mod member;
mod propose;
mod show;
mod sign;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What can be done with a charter.
#[derive(Debug, Subcommand)]
pub(crate) enum CharterCommand {
    Init(init::Init),
    Propose(Box<propose::Propose>),
    Sign(sign::Sign),
    Apply(apply::Apply),
    Show(show::Show),
    Diff(diff::Diff),
    Export(export::Export),
}

impl CharterCommand {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Init(verb) => verb.run(output),
            Self::Propose(verb) => verb.run(output).await,
            Self::Sign(verb) => verb.run(output),
            Self::Apply(verb) => verb.run(output).await,
            Self::Show(verb) => verb.run(output).await,
            Self::Diff(verb) => verb.run(output),
            Self::Export(verb) => verb.run(output).await,
        }
    }
}
