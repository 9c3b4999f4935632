//! The way out: one connection to one member, judged by both ends before anybody gets to use it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use interlock_record::MemberId;
use rustls::pki_types::ServerName;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::handshake::HandshakeError;
use super::http2::tune_endpoint;
use super::identity::Credentials;
use super::judge::PeerIdentity;
use super::listen::HANDSHAKE_TIMEOUT;
use super::tls::{Judge, client_config};
use super::{Now, Roster};

/// How long TCP may take to a member's address, look-up of the name included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS wants the name of a server. Nobody sends or reads this one: the binding says who it is.
const NO_NAME: &str = "member.invalid";

/// Why a member could not be reached. Nothing has been said to it.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is none: a bug of the caller's, or of the charter's author.
    #[error("expected an address like node.example:7400 or [2001:db8::1]:7400, got {0:?}")]
    BadAddress(String),
    /// No TCP connection.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// The address dialled.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody answered, but one of the two ends did not want the other.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The peer is who it should be, but does not speak HTTP/2.
    #[error("no HTTP/2 with the peer: {0}")]
    Http2(#[source] tonic::transport::Error),
    /// The connection of this channel has ended; the member must be dialled again.
    #[error("the connection has ended")]
    Over,
}

impl DialError {
    /// The error's stable name for programs; for a refused peer, the refusal's.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadAddress(_) => "BAD_ADDRESS",
            Self::Unreachable { .. } => "UNREACHABLE",
            Self::Handshake(err) => err.code(),
            Self::Http2(_) => "BAD_HTTP2",
            Self::Over => "CONNECTION_OVER",
        }
    }
}

/// A connection to a member.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// To make clients from. It is this one connection: once that has ended every call fails, and
    /// it never dials again by itself.
    pub channel: Channel,
    /// Who answered.
    pub peer: PeerIdentity,
}

/// Connects to `member` at `address` (host and port).
///
/// Returns once the member has let us in: its first bytes of HTTP/2 come only after it has judged
/// our certificate.
///
/// # Errors
/// When the member cannot be reached, is not who answers, or does not let us in.
pub async fn dial(
    address: &str,
    member: MemberId,
    credentials: Arc<Credentials>,
    roster: Arc<dyn Roster>,
    now: Now,
) -> Result<Dialled, DialError> {
    let bad_address = || DialError::BadAddress(address.to_owned());
    let uri: Uri = format!("http://{address}").parse().map_err(|_| bad_address())?;
    if uri.port_u16().is_none() || uri.authority().is_none_or(|it| it.as_str() != address) {
        return Err(bad_address());
    }

    let tcp = timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| DialError::Unreachable { address: address.to_owned(), source })?;
    let judge = Judge::new(roster, now);
    let connector = TlsConnector::from(Arc::new(client_config(credentials, judge.clone(), member)));
    // Boxed, here and below: the state is large and would be part of every caller's future.
    let handshake = Box::pin(shake_hands(tcp, connector, judge));
    let (stream, peer) =
        timeout(HANDSHAKE_TIMEOUT, handshake).await.map_err(|_| HandshakeError::TimedOut)??;

    let once = Mutex::new(Some(TokioIo::new(stream)));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(stream.ok_or(DialError::Over))
    });
    let endpoint = tune_endpoint(Endpoint::from(uri));
    let channel =
        Box::pin(endpoint.connect_with_connector(connector)).await.map_err(DialError::Http2)?;
    Ok(Dialled { channel, peer })
}

async fn shake_hands(
    tcp: TcpStream,
    connector: TlsConnector,
    judge: Judge,
) -> Result<(TlsStream<TcpStream>, PeerIdentity), HandshakeError> {
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(NO_NAME).expect("it is a host name");
    let mut stream = connector.connect(name, tcp).await?;
    let peer = judge.peer_of(stream.get_ref().1)?;
    // A client of TLS 1.3 is done before the server has looked at its certificate.
    if stream.fill_buf().await?.is_empty() {
        return Err(HandshakeError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok((stream, peer))
}
