//! The other members: the door at which they come in, the dialling of each, and what is sent.
//!
//! A node pushes on the streams that it dialled and listens on those that it was dialled for. Bulk
//! repair goes over connections of its own.

pub mod budget;
mod charters;
mod cost;
mod door;
mod frames;
mod links;
mod outgoing;
pub mod porter;
mod pulls;

use std::sync::Arc;

use interlock_engine::charter::Charters;
use interlock_record::{ConsortiumId, FeedId, MemberId, PublicKey};
use interlock_store::Store;
use tokio::sync::watch;

pub use door::{Door, Gate};
pub use links::{Links, PeerOutbox};
pub use outgoing::dial_members;
pub use pulls::{Asked, pull_forever};

use crate::transport::{Credentials, Now, Roster};
use crate::writer::WriterHandle;

/// The largest frame between nodes, in bytes.
pub const MAX_FRAME_BYTES: usize = 256 * 1_024;
/// gRPC refuses larger messages before they are read.
pub const MAX_MESSAGE_BYTES: usize = 2 * MAX_FRAME_BYTES;
/// The largest charter version with its signatures, in bytes.
pub const MAX_CHARTER_MESSAGE_BYTES: usize = 2 * 1_024 * 1_024;
/// How many frames wait for a peer that reads slowly; more are dropped, and pulled later.
pub const MAX_WAITING_FRAMES: usize = 1_024;
/// The version of the protocol.
pub const PROTOCOL: u32 = 1;

/// What everything that speaks with other members needs.
#[derive(Clone)]
pub struct Context {
    /// Who this node is.
    pub me: MemberId,
    /// The charters, as they change.
    pub charters: CharterFeed,
    /// The consortium.
    pub consortium: ConsortiumId,
    /// What this node shows in a handshake.
    pub credentials: Arc<Credentials>,
    /// Who may come in.
    pub roster: Arc<dyn Roster>,
    /// The clock.
    pub now: Now,
    /// The writer.
    pub writer: WriterHandle,
    /// The store, for what peers pull.
    pub store: Store,
    /// The ways to the peers.
    pub links: Arc<Links>,
    /// Tells when the node shuts down.
    pub shutdown: watch::Receiver<bool>,
}

/// The charters of this moment, and word of when they change. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CharterFeed(watch::Receiver<Arc<Charters>>);

impl CharterFeed {
    /// Charters that change when something else is sent.
    pub const fn new(charters: watch::Receiver<Arc<Charters>>) -> Self {
        Self(charters)
    }

    /// The charters of this moment.
    pub fn now(&self) -> Arc<Charters> {
        self.0.borrow().clone()
    }

    /// Waits for others.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The writer is gone, and with it everything that could change.
            std::future::pending::<()>().await;
        }
    }
}

impl Roster for CharterFeed {
    fn consortium(&self) -> ConsortiumId {
        self.0.borrow().consortium()
    }

    /// A feed that has ended no longer connects.
    fn key(&self, feed: FeedId) -> Option<PublicKey> {
        let charters = self.0.borrow();
        charters.feed(feed).filter(|feed| feed.last.is_none()).map(|feed| feed.key)
    }
}
