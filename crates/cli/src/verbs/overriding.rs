//! `interlock override`.

use clap::Args;
use interlock_record::{Measure, Time};
use interlock_wire::v1;

use crate::client::{ActArgs, ActFields, review};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{self, term, wire};
use crate::view::timestamp;

/// Apply just this measure to a borrower until then, whatever is decided, at this member only. At
/// most LOCK: CLOSE is only ever confirmed.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock override --device dev-7 --measure NONE --until 2026-06-01T00:00:00Z \\
      --by li.na --why 'case C-2041: wrong person, flags are being withdrawn'")]
pub(crate) struct Override {
    /// The measure.
    #[arg(long, value_name = "MEASURE", ignore_case = true, value_parser = term::<Measure>())]
    measure: Measure,
    /// Until when, exclusive.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    until: Time,
    #[command(flatten)]
    act: ActArgs,
}

impl Override {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (measure, until) = (wire(self.measure), Some(timestamp(self.until)));
        let request = |fields| {
            let ActFields { subject, by, why, idempotency_key } = fields;
            v1::OverrideRequest { subject, measure, until, by, why, idempotency_key }
        };
        let rpc = |channel, request| async move { review(channel).r#override(request).await };
        self.act.act(output, request, rpc).await
    }
}
