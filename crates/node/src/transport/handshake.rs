//! Why a handshake failed, read out of the errors of TLS, at either end.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, OtherError};

use super::judge::PeerRefused;

/// Why a connection did not come to be, once TCP stood.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// We refused the peer.
    #[error("refused: {0}")]
    Refused(#[from] PeerRefused),
    /// The peer refused us, or gave up. TLS says no more than this word; the peer's own log does.
    #[error("the peer ended the handshake with the alert {0:?}")]
    Alert(AlertDescription),
    /// What the peer said is not TLS 1.3 with HTTP/2 as we speak it.
    #[error("no TLS 1.3 handshake: {0}")]
    Tls(#[source] rustls::Error),
    /// The connection broke.
    #[error("the connection broke during the handshake: {0}")]
    Broken(#[source] io::Error),
    /// The peer took too long.
    #[error("the handshake took too long")]
    TimedOut,
}

impl HandshakeError {
    /// The error's stable name for programs; for a refused peer, the refusal's.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Alert(_) => "REFUSED_BY_PEER",
            Self::Tls(_) => "BAD_HANDSHAKE",
            Self::Broken(_) => "BROKEN_HANDSHAKE",
            Self::TimedOut => "HANDSHAKE_TIMED_OUT",
        }
    }
}

impl From<rustls::Error> for HandshakeError {
    fn from(err: rustls::Error) -> Self {
        match err {
            rustls::Error::NoCertificatesPresented => PeerRefused::NoCertificate.into(),
            rustls::Error::AlertReceived(alert) => Self::Alert(alert),
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(ref reason))) => {
                match reason.downcast_ref::<PeerRefused>() {
                    Some(refused) => refused.clone().into(),
                    None => Self::Tls(err),
                }
            }
            err => Self::Tls(err),
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(err: io::Error) -> Self {
        match err.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => tls.clone().into(),
            None => Self::Broken(err),
        }
    }
}

/// A refusal as TLS carries it from the verifier to the end of the handshake.
pub(super) fn carry(refused: PeerRefused) -> rustls::Error {
    let reason: Arc<dyn Error + Send + Sync> = Arc::new(refused);
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(reason)))
}
