//! `interlock check`: look borrowers up.

use std::fmt;

use clap::Args;
use interlock_record::Measure;
use interlock_wire::v1;
use serde::Serialize;

use crate::client::{NodeArgs, SubjectArgs, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::table::Table;
use crate::term::{term, wire};
use crate::view::{FreshnessView, SubjectView, or_dash, short};

/// Look borrowers up: what holds for each now, and what this member should apply.
///
/// With --at-least M the exit code is 1 if this member should apply M or a graver measure (the
/// column APPLY) to at least one of them, else 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock check --phone 13800138000 --at-least FREEZE || echo 'no new credit'")]
pub(crate) struct Check {
    #[command(flatten)]
    subjects: SubjectArgs,
    /// End with exit code 1 if this measure or a graver one is to be applied to any of them.
    #[arg(long, value_name = "MEASURE", ignore_case = true, value_parser = term::<Measure>())]
    at_least: Option<Measure>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Answer {
    decisions: Vec<Row>,
    freshness: FreshnessView,
}

#[derive(Debug, Serialize)]
struct Row {
    /// Which of the arguments it is.
    argument: String,
    #[serde(flatten)]
    decision: SubjectView,
}

impl Check {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subjects = self.subjects.some()?;
        let labels: Vec<String> = subjects.iter().map(|named| named.label.clone()).collect();
        let subjects = subjects.into_iter().map(|named| named.subject).collect();
        let request = v1::LookupRequest { subjects };
        let node = self.node.connect().await?;
        let response =
            node.call(&request, |channel, request| async move {
                platform(channel).lookup(request).await
            })
            .await?;
        let found = self.at_least.is_some_and(|at_least| {
            response.decisions.iter().any(|decision| decision.apply >= wire(at_least))
        });
        let decisions = labels
            .into_iter()
            .zip(response.decisions)
            .map(|(argument, decision)| Row { argument, decision: decision.into() });
        output.result(&Answer {
            decisions: decisions.collect(),
            freshness: response.freshness.unwrap_or_default().into(),
        })?;
        Ok(if found { Exit::No } else { Exit::Done })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["SUBJECT", "TAG", "APPLY", "ANNOUNCED", "IN FORCE", "OWN", "SINCE", "UNTIL"];
        let mut table = Table::new(&titles);
        for Row { argument, decision } in &self.decisions {
            let SubjectView { subject, apply, consortium, own, .. } = decision;
            table.row([
                argument.clone(),
                short(subject),
                apply.clone(),
                consortium.announced.clone(),
                consortium.effective.clone(),
                own.effective.clone(),
                or_dash(consortium.since.as_ref()),
                or_dash(consortium.until.as_ref()),
            ]);
        }
        write!(f, "{table}\n{}", self.freshness)
    }
}
