//! Where a scenario comes from, and what all verbs that run one are told.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use interlock_engine::text::FileError;
use interlock_sim::cascade::scenario::Setting;
use interlock_sim::cascade::{SHIPPED, Scenario, Shipped};

use crate::exit::Failure;
use crate::file::read_text;

/// The name of a scenario's file in its directory.
const SCENARIO_FILE: &str = "scenario.toml";

/// What all verbs that run scenarios are told.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// A shipped scenario's name (`interlock sim list`), a scenario file, or a directory with one.
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// The seed of the first run; the others have seeds made of it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many runs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub reps: u32,
    /// How many threads; the results are the same for any number. Default: as many as there are cores.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl RunArgs {
    /// How many threads.
    pub(super) fn jobs(&self) -> NonZeroUsize {
        self.jobs.unwrap_or_else(cores)
    }
}

/// How many threads this machine runs at once.
pub(super) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A scenario that is shipped or in a file.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Shipped.
    Shipped(&'static Shipped),
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
    },
}

impl Source {
    /// Finds a scenario.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn find(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        let is_path = name.contains(std::path::MAIN_SEPARATOR)
            || path.extension().is_some_and(|extension| extension == "toml")
            || name == "-";
        if !is_path && let Some(shipped) = Shipped::named(name) {
            return Ok(Self::Shipped(shipped));
        }
        if path.is_dir() {
            let path = path.join(SCENARIO_FILE);
            let text = read_text(&path)?;
            return Ok(Self::File { path, text });
        }
        if is_path || path.exists() {
            return Ok(Self::File { path: path.to_owned(), text: read_text(path)? });
        }
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        let message = format!(
            "{name}: expected a scenario file or one of the shipped scenarios {}",
            names.join(", ")
        );
        Err(Failure::bad_input(message).into())
    }

    /// Reads the scenario, with settings. Files that it names stand beside it; a shipped scenario has
    /// its own, and what it does not have is looked for where the program runs.
    pub(super) fn read(&self, settings: &[Setting]) -> Result<Scenario, FileError> {
        match self {
            Self::Shipped(shipped) => {
                let load = |name: &str| match shipped.file(name) {
                    Some(text) => Ok(text.to_owned()),
                    None => read_beside(Path::new(""), name),
                };
                let file = format!("{}/{SCENARIO_FILE}", shipped.name);
                let text = shipped.file(SCENARIO_FILE).unwrap_or_default();
                Scenario::parse(&file, text, settings, &load)
            }
            Self::File { path, text } => {
                let beside = path.parent().unwrap_or(Path::new(""));
                let load = |name: &str| read_beside(beside, name);
                Scenario::parse(&path.display().to_string(), text, settings, &load)
            }
        }
    }
}

fn read_beside(directory: &Path, name: &str) -> Result<String, String> {
    read_text(&directory.join(name)).map_err(|error| format!("{error:#}"))
}
