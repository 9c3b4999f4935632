//! The TLS settings of both ends, and the verifiers that ask [`judge`] in a handshake.

use std::fmt;
use std::sync::Arc;

use interlock_record::MemberId;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerMisbehaved, ServerConfig, SignatureScheme,
};

use super::handshake::{HandshakeError, carry};
use super::identity::Credentials;
use super::judge::{PeerIdentity, PeerRefused, judge, public_key_of};
use super::{Now, Roster};

/// HTTP/2, the only protocol spoken.
const ALPN: &[u8] = b"h2";

/// By what a node judges its peers.
#[derive(Clone)]
pub(super) struct Judge {
    roster: Arc<dyn Roster>,
    now: Now,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Judge {
    pub(super) fn new(roster: Arc<dyn Roster>, now: Now) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self { roster, now, algorithms }
    }

    fn judge(&self, certificate: &CertificateDer<'_>) -> Result<PeerIdentity, PeerRefused> {
        judge(certificate, self.roster.as_ref(), (self.now)())
    }

    /// Who the peer of a finished handshake is; also checks that it speaks HTTP/2.
    pub(super) fn peer_of(
        &self,
        connection: &rustls::CommonState,
    ) -> Result<PeerIdentity, HandshakeError> {
        if connection.alpn_protocol() != Some(ALPN) {
            return Err(HandshakeError::Tls(Error::NoApplicationProtocol));
        }
        let certificate = connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .ok_or(PeerRefused::NoCertificate)?;
        Ok(self.judge(certificate)?)
    }

    /// That the peer holds the key of its certificate: the very bytes that its binding is about.
    fn possession(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(public_key_of(certificate).map_err(carry)?);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms).map_err(
            |err| match err {
                Error::InvalidCertificate(CertificateError::BadSignature) => {
                    carry(PeerRefused::KeyNotHeld)
                }
                err => err,
            },
        )
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

/// TLS 1.2 is not offered, so nobody can have signed with it.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
}

/// The server's view: any member of the roster may come in.
#[derive(Debug)]
struct AnyMember(Judge);

impl ClientCertVerifier for AnyMember {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.judge(certificate).map_err(carry)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.possession(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms.supported_schemes()
    }
}

/// The client's view: the member that was dialled, at whichever of its feeds.
#[derive(Debug)]
struct OneMember {
    judge: Judge,
    member: MemberId,
}

impl ServerCertVerifier for OneMember {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let peer = self.judge.judge(certificate).map_err(carry)?;
        if peer.member() != self.member {
            let (dialled, answered) = (self.member, peer.feed());
            return Err(carry(PeerRefused::WrongMember { dialled, answered }));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.possession(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server that asks every client for a certificate and judges each anew.
pub(super) fn server_config(credentials: Arc<Credentials>, judge: Judge) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring has cipher suites for TLS 1.3")
        .with_client_cert_verifier(Arc::new(AnyMember(judge)))
        .with_cert_resolver(credentials);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

/// A client that shows its certificate and takes only `member` for an answer.
pub(super) fn client_config(
    credentials: Arc<Credentials>,
    judge: Judge,
    member: MemberId,
) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring has cipher suites for TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OneMember { judge, member }))
        .with_client_cert_resolver(credentials);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config
}
