//! A small consortium on loopback sockets, for the tests beside this file.

mod judging;
mod meeting;
mod refusing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use interlock_record::{
    ConsortiumId, FeedId, FeedNumber, MemberId, PublicKey, SigningKey, Span, Time,
};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::binding::{SignedBinding, transport_key_digest};
use super::certificate::{self, Label};
use super::*;

const HOME: ConsortiumId = ConsortiumId([1; 32]);
const ELSEWHERE: ConsortiumId = ConsortiumId([2; 32]);

fn noon() -> Time {
    "2026-01-01T12:00:00Z".parse().expect("a time")
}

fn clock() -> Now {
    Arc::new(noon)
}

fn member(name: &str) -> MemberId {
    name.parse().expect("a member id")
}

fn feed(name: &str, number: u32) -> FeedId {
    FeedId { member: member(name), number: FeedNumber(number) }
}

/// The key of the first feed of `acme`, `bolt` or anybody else.
fn key(name: &str) -> SigningKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_seed(seed)
}

/// What a member signs on a normal day.
fn binding(name: &str) -> Binding {
    Binding {
        consortium: HOME,
        feed: feed(name, 1),
        not_before: noon().minus(Span::from_days(1)),
        not_after: noon().plus(Span::from_days(1)),
    }
}

fn identity(binding: Binding, key: &SigningKey) -> TransportIdentity {
    TransportIdentity::generate(binding, key).expect("an identity")
}

fn credentials(name: &str) -> Arc<Credentials> {
    shown(identity(binding(name), &key(name)))
}

fn shown(identity: TransportIdentity) -> Arc<Credentials> {
    Arc::new(Credentials::new(identity))
}

fn transport_keys() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).expect("a key pair")
}

/// `named`'s signed binding in a certificate of `written_for`, shown by who holds `held`.
fn forged(named: &KeyPair, written_for: &KeyPair, held: &KeyPair) -> TransportIdentity {
    let binding = binding("acme");
    let transport_key = transport_key_digest(&named.subject_public_key_info());
    let signed =
        SignedBinding::sign(binding, transport_key, &key("acme")).expect("it signs").encode();
    let Binding { feed, not_before, not_after, .. } = binding;
    let label = Label { feed, not_before, not_after };
    let certificate = certificate::write(written_for, &label, &signed).expect("a certificate");
    TransportIdentity::assemble(binding, held, certificate).expect("an identity")
}

/// A roster of members with one feed each, which can be changed.
struct Members(Mutex<BTreeMap<FeedId, PublicKey>>);

impl Members {
    fn of(names: &[&str]) -> Arc<Self> {
        let feeds = names.iter().map(|name| (feed(name, 1), key(name).public()));
        Arc::new(Self(Mutex::new(feeds.collect())))
    }

    fn remove(&self, name: &str) {
        self.0.lock().expect("not poisoned").remove(&feed(name, 1));
    }
}

impl Roster for Members {
    fn consortium(&self) -> ConsortiumId {
        HOME
    }

    fn key(&self, feed: FeedId) -> Option<PublicKey> {
        self.0.lock().expect("not poisoned").get(&feed).copied()
    }
}

/// A server with a health service, which tells who called it.
struct House {
    address: SocketAddr,
    roster: Arc<Members>,
    callers: mpsc::Receiver<PeerIdentity>,
    refused: mpsc::Receiver<Refused>,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl House {
    /// The house of `acme`, in a consortium of `acme`, `bolt` and `coin`.
    async fn open() -> Self {
        Self::of(credentials("acme")).await
    }

    async fn of(credentials: Arc<Credentials>) -> Self {
        let roster = Members::of(&["acme", "bolt", "coin"]);
        let (refused_tx, refused) = mpsc::channel(512);
        let (shutdown, down) = oneshot::channel::<()>();
        let (address, incoming) = listen(
            "127.0.0.1:0",
            credentials,
            roster.clone(),
            clock(),
            Refusals::new(refused_tx),
            async { drop(down.await) },
        )
        .await
        .expect("a free port");

        let (callers_tx, callers) = mpsc::channel(16);
        let (_, health) = tonic_health::server::health_reporter();
        let tell = move |request: tonic::Request<()>| {
            let peer = *request.extensions().get::<PeerIdentity>().expect("every caller is known");
            callers_tx.try_send(peer).expect("few callers");
            Ok(request)
        };
        let router = tune(Server::builder()).add_service(InterceptedService::new(health, tell));
        let served = tokio::spawn(router.serve_with_incoming(incoming));
        Self { address, roster, callers, refused, shutdown, served }
    }

    async fn dial(
        &self,
        expected: &str,
        credentials: Arc<Credentials>,
    ) -> Result<Dialled, DialError> {
        let (address, roster) = (self.address.to_string(), self.roster.clone());
        soon(dial(&address, member(expected), credentials, roster, clock())).await
    }

    /// The code of the next refusal.
    async fn next_refusal(&mut self) -> &'static str {
        soon(self.refused.recv()).await.expect("the house stands").code()
    }

    /// A good peer gets in, and nobody else was refused meanwhile.
    async fn serves_bolt(&mut self) {
        let bolt = credentials("bolt");
        let dialled = self.dial("acme", bolt.clone()).await.expect("bolt gets in");
        check(&dialled.channel).await.expect("bolt is served");
        let caller = soon(self.callers.recv()).await.expect("the house stands");
        assert_eq!(caller.binding, bolt.current().binding());
        assert!(self.refused.try_recv().is_err());
    }
}

async fn check(channel: &Channel) -> Result<(), tonic::Status> {
    let request = HealthCheckRequest::default();
    soon(HealthClient::new(channel.clone()).check(request)).await.map(drop)
}

/// So that a test that waits in vain says so.
async fn soon<T>(it: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), it).await.expect("it comes within 30 s")
}
