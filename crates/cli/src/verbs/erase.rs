//! `interlock erase`.

use clap::Args;
use interlock_record::{EraseGround, StatementId};
use interlock_wire::v1;

use crate::client::{WriteArgs, governance};
use crate::exit::Exit;
use crate::output::Output;
use crate::term::{term, wire};

/// Ask that a flag, dispute, cure or receipt be as if it had never been, and its content destroyed.
///
/// Its issuer may ask once the charter's `min_keep` is over; before that, and for others' statements, a
/// quorum of groups has to ask. The content is destroyed at every node once that is final.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock erase 5d41...c592 --ground LAW")]
pub(crate) struct Erase {
    /// The statement, 64 hexadecimal digits.
    #[arg(value_name = "STATEMENT")]
    statement: StatementId,
    /// On what ground.
    #[arg(long, ignore_case = true, value_parser = term::<EraseGround>())]
    ground: EraseGround,
    #[command(flatten)]
    write: WriteArgs,
}

impl Erase {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let request = |idempotency_key| v1::EraseRequest {
            statement: self.statement.as_bytes().to_vec(),
            ground: wire(self.ground),
            idempotency_key,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                governance(channel).erase(request).await
            })
            .await
    }
}
