//! Those that are turned away, each with its code, and a door that goes on to serve the next.

use std::io::ErrorKind;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, HandshakeKind, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::tls::{Judge, client_config};
use super::*;

/// Identities that nobody may get in with, and what each is told.
fn impostors() -> Vec<(&'static str, TransportIdentity)> {
    let (day, noon) = (Span::from_days(1), noon());
    let own = transport_keys();
    let others = transport_keys();
    let bare = rcgen::CertificateParams::default().self_signed(&own).expect("a certificate");
    let bare = TransportIdentity::assemble(binding("acme"), &own, bare.der().to_vec());
    vec![
        ("STRANGER", identity(binding("mallory"), &key("mallory"))),
        ("STRANGER", identity(Binding { feed: feed("acme", 2), ..binding("acme") }, &key("acme"))),
        ("WRONG_CONSORTIUM", {
            identity(Binding { consortium: ELSEWHERE, ..binding("acme") }, &key("acme"))
        }),
        ("BAD_BINDING_SIGNATURE", identity(binding("acme"), &key("mallory"))),
        // acme's extension copied into a certificate of one's own.
        ("BAD_BINDING_SIGNATURE", forged(&others, &own, &own)),
        // acme's whole certificate.
        ("KEY_NOT_HELD", forged(&others, &others, &own)),
        ("BINDING_EXPIRED", identity(Binding { not_after: noon, ..binding("acme") }, &key("acme"))),
        ("BINDING_NOT_YET", {
            let (not_before, not_after) = (noon.plus(Span::from_millis(1)), noon.plus(day));
            identity(Binding { not_before, not_after, ..binding("acme") }, &key("acme"))
        }),
        ("NO_BINDING", bare.expect("an identity")),
        ("BAD_CERTIFICATE", {
            let noise = b"\x30\x03\x02\x01\x00".to_vec();
            TransportIdentity::assemble(binding("acme"), &own, noise).expect("an identity")
        }),
    ]
}

#[tokio::test]
async fn a_server_refuses_impostors() {
    let mut house = House::open().await;
    for (code, impostor) in impostors() {
        let err = house.dial("acme", shown(impostor)).await.expect_err(code);
        assert_eq!(err.code(), "REFUSED_BY_PEER", "{code}: {err}");
        assert_eq!(house.next_refusal().await, code);
        house.serves_bolt().await;
    }
}

#[tokio::test]
async fn a_client_refuses_impostors() {
    for (code, impostor) in impostors() {
        let mut house = House::of(shown(impostor)).await;
        let err = house.dial("acme", credentials("bolt")).await.expect_err(code);
        assert_eq!(err.code(), code, "{err}");
        assert_eq!(house.next_refusal().await, "REFUSED_BY_PEER");
    }
}

#[tokio::test]
async fn a_client_takes_only_the_member_it_dialled() {
    let mut house = House::open().await;
    let err = house.dial("coin", credentials("bolt")).await.expect_err("acme answers");
    assert_eq!(err.code(), "WRONG_MEMBER");
    assert_eq!(err.to_string(), "refused: coin was dialled, and acme/1 answered");
    assert_eq!(house.next_refusal().await, "REFUSED_BY_PEER");
    house.serves_bolt().await;
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Shakes hands as `config` says, and reads until the server ends it.
async fn intrude(address: SocketAddr, config: ClientConfig) {
    let tcp = TcpStream::connect(address).await.expect("accepted");
    let name = ServerName::try_from("anybody").expect("a name");
    if let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, tcp).await {
        assert!(stream.read_u8().await.is_err(), "the server sends nothing");
    }
}

#[tokio::test]
async fn a_server_refuses_clients_of_other_kinds() {
    let mut house = House::open().await;
    let config = || {
        let judge = Judge::new(house.roster.clone(), clock());
        client_config(credentials("bolt"), judge, member("acme"))
    };
    let mut nameless = config();
    nameless.client_auth_cert_resolver = Arc::new(NoCertificate);
    let mut http1 = config();
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut no_alpn = config();
    no_alpn.alpn_protocols.clear();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let old = ClientConfig::builder_with_provider(ring)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("ring has TLS 1.2")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();

    for (code, config) in [
        ("NO_CERTIFICATE", nameless),
        ("BAD_HANDSHAKE", http1),
        ("BAD_HANDSHAKE", no_alpn),
        ("BAD_HANDSHAKE", old),
    ] {
        soon(intrude(house.address, config)).await;
        assert_eq!(house.next_refusal().await, code);
        house.serves_bolt().await;
    }
}

#[tokio::test]
async fn no_session_is_resumed() {
    let house = House::open().await;
    let judge = Judge::new(house.roster.clone(), clock());
    let mut config = client_config(credentials("bolt"), judge, member("acme"));
    config.resumption = Resumption::in_memory_sessions(8);
    let connector = TlsConnector::from(Arc::new(config));
    for _ in 0..3 {
        let tcp = TcpStream::connect(house.address).await.expect("accepted");
        let name = ServerName::try_from("anybody").expect("a name");
        let mut stream = soon(connector.connect(name, tcp)).await.expect("bolt is a member");
        soon(stream.read_u8()).await.expect("bolt gets in");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn a_server_refuses_what_is_not_tls() {
    let mut house = House::open().await;
    let oversized = b"\x16\x03\x01\xff\xff\x01\xff\xff\xff".repeat(8_000);
    for (code, noise) in [
        ("BAD_HANDSHAKE", b"GET / HTTP/1.1\r\nHost: acme\r\n\r\n".to_vec()),
        ("BAD_HANDSHAKE", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("BAD_HANDSHAKE", oversized),
        ("BROKEN_HANDSHAKE", b"\x16\x03\x01".to_vec()),
        ("BROKEN_HANDSHAKE", Vec::new()),
    ] {
        let mut tcp = TcpStream::connect(house.address).await.expect("accepted");
        match tcp.write_all(&noise).await {
            Err(err) if err.kind() == ErrorKind::ConnectionReset => {}
            Err(err) if err.kind() == ErrorKind::BrokenPipe => {}
            written => written.expect("written"),
        }
        drop(tcp);
        assert_eq!(house.next_refusal().await, code);
        house.serves_bolt().await;
    }
}

#[tokio::test]
async fn refusals_that_nobody_takes_out_are_counted() {
    let roster = Members::of(&["acme"]);
    let (to, mut refused) = mpsc::channel(1);
    let refusals = Refusals::new(to);
    let (shutdown, down) = oneshot::channel::<()>();
    let (address, mut incoming) = listen(
        "127.0.0.1:0",
        credentials("acme"),
        roster.clone(),
        clock(),
        refusals.clone(),
        async { drop(down.await) },
    )
    .await
    .expect("a free port");
    let waiting = tokio::spawn(async move { tokio_stream::StreamExt::next(&mut incoming).await });

    let address = address.to_string();
    for _ in 0..3 {
        let mallory = shown(identity(binding("mallory"), &key("mallory")));
        let dialling = dial(&address, member("acme"), mallory, roster.clone(), clock());
        soon(dialling).await.expect_err("mallory is no member");
    }
    // The last refusal may still be on its way from the handshake to the door.
    while refusals.dropped() < 2 {
        tokio::task::yield_now().await;
    }
    shutdown.send(()).expect("the door is open");
    assert!(soon(waiting).await.expect("no panic").is_none());
    assert_eq!(refused.recv().await.map(|refused| refused.code()), Some("STRANGER"));
    assert!(refused.try_recv().is_err());
}
