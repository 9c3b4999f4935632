//! A consortium of nodes that share one memory and decide by one rule: two issuers make a LOCK.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use interlock_wire::v1::operator_server::{Operator, OperatorServer};
use interlock_wire::v1::platform_server::{Platform, PlatformServer};
use interlock_wire::v1::watch_decisions_response::Kind;
use interlock_wire::v1::{self, subject::By};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

type Answer<T> = Result<Response<T>, Status>;
type Watching<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How long a watch is quiet before it says that it caught up.
const IDLE: Duration = Duration::from_millis(20);

/// What all nodes know.
#[derive(Default)]
pub(crate) struct Memory {
    statements: u64,
    keys: BTreeMap<String, v1::PublishResponse>,
    flags: BTreeMap<Vec<u8>, (String, Vec<u8>)>,
    measures: BTreeMap<Vec<u8>, v1::Measure>,
    pub(crate) events: Vec<v1::DecisionEvent>,
    pub(crate) publishes: u64,
    /// So many writes are answered as if the node were away.
    pub(crate) unavailable: u64,
}

/// The memory, shared by nodes.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Memory>>);

impl Shared {
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().expect("nobody panics with it")
    }
}

fn now() -> prost_types::Timestamp {
    SystemTime::now().into()
}

impl Memory {
    fn decide(&mut self, subject: &[u8]) {
        let issuers: BTreeSet<&String> =
            self.flags.values().filter(|(_, on)| on == subject).map(|(issuer, _)| issuer).collect();
        let to = if issuers.len() >= 2 { v1::Measure::Lock } else { v1::Measure::None };
        let from = self.measures.insert(subject.to_vec(), to).unwrap_or(v1::Measure::None);
        if from != to {
            let at = Some(now());
            for change in [v1::DecisionChange::Announced, v1::DecisionChange::Effective] {
                self.events.push(v1::DecisionEvent {
                    number: self.events.len() as u64 + 1,
                    recorded_at: at,
                    change: change.into(),
                    subject: subject.to_vec(),
                    scope: v1::Scope::Consortium.into(),
                    from: from.into(),
                    to: to.into(),
                    at,
                    ..Default::default()
                });
            }
        }
    }

    fn publish(
        &mut self,
        key: &str,
        write: impl FnOnce(&mut Self) -> Vec<Vec<u8>>,
    ) -> Answer<v1::PublishResponse> {
        if self.unavailable > 0 {
            self.unavailable -= 1;
            return Err(Status::unavailable("starting"));
        }
        if let Some(response) = self.keys.get(key) {
            return Ok(Response::new(v1::PublishResponse {
                repeated_request: true,
                ..response.clone()
            }));
        }
        let statements = write(self);
        self.publishes += 1;
        let sequence = self.publishes;
        let response = v1::PublishResponse {
            statements,
            time: Some(now()),
            sequence,
            repeated_request: false,
            simulated: false,
        };
        self.keys.insert(key.to_owned(), response.clone());
        Ok(Response::new(response))
    }

    fn statement(&mut self) -> Vec<u8> {
        self.statements += 1;
        let mut id = vec![0xee; 32];
        id[24..].copy_from_slice(&self.statements.to_be_bytes());
        id
    }

    fn decision(&self, subject: Option<&v1::Subject>) -> v1::SubjectDecision {
        let subject = tag(subject);
        let measure = self.measures.get(&subject).copied().unwrap_or(v1::Measure::None).into();
        let held =
            Some(v1::Decision { announced: measure, effective: measure, ..Default::default() });
        v1::SubjectDecision {
            subject,
            consortium: held.clone(),
            own: held,
            apply: measure,
            would_apply: measure,
            ..Default::default()
        }
    }
}

fn tag(subject: Option<&v1::Subject>) -> Vec<u8> {
    match subject.and_then(|subject| subject.by.clone()) {
        Some(By::Tag(tag)) => tag,
        Some(By::Identifier(identifier)) => {
            let mut tag = identifier.value.into_bytes();
            tag.resize(32, 0);
            tag
        }
        None => vec![0; 32],
    }
}

/// One node that serves until it is dropped.
pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
}

impl FakeNode {
    /// A node of `member`, at any port.
    pub(crate) async fn start(shared: &Shared, member: &str) -> Self {
        Self::start_at(shared, member, ([127, 0, 0, 1], 0).into()).await
    }

    /// A node of `member` at this port.
    pub(crate) async fn start_at(shared: &Shared, member: &str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let service = Service { shared: shared.clone(), member: member.to_owned() };
        let server = tonic::transport::Server::builder()
            .add_service(PlatformServer::new(service.clone()))
            .add_service(OperatorServer::new(service))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { server.await.expect("it serves") });
        Self { address, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it at once; its port is free again when this returns.
    pub(crate) async fn stop(self) {
        self.server.abort();
        let _ = self.server.await;
    }
}

#[derive(Clone)]
struct Service {
    shared: Shared,
    member: String,
}

#[tonic::async_trait]
impl Platform for Service {
    async fn raise_flags(
        &self,
        request: Request<v1::RaiseFlagsRequest>,
    ) -> Answer<v1::PublishResponse> {
        let request = request.into_inner();
        if request.flags.iter().any(|flag| flag.rule_version == "wrong") {
            let mut details = ErrorDetails::new();
            details.add_bad_request_violation("flags[0].rule_version", "expected another");
            details.set_error_info("BAD_FIELD", "interlock", std::collections::HashMap::new());
            let code = tonic::Code::InvalidArgument;
            return Err(Status::with_error_details(code, "the request is wrong", details));
        }
        self.shared.memory().publish(&request.idempotency_key, |memory| {
            let raise = |flag: v1::FlagDraft| {
                let (id, subject) = (memory.statement(), tag(flag.subject.as_ref()));
                memory.flags.insert(id.clone(), (self.member.clone(), subject.clone()));
                memory.decide(&subject);
                id
            };
            request.flags.into_iter().map(raise).collect()
        })
    }

