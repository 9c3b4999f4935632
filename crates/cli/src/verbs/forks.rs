//! `interlock forks`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_record::{FeedId, hex};
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, governance};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::secret::write_public;
use crate::table::Table;
use crate::term;

/// List forked feeds: places at which somebody signed two different records, and what is void.
///
/// A proof is the two signed headers, as a protobuf message interlock.record.v1.Fork in hexadecimal
/// digits: whoever has the feed's public key can check it, and trusts nobody for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock forks
  interlock forks acme/1 --proof-out acme.fork")]
pub(crate) struct Forks {
    /// Only this feed: MEMBER/FEED.
    #[arg(value_name = "FEED", value_parser = term::feed)]
    feed: Option<FeedId>,
    /// Write the proof of the feed's lowest forked place into this file; nothing is overwritten.
    #[arg(long, value_name = "FILE", requires = "feed")]
    proof_out: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct ForkList {
    forks: Vec<ForkRow>,
    proof_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct ForkRow {
    feed: String,
    sequence: u64,
    /// The first record of the feed that means nothing; none: the branch here is final.
    void_from: Option<u64>,
    proof: String,
}

impl Forks {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let node = self.node.connect().await?;
        let listed = node
            .call(&v1::ListForksRequest {}, |channel, request| async move {
                governance(channel).list_forks(request).await
            })
            .await?;
        let row = |fork: v1::Fork| ForkRow {
            feed: format!("{}/{}", fork.member, fork.feed),
            sequence: fork.sequence,
            void_from: (fork.void_from > 0).then_some(fork.void_from),
            proof: hex(&fork.proof),
        };
        let wanted = self.feed.map(|feed| feed.to_string());
        let rows = listed.forks.into_iter().map(row);
        let mut forks: Vec<ForkRow> =
            rows.filter(|row| wanted.as_ref().is_none_or(|feed| *feed == row.feed)).collect();
        forks.sort_by(|a, b| (&a.feed, a.sequence).cmp(&(&b.feed, b.sequence)));
        if let Some(file) = &self.proof_out {
            let first = forks.first().ok_or_else(|| {
                Failure::bad_input("--proof-out: that node knows no fork of this feed")
            })?;
            write_public(file, &format!("{}\n", first.proof))?;
        }
        output.result(&ForkList { forks, proof_file: self.proof_out })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for ForkList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forks.is_empty() {
            return write!(f, "no forked feed is known");
        }
        let mut table = Table::new(&["FEED", "FORKED AT", "WHAT IS VOID"]).right(&["FORKED AT"]);
        for row in &self.forks {
            let void = match row.void_from {
                Some(from) => format!("all of it from record {from} on"),
                None => "the other branch: this node's is final".to_owned(),
            };
            table.row([row.feed.clone(), row.sequence.to_string(), void]);
        }
        write!(f, "{table}")?;
        match &self.proof_file {
            Some(file) => write!(f, "\nthe proof is in {}", file.display()),
            None => Ok(()),
        }
    }
}
