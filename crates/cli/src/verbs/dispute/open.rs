//! `interlock dispute open`.

use clap::Args;
use interlock_record::StatementId;
use interlock_wire::v1;

use crate::client::{OptionalPersonArgs, WriteArgs, platform};
use crate::exit::Exit;
use crate::output::Output;

/// Object to another member's flag on a borrower's behalf. It holds at every member at once; the
/// issuer has until the policy's deadline to answer, else the flag lapses.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock dispute open 5d41...c592     (interlock explain shows the ids of flags)")]
pub(crate) struct Open {
    /// The flag, 64 hexadecimal digits.
    #[arg(value_name = "FLAG")]
    flag: StatementId,
    #[command(flatten)]
    person: OptionalPersonArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl Open {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (by, why) = self.person.into_fields();
        let request = |idempotency_key| v1::OpenDisputeRequest {
            flag: self.flag.as_bytes().to_vec(),
            idempotency_key,
            by,
            why,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).open_dispute(request).await
            })
            .await
    }
}
