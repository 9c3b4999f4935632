//! Who a certificate speaks for, or why it is refused. Both ends of a connection ask here.
//!
//! That the peer holds the certificate's key is not judged here but in the handshake (`tls`), over
//! the same bytes of the key.

use interlock_record::{ConsortiumId, Digest, FeedId, MemberId, Time};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::Roster;
use super::binding::{BINDING_OID_DER, Binding, SignedBinding, transport_key_digest};
use super::certificate::{OCTET_STRING, element};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerIdentity {
    /// What the peer's certificate says, signed by the feed's key.
    pub binding: Binding,
    /// The transport key that it showed: SHA-256 of its `SubjectPublicKeyInfo`.
    pub transport_key: Digest,
}

impl PeerIdentity {
    /// The member that the peer speaks for.
    pub const fn member(&self) -> MemberId {
        self.binding.feed.member
    }

    /// The feed whose node the peer is.
    pub const fn feed(&self) -> FeedId {
        self.binding.feed
    }
}

/// Why a peer is refused. Nothing has been read from it but its certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerRefused {
    /// It showed no certificate.
    #[error("the peer showed no certificate")]
    NoCertificate,
    /// Its certificate cannot be read.
    #[error("the peer's certificate cannot be read: {0}")]
    BadCertificate(&'static str),
    /// It showed a certificate whose key it does not hold.
    #[error("the peer does not hold the key of the certificate that it shows")]
    KeyNotHeld,
    /// Its certificate has no binding: some other TLS client or server.
    #[error("the peer's certificate is not bound to a member of any consortium")]
    NoBinding,
    /// It belongs to another consortium.
    #[error("the peer belongs to another consortium, {0}")]
    WrongConsortium(ConsortiumId),
    /// The roster has no such member or feed.
    #[error("the roster has no feed {0}")]
    Stranger(FeedId),
    /// The feed's key did not sign this binding for this transport key.
    #[error("the key of feed {0} did not sign the peer's transport key")]
    BadBindingSignature(FeedId),
    /// Its binding holds no more: its node must renew it, or one of the two clocks is wrong.
    #[error("the binding of {feed} ended at {not_after}, and it is {now} here")]
    BindingExpired {
        /// Whose binding it is.
        feed: FeedId,
        /// The first instant at which it holds no more.
        not_after: Time,
        /// The time at which it was judged.
        now: Time,
    },
    /// Its binding does not hold yet: one of the two clocks is wrong.
    #[error("the binding of {feed} begins at {not_before}, and it is {now} here")]
    BindingNotYet {
        /// Whose binding it is.
        feed: FeedId,
        /// The first instant at which it holds.
        not_before: Time,
        /// The time at which it was judged.
        now: Time,
    },
    /// Another member than the one dialled answered.
    #[error("{dialled} was dialled, and {answered} answered")]
    WrongMember {
        /// The member that was dialled.
        dialled: MemberId,
        /// The feed whose node answered.
        answered: FeedId,
    },
}

impl PeerRefused {
    /// The refusal's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate => "NO_CERTIFICATE",
            Self::BadCertificate(_) => "BAD_CERTIFICATE",
            Self::KeyNotHeld => "KEY_NOT_HELD",
            Self::NoBinding => "NO_BINDING",
            Self::WrongConsortium(_) => "WRONG_CONSORTIUM",
            Self::Stranger(_) => "STRANGER",
            Self::BadBindingSignature(_) => "BAD_BINDING_SIGNATURE",
            Self::BindingExpired { .. } => "BINDING_EXPIRED",
            Self::BindingNotYet { .. } => "BINDING_NOT_YET",
            Self::WrongMember { .. } => "WRONG_MEMBER",
        }
    }
}

/// Who the holder of this certificate's key is.
///
/// # Errors
/// When the certificate does not bind its key, now, to a feed of the roster.
pub fn judge(
    certificate_der: &[u8],
    roster: &dyn Roster,
    now: Time,
) -> Result<PeerIdentity, PeerRefused> {
    let certificate = read(certificate_der)?;
    let signed = binding_of(&certificate)?;
    let transport_key = transport_key_digest(certificate.public_key().raw);
    let binding = signed.binding;
    let feed = binding.feed;
    if binding.consortium != roster.consortium() {
        return Err(PeerRefused::WrongConsortium(binding.consortium));
    }
    let key = roster.key(feed).ok_or(PeerRefused::Stranger(feed))?;
    if !signed.is_signed_by(&key, transport_key) {
        return Err(PeerRefused::BadBindingSignature(feed));
    }
    if now < binding.not_before {
        return Err(PeerRefused::BindingNotYet { feed, not_before: binding.not_before, now });
    }
    if now >= binding.not_after {
        return Err(PeerRefused::BindingExpired { feed, not_after: binding.not_after, now });
    }
    Ok(PeerIdentity { binding, transport_key })
}

/// The bytes of the key that a certificate is of: those that a binding signs, and those with which
/// the handshake must be signed.
pub(super) fn public_key_of(certificate_der: &[u8]) -> Result<Vec<u8>, PeerRefused> {
    Ok(read(certificate_der)?.public_key().raw.to_vec())
}

fn read(certificate_der: &[u8]) -> Result<X509Certificate<'_>, PeerRefused> {
    match X509Certificate::from_der(certificate_der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(PeerRefused::BadCertificate("there are bytes after its end")),
        Err(_) => Err(PeerRefused::BadCertificate("it is not X.509 in DER")),
    }
}

fn binding_of(certificate: &X509Certificate<'_>) -> Result<SignedBinding, PeerRefused> {
    let mut bindings = certificate
        .extensions()
        .iter()
        .filter(|extension| extension.oid.as_bytes() == BINDING_OID_DER);
    let extension = bindings.next().ok_or(PeerRefused::NoBinding)?;
    if bindings.next().is_some() {
        return Err(PeerRefused::BadCertificate("it has two bindings"));
    }
    // The binding has one length, so the header of its octet string has one form too.
    let malformed = PeerRefused::BadCertificate("its binding does not decode");
    let signed = extension
        .value
        .get(3..)
        .and_then(SignedBinding::decode)
        .ok_or_else(|| malformed.clone())?;
    if element(OCTET_STRING, &[&signed.encode()]) != extension.value {
        return Err(malformed);
    }
    Ok(signed)
}
