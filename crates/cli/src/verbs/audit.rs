//! `interlock audit`: who did what and why.

mod replay;

use std::fmt;

use clap::{Args, Subcommand};
use interlock_engine::local::{AuditBroken, AuditChain, AuditHead};
use interlock_record::{Digest, hex};
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{Node, NodeArgs, review};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::table::Table;
use crate::view::{AuditView, or_dash, short};

/// How many entries are asked for at once.
const CHUNK: u32 = 1_000;

/// Show the audit log: who did what at this node, when and why. With --verify, compute the chain
/// anew from the entries' bytes and name the first that is not what was written: exit code 1 then.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Example:
  interlock audit --from 100 --limit 20
  interlock audit --verify"
)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// From this entry on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
    /// At most so many.
    #[arg(long, value_name = "1..1000", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Verify the whole chain instead.
    #[arg(long, conflicts_with_all = ["from", "limit"])]
    verify: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// What else can be audited.
#[derive(Debug, Subcommand)]
enum AuditCommand {
    Replay(replay::AuditReplay),
}

#[derive(Debug, Serialize)]
struct Log {
    entries: Vec<AuditView>,
    head_number: u64,
    head_hash: String,
}

#[derive(Debug, Serialize)]
struct Verdict {
    verified: bool,
    entries: u64,
    head_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
}

impl Audit {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        if let Some(AuditCommand::Replay(replay)) = self.command {
            return replay.run(output).await;
        }
        let node = self.node.connect().await?;
        if self.verify {
            let verdict = verify(&node).await?;
            output.result(&verdict)?;
            return Ok(if verdict.verified { Exit::Done } else { Exit::No });
        }
        let response = list(&node, self.from, self.limit).await?;
        output.result(&Log {
            entries: response.entries.into_iter().map(Into::into).collect(),
            head_number: response.head_number,
            head_hash: hex(&response.head_hash),
        })?;
        Ok(Exit::Done)
    }
}

async fn list(node: &Node, from: u64, limit: u32) -> Result<v1::ListAuditResponse, Failure> {
    let request = v1::ListAuditRequest { from, limit };
    node.call(&request, |channel, request| async move { review(channel).list_audit(request).await })
        .await
}

/// Follows the log up to the head that it had at first; it may grow meanwhile.
async fn verify(node: &Node) -> Result<Verdict, Failure> {
    let mut chain = AuditChain::default();
    let first = list(node, 1, CHUNK).await?;
    let head = AuditHead {
        number: first.head_number,
        hash: Digest::from_slice(&first.head_hash).unwrap_or(AuditHead::EMPTY.hash),
    };
    let mut entries = first.entries;
    let broken = loop {
        if let Err(broken) = follow(&mut chain, &entries, head) {
            break Some(broken);
        }
        if chain.number() >= head.number || entries.is_empty() {
            break chain.finish(head).err();
        }
        entries = list(node, chain.number() + 1, CHUNK).await?.entries;
    };
    Ok(Verdict {
        verified: broken.is_none(),
        entries: chain.number(),
        head_hash: hex(&head.hash.0),
        broken: broken.map(|broken| broken.to_string()),
    })
}

fn follow(
    chain: &mut AuditChain,
    entries: &[v1::AuditEntry],
    head: AuditHead,
) -> Result<(), AuditBroken> {
    // Behind the head there may be what was written since it was asked for.
    for entry in entries.iter().filter(|entry| entry.number <= head.number) {
        chain.next(entry.number, &entry.hash, &entry.entry)?;
    }
    Ok(())
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["#", "AT", "BY", "UID", "ACT", "SUBJECT", "WHAT", "WHY"];
        let mut table = Table::new(&titles).right(&["#", "UID"]);
        for entry in &self.entries {
            table.row([
                entry.number.to_string(),
                or_dash(entry.at.as_ref()),
                entry.by.clone(),
                or_dash(entry.uid.as_ref()),
                entry.act.clone(),
                or_dash(entry.subject.as_ref().map(|subject| short(subject)).as_ref()),
                entry.detail.clone(),
                entry.why.clone(),
            ]);
        }
        if table.is_empty() {
            write!(f, "no entries")?;
        } else {
            write!(f, "{table}")?;
        }
        write!(f, "\nthe log ends at entry {}, hash {}", self.head_number, self.head_hash)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.broken {
            None => {
                write!(f, "{} entries, the chain is whole; head {}", self.entries, self.head_hash)
            }
            Some(broken) => write!(f, "broken: {broken}"),
        }
    }
}
