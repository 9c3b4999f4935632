//! `interlock flag recall`.

use clap::{ArgGroup, Args};
use interlock_record::{Reason, Time, WithdrawCause};
use interlock_wire::v1;

use crate::client::{OptionalPersonArgs, WriteArgs, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{self, term, wire};
use crate::view::timestamp;

/// Withdraw every earlier flag of this member that all given selectors name, in one statement.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("selector").args(["from", "to", "rule_version", "reason"]).multiple(true).required(true)),
    after_help = "\
Example:
  interlock flag recall --rule-version fraud-7 --from 2026-03-01T00:00:00Z --cause SYSTEM_FAULT"
)]
pub(crate) struct Recall {
    /// Flags at or after this time.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    from: Option<Time>,
    /// Flags before this time.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    to: Option<Time>,
    /// Flags with this rule version.
    #[arg(long, value_name = "TEXT")]
    rule_version: Option<String>,
    /// Flags with this reason.
    #[arg(long, ignore_case = true, value_parser = term::<Reason>())]
    reason: Option<Reason>,
    /// Why.
    #[arg(long, ignore_case = true, value_parser = term::<WithdrawCause>())]
    cause: WithdrawCause,
    #[command(flatten)]
    person: OptionalPersonArgs,
    #[command(flatten)]
    write: WriteArgs,
}

impl Recall {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (by, why) = self.person.into_fields();
        let request = |idempotency_key| v1::RecallRequest {
            from: self.from.map(timestamp),
            to: self.to.map(timestamp),
            rule_version: self.rule_version.unwrap_or_default(),
            reason: self.reason.map_or(0, wire),
            cause: wire(self.cause),
            idempotency_key,
            by,
            why,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).recall(request).await
            })
            .await
    }
}
