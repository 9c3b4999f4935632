//! What a node shows to its peers: a transport key and its certificate, renewed while it runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use interlock_record::{Signer, SigningFailed};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::binding::{Binding, SignedBinding, transport_key_digest};
use super::certificate::{self, Label};

/// No transport identity could be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The binding ends before it begins.
    #[error("a binding from {} until {} never holds", .0.not_before, .0.not_after)]
    NeverValid(Binding),
    /// The feed's key did not sign it.
    #[error("the transport key could not be signed: {0}")]
    Signer(#[from] SigningFailed),
    /// The machine gave no randomness, or its key was not usable.
    #[error("no transport key could be made: {0}")]
    Key(String),
}

impl IdentityError {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NeverValid(_) => "BINDING_NEVER_VALID",
            Self::Signer(_) => "SIGNER_FAILED",
            Self::Key(_) => "TRANSPORT_KEY_FAILED",
        }
    }
}

/// A transport key and the certificate that binds it to a feed. Only lives in memory: a node makes
/// one when it starts and another before the binding ends.
#[derive(Clone)]
pub struct TransportIdentity {
    binding: Binding,
    certified: Arc<CertifiedKey>,
}

impl TransportIdentity {
    /// Makes a new transport key and binds it to `binding.feed`, whose key `signer` has.
    ///
    /// # Errors
    /// When the binding never holds, no key can be made, or the signer fails.
    pub fn generate(binding: Binding, signer: &dyn Signer) -> Result<Self, IdentityError> {
        if binding.not_after <= binding.not_before {
            return Err(IdentityError::NeverValid(binding));
        }
        let failed = |err: rcgen::Error| IdentityError::Key(err.to_string());
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(failed)?;
        let transport_key = transport_key_digest(&key.subject_public_key_info());
        let signed = SignedBinding::sign(binding, transport_key, signer)?;
        let label = Label {
            feed: binding.feed,
            not_before: binding.not_before,
            not_after: binding.not_after,
        };
        let certificate = certificate::write(&key, &label, &signed.encode()).map_err(failed)?;
        Self::assemble(binding, &key, certificate)
    }

    pub(super) fn assemble(
        binding: Binding,
        key: &KeyPair,
        certificate: Vec<u8>,
    ) -> Result<Self, IdentityError> {
        let signer = any_eddsa_type(&PrivatePkcs8KeyDer::from(key.serialized_der()))
            .map_err(|err| IdentityError::Key(err.to_string()))?;
        let certified = CertifiedKey::new(vec![CertificateDer::from(certificate)], signer);
        Ok(Self { binding, certified: Arc::new(certified) })
    }

    /// What the certificate says.
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// The certificate, in DER.
    pub fn certificate_der(&self) -> &[u8] {
        self.certified.cert.first().map_or(&[], |certificate| certificate)
    }
}

impl fmt::Debug for TransportIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportIdentity").field("binding", &self.binding).finish_non_exhaustive()
    }
}

/// The identity that a node shows in its next handshake, as server or as client.
#[derive(Debug)]
pub struct Credentials {
    current: RwLock<TransportIdentity>,
}

impl Credentials {
    /// Shows `identity` from the start.
    pub const fn new(identity: TransportIdentity) -> Self {
        Self { current: RwLock::new(identity) }
    }

    /// Shows `identity` from the next handshake on; connections that stand are left alone.
    pub fn renew(&self, identity: TransportIdentity) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// The identity that is shown now.
    pub fn current(&self) -> TransportIdentity {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Credentials {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified)
    }
}

impl ResolvesClientCert for Credentials {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified)
    }

    fn has_certs(&self) -> bool {
        true
    }
}
