//! What `scripts/bench` runs: each bench prints what it measured beside the floor that it stands on,
//! measured in the same run.

// Rates and ratios are for people to read.
#![allow(clippy::cast_precision_loss)]

mod api;
mod disk;
mod fill;
mod floor;
mod follow;
mod ingest;
mod lookup;
mod population;
mod proof;
mod propagation;
mod raise;
mod samples;
mod sim;
mod size;

use clap::{Parser, Subcommand, ValueEnum};

/// Benches, most of them against running nodes.
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
    /// From a flag's acknowledgement at one node to its decision in every node's journal, and how
    /// far apart the nodes put it in force.
    Propagation(propagation::Propagation),
    /// One publication at a time on the disk, without and with `last-signed`; without any node.
    Disk(disk::Disk),
    /// Making and checking a bundle that proves a decision on ten flags; without any node.
    Proof(proof::Proof),
    /// Statements that come from other members, a second; without any node.
    Ingest(ingest::Ingest),
    /// What statements and subjects take on disk and in memory; without any node.
    Size(size::Size),
    /// Flags raised by callers at the same time.
    Raise(raise::Raise),
    /// Subjects looked up, by tag and by identifier.
    Lookup(lookup::Lookup),
    /// Events to those who follow.
    Follow(follow::Follow),
    /// Puts subjects into the store of a node that does not run: no bench by itself.
    Fill(fill::Fill),
    /// A cascade over ten thousand members by the engine's own rule; without any node.
    Sim(sim::Sim),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let rows = match cli.bench {
        Bench::Propagation(bench) => bench.run().await?,
        Bench::Disk(bench) => bench.run()?,
        Bench::Proof(bench) => bench.run()?,
        Bench::Ingest(bench) => bench.run()?,
        Bench::Size(bench) => bench.run()?,
        Bench::Raise(bench) => bench.run().await?,
        Bench::Lookup(bench) => bench.run().await?,
        Bench::Follow(bench) => bench.run().await?,
        Bench::Fill(fill) => return fill.run(),
        Bench::Sim(bench) => bench.run()?,
    };
    match cli.format {
        Format::Human => samples::print_table(&rows),
        Format::Json => samples::print_json(&rows),
    }
    Ok(())
}