    async fn withdraw(&self, request: Request<v1::WithdrawRequest>) -> Answer<v1::PublishResponse> {
        let request = request.into_inner();
        let mut memory = self.shared.memory();
        if !memory.flags.contains_key(&request.statement) {
            return Err(Status::not_found("there is no such flag of this member"));
        }
        memory.publish(&request.idempotency_key, |memory| {
            if let Some((_, subject)) = memory.flags.remove(&request.statement) {
                memory.decide(&subject);
            }
            vec![memory.statement()]
        })
    }

    async fn recall(&self, _: Request<v1::RecallRequest>) -> Answer<v1::PublishResponse> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn open_dispute(
        &self,
        _: Request<v1::OpenDisputeRequest>,
    ) -> Answer<v1::PublishResponse> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn resolve_dispute(
        &self,
        _: Request<v1::ResolveDisputeRequest>,
    ) -> Answer<v1::PublishResponse> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn raise_cure(
        &self,
        request: Request<v1::RaiseCureRequest>,
    ) -> Answer<v1::PublishResponse> {
        let key = request.into_inner().idempotency_key;
        self.shared.memory().publish(&key, |memory| vec![memory.statement()])
    }

    async fn report_receipt(
        &self,
        _: Request<v1::ReportReceiptRequest>,
    ) -> Answer<v1::PublishResponse> {
        Err(Status::unimplemented("not in this fake"))
    }

    async fn lookup(&self, request: Request<v1::LookupRequest>) -> Answer<v1::LookupResponse> {
        let memory = self.shared.memory();
        let subjects = request.into_inner().subjects;
        let decisions = subjects.iter().map(|subject| memory.decision(Some(subject))).collect();
        Ok(Response::new(v1::LookupResponse { decisions, freshness: None }))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Answer<v1::ExplainResponse> {
        let decision = self.shared.memory().decision(request.into_inner().subject.as_ref());
        Ok(Response::new(v1::ExplainResponse { decision: Some(decision), ..Default::default() }))
    }

    async fn list_flags(&self, _: Request<v1::ListFlagsRequest>) -> Answer<v1::ListFlagsResponse> {
        Ok(Response::new(v1::ListFlagsResponse::default()))
    }

    type WatchDecisionsStream = Watching<v1::WatchDecisionsResponse>;

    async fn watch_decisions(
        &self,
        request: Request<v1::WatchDecisionsRequest>,
    ) -> Answer<Self::WatchDecisionsStream> {
        let cursor = request.into_inner().cursor;
        let next = match cursor.parse() {
            Ok(number) => number,
            Err(_) if cursor.is_empty() => self.shared.memory().events.len(),
            Err(_) => return Err(Status::out_of_range("the cursor is of another store")),
        };
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(tell(self.shared.clone(), next, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Tells events from number `next` on, and that it caught up whenever there is none.
async fn tell(
    shared: Shared,
    mut next: usize,
    sender: mpsc::Sender<Result<v1::WatchDecisionsResponse, Status>>,
) {
    let mut heartbeat = tokio::time::interval(IDLE);
    loop {
        let event = shared.memory().events.get(next).cloned();
        let kind = match event {
            Some(event) => {
                next += 1;
                Kind::Event(event)
            }
            None => Kind::CaughtUp(v1::StateEnd::default()),
        };
        let idle = matches!(kind, Kind::CaughtUp(_));
        let message = v1::WatchDecisionsResponse { kind: Some(kind), cursor: next.to_string() };
        if sender.send(Ok(message)).await.is_err() {
            return;
        }
        if idle {
            heartbeat.tick().await;
        }
    }
}

#[tonic::async_trait]
impl Operator for Service {
    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Answer<v1::GetStatusResponse> {
        let memory = self.shared.memory();
        Ok(Response::new(v1::GetStatusResponse {
            member: self.member.clone(),
            records: memory.publishes,
            frontier_digest: vec![7; 32],
            ..Default::default()
        }))
    }

    async fn list_peers(&self, _: Request<v1::ListPeersRequest>) -> Answer<v1::ListPeersResponse> {
        Ok(Response::new(v1::ListPeersResponse::default()))
    }

    type WatchJournalStream = Watching<v1::WatchJournalResponse>;

    async fn watch_journal(
        &self,
        _: Request<v1::WatchJournalRequest>,
    ) -> Answer<Self::WatchJournalStream> {
        Err(Status::unimplemented("not in this fake"))
    }

    type ListFlagTimesStream = Watching<v1::ListFlagTimesResponse>;

    async fn list_flag_times(
        &self,
        _: Request<v1::ListFlagTimesRequest>,
    ) -> Answer<Self::ListFlagTimesStream> {
        Err(Status::unimplemented("not in this fake"))
    }
}
