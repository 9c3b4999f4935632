//! The other members: the door at which they come in, the dialling of each, and what is sent.
//!
//! A node pushes on the streams that it dialled and listens on those that it was dialled for. Bulk
//! repair goes over connections of its own.

pub mod budget;
mod cost;
mod door;
mod frames;
mod links;
mod outgoing;
pub mod porter;
mod pulls;

use std::sync::Arc;

use interlock_engine::charter::Charter;
use interlock_record::{ConsortiumId, FeedId, MemberId, PublicKey};
use interlock_store::Store;
use tokio::sync::watch;

pub use door::{Door, Gate};
pub use links::{Links, PeerOutbox};
pub use outgoing::dial_forever;
pub use pulls::pull_forever;

use crate::transport::{Credentials, Now, Roster};
use crate::writer::WriterHandle;

/// The largest frame between nodes, in bytes.
pub const MAX_FRAME_BYTES: usize = 256 * 1_024;
/// gRPC refuses larger messages before they are read.
pub const MAX_MESSAGE_BYTES: usize = 2 * MAX_FRAME_BYTES;
/// How many frames wait for a peer that reads slowly; more are dropped, and pulled later.
pub const MAX_WAITING_FRAMES: usize = 1_024;
/// The version of the protocol.
pub const PROTOCOL: u32 = 1;

/// What everything that speaks with other members needs.
#[derive(Clone)]
pub struct Context {
    /// Who this node is.
    pub me: MemberId,
    /// The charter.
    pub charter: Arc<Charter>,
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

/// The charter as the roster of a transport.
#[derive(Debug)]
pub struct CharterRoster {
    charter: Arc<Charter>,
    consortium: ConsortiumId,
}

impl CharterRoster {
    /// The roster of a charter.
    pub fn new(charter: Arc<Charter>) -> Self {
        let consortium = charter.consortium();
        Self { charter, consortium }
    }
}

impl Roster for CharterRoster {
    fn consortium(&self) -> ConsortiumId {
        self.consortium
    }

    fn key(&self, feed: FeedId) -> Option<PublicKey> {
        self.charter.feed(feed).map(|feed| feed.key)
    }
}
