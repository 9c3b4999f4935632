//! `interlock charter export`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::file::ChainFile;
use serde::Serialize;

use crate::client::NodeArgs;
use crate::exit::Exit;
use crate::output::{Output, counted};
use crate::secret::write_public;

/// Write every charter version that a node knows, with its signatures, into one file.
///
/// A node's configuration may name it as its charter: that is how a member that joins later starts.
/// The file needs no trust but in the hash of version 1, the consortium's id.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter export --out chain.json")]
pub(crate) struct Export {
    /// Where to write it; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Exported {
    file: PathBuf,
    consortium: String,
    versions: usize,
    newest: u32,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let chain = self.node.connect().await?.charters().await?;
        let text = serde_json::to_string_pretty(&ChainFile::of(&chain.signed))?;
        write_public(&self.out, &format!("{text}\n"))?;
        output.result(&Exported {
            file: self.out,
            consortium: chain.charters.consortium().to_string(),
            versions: chain.signed.len(),
            newest: chain.charters.newest().version,
        })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, consortium, versions, newest } = self;
        let versions = counted(*versions, "version");
        let file = file.display();
        write!(f, "{versions} of consortium {consortium}, version {newest} holds: in {file}")
    }
}
