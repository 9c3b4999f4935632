//! Tells the node which connections were refused, without ever waiting for it to listen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::handshake::HandshakeError;

/// A connection that somebody opened and that did not come to be.
#[derive(Debug)]
pub struct Refused {
    /// Where it came from.
    pub remote: SocketAddr,
    /// Why it failed.
    pub why: HandshakeError,
}

impl Refused {
    /// The reason's stable name for programs.
    pub const fn code(&self) -> &'static str {
        self.why.code()
    }
}

/// Where refusals are told. When nobody takes them out fast enough they are dropped and counted.
#[derive(Debug, Clone)]
pub struct Refusals {
    to: mpsc::Sender<Refused>,
    dropped: Arc<AtomicU64>,
}

impl Refusals {
    /// Tells refusals to the receiver of `to`.
    pub fn new(to: mpsc::Sender<Refused>) -> Self {
        Self { to, dropped: Arc::default() }
    }

    /// How many refusals were dropped, over all clones.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, refused: Refused) {
        if self.to.try_send(refused).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
