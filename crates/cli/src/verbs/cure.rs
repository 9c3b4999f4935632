//! `interlock cure`.

use clap::Args;
use interlock_record::CureKind;
use interlock_wire::v1;

use crate::client::{SubjectArgs, WriteArgs, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{term, wire};

/// Say that something got better for a borrower; the policy says what that does to flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock cure --phone 13800138000 --kind REPAID")]
pub(crate) struct Cure {
    #[command(flatten)]
    subject: SubjectArgs,
    /// What got better.
    #[arg(long, ignore_case = true, value_parser = term::<CureKind>())]
    kind: CureKind,
    #[command(flatten)]
    write: WriteArgs,
}

impl Cure {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subject = self.subject.one()?.subject;
        let request = |idempotency_key| v1::RaiseCureRequest {
            subject: Some(subject),
            kind: wire(self.kind),
            idempotency_key,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).raise_cure(request).await
            })
            .await
    }
}
