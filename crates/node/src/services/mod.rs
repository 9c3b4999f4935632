//! The platform's API: convert, ask the writer or the store, convert back.

mod answers;
mod backup;
mod cursor;
mod flag_times;
mod governance;
mod operator;
mod others;
mod pages;
mod people;
mod platform;
mod proof;
mod requests;
mod review;
mod watch;

use std::sync::Arc;

use interlock_engine::ledger::LedgerFault;
use interlock_engine::local::LocalSettings;
use interlock_record::{FeedId, MemberId, Pepper, Time};
use interlock_store::{ContentKeys, Store};
use interlock_wire::refusal;
use interlock_wire::v1::{self, subject::By};
use tonic::{Code, Status};

use crate::clock::now;
use crate::peers::{CharterFeed, Links};
use crate::peppers::Peppers;
use crate::writer::{WriterGone, WriterHandle};

pub use cursor::{BadCursor, Cursor};

/// What the services need. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Who this node is.
    pub me: MemberId,
    /// The feed it signs in.
    pub feed: FeedId,
    /// The charters, as they change.
    pub charters: CharterFeed,
    /// The consortium's peppers.
    pub peppers: Arc<Peppers>,
    /// The store.
    pub store: Store,
    /// The content keys, for backups.
    pub content_keys: ContentKeys,
    /// The writer.
    pub writer: WriterHandle,
    /// The ways to the peers.
    pub links: Arc<Links>,
    /// The member's own settings.
    pub settings: Arc<LocalSettings>,
    /// Since when the node runs.
    pub started_at: Time,
    /// Tells when the node shuts down, so that endless answers end.
    pub shutdown: tokio::sync::watch::Receiver<bool>,
}

impl Services {
    /// The epoch in which tags are made now.
    fn epoch(&self) -> u32 {
        self.charters.now().at(now()).pepper_epoch
    }

    /// The pepper with which tags are made now. Where it is not here only identifiers are refused:
    /// subjects that are given as tags need none.
    fn pepper<'a>(
        &self,
        subjects: impl IntoIterator<Item = &'a v1::Subject>,
    ) -> Result<Option<&Pepper>, Status> {
        let epoch = self.epoch();
        let pepper = self.peppers.of(epoch);
        let by_identifier = |subject: &v1::Subject| matches!(subject.by, Some(By::Identifier(_)));
        if pepper.is_none() && subjects.into_iter().any(by_identifier) {
            return Err(refusal(
                Code::FailedPrecondition,
                "NO_PEPPER",
                format!("the pepper of epoch {epoch}, in force now, is not on this node"),
            ));
        }
        Ok(pepper)
    }
}

/// Runs what reads the disk off the tasks that serve others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerFault> + Send + 'static,
) -> Result<T, Status> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot read the store");
            Err(refusal(
                Code::Internal,
                "STORE_FAILED",
                "the store cannot be read, see the node's log",
            ))
        }
        Err(_) => Err(gone()),
    }
}

fn gone() -> Status {
    refusal(Code::Unavailable, "SHUTTING_DOWN", WriterGone)
}
