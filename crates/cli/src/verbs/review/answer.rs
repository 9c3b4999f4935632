//! `interlock review confirm` and `interlock review refuse`.

use clap::Args;
use interlock_record::{Measure, Time};
use interlock_wire::v1;

use crate::client::{ActArgs, ActFields, review};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{self, term, wire};
use crate::view::timestamp;

/// Confirm a measure that waits: it applies once it is in force, for as long as at least that much
/// is announced. A milder measure that waits too may be confirmed instead of the announced one.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock review confirm --tag 9f2c...01 --measure LOCK --by li.na --why 'case C-2041, two overdue loans seen'")]
pub(crate) struct Confirm {
    #[command(flatten)]
    answer: Answer,
}

/// Refuse a measure that waits: it is not applied until another is announced.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock review refuse --tag 9f2c...01 --measure LOCK --by li.na --why 'case C-2041, not the same person'")]
pub(crate) struct Refuse {
    #[command(flatten)]
    answer: Answer,
}

#[derive(Debug, Args)]
struct Answer {
    /// The measure.
    #[arg(long, value_name = "MEASURE", ignore_case = true, value_parser = term::<Measure>())]
    measure: Measure,
    /// Since when it is announced, as `review list` says: another proposal is then not answered.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    since: Option<Time>,
    #[command(flatten)]
    act: ActArgs,
}

impl Confirm {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let Answer { measure, since, act } = self.answer;
        let (measure, since) = (wire(measure), since.map(timestamp));
        let request = |fields| {
            let ActFields { subject, by, why, idempotency_key } = fields;
            v1::ConfirmRequest { subject, measure, since, by, why, idempotency_key }
        };
        let rpc = |channel, request| async move { review(channel).confirm(request).await };
        act.act(output, request, rpc).await
    }
}

impl Refuse {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let Answer { measure, since, act } = self.answer;
        let (measure, since) = (wire(measure), since.map(timestamp));
        let request = |fields| {
            let ActFields { subject, by, why, idempotency_key } = fields;
            v1::RefuseRequest { subject, measure, since, by, why, idempotency_key }
        };
        let rpc = |channel, request| async move { review(channel).refuse(request).await };
        act.act(output, request, rpc).await
    }
}
