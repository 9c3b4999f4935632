//! The door: accepts connections, lets their handshakes run side by side, and hands out those whose
//! peer is a member.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::handshake::HandshakeError;
use super::identity::Credentials;
use super::judge::PeerIdentity;
use super::refusals::{Refusals, Refused};
use super::tls::{Judge, server_config};
use super::{Now, Roster};

/// How many handshakes run at once. Further connections wait in the kernel's queue.
pub const MAX_HANDSHAKES: usize = 256;
/// How long a handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long nothing is accepted after the system refused to (too many open files, say).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Opens the door at `addr` and tells at which address it stands.
///
/// Everything happens while the returned stream is polled; dropping it closes the door and breaks
/// off the handshakes. The stream ends once `shutdown` is done. Its errors are those of accepting
/// (it goes on after them); refused peers go to `refusals`.
///
/// # Errors
/// When the address cannot be listened at.
pub async fn listen(
    addr: impl ToSocketAddrs,
    credentials: Arc<Credentials>,
    roster: Arc<dyn Roster>,
    now: Now,
    refusals: Refusals,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<(SocketAddr, Incoming)> {
    let listener = TcpListener::bind(addr).await?;
    let local = listener.local_addr()?;
    let judge = Judge::new(roster, now);
    let acceptor = TlsAcceptor::from(Arc::new(server_config(credentials, judge.clone())));
    let door = Door { listener, acceptor, judge, handshakes: JoinSet::new(), pause: None };
    Ok((local, Incoming { door: Some(door), refusals, shutdown: Box::pin(shutdown) }))
}

/// The connections that came in and whose peer is a member.
pub struct Incoming {
    door: Option<Door>,
    refusals: Refusals,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// What an open door consists of; dropped to close it.
struct Door {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    judge: Judge,
    handshakes: JoinSet<Result<PeerConnection, Refused>>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Stream for Incoming {
    type Item = io::Result<PeerConnection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(door) = &mut this.door else { return Poll::Ready(None) };
        if this.shutdown.as_mut().poll(cx).is_ready() {
            this.door = None;
            return Poll::Ready(None);
        }
        loop {
            match door.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Ok(connection)))) => return Poll::Ready(Some(Ok(connection))),
                Poll::Ready(Some(Ok(Err(refused)))) => {
                    this.refusals.tell(refused);
                    continue;
                }
                Poll::Ready(Some(Err(err))) => {
                    return Poll::Ready(Some(Err(io::Error::other(err))));
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if door.handshakes.len() >= MAX_HANDSHAKES {
                return Poll::Pending;
            }
            if let Err(err) = ready!(door.poll_accept(cx)) {
                return Poll::Ready(Some(Err(err)));
            }
        }
    }
}

impl Door {
    /// Accepts one connection and begins its handshake.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        match ready!(self.listener.poll_accept(cx)) {
            Ok((tcp, remote)) => {
                let (acceptor, judge) = (self.acceptor.clone(), self.judge.clone());
                self.handshakes.spawn(async move {
                    let handshake = shake_hands(tcp, remote, acceptor, judge);
                    match timeout(HANDSHAKE_TIMEOUT, handshake).await {
                        Ok(Ok(connection)) => Ok(connection),
                        Ok(Err(why)) => Err(Refused { remote, why }),
                        Err(_) => Err(Refused { remote, why: HandshakeError::TimedOut }),
                    }
                });
                Poll::Ready(Ok(()))
            }
            // The connection broke while it waited; the listener is well.
            Err(err) if is_of_the_connection(&err) => Poll::Ready(Ok(())),
            Err(err) => {
                self.pause = Some(Box::pin(sleep(ACCEPT_PAUSE)));
                Poll::Ready(Err(err))
            }
        }
    }
}

fn is_of_the_connection(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

async fn shake_hands(
    tcp: TcpStream,
    remote: SocketAddr,
    acceptor: TlsAcceptor,
    judge: Judge,
) -> Result<PeerConnection, HandshakeError> {
    tcp.set_nodelay(true)?;
    let stream = acceptor.accept(tcp).await?;
    let peer = judge.peer_of(stream.get_ref().1)?;
    Ok(PeerConnection { stream, peer, remote, kept: None })
}

/// A connection from a member. Services find its [`PeerIdentity`] in a request's extensions.
#[derive(Debug)]
pub struct PeerConnection {
    stream: TlsStream<TcpStream>,
    peer: PeerIdentity,
    remote: SocketAddr,
    /// What goes when the connection does.
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl PeerConnection {
    /// Who is at the other end.
    pub const fn peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// Keeps something for as long as the connection lives.
    pub fn keep(&mut self, what: Arc<dyn Any + Send + Sync>) {
        self.kept = Some(what);
    }

    /// Where the connection comes from.
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }
}

impl Connected for PeerConnection {
    type ConnectInfo = PeerIdentity;

    fn connect_info(&self) -> PeerIdentity {
        self.peer
    }
}

impl AsyncRead for PeerConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
