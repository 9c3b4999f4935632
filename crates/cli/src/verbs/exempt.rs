//! `interlock exempt`.

use clap::Args;
use interlock_record::{Measure, Time};
use interlock_wire::v1;

use crate::client::{ActArgs, ActFields, review};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{self, term, wire};
use crate::view::timestamp;

/// Let nothing above a measure be applied to a borrower until then, at this member only.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock exempt --phone 13800138000 --greatest REVIEW --until 2026-06-01T00:00:00Z \\
      --by li.na --why 'case C-2041: identity theft reported to the police'")]
pub(crate) struct Exempt {
    /// The greatest measure that is applied.
    #[arg(long, value_name = "MEASURE", ignore_case = true, value_parser = term::<Measure>())]
    greatest: Measure,
    /// Until when, exclusive.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    until: Time,
    #[command(flatten)]
    act: ActArgs,
}

impl Exempt {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (greatest, until) = (wire(self.greatest), Some(timestamp(self.until)));
        let request = |fields| {
            let ActFields { subject, by, why, idempotency_key } = fields;
            v1::ExemptRequest { subject, greatest, until, by, why, idempotency_key }
        };
        let rpc = |channel, request| async move { review(channel).exempt(request).await };
        self.act.act(output, request, rpc).await
    }
}
