//! `interlock restore`.

use std::fmt;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use interlock_node::RestoreAsked;
use interlock_node::config::content_keys_beside;
use interlock_record::hex;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Make a node's data directory from a backup.
///
/// DIR must not be there, or be empty; it is there only once all of it is. Statements that were
/// erased since, and those without a content key, come back erased. The node rebuilds the rest when
/// it is next started, before it serves anybody. Read in docs/operating.md what to do before a
/// restored node may write.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("keys").args(["content_keys", "without_contents"])),
    after_help = "\
Example:
  interlock restore --from /backup/acme-2026-01-31.interlock --data /var/lib/interlock/data"
)]
pub(crate) struct Restore {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The data directory to be made.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The content keys of the node that the backup is of. Default: content-keys beside DIR.
    #[arg(long, value_name = "DIR")]
    content_keys: Option<PathBuf>,
    /// The content keys are lost: bring every statement back erased.
    #[arg(long)]
    without_contents: bool,
}

#[derive(Debug, Serialize)]
struct Done {
    data: PathBuf,
    sha256: String,
    made_at: String,
    records: u64,
    statements: u64,
    erased_before: u64,
    erased_since: u64,
    without_content_key: u64,
}

impl Restore {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let content_keys = if self.without_contents {
            None
        } else {
            let keys = self.content_keys.unwrap_or_else(|| content_keys_beside(&self.data));
            if !keys.is_dir() {
                let message = format!(
                    "there are no content keys at {}: name them with --content-keys, or say --without-contents if they are lost",
                    keys.display()
                );
                return Err(Failure::bad_input(message).into());
            }
            Some(keys)
        };
        let asked = RestoreAsked { from: self.from, data: self.data, content_keys };
        let restored = interlock_node::restore(&asked)
            .map_err(|error| Failure::bad_input(format!("{error:#}")))?;
        output.result(&Done {
            data: asked.data,
            sha256: hex(&restored.digest.0),
            made_at: restored.made_at.to_string(),
            records: restored.records,
            statements: restored.statements,
            erased_before: restored.erased_before,
            erased_since: restored.erased_since,
            without_content_key: restored.keyless,
        })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { data, sha256, made_at, records, statements, .. } = self;
        writeln!(f, "data        {}", data.display())?;
        writeln!(f, "sha256      {sha256}")?;
        writeln!(f, "made at     {made_at}")?;
        writeln!(f, "records     {records}")?;
        writeln!(f, "statements  {statements}")?;
        write!(
            f,
            "erased      {} before the backup, {} since, {} for want of a content key",
            self.erased_before, self.erased_since, self.without_content_key
        )
    }
}
