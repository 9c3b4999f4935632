//! `interlock release`.

use clap::Args;
use interlock_record::FeedId;
use interlock_wire::v1;

use crate::client::{WriteArgs, governance};
use crate::exit::Exit;
use crate::output::Output;
use crate::term;

/// Say that a record which the breaker holds may count. It does once enough groups have said so.
///
/// Look first whether the burst is real: `interlock held` lists what is held, and whose it is. A member
/// cannot release its own group's records; its own mistakes it takes back with `flag recall`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock release acme/1 4711")]
pub(crate) struct Release {
    /// Whose feed, and which: MEMBER/FEED.
    #[arg(value_name = "FEED", value_parser = term::feed)]
    feed: FeedId,
    /// The record's sequence number.
    #[arg(value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..))]
    sequence: u64,
    #[command(flatten)]
    write: WriteArgs,
}

impl Release {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let request = |idempotency_key| v1::ReleaseRequest {
            member: self.feed.member.to_string(),
            feed: self.feed.number.0,
            sequence: self.sequence,
            idempotency_key,
        };
        self.write
            .publish(output, request, |channel, request| async move {
                governance(channel).release(request).await
            })
            .await
    }
}
