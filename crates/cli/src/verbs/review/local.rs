//! `interlock review local`.

use std::fmt;

use clap::Args;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, PageArgs, review};
use crate::exit::Exit;
use crate::output::Output;
use crate::view::LocalView;

/// List what people have put at this node: exemptions, overrides, confirmations, refusals.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock review local")]
pub(crate) struct Local {
    #[command(flatten)]
    part: PageArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Acts {
    subjects: Vec<LocalView>,
    next_page: String,
}

impl Local {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let PageArgs { limit, page } = self.part;
        let request = v1::ListLocalRequest { subject: Vec::new(), limit, page };
        let node = self.node.connect().await?;
        let response =
            node.call(&request, |channel, request| async move {
                review(channel).list_local(request).await
            })
            .await?;
        let subjects = response.subjects.into_iter().map(Into::into).collect();
        output.result(&Acts { subjects, next_page: response.next_page })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subjects.is_empty() {
            write!(f, "nobody has put anything")?;
        }
        for (place, LocalView { subject, acts }) in self.subjects.iter().enumerate() {
            let gap = if place == 0 { "" } else { "\n" };
            write!(f, "{gap}{subject}")?;
            for act in acts {
                write!(f, "\n  {act}")?;
            }
        }
        if self.next_page.is_empty() {
            Ok(())
        } else {
            write!(f, "\nand more: --page {}", self.next_page)
        }
    }
}
