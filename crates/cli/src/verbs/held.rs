//! `interlock held`.

use std::fmt;

use clap::Args;
use interlock_record::MemberId;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, governance};
use crate::exit::Exit;
use crate::output::Output;
use crate::table::Table;

/// List the records that the breaker holds: their feed went over its quota, their flags do not count.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock held --member acme -o json | jq '.records[].sequence'")]
pub(crate) struct Held {
    /// Only this member's.
    #[arg(long, value_name = "MEMBER")]
    member: Option<MemberId>,
    /// At most so many, the latest of each feed first.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct HeldRecords {
    records: Vec<HeldRow>,
    /// Whether there are more.
    more: bool,
}

#[derive(Debug, Serialize)]
struct HeldRow {
    feed: String,
    sequence: u64,
    flags: u32,
    released_by: Vec<String>,
    /// How many groups must release it.
    needed: u32,
}

impl Held {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let member = self.member.map(|member| member.to_string()).unwrap_or_default();
        let request = v1::ListHeldRequest { member, limit: self.limit };
        let node = self.node.connect().await?;
        let held = node
            .call(&request, |channel, request| async move {
                governance(channel).list_held(request).await
            })
            .await?;
        let row = |record: v1::HeldRecord| HeldRow {
            feed: format!("{}/{}", record.member, record.feed),
            sequence: record.sequence,
            flags: record.flags,
            released_by: record.released_by,
            needed: record.needed,
        };
        let records = held.records.into_iter().map(row).collect();
        output.result(&HeldRecords { records, more: held.more })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for HeldRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.records.is_empty() {
            return write!(f, "the breaker holds nothing");
        }
        let titles = ["FEED", "SEQUENCE", "FLAGS", "GROUPS NEEDED", "RELEASED BY"];
        let mut table = Table::new(&titles).right(&["SEQUENCE", "FLAGS", "GROUPS NEEDED"]);
        for row in &self.records {
            let released = row.released_by.join(", ");
            table.row([
                row.feed.clone(),
                row.sequence.to_string(),
                row.flags.to_string(),
                row.needed.to_string(),
                if released.is_empty() { "-".to_owned() } else { released },
            ]);
        }
        write!(f, "{table}")?;
        if self.more {
            write!(f, "\nand more: --limit and --member say how many, and whose")?;
        }
        Ok(())
    }
}
