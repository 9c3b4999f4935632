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
    let exit = match Cli::try_parse() {
        Ok(cli) => cli.run().unwrap_or_else(|error| exit::report(&error)),
        Err(error) => exit::report_usage(&error),
    };
    exit.into()
}
