//! The command line: every verb, and what all of them share.

use std::future::Future;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{self, Exit, Failure};
use crate::output::{Format, Output};
use crate::policy::PolicyCommand;
use crate::replay::Replay;
use crate::verbs::audit::Audit;
use crate::verbs::backup::Backup;
use crate::verbs::charter::CharterCommand;
use crate::verbs::check::Check;
use crate::verbs::cure::Cure;
use crate::verbs::decision::DecisionCommand;
use crate::verbs::dispute::DisputeCommand;
use crate::verbs::erase::Erase;
use crate::verbs::exempt::Exempt;
use crate::verbs::explain::Explain;
use crate::verbs::flag::FlagCommand;
use crate::verbs::forks::Forks;
use crate::verbs::held::Held;
use crate::verbs::issuers::Issuers;
use crate::verbs::key::KeyCommand;
use crate::verbs::keygen::Keygen;
use crate::verbs::lift::Lift;
use crate::verbs::node_run::NodeCommand;
use crate::verbs::overriding::Override;
use crate::verbs::peers::Peers;
use crate::verbs::receipt::Receipt;
use crate::verbs::release::Release;
use crate::verbs::restore::Restore;
use crate::verbs::review::ReviewCommand;
use crate::verbs::scenario::ScenarioCommand;
use crate::verbs::signer::Signer;
use crate::verbs::sim::SimCommand;
use crate::verbs::status::Status;
use crate::verbs::watch::Watch;

/// The node that a lending platform runs to share risk flags in a consortium, and what speaks to it.
#[derive(Debug, Parser)]
#[command(name = "interlock", version, after_help = exit::HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How results are written: text to be read, or JSON, one document a line.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        global = true,
        value_enum,
        default_value = "human"
    )]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// The verbs; those that take arguments of their own carry their own help.
#[derive(Debug, Subcommand)]
enum Command {
    Keygen(Keygen),
    /// Show a feed's key file, or put it under a passphrase.
    #[command(subcommand)]
    Key(KeyCommand),
    Signer(Signer),
    /// Write a consortium's charter, change it, sign it, put it in force.
    #[command(subcommand)]
    Charter(CharterCommand),
    /// Run a node.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Raise, withdraw, recall or list this member's flags.
    #[command(subcommand)]
    Flag(FlagCommand),
    /// Object to a flag, answer an objection, or list those that are open.
    #[command(subcommand)]
    Dispute(DisputeCommand),
    /// Answer measures that wait for a person.
    #[command(subcommand)]
    Review(ReviewCommand),
    Exempt(Exempt),
    Override(Override),
    Lift(Lift),
    Audit(Audit),
    Cure(Cure),
    Held(Held),
    Release(Release),
    Erase(Erase),
    Forks(Forks),
    Receipt(Receipt),
    Check(Check),
    Explain(Explain),
    /// Prove a decision to somebody who has no node, or check such a proof.
    #[command(subcommand)]
    Decision(DecisionCommand),
    Watch(Watch),
    Status(Status),
    Peers(Peers),
    Issuers(Issuers),
    Backup(Backup),
    Restore(Restore),
    /// Try a policy without a network.
    #[command(subcommand)]
    Policy(PolicyCommand),
    Replay(Replay),
    /// Make events for `replay`: a made-up population, or real card accounts.
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Play the engine in virtual time: cascades through an industry, real logs, and what others have published.
    #[command(subcommand)]
    Sim(SimCommand),
}

impl Cli {
    /// Runs the verb.
    ///
    /// # Errors
    /// Whatever kept it from being done; [`exit::report`] knows how the program ends then.
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut output = Output::new(self.format);
        let out = &mut output;
        let exit = match self.command {
            Command::Keygen(verb) => verb.run(out),
            Command::Key(verb) => verb.run(out),
            Command::Signer(verb) => verb.run(out),
            Command::Charter(verb) => block_on(verb.run(out)),
            Command::Node(verb) => verb.run(out),
            Command::Policy(verb) => verb.run(out),
            Command::Scenario(verb) => verb.run(out),
            Command::Sim(verb) => verb.run(out),
            Command::Restore(verb) => verb.run(out),
            Command::Flag(verb) => block_on(verb.run(out)),
            Command::Dispute(verb) => block_on(verb.run(out)),
            Command::Review(verb) => block_on(verb.run(out)),
            Command::Exempt(verb) => block_on(verb.run(out)),
            Command::Override(verb) => block_on(verb.run(out)),
            Command::Lift(verb) => block_on(verb.run(out)),
            Command::Cure(verb) => block_on(verb.run(out)),
            Command::Held(verb) => block_on(verb.run(out)),
            Command::Release(verb) => block_on(verb.run(out)),
            Command::Erase(verb) => block_on(verb.run(out)),
            Command::Forks(verb) => block_on(verb.run(out)),
            Command::Receipt(verb) => block_on(verb.run(out)),
            Command::Check(verb) => block_on(verb.run(out)),
            Command::Explain(verb) => block_on(verb.run(out)),
            Command::Decision(verb) => block_on(verb.run(out)),
            Command::Audit(verb) => block_on(verb.run(out)),
            Command::Watch(verb) => block_on(verb.run(out)),
            Command::Status(verb) => block_on(verb.run(out)),
            Command::Peers(verb) => block_on(verb.run(out)),
            Command::Issuers(verb) => block_on(verb.run(out)),
            Command::Backup(verb) => block_on(verb.run(out)),
            Command::Replay(verb) => block_on(verb.run(out)),
        }?;
        output.flush()?;
        Ok(exit)
    }
}

/// Runs a verb that speaks to nodes, until it is done or the program is told to stop.
fn block_on(verb: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let stop = async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::select! {
            done = verb => done,
            () = stop => Err(Failure::new(Exit::Interrupted, "interrupted").into()),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example() {
        let mut left = vec![Cli::command()];
        while let Some(command) = left.pop() {
            let subcommands: Vec<_> = command.get_subcommands().cloned().collect();
            if subcommands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example:"), "{} has no example", command.get_name());
            }
            left.extend(subcommands);
        }
    }
}
