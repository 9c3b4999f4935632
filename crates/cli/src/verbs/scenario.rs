//! `interlock scenario`: events for `interlock replay`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use interlock_engine::text::FileError;
use interlock_record::{MemberId, Time};
use interlock_sim::delinquency;
use interlock_sim::events::to_csv;
use interlock_sim::population::{self, Population};

use crate::exit::Exit;
use crate::file::read_text;
use crate::output::Output;

/// Make events for `replay`.
#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    Population(MakePopulation),
    Delinquency(MakeDelinquency),
}

/// Make up a population of borrowers, and what lenders come to say about them.
///
/// Of a thousand borrowers, about 800 are steady (one in ten of them forgets an instalment), 120
/// strained (overdue at one lender after another), 50 stack loans within days, 20 are fraud that two
/// to four lenders find out, and 10 are one lender's mistake, withdrawn after days.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock scenario population --borrowers 2000 --lender lender-1 --lender lender-2 >events.csv")]
pub(crate) struct MakePopulation {
    /// The same seed gives the same events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many borrowers.
    #[arg(long, default_value_t = 1_000)]
    borrowers: u32,
    /// A lender; may be repeated.
    #[arg(long = "lender", value_name = "ID", required = true)]
    lenders: Vec<MemberId>,
    /// When it begins; it goes on for about half a year.
    #[arg(long, value_name = "TIME", default_value = "2026-01-01T00:00:00Z")]
    start: Time,
}

/// Make flags and cures of a table of card accounts with monthly states.
///
/// The table is CSV, gzipped or not: borrower, limit, one column a month (-2 no use, -1 paid in full,
/// 0 revolving, 1 to 8 months overdue) and one that says whether the account defaulted afterwards.
/// Months overdue become flags, payment becomes a cure. Who lends to whom comes from the seed.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock scenario delinquency accounts.csv.gz --lender lender-1 --lender lender-2 >events.csv")]
pub(crate) struct MakeDelinquency {
    /// The table; - reads stdin.
    #[arg(value_name = "FILE.csv[.gz]")]
    table: PathBuf,
    /// The same seed assigns the same lenders.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A lender; may be repeated.
    #[arg(long = "lender", value_name = "ID", required = true)]
    lenders: Vec<MemberId>,
}

impl ScenarioCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let events = match self {
            Self::Population(verb) => population::events(&Population {
                seed: verb.seed,
                borrowers: verb.borrowers,
                lenders: verb.lenders.iter().map(ToString::to_string).collect(),
                start: verb.start,
            }),
            Self::Delinquency(verb) => {
                let lenders: Vec<String> = verb.lenders.iter().map(ToString::to_string).collect();
                let table = read_text(&verb.table)?;
                delinquency::events(&table, &lenders, verb.seed).map_err(|error| FileError {
                    file: verb.table.display().to_string(),
                    line: u32::try_from(error.line).unwrap_or(u32::MAX),
                    message: error.what,
                })?
            }
        };
        let text = to_csv(events);
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        if !output.is_json() {
            output.line(text.trim_end())?;
            return Ok(Exit::Done);
        }
        for line in lines {
            let fields = header.iter().copied().zip(line.split(','));
            let object: serde_json::Map<String, serde_json::Value> = fields
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            output.json(&object)?;
        }
        Ok(Exit::Done)
    }
}
