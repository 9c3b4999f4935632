//! `interlock sim list`: the shipped scenarios.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use interlock_sim::cascade::{SHIPPED, Shipped};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::table::Table;

/// List the scenarios that the program carries with it, or say what one models and what to look at.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock sim list
  interlock sim list herding
  interlock sim list herding --write my-herding")]
pub(crate) struct List {
    /// Only this one, with its description.
    name: Option<String>,
    /// Write its files into a new directory, to be changed.
    #[arg(long, value_name = "DIR", requires = "name")]
    write: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    about: String,
}

impl List {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let Some(name) = &self.name else {
            let mut table = Table::new(&["scenario", "what it models"]);
            for shipped in SHIPPED {
                let listed = listed(shipped)?;
                if output.is_json() {
                    output.json(&listed)?;
                } else {
                    table.row([listed.name.to_owned(), listed.about]);
                }
            }
            if !output.is_json() {
                output.line(&table)?;
            }
            return Ok(Exit::Done);
        };
        let shipped = Shipped::named(name).ok_or_else(|| {
            Failure::bad_input(format!("{name}: no scenario of that name is shipped"))
        })?;
        if let Some(directory) = &self.write {
            fs::create_dir(directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
            for (file, text) in shipped.files() {
                let path = directory.join(file);
                fs::write(&path, text)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
        }
        if output.is_json() {
            output.json(&listed(shipped)?)?;
        } else {
            output.line(shipped.readme.trim_end())?;
        }
        Ok(Exit::Done)
    }
}

fn listed(shipped: &'static Shipped) -> anyhow::Result<Listed> {
    Ok(Listed { name: shipped.name, about: shipped.read(&[])?.about })
}
