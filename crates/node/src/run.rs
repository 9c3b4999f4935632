//! The node as a whole: what is started, in which order, and how it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interlock_engine::local::Mode;
use interlock_engine::replica::{Opening, Replica, SEEN_EVERY, Start, destruction_begun, head_of};
use interlock_record::{ConsortiumId, FeedId};
use interlock_store::{ContentKeys, Store};
use interlock_wire::v1::backup_server::BackupServer;
use interlock_wire::v1::governance_server::GovernanceServer;
use interlock_wire::v1::operator_server::OperatorServer;
use interlock_wire::v1::platform_server::PlatformServer;
use interlock_wire::v1::proof_server::ProofServer;
use interlock_wire::v1::review_server::ReviewServer;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::service::Routes;
use tonic::transport::Server;

use crate::clock::{now, random};
use crate::config::{ApiConfig, Config, Materials, MetricsConfig};
use crate::custody::TransportKeys;
use crate::custody::last_signed::LastSigned;
use crate::destroyer::{Destructions, NodeOutbox, destroy_forever};
use crate::metrics::{self, WriterMeters};
use crate::peers::{CharterFeed, Context, Door, Links, PeerOutbox, dial_members, pull_forever};
use crate::retention::{RETENTION_EVERY, Retention};
use crate::services::Services;
use crate::transport::{self, Credentials, Refusals};
use crate::writer;

/// How long calls that are under way may take when the node ends.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// How many refusals wait to be counted.
const MAX_WAITING_REFUSALS: usize = 256;
/// How many pulls wait to be started.
const MAX_WAITING_PULLS: usize = 1_024;

/// How the node begins to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstSignature {
    /// Once it has what it signed last, and a quorum of groups has been asked for its own head.
    Careful,
    /// At once, since its operator says so, and why.
    Forced(String),
}

