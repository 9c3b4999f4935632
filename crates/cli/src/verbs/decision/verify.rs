//! `interlock decision verify`.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::file as charter_file;
use interlock_engine::proof::{MAX_BUNDLE_BYTES, NotVerified, verify};
use interlock_record::ConsortiumId;
use serde::Serialize;

use super::verdict::VerdictView;
use crate::exit::{Exit, Failure};
use crate::file::{open_maybe_zipped, read_text};
use crate::output::Output;

/// Check a file that proves a decision, with no node: exit code 0 where it does, 1 where it does not,
/// 3 where it is no such file. Name the consortium with --charter or --consortium: anybody can make
/// one up, and prove decisions of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock decision verify lock.proof --charter charter.toml
  interlock decision verify lock.proof --consortium 6b1d...e0 -o json")]
pub(crate) struct Verify {
    /// The file; - reads stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The consortium's first charter, or the chain that begins with it.
    #[arg(long, value_name = "FILE", conflicts_with = "consortium")]
    charter: Option<PathBuf>,
    /// The consortium's id: the hash of its first charter.
    #[arg(long, value_name = "ID")]
    consortium: Option<ConsortiumId>,
}

#[derive(Debug, Serialize)]
struct Refused {
    verified: bool,
    code: &'static str,
    reason: String,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let expected = match &self.charter {
            None => self.consortium,
            Some(charter) => {
                let name = charter.display().to_string();
                let (first, _) = charter_file::read(&name, &read_text(charter)?)?;
                Some(ConsortiumId(first.id().0))
            }
        };
        let name = self.file.display();
        let mut bytes = Vec::new();
        let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        open_maybe_zipped(&self.file)?
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::bad_input(format!("cannot read {name}: {error}")))?;
        match verify(&bytes, expected) {
            Ok(verdict) => {
                output.result(&VerdictView::of(&verdict))?;
                Ok(Exit::Done)
            }
            Err(error @ NotVerified::Unreadable { .. }) => {
                Err(Failure::bad_input(format!("{name}: {error}")).into())
            }
            Err(error) => {
                let code = error.code();
                output.result(&Refused { verified: false, code, reason: error.to_string() })?;
                Ok(Exit::No)
            }
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NOT VERIFIED: {}", crate::output::printable(&self.reason))
    }
}
