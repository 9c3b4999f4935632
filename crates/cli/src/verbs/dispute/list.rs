//! `interlock dispute list`.

use std::fmt;

use clap::Args;
use interlock_record::Time;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, PageArgs, review};
use crate::exit::Exit;
use crate::output::Output;
use crate::table::Table;
use crate::view::{DisputeView, or_dash, short, time};

/// List open disputes: who must answer, and how much time is left. Those that this member must
/// answer come first.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock dispute list --own")]
pub(crate) struct List {
    /// Only those that this member must answer.
    #[arg(long)]
    own: bool,
    #[command(flatten)]
    part: PageArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Clocks {
    disputes: Vec<DisputeView>,
    next_page: String,
    as_of: Option<Time>,
}

impl List {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let PageArgs { limit, page } = self.part;
        let request = v1::ListDisputesRequest { own_only: self.own, limit, page };
        let node = self.node.connect().await?;
        let response = node
            .call(&request, |channel, request| async move {
                review(channel).list_disputes(request).await
            })
            .await?;
        output.result(&Clocks {
            disputes: response.disputes.into_iter().map(Into::into).collect(),
            next_page: response.next_page,
            as_of: time(response.as_of),
        })?;
        Ok(Exit::Done)
    }
}

/// Days, hours and minutes, as many as matter.
fn left(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m {}s", seconds % 60),
        (0, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

impl fmt::Display for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.disputes.is_empty() {
            return write!(f, "no dispute is open");
        }
        let titles = ["", "MUST ANSWER", "LEFT", "DEADLINE", "SINCE", "REASON", "SUBJECT", "FLAG"];
        let mut table = Table::new(&titles);
        for dispute in &self.disputes {
            let own = if dispute.own { "*" } else { "" };
            table.row([
                own.to_owned(),
                dispute.issuer.clone(),
                left(dispute.left_seconds),
                or_dash(dispute.deadline.as_ref()),
                or_dash(dispute.since.as_ref()),
                dispute.reason.clone(),
                short(&dispute.subject),
                dispute.flag.clone(),
            ]);
        }
        write!(f, "{table}")?;
        if self.next_page.is_empty() {
            Ok(())
        } else {
            write!(f, "\nand more: --page {}", self.next_page)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_told_as_far_as_it_matters() {
        let cases = [
            (0, "0m 0s"),
            (59, "0m 59s"),
            (3_600, "1h 0m"),
            (86_399, "23h 59m"),
            (86_400, "1d 0h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(left(seconds), expected);
        }
    }
}
