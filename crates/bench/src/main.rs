//! What `scripts/bench` runs, against real nodes or without any: each bench prints what it measured beside the
//! floor that it stands on, measured in the same run.

mod floor;
mod proof;
mod propagation;
mod samples;
mod sim;

use clap::{Parser, Subcommand, ValueEnum};

/// Benches against running nodes.
#[derive(Debug, Parser)]
struct Cli {
    /// How results are written.
    #[arg(short = 'o', long = "output", global = true, value_enum, default_value = "human")]
    format: Format,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// From a flag's acknowledgement at one node to its decision in every node's journal.
    Propagation(propagation::Propagation),
    /// Making and checking a bundle that proves a decision on ten flags; without any node.
    Proof(proof::Proof),
    /// A cascade over ten thousand members by the engine's own rule; without any node.
    Sim(sim::Sim),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let rows = match cli.bench {
        Bench::Propagation(bench) => bench.run().await?,
        Bench::Proof(bench) => bench.run()?,
        Bench::Sim(bench) => bench.run()?,
    };
    match cli.format {
        Format::Human => samples::print_table(&rows),
        Format::Json => samples::print_json(&rows),
    }
    Ok(())
}
