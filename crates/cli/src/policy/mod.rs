//! `interlock policy`: a policy tried without a network.

mod check;
mod eval;
mod warnings;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;
pub(crate) use eval::schedule;

/// What can be tried.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    Check(check::Check),
    Eval(eval::Eval),
}

impl PolicyCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Check(check) => check.run(output),
            Self::Eval(eval) => eval.run(output),
        }
    }
}
