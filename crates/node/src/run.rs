//! The node as a whole: what is started, in which order, and how it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interlock_engine::replica::{Opening, Replica, SEEN_EVERY};
use interlock_record::{ConsortiumId, FeedId, SigningKey, Span};
use interlock_store::Store;
use interlock_wire::v1::governance_server::GovernanceServer;
use interlock_wire::v1::operator_server::OperatorServer;
use interlock_wire::v1::platform_server::PlatformServer;
use interlock_wire::v1::proof_server::ProofServer;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::service::Routes;
use tonic::transport::Server;

use crate::clock::{now, random};
use crate::config::{ApiConfig, Materials};
use crate::peers::{CharterFeed, Context, Door, Links, PeerOutbox, dial_members, pull_forever};
use crate::retention::{RETENTION_EVERY, Retention};
use crate::services::Services;
use crate::transport::{self, Binding, Credentials, IdentityError, Refusals, TransportIdentity};
use crate::writer;

/// How long a transport key holds.
const TRANSPORT_KEY_LIFE: Span = Span::from_days(90);
/// After how long a running node makes a new one.
const TRANSPORT_KEY_RENEWAL: Duration = Duration::from_secs(30 * 86_400);
/// How far before the start a transport key holds already, for peers whose clock is behind.
const TRANSPORT_KEY_BEFORE: Span = Span::from_secs(3_600);
/// How long calls that are under way may take when the node ends.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// How many refusals wait to be counted.
const MAX_WAITING_REFUSALS: usize = 256;
/// How many pulls wait to be started.
const MAX_WAITING_PULLS: usize = 1_024;

/// Runs a node until `stop` is done. `ready` is called once everything listens.
///
/// # Errors
/// When the node cannot start, or its disk fails; says why and where.
pub async fn run(
    materials: Materials,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let Materials { config, first, later, feed, key, peppers } = materials;
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot make the directory {}", config.data.display()))?;
    let store = Store::open(&config.data, random()?)?;
    let consortium = ConsortiumId(first.id().0);
    store.bind(consortium)?;
    let started_at = now();
    let transport_keys = TransportKeys { consortium, feed, key: key.clone() };
    let credentials = Arc::new(Credentials::new(transport_keys.fresh()?));
    let replica = Replica::open(&store, Opening { first, later, feed, key })?;
    let charters = replica.charters().clone();
    peppers.check(&charters)?;
    let (writer, queue) = writer::channel(&replica);
    let links = Arc::new(Links::default());
    let (pulls, asked) = mpsc::channel(MAX_WAITING_PULLS);
    let (charters_tell, charters_told) = watch::channel(charters.clone());
    let destroyed = Arc::new(Notify::new());
    let outbox =
        PeerOutbox::new(links.clone(), writer.clone(), pulls, charters_tell, destroyed.clone());
    let (over, shutdown) = watch::channel(false);
    let charter_feed = CharterFeed::new(charters_told);

    let context = Context {
        me: feed.member,
        consortium,
        credentials: credentials.clone(),
        roster: Arc::new(charter_feed.clone()),
        now: Arc::new(now),
        writer: writer.clone(),
        store: store.clone(),
        links: links.clone(),
        charters: charter_feed.clone(),
        shutdown: shutdown.clone(),
    };
    let services = Services {
        me: feed.member,
        feed,
        charters: charter_feed,
        peppers: Arc::new(peppers),
        store: store.clone(),
        writer: writer.clone(),
        links,
        started_at,
        shutdown: shutdown.clone(),
    };
    let member = &charters.newest().members[&feed.member];
    let listen = config.listen.clone().unwrap_or_else(|| member.address.clone());

    let mut doors = JoinSet::new();
    open_api(&config.api, &services, &shutdown, &mut doors).await?;
    open_gate(&listen, &context, &shutdown, &mut doors).await?;
    let seen_every = config.seen_every.unwrap_or(SEEN_EVERY);
    let writer_thread = writer::spawn(replica, store, queue, Box::new(outbox), seen_every)?;
    let mut peers = JoinSet::new();
    peers.spawn(dial_members(context.clone()));
    let every = config.retention_every.map(|every| every.micros().unsigned_abs());
    let retention = Retention {
        feed,
        charters: context.charters.clone(),
        store: context.store.clone(),
        writer: writer.clone(),
        every: every.map_or(RETENTION_EVERY, Duration::from_micros),
    };
    peers.spawn(retention.keep(shutdown.clone()));
    peers.spawn(pull_forever(context, asked));
    peers.spawn(transport_keys.renew_forever(credentials, shutdown));
    tracing::info!(member = %feed.member, listen, %consortium, "ready");
    ready();

    // The writer ends by itself only when the disk fails; nothing can go on then.
    let (ended, writer_ended) = tokio::sync::oneshot::channel();
    let joiner = tokio::task::spawn_blocking(move || {
        let result = writer_thread.join();
        let _ = ended.send(());
        result
    });
    tokio::select! {
        () = stop => {}
        _ = writer_ended => {}
    }
    // In this order: doors, peers, writer; the store closes with its last holder.
    let _ = over.send(true);
    close(doors, "the doors").await;
    close(peers, "the ways to peers").await;
    writer.shutdown().await;
    if let Some(socket) = &config.api.socket {
        let _ = std::fs::remove_file(socket);
    }
    match joiner.await? {
        Ok(result) => result.context("the writer failed"),
        Err(_) => anyhow::bail!("the writer panicked"),
    }
}

