//! `interlock decision export`.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use interlock_engine::proof::{MAX_BUNDLE_BYTES, verify};
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{Node, NodeArgs, SubjectArgs, proof, refusal};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::view::short;

/// Write the file that proves a decision to somebody who has no node: the records' headers and
/// signatures, the statements concerned, who has seen them, the charters, what was known.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock decision export --phone 13800138000 --out lock.proof
  interlock decision export --tag 9f2c...01 --event 1042")]
pub(crate) struct Export {
    #[command(flatten)]
    subject: SubjectArgs,
    /// As it was taken when this journal entry was written (`interlock watch` shows the number).
    /// Default: as it is now.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    event: Option<u64>,
    /// Where to write it; - is stdout. It is not written over a file that is there. Default:
    /// decision-TAG.proof, or decision-TAG-N.proof, with the first digits of the subject's tag.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Exported {
    file: String,
    bytes: usize,
    subject: String,
    announced: String,
    effective: String,
}

impl Export {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subject = self.subject.one()?.subject;
        let request =
            v1::ExportDecisionRequest { subject: Some(subject), event: self.event.unwrap_or(0) };
        let node = self.node.connect().await?;
        let bytes = fetch(&node, &request).await?;
        let verdict = verify(&bytes, None)
            .map_err(|error| Failure::new(Exit::Failed, format!("the node's file: {error}")))?;
        let tag = verdict.subject.to_string();
        let out = self.out.unwrap_or_else(|| {
            let entry = self.event.map(|entry| format!("-{entry}")).unwrap_or_default();
            PathBuf::from(format!("decision-{}{entry}.proof", short(&tag)))
        });
        if out.as_os_str() == "-" {
            io::stdout().write_all(&bytes)?;
            return Ok(Exit::Done);
        }
        let failed = || format!("cannot write {}", out.display());
        let mut file = File::create_new(&out).with_context(failed)?;
        file.write_all(&bytes).with_context(failed)?;
        file.sync_all().with_context(failed)?;
        output.result(&Exported {
            file: out.display().to_string(),
            bytes: bytes.len(),
            subject: tag,
            announced: verdict.decided.announced_now.to_string(),
            effective: verdict.decided.effective_now.to_string(),
        })?;
        Ok(Exit::Done)
    }
}

async fn fetch(node: &Node, request: &v1::ExportDecisionRequest) -> Result<Vec<u8>, Failure> {
    let open = |channel, request| async move { proof(channel).export_decision(request).await };
    let mut chunks = node.call(request, open).await?;
    let mut bytes = Vec::new();
    loop {
        let message = chunks.message().await;
        let Some(message) = message.map_err(|status| refusal(&node.address, &status))? else {
            return Ok(bytes);
        };
        bytes.extend(message.chunk);
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(Failure::new(Exit::Failed, "the node's file is larger than any bundle"));
        }
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file)?;
        write!(
            f,
            "{} bytes prove {} announced, {} in force, on {}",
            self.bytes, self.announced, self.effective, self.subject
        )
    }
}