/// Runs a node until `stop` is done. `ready` is called once everything listens.
///
/// # Errors
/// When the node cannot start, or its disk fails; says why and where.
pub async fn run(
    materials: Materials,
    first_signature: FirstSignature,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let Materials { config, first, later, feed, signer, peppers, settings } = materials;
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot make the directory {}", config.data.display()))?;
    let store = Store::open(&config.data, random()?)?;
    let consortium = ConsortiumId(first.id().0);
    store.bind(consortium)?;
    let started_at = now();
    let transport_keys = TransportKeys { consortium, feed, signer: signer.clone() };
    let credentials = Arc::new(Credentials::new(transport_keys.fresh()?));
    let mut last_signed = LastSigned::open(&config.last_signed, feed)?;
    let start = start_of(first_signature, &mut last_signed, &store, feed)?;
    let replica = Replica::open(&store, Opening { first, later, feed, signer, start })?;
    let mut replica = replica.with_settings(&store, settings.clone())?;
    make_whole(&mut replica, &store)?;
    let content_keys = ContentKeys::open(&config.content_keys())?;
    let charters = replica.charters().clone();
    peppers.check(&charters)?;
    if settings.mode == Mode::Simulated {
        tracing::warn!("simulated mode: nothing is applied, and no flag leaves this node");
    }
    let (writer, queue) = writer::channel(&replica);
    let links = Arc::new(Links::default());
    let (pulls, asked) = mpsc::channel(MAX_WAITING_PULLS);
    let (charters_tell, charters_told) = watch::channel(charters.clone());
    let destructions = destructions_begun(&store)?;
    let outbox = NodeOutbox {
        peers: PeerOutbox::new(links.clone(), writer.clone(), pulls, charters_tell),
        destructions: destructions.clone(),
    };
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
    let meters = WriterMeters::default();
    let source = metrics::Source {
        writer: writer.clone(),
        meters: meters.clone(),
        links: links.clone(),
        store: store.clone(),
        data: config.data.clone(),
    };
    let services = Services {
        me: feed.member,
        feed,
        charters: charter_feed,
        peppers: Arc::new(peppers),
        store: store.clone(),
        content_keys,
        writer: writer.clone(),
        links,
        settings: Arc::new(settings),
        started_at,
        shutdown: shutdown.clone(),
    };
    let member = &charters.newest().members[&feed.member];
    let listen = config.listen.clone().unwrap_or_else(|| member.address.clone());

    let mut doors = JoinSet::new();
    open_api(&config.api, &services, &shutdown, &mut doors).await?;
    open_gate(&listen, &context, &shutdown, &mut doors).await?;
    if let Some(metrics) = &config.metrics {
        open_metrics(metrics, source, &shutdown, &mut doors).await?;
    }
    let upkeep =
        writer::Upkeep { last_signed, seen_every: config.seen_every.unwrap_or(SEEN_EVERY), meters };
    let writer_thread = writer::spawn(replica, store, queue, Box::new(outbox), upkeep)?;
    let mut peers = JoinSet::new();
    peers.spawn(transport_keys.renew_forever(credentials, shutdown));
    let member = context.me;
    peers.spawn(pull_forever(context.clone(), asked));
    spawn_tasks(&mut peers, &context, &config, destructions, &services);
    tracing::info!(%member, listen, %consortium, "ready");
    ready();

    let (joiner, writer_ended) = join(writer_thread);
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

/// What is to be destroyed, with what was left undone.
fn destructions_begun(store: &Store) -> anyhow::Result<Destructions> {
    let destructions = Destructions::default();
    if let Some(number) = destruction_begun(store)? {
        destructions.add_all(number);
    }
    Ok(destructions)
}

type WriterEnd = std::thread::Result<anyhow::Result<()>>;

/// Waits for the writer beside everything else. It ends by itself only when the disk fails; nothing
/// can go on then.
fn join(
    writer: std::thread::JoinHandle<anyhow::Result<()>>,
) -> (JoinHandle<WriterEnd>, oneshot::Receiver<()>) {
    let (ended, writer_ended) = oneshot::channel();
    let joiner = tokio::task::spawn_blocking(move || {
        let result = writer.join();
        let _ = ended.send(());
        result
    });
    (joiner, writer_ended)
}

/// Starts what a node does of itself, beside pulls and keys: calls, retention, destruction, warnings.
fn spawn_tasks(
    tasks: &mut JoinSet<()>,
    context: &Context,
    config: &Config,
    destructions: Destructions,
    services: &Services,
) {
    tasks.spawn(dial_members(context.clone()));
    let peppers = services.peppers.clone();
    tasks.spawn(peppers.warn_of_missing(context.charters.clone(), context.shutdown.clone()));
    let every = config.retention_every.map(|every| every.micros().unsigned_abs());
    let retention = Retention {
        me: context.me,
        charters: context.charters.clone(),
        store: context.store.clone(),
        writer: context.writer.clone(),
        every: every.map_or(RETENTION_EVERY, Duration::from_micros),
    };
    tasks.spawn(retention.keep(context.shutdown.clone()));
    tasks.spawn(destroy_forever(
        destructions,
        context.store.clone(),
        services.content_keys.clone(),
        context.writer.clone(),
        context.shutdown.clone(),
    ));
}

/// How the replica starts, by what is remembered of its last signature.
fn start_of(
    first: FirstSignature,
    last_signed: &mut LastSigned,
    store: &Store,
    feed: FeedId,
) -> anyhow::Result<Start> {
    if let FirstSignature::Forced(reason) = first {
        tracing::warn!(
            reason,
            "signs without having asked the others first, and whatever it signed last"
        );
        return Ok(Start::Forced { reason });
    }
    if last_signed.head().is_none()
        && let Some(head) = head_of(store, feed)?
    {
        tracing::warn!(
            sequence = head.sequence,
            "nothing was remembered of what this node signed last: it goes by its store, which must not be an old copy"
        );
        last_signed.remember(head)?;
    }
    Ok(Start::Careful { last_signed: last_signed.head() })
}

/// Finishes a restore: what follows from the log alone is made before anything is served.
fn make_whole(replica: &mut Replica, store: &Store) -> anyhow::Result<()> {
    let mut steps = 0u64;
    while let Some(changes) = replica.rebuild(store, now())? {
        store.commit(&changes)?;
        steps += 1;
    }
    if steps > 0 {
        tracing::info!("the restored ledger is whole again");
    }
    Ok(())
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

/// Opens the door for Prometheus.
async fn open_metrics(
    config: &MetricsConfig,
    source: metrics::Source,
    shutdown: &watch::Receiver<bool>,
    doors: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let MetricsConfig { listen } = config;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen at {listen} for metrics"))?;
    doors.spawn(metrics::serve(listener, source, until(shutdown.clone())));
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
    health.set_serving::<ReviewServer<Services>>().await;
    health.set_serving::<BackupServer<Services>>().await;
    health.set_serving::<ProofServer<Services>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(interlock_wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // What other members' nodes speak is not served at this door.
        .with_service_name("interlock.v1.Platform")
        .with_service_name("interlock.v1.Operator")
        .with_service_name("interlock.v1.Governance")
        .with_service_name("interlock.v1.Review")
        .with_service_name("interlock.v1.Backup")
        .with_service_name("interlock.v1.Proof")
        .with_service_name("grpc.health.v1.Health")
        .build_v1()?;
    let mut routes = Routes::builder();
    routes
        .add_service(PlatformServer::new(services.clone()))
        .add_service(OperatorServer::new(services.clone()))
        .add_service(GovernanceServer::new(services.clone()))
        .add_service(ReviewServer::new(services.clone()))
        .add_service(BackupServer::new(services.clone()))
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
    let porter = context.links.porter.clone();
    let incoming = incoming.filter_map(move |came| {
        let Ok(mut connection) = came else { return Some(came) };
        connection.keep(porter.connection(connection.peer().member())?);
        Some(Ok(connection))
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
