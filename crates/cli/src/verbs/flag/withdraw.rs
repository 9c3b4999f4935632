//! `interlock flag withdraw`.

use clap::Args;
use interlock_record::{StatementId, WithdrawCause};
use interlock_wire::v1;

use crate::client::{OptionalPersonArgs, WriteArgs, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{term, wire};

/// Withdraw a flag or a cure of this member: it counts for nothing from here on.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock flag withdraw 5d41...c592 --cause ERROR")]
pub(crate) struct Withdraw {
    /// The flag or cure, 64 hexadecimal digits.
    #[arg(value_name = "STATEMENT")]
    statement: StatementId,
    /// Why.
    #[arg(long, ignore_case = true, value_parser = term::<WithdrawCause>())]
    cause: WithdrawCause,
    #[command(flatten)]
    person: OptionalPersonArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl Withdraw {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (by, why) = self.person.into_fields();
        let request = |idempotency_key| v1::WithdrawRequest {
            statement: self.statement.as_bytes().to_vec(),
            cause: wire(self.cause),
            idempotency_key,
            by,
            why,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).withdraw(request).await
            })
            .await
    }
}
