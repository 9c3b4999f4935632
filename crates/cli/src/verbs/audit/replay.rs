//! `interlock audit replay`: every decision made anew from the whole log.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use interlock_engine::charter::file as charter_file;
use interlock_engine::proof::{Difference, Recomputed};
use interlock_node::audit;
use interlock_record::hex;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, proof};
use crate::exit::{Exit, Failure};
use crate::file::read_text;
use crate::output::{Output, counted};

/// Decide on every borrower anew from the whole log, every record verified again, and compare with
/// what the node keeps: exit code 1 where anything differs. Of a stopped node with --data and
/// --charter, else of a running one, which needs memory for as much as its log; give --timeout.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock audit replay --data /var/lib/interlock --charter charter.toml
  interlock audit replay --node unix:/run/interlock.sock --timeout 30m")]
pub(crate) struct AuditReplay {
    /// The data directory of a node that is stopped.
    #[arg(long, value_name = "DIR", requires = "charter")]
    data: Option<PathBuf>,
    /// The consortium's first charter, or the chain that begins with it.
    #[arg(long, value_name = "FILE", requires = "data")]
    charter: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct ReplayView {
    records: u64,
    subjects: u64,
    differ: u64,
    differences: Vec<DifferenceView>,
}

#[derive(Debug, Serialize)]
struct DifferenceView {
    subject: Option<String>,
    detail: String,
}

impl AuditReplay {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let view = if let (Some(data), Some(charter)) = (&self.data, &self.charter) {
            let name = charter.display().to_string();
            let (first, _) = charter_file::read(&name, &read_text(charter)?)?;
            let data = data.clone();
            let replayed = tokio::task::spawn_blocking(move || audit::replay(&data, first));
            let replayed = replayed.await.context("the replay broke off")?;
            let replayed = replayed.map_err(|error| Failure::bad_input(format!("{error:#}")))?;
            ReplayView::from(replayed)
        } else {
            let node = self.node.connect().await?;
            let replay = |channel, request| async move { proof(channel).replay_log(request).await };
            ReplayView::from(node.call(&v1::ReplayLogRequest {}, replay).await?)
        };
        output.result(&view)?;
        Ok(if view.differ == 0 { Exit::Done } else { Exit::No })
    }
}

impl From<Recomputed> for ReplayView {
    fn from(again: Recomputed) -> Self {
        let view = |difference: &Difference| DifferenceView {
            subject: difference.subject().map(|subject| subject.to_string()),
            detail: difference.to_string(),
        };
        Self {
            records: again.records,
            subjects: again.subjects,
            differ: again.differ,
            differences: again.differences.iter().map(view).collect(),
        }
    }
}

impl From<v1::ReplayLogResponse> for ReplayView {
    fn from(again: v1::ReplayLogResponse) -> Self {
        let view = |difference: v1::Difference| DifferenceView {
            subject: (!difference.subject.is_empty()).then(|| hex(&difference.subject)),
            detail: difference.detail,
        };
        Self {
            records: again.records,
            subjects: again.subjects,
            differ: again.differ,
            differences: again.differences.into_iter().map(view).collect(),
        }
    }
}

impl fmt::Display for ReplayView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{}", difference.detail)?;
        }
        write!(f, "{} and ", counted(self.records, "record"))?;
        write!(f, "{} gone through: ", counted(self.subjects, "subject"))?;
        if self.differ == 0 {
            write!(f, "everything kept follows from the log")
        } else {
            write!(f, "{}", counted(self.differ, "difference"))
        }
    }
}
