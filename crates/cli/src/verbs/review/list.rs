//! `interlock review list`.

use std::fmt;

use clap::Args;
use interlock_record::Time;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, review};
use crate::exit::Exit;
use crate::output::Output;
use crate::table::Table;
use crate::view::{QueueView, or_dash, time};

/// List measures that are announced and wait for a person, the oldest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock review list --limit 20")]
pub(crate) struct List {
    /// At most so many.
    #[arg(long, value_name = "1..100", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Go on after this page.
    #[arg(long, value_name = "PAGE", default_value = "")]
    page: String,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Queue {
    items: Vec<QueueView>,
    next_page: String,
    as_of: Option<Time>,
}

impl List {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let request = v1::ListQueueRequest { limit: self.limit, page: self.page };
        let node = self.node.connect().await?;
        let response =
            node.call(&request, |channel, request| async move {
                review(channel).list_queue(request).await
            })
            .await?;
        output.result(&Queue {
            items: response.items.into_iter().map(Into::into).collect(),
            next_page: response.next_page,
            as_of: time(response.as_of),
        })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return write!(f, "nothing waits for a person");
        }
        let mut table =
            Table::new(&["SUBJECT", "WAITS", "SINCE", "APPLIES NOW", "FLAGS", "BECAUSE OF"])
                .right(&["FLAGS"]);
        for item in &self.items {
            let because: Vec<String> = item
                .flags
                .iter()
                .map(|flag| format!("{} of {} ({})", flag.reason, flag.issuer, flag.points))
                .collect();
            table.row([
                item.subject.clone(),
                item.measure.clone(),
                or_dash(item.since.as_ref()),
                item.apply.clone(),
                item.flag_count.to_string(),
                because.join(", "),
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
