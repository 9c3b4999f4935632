//! How two nodes meet: mutual TLS in which a certificate is bound to a member's feed key.
//!
//! There is no certificate authority. A node makes a transport key and a self-signed certificate
//! that carries a [`Binding`]: the feed's own signature over who may use that transport key, and
//! from when until when. Both ends look at the other's certificate with the one function [`judge`],
//! against the [`Roster`] that the charter gives, so a transport key is renewed by signing again and
//! nothing else changes. Anything else in a certificate (names, dates, its self-signature) plays no
//! part.
//!
//! TLS is 1.3 only, without resumption (a resumed session would skip the judgement), and speaks
//! HTTP/2. Who a peer is gets decided here; what a peer may say does not.

mod binding;
mod certificate;
mod dial;
mod handshake;
mod http2;
mod identity;
mod judge;
mod listen;
mod refusals;
mod tls;

use std::sync::Arc;

use interlock_record::{ConsortiumId, FeedId, PublicKey, Time};

pub use binding::{BINDING_OID, Binding};
pub use dial::{CONNECT_TIMEOUT, DialError, Dialled, dial};
pub use handshake::HandshakeError;
pub use http2::{
    CONNECTION_WINDOW, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_HEADER_LIST, MAX_STREAMS,
    STREAM_WINDOW, tune,
};
pub use identity::{Credentials, IdentityError, TransportIdentity};
pub use judge::{PeerIdentity, PeerRefused, judge};
pub use listen::{
    ACCEPT_PAUSE, HANDSHAKE_TIMEOUT, Incoming, MAX_HANDSHAKES, PeerConnection, listen,
};
pub use refusals::{Refusals, Refused};

/// Who belongs to the consortium at this moment.
pub trait Roster: Send + Sync {
    /// The consortium that this node belongs to.
    fn consortium(&self) -> ConsortiumId;

    /// The key of a feed whose node may connect, or nothing if there is no such feed (any more).
    fn key(&self, feed: FeedId) -> Option<PublicKey>;
}

/// What the time is. A binding holds at an instant, and nobody here reads a clock of their own.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

#[cfg(test)]
mod tests;
