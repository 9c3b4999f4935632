//! `interlock node run`: the node itself.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use interlock_node::FirstSignature;
use interlock_node::hardening;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::prelude::*;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What can be done with a node on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    Run(Run),
}

/// Run the node until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock node run --config /etc/interlock/node.toml
  interlock node run --config node.toml --force-sign \"both other members are gone for good\"")]
pub(crate) struct Run {
    /// The node's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Sign at once, without asking the other members for the head of this node's own feed, and
    /// whatever it signed last. If it has signed more than its store knows, it forks its feed for
    /// good. The reason is logged and journaled.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    force_sign: Option<String>,
}

/// The longest reason, in bytes.
const MAX_REASON_BYTES: usize = 512;

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_REASON_BYTES {
        return Err(format!("expected a reason of 1 to {MAX_REASON_BYTES} bytes"));
    }
    Ok(text.to_owned())
}

impl NodeCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        match self {
            Self::Run(run) => run.run(output),
        }
    }
}

impl Run {
    fn run(self, _: &mut Output) -> anyhow::Result<Exit> {
        log_to_stderr();
        let config = interlock_node::Config::load(&self.config)
            .map_err(|error| Failure::bad_input(format!("{error:#}")))?;
        let first = self.force_sign.map_or(FirstSignature::Careful, FirstSignature::Forced);
        harden(config.allow_core_dumps)?;
        let materials =
            config.materials().map_err(|error| Failure::bad_input(format!("{error:#}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the node's threads")?;
        runtime.block_on(async {
            let stop = stop_signal().context("cannot wait for signals")?;
            interlock_node::run(materials, first, stop, || {}).await
        })?;
        Ok(Exit::Done)
    }
}

/// Keeps what is in memory there, before any key is read.
fn harden(allow_core_dumps: bool) -> anyhow::Result<()> {
    hardening::guard_panic_messages();
    if allow_core_dumps {
        hardening::allow_core_dumps().context("cannot allow core dumps")?;
        tracing::warn!(
            "allow_core_dumps is on: identifiers and keys may be written to disk, and be read from this process's memory"
        );
    }
    Ok(())
}

/// Logs go to stderr, one line each; `RUST_LOG` says how much of what may be logged at all.
pub(super) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let harmless = filter_fn(|line| hardening::may_be_logged(line.target(), *line.level()));
    tracing_subscriber::registry().with(lines.with_filter(filter.and(harmless))).init();
}

/// Done once the process is asked to end.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_given_and_bounded() {
        assert_eq!(reason(" gone ").as_deref(), Ok("gone"));
        assert!(reason(&"x".repeat(MAX_REASON_BYTES)).is_ok());
        for wrong in ["", "  ", &"x".repeat(MAX_REASON_BYTES + 1)] {
            assert!(reason(wrong).is_err(), "{wrong}");
        }
    }
}
