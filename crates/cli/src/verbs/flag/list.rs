//! `interlock flag list`.

use std::fmt;

use clap::Args;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, SubjectArgs, platform};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::table::Table;
use crate::view::{FlagView, or_dash, short};

/// List this member's flags, the latest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock flag list --live --limit 20")]
pub(crate) struct List {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Only those that are still live.
    #[arg(long)]
    live: bool,
    /// At most so many.
    #[arg(long, value_name = "1..1000", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Flags {
    flags: Vec<FlagView>,
    more: bool,
}

impl List {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let mut subjects = self.subject.any()?;
        if subjects.len() > 1 {
            return Err(Failure::usage("expected at most one subject, got several").into());
        }
        let request = v1::ListFlagsRequest {
            subject: subjects.pop().map(|named| named.subject),
            live_only: self.live,
            limit: self.limit,
        };
        let node = self.node.connect().await?;
        let response = node
            .call(&request, |channel, request| async move {
                platform(channel).list_flags(request).await
            })
            .await?;
        let flags = response.flags.into_iter().map(Into::into).collect();
        output.result(&Flags { flags, more: response.more })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles =
            ["FLAG", "SUBJECT", "REASON", "SEVERITY", "TIME", "STANDING", "POINTS", "CASE"];
        let mut table = Table::new(&titles).right(&["POINTS"]);
        for flag in &self.flags {
            table.row([
                flag.statement.clone(),
                short(&flag.subject),
                flag.reason.clone(),
                flag.severity.clone(),
                or_dash(flag.time.as_ref()),
                flag.standing.to_owned(),
                flag.points.to_string(),
                flag.case_ref.clone(),
            ]);
        }
        match (table.is_empty(), self.more) {
            (true, _) => write!(f, "no flags"),
            (false, false) => write!(f, "{table}"),
            (false, true) => write!(f, "{table}\nand more: --limit shows up to 1000"),
        }
    }
}
