//! `interlock receipt`.

use clap::Args;
use interlock_record::{Measure, StatementId};
use interlock_wire::v1;

use crate::client::{SubjectArgs, WriteArgs, id_bytes, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{term, wire};

/// Say what this member really did about a borrower, and on what ground.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock receipt --phone 13800138000 --measure FREEZE --caused-by 5d41...c592")]
pub(crate) struct Receipt {
    #[command(flatten)]
    subject: SubjectArgs,
    /// What was done.
    #[arg(long, ignore_case = true, value_parser = term::<Measure>())]
    measure: Measure,
    /// A flag on whose ground it was done; may be repeated. Then it counts while one is live.
    #[arg(long, value_name = "FLAG")]
    caused_by: Vec<StatementId>,
    #[command(flatten)]
    write: WriteArgs,
}

impl Receipt {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subject = self.subject.one()?.subject;
        let request = |idempotency_key| v1::ReportReceiptRequest {
            subject: Some(subject),
            measure: wire(self.measure),
            caused_by: id_bytes(&self.caused_by),
            idempotency_key,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                platform(channel).report_receipt(request).await
            })
            .await
    }
}
