//! `interlock lift`.

use clap::{Args, ValueEnum};
use interlock_wire::v1;

use crate::client::{ActArgs, ActFields, review};
use crate::exit::Exit;
use crate::output::Output;

/// End an exemption, override, confirmation or refusal before its time.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock lift exemption --phone 13800138000 --by li.na --why 'case C-2041 is closed'")]
pub(crate) struct Lift {
    /// What to lift; of confirmations, all of the borrower's.
    kind: Kind,
    #[command(flatten)]
    act: ActArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Exemption,
    Override,
    Confirmation,
    Refusal,
}

impl Lift {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let kind = match self.kind {
            Kind::Exemption => v1::ActKind::Exemption,
            Kind::Override => v1::ActKind::Override,
            Kind::Confirmation => v1::ActKind::Confirmation,
            Kind::Refusal => v1::ActKind::Refusal,
        };
        let request = |fields| {
            let ActFields { subject, by, why, idempotency_key } = fields;
            v1::LiftRequest { subject, kind: kind.into(), by, why, idempotency_key }
        };
        let rpc = |channel, request| async move { review(channel).lift(request).await };
        self.act.act(output, request, rpc).await
    }
}
