//! Members that meet: both learn who the other is, keys are renewed, doors are closed.

use std::error::Error as _;
use std::future::pending;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_stream::StreamExt as _;

use super::*;

#[tokio::test]
async fn two_members_learn_who_the_other_is() {
    let acme = credentials("acme");
    let bolt = credentials("bolt");
    let mut house = House::of(acme.clone()).await;

    let dialled = house.dial("acme", bolt.clone()).await.expect("bolt gets in");
    check(&dialled.channel).await.expect("bolt is served");
    let caller = soon(house.callers.recv()).await.expect("the house stands");

    let expected = |credentials: &Credentials| {
        judge(credentials.current().certificate_der(), house.roster.as_ref(), noon())
    };
    assert_eq!(Ok(dialled.peer), expected(&acme));
    assert_eq!(Ok(caller), expected(&bolt));
    assert_eq!((dialled.peer.member(), caller.feed()), (member("acme"), feed("bolt", 1)));
}

#[tokio::test]
async fn a_renewed_key_shows_in_the_next_handshake() {
    let acme = credentials("acme");
    let house = House::of(acme.clone()).await;
    let bolt = credentials("bolt");

    let before = house.dial("acme", bolt.clone()).await.expect("bolt gets in").peer;
    acme.renew(identity(binding("acme"), &key("acme")));
    let after = house.dial("acme", bolt).await.expect("bolt gets in again").peer;

    assert_eq!(before.binding, after.binding);
    assert_ne!(before.transport_key, after.transport_key);
}

#[tokio::test]
async fn who_leaves_the_roster_does_not_come_in_again() {
    let mut house = House::open().await;
    let coin = credentials("coin");
    let dialled = house.dial("acme", coin.clone()).await.expect("coin gets in");
    check(&dialled.channel).await.expect("coin is served");
    assert!(soon(house.callers.recv()).await.is_some());

    house.roster.remove("coin");
    let refused = house.dial("acme", coin).await.expect_err("coin left");
    assert_eq!(refused.code(), "REFUSED_BY_PEER");
    assert_eq!(house.next_refusal().await, "STRANGER");
    house.serves_bolt().await;
}

#[tokio::test]
async fn a_closed_door_ends_the_stream_and_frees_the_port() {
    let house = House::open().await;
    house.shutdown.send(()).expect("the house listens");
    soon(house.served).await.expect("no panic").expect("no error");

    let roster = Members::of(&["acme", "bolt"]);
    let address = house.address.to_string();
    let gone = soon(dial(&address, member("acme"), credentials("bolt"), roster, clock())).await;
    assert_eq!(gone.expect_err("nobody is there").code(), "UNREACHABLE");
}

/// The first frame of an HTTP/2 server.
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn a_channel_is_one_connection() {
    let roster = Members::of(&["acme", "bolt"]);
    let (refused, _keep) = mpsc::channel(1);
    let (address, mut incoming) = listen(
        "127.0.0.1:0",
        credentials("acme"),
        roster.clone(),
        clock(),
        Refusals::new(refused),
        pending(),
    )
    .await
    .expect("a free port");
    let address = address.to_string();
    let accepting = async {
        let mut connection = incoming.next().await.expect("the door is open").expect("bolt");
        connection.write_all(&EMPTY_SETTINGS).await.expect("bolt listens");
        connection.flush().await.expect("bolt listens");
        connection
    };
    let dialling = dial(&address, member("acme"), credentials("bolt"), roster, clock());
    let (connection, dialled) = soon(async { tokio::join!(accepting, dialling) }).await;
    let channel = dialled.expect("bolt gets in").channel;
    drop(connection);

    for _ in 0..10 {
        let status = check(&channel).await.expect_err("the connection has ended");
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
        let causes = std::iter::successors(status.source(), |&cause| cause.source());
        if causes.filter_map(|cause| cause.downcast_ref()).any(|it| matches!(it, DialError::Over)) {
            return;
        }
    }
    panic!("the channel does not say that its connection has ended");
}

#[tokio::test]
async fn silent_connections_do_not_stand_in_the_way() {
    let mut house = House::open().await;
    let mut silent = Vec::new();
    for _ in 0..MAX_HANDSHAKES - 1 {
        silent.push(TcpStream::connect(house.address).await.expect("accepted"));
    }
    house.serves_bolt().await;

    silent.clear();
    for _ in 0..MAX_HANDSHAKES - 1 {
        assert_eq!(house.next_refusal().await, "BROKEN_HANDSHAKE");
    }
    house.serves_bolt().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_a_deadline() {
    let mut house = House::open().await;
    let silent = TcpStream::connect(house.address).await.expect("accepted");
    assert_eq!(house.next_refusal().await, "HANDSHAKE_TIMED_OUT");
    drop(silent);
}

#[tokio::test]
async fn what_is_no_address_is_not_dialled() {
    for address in ["", "acme", "acme:", "acme:70000", "acme:1/x", "acme :1", "http://acme:1"] {
        let roster = Members::of(&["acme", "bolt"]);
        let err = dial(address, member("acme"), credentials("bolt"), roster, clock()).await;
        assert_eq!(err.expect_err(address).code(), "BAD_ADDRESS", "{address:?}");
    }
}
