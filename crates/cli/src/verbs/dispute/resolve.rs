//! `interlock dispute resolve`.

use clap::Args;
use interlock_record::{Outcome, StatementId};
use interlock_wire::v1;

use crate::client::{OptionalPersonArgs, WriteArgs, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{term, wire};

/// Answer a dispute of this member's flag: UPHELD ends the flag for good, REJECTED restores it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock dispute resolve 5d41...c592 --outcome UPHELD")]
pub(crate) struct Resolve {
    /// The disputed flag, or another on the same borrower for the same reason.
    #[arg(value_name = "FLAG")]
    flag: StatementId,
    /// Who was right: the borrower (UPHELD) or this member (REJECTED).
    #[arg(long, ignore_case = true, value_parser = term::<Outcome>())]
    outcome: Outcome,
    #[command(flatten)]
    person: OptionalPersonArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl Resolve {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (by, why) = self.person.into_fields();
        let request = |idempotency_key| v1::ResolveDisputeRequest {
            flag: self.flag.as_bytes().to_vec(),
            outcome: wire(self.outcome),
            idempotency_key,
            by,
            why,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).resolve_dispute(request).await
            })
            .await
    }
}