/// Makes transport keys that the feed's key vouches for.
struct TransportKeys {
    consortium: ConsortiumId,
    feed: FeedId,
    key: SigningKey,
}

impl TransportKeys {
    fn fresh(&self) -> Result<TransportIdentity, IdentityError> {
        let at = now();
        let binding = Binding {
            consortium: self.consortium,
            feed: self.feed,
            not_before: at.minus(TRANSPORT_KEY_BEFORE),
            not_after: at.plus(TRANSPORT_KEY_LIFE),
        };
        TransportIdentity::generate(binding, &self.key)
    }

    /// Shows a new transport key from time to time; connections that stand are left alone.
    async fn renew_forever(self, credentials: Arc<Credentials>, shutdown: watch::Receiver<bool>) {
        let over = until(shutdown);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = tokio::time::sleep(TRANSPORT_KEY_RENEWAL) => {}
                () = &mut over => return,
            }
            match self.fresh() {
                Ok(identity) => credentials.renew(identity),
                // The old one holds for two months more: there will be another try.
                Err(error) => tracing::error!(%error, "cannot renew the transport key"),
            }
        }
    }
}

/// Waits for tasks to end; those that a stuck client holds up are broken off.
async fn close(mut tasks: JoinSet<()>, what: &str) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, all).await.is_err() {
        tracing::warn!(what, "broken off at the end");
        tasks.shutdown().await;
    }
}

async fn until(mut shutdown: watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|over| *over).await;
}

/// Opens the platform's API, on loopback and on a Unix socket.
async fn open_api(
    config: &ApiConfig,
    services: &Services,
    shutdown: &watch::Receiver<bool>,
    doors: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let routes = api_routes(services).await?;
    if let Some(listen) = config.listen {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen at {listen} for the API"))?;
        let server =
            transport::tune(Server::builder()).tcp_nodelay(true).add_routes(routes.clone());
        let over = until(shutdown.clone());
        doors.spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, over).await {
                tracing::error!(%error, "the API's door broke");
            }
        });
    }
    if let Some(socket) = &config.socket {
        let listener = bind_socket(socket)?;
        let server = transport::tune(Server::builder()).add_routes(routes);
        let over = until(shutdown.clone());
        doors.spawn(async move {
            let incoming = UnixListenerStream::new(listener);
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, over).await {
                tracing::error!(%error, "the API's socket broke");
            }
        });
    }
    Ok(())
}

/// A socket that only its owner may use. One that a dead node left is replaced.
fn bind_socket(socket: &Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = || format!("cannot listen at the socket {}", socket.display());
    if socket.exists() && std::os::unix::net::UnixStream::connect(socket).is_err() {
        std::fs::remove_file(socket).with_context(failed)?;
    }
    let listener = UnixListener::bind(socket).with_context(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))
        .with_context(failed)?;
    Ok(listener)
}

async fn api_routes(services: &Services) -> anyhow::Result<Routes> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<PlatformServer<Services>>().await;
    health.set_serving::<OperatorServer<Services>>().await;
    health.set_serving::<GovernanceServer<Services>>().await;
    health.set_serving::<ProofServer<Services>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(interlock_wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // What other members' nodes speak is not served at this door.
        .with_service_name("interlock.v1.Platform")
        .with_service_name("interlock.v1.Operator")
        .with_service_name("interlock.v1.Governance")
        .with_service_name("interlock.v1.Proof")
        .with_service_name("grpc.health.v1.Health")
        .build_v1()?;
    let mut routes = Routes::builder();
    routes
        .add_service(PlatformServer::new(services.clone()))
        .add_service(OperatorServer::new(services.clone()))
        .add_service(GovernanceServer::new(services.clone()))
        .add_service(ProofServer::new(services.clone()))
        .add_service(health_service)
        .add_service(reflection);
    Ok(routes.routes())
}

/// Opens the door for other members.
async fn open_gate(
    listen: &str,
    context: &Context,
    shutdown: &watch::Receiver<bool>,
    doors: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let (refused, mut refusals) = mpsc::channel(MAX_WAITING_REFUSALS);
    let (_, incoming) = transport::listen(
        listen,
        context.credentials.clone(),
        context.roster.clone(),
        context.now.clone(),
        Refusals::new(refused),
        until(shutdown.clone()),
    )
    .await
    .with_context(|| format!("cannot listen at {listen} for other members"))?;
    let links = context.links.clone();
    doors.spawn(async move {
        while let Some(refused) = refusals.recv().await {
            let code = refused.code();
            links.count_refusal(code);
            tracing::warn!(remote = %refused.remote, code, why = %refused.why, "refused a connection");
        }
    });
    let server = transport::tune(Server::builder()).add_service(Door::gate(context.clone()));
    let over = until(shutdown.clone());
    doors.spawn(async move {
        if let Err(error) = server.serve_with_incoming_shutdown(incoming, over).await {
            tracing::error!(%error, "the door for other members broke");
        }
    });
    Ok(())
}
