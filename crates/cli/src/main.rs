//! The `interlock` program: parses the command line, runs one verb, and turns what comes of it into
//! an exit code and, where it failed, one line on stderr.

mod cli;
mod exit;
mod output;

mod client;
mod policy;
mod replay;
mod verbs;

mod chain;
mod clock;
mod file;
mod secret;
mod table;
mod term;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;

fn main() -> ExitCode {
    // Identifiers on their way to a node are in this process, too. A system that cannot forbid
    // dumps is no reason not to work.
    let _ = interlock_node::hardening::forbid_core_dumps();
    let exit = match Cli::try_parse() {
        Ok(cli) => cli.run().unwrap_or_else(|error| exit::report(&error)),
        Err(error) => exit::report_usage(&error),
    };
    exit.into()
}
