//! The door: the gRPC service that other members' nodes dial.

use std::pin::Pin;
use std::time::Duration;

use interlock_engine::replica::{Input, PullRange, branch_records};
use interlock_record::MemberId;
use interlock_wire::peer::gossip_server::Gossip;
use interlock_wire::peer::{self, push_frame, reply_frame};
use interlock_wire::refusal;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};

use super::cost;
use super::frames::{self, FrameRefused};
use super::porter::{TurnedAway, Visit};
use super::{Context, MAX_FRAME_BYTES, PROTOCOL};
use crate::transport::PeerIdentity;

/// How many answers wait for a peer.
const MAX_WAITING_REPLIES: usize = 64;
/// How many chunks of pulled records wait for a peer.
const MAX_WAITING_CHUNKS: usize = 4;
/// The most ranges of one pull.
const MAX_RANGES: usize = 1_024;
/// How long a peer may take for its hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// A frame weighs one record for so many heads.
const HEADS_A_RECORD: usize = 16;

/// The service that other members' nodes dial.
pub struct Door {
    context: Context,
}

/// A way to make the service.
pub type Gate = peer::gossip_server::GossipServer<Door>;

impl Door {
    /// The service.
    pub fn gate(context: Context) -> Gate {
        Gate::new(Self { context }).max_decoding_message_size(super::MAX_MESSAGE_BYTES)
    }
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Gossip for Door {
    type ExchangeStream = Replies<peer::ReplyFrame>;

    async fn exchange(
        &self,
        request: Request<Streaming<peer::PushFrame>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let identity = self.still_welcome(&request)?;
        let member = identity.member();
        let porter = &self.context.links.porter;
        let visit = porter.stream(member).map_err(|away| self.turned_away(away))?;
        let mut frames = request.into_inner();
        let hello = match tokio::time::timeout(HELLO_PATIENCE, frames.next()).await {
            Ok(Some(Ok(peer::PushFrame { kind: Some(push_frame::Kind::Hello(hello)) }))) => hello,
            Ok(Some(Err(status))) => return Err(name_error(&self.context, member, status)),
            _ => return Err(self.refuse(member, "NO_HELLO", "expected a hello first")),
        };
        self.check_hello(member, &hello)?;
        let (replies, answers) = mpsc::channel(MAX_WAITING_REPLIES);
        let hello = reply_frame::Kind::Hello(super::outgoing::hello(&self.context));
        let _ = replies.try_send(peer::ReplyFrame { kind: Some(hello) });
        self.context.links.heard(member, replies.clone());
        let context = self.context.clone();
        let (ended, end) = mpsc::channel(1);
        tokio::spawn(async move {
            let status = listen(&context, identity, frames).await;
            drop((replies, visit));
            let _ = ended.send(status).await;
        });
        let end = ReceiverStream::new(end).filter_map(|status| status.map(Err));
        let answers = ReceiverStream::new(answers).map(Ok).merge(end);
        Ok(Response::new(Box::pin(answers)))
    }

    type PullStream = Replies<peer::PullResponse>;

    async fn pull(
        &self,
        request: Request<peer::PullRequest>,
    ) -> Result<Response<Self::PullStream>, Status> {
        let member = self.still_welcome(&request)?.member();
        let porter = &self.context.links.porter;
        let visit = porter.pull(member).map_err(|away| self.turned_away(away))?;
        let request = request.into_inner();
        self.check_consortium(member, &request.consortium)?;
        if request.ranges.len() > MAX_RANGES {
            return Err(self.refuse(
                member,
                "TOO_MANY_RANGES",
                format!("expected at most {MAX_RANGES}"),
            ));
        }
        let ranges = request
            .ranges
            .iter()
            .map(PullRange::try_from)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.refuse(member, "BAD_FRAME", error))?;
        let (chunks, answers) = mpsc::channel(MAX_WAITING_CHUNKS);
        let store = self.context.store.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read_ranges(&store, &ranges, &chunks, &visit) {
                tracing::error!(%error, "cannot read what a peer asked for");
                let _ = chunks.blocking_send(Err(Status::internal("cannot read the records")));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    type FetchChartersStream = Replies<peer::FetchChartersResponse>;

    async fn fetch_charters(
        &self,
        request: Request<peer::FetchChartersRequest>,
    ) -> Result<Response<Self::FetchChartersStream>, Status> {
        let member = self.still_welcome(&request)?.member();
        let request = request.into_inner();
        self.check_consortium(member, &request.consortium)?;
        let answers = super::charters::answer(&self.context, request.from_version);
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

impl Door {
    /// Who asks, if the charter of this moment still lets it: it may have changed since the
    /// handshake.
    fn still_welcome<T>(&self, request: &Request<T>) -> Result<PeerIdentity, Status> {
        let identity = identity_of(request)?;
        if self.context.roster.key(identity.feed()).is_some() {
            return Ok(identity);
        }
        Err(self.refuse(identity.member(), "FEED_ENDED", "the charter has ended this feed"))
    }

    fn check_consortium(&self, member: MemberId, named: &[u8]) -> Result<(), Status> {
        let expected = self.context.consortium;
        if named != expected.0 {
            let detail = format!("expected consortium {expected}");
            return Err(self.refuse(member, "WRONG_CONSORTIUM", detail));
        }
        Ok(())
    }

    fn check_hello(&self, member: MemberId, hello: &peer::Hello) -> Result<(), Status> {
        self.check_consortium(member, &hello.consortium)?;
        if hello.protocol != PROTOCOL {
            let detail = format!("expected protocol {PROTOCOL}");
            return Err(self.refuse(member, "WRONG_PROTOCOL", detail));
        }
        if hello.member != member.as_str() {
            let detail = format!("the certificate is {member}'s, the hello {:?}'s", hello.member);
            return Err(self.refuse(member, "WRONG_MEMBER", detail));
        }
        Ok(())
    }

    fn turned_away(&self, away: TurnedAway) -> Status {
        self.context.links.count_refusal(away.code);
        away.status
    }

    fn refuse(
        &self,
        member: MemberId,
        reason: &'static str,
        detail: impl std::fmt::Display,
    ) -> Status {
        self.context.links.count_refusal(reason);
        self.context.links.porter.refused(member, reason, cost::of(reason));
        refusal(Code::FailedPrecondition, reason, detail)
    }
}

/// gRPC's own error for a message that is too large gets this protocol's name.
fn name_error(context: &Context, member: MemberId, status: Status) -> Status {
    if status.code() != Code::OutOfRange {
        return status;
    }
    context.links.count_refusal("FRAME_TOO_LARGE");
    context.links.porter.refused(member, "FRAME_TOO_LARGE", cost::of("FRAME_TOO_LARGE"));
    let detail = format!("expected frames of at most {MAX_FRAME_BYTES} bytes");
    refusal(Code::OutOfRange, "FRAME_TOO_LARGE", detail)
}

fn identity_of<T>(request: &Request<T>) -> Result<PeerIdentity, Status> {
    request
        .extensions()
        .get::<PeerIdentity>()
        .copied()
        .ok_or_else(|| refusal(Code::Unauthenticated, "NO_CERTIFICATE", "expected a certificate"))
}

/// Listens to a peer until its stream ends; gives back what to end the answers with.
async fn listen(
    context: &Context,
    identity: PeerIdentity,
    mut frames: Streaming<peer::PushFrame>,
) -> Option<Status> {
    let member = identity.member();
    let mut charters = context.charters.clone();
    if context.writer.input(Input::Heard(member)).await.is_err() {
        return Some(Status::unavailable("the node is shutting down"));
    }
    let mut shutdown = context.shutdown.clone();
    let porter = &context.links.porter;
    let shut = porter.shut_out(member);
    tokio::pin!(shut);
    let status = loop {
        let next = async {
            // Nothing is read before its time: what the peer sends meanwhile waits at its end.
            porter.admit(member).await.map_err(Status::from)?;
            frames.next().await.transpose()
        };
        let frame = tokio::select! {
            () = charters.changed() => {
                if context.roster.key(identity.feed()).is_some() {
                    continue;
                }
                let code = "FEED_ENDED";
                break Some(refusal(Code::PermissionDenied, code, "the charter has ended this feed"));
            }
            frame = next => frame,
            shut = &mut shut => break Some(shut.into()),
            // Else a peer that keeps its stream open would keep the node from ending.
            _ = shutdown.wait_for(|over| *over) => {
                break Some(Status::unavailable("the node is shutting down"));
            }
        };
        match frame {
            Ok(None) => break None,
            Err(status) => break Some(name_error(context, member, status)),
            Ok(Some(frame)) => match read(context, member, frame) {
                Ok(input) => {
                    if context.writer.input(input).await.is_err() {
                        break Some(Status::unavailable("the node is shutting down"));
                    }
                }
                Err(FrameRefused { code, detail }) => {
                    tracing::warn!(peer = %member, code, detail, "refused a frame");
                    context.links.refuse(member, code, detail, cost::of(code));
                }
            },
        }
    };
    let _ = context.writer.input(Input::Unheard(member)).await;
    status
}

fn read(context: &Context, from: MemberId, frame: peer::PushFrame) -> Result<Input, FrameRefused> {
    let bytes = frame.encoded_len();
    context.links.porter.frame(from, bytes, weight(&frame));
    if bytes > MAX_FRAME_BYTES {
        let detail = format!("expected frames of at most {MAX_FRAME_BYTES} bytes, got {bytes}");
        return Err(FrameRefused::new("FRAME_TOO_LARGE", &detail));
    }
    let charters = context.charters.now();
    match frame.kind {
        Some(push_frame::Kind::Frontier(frontier)) => {
            let heads = frames::heads(&frontier)?;
            let (charters, extent) = (frames::charters(&frontier)?, frames::extent(&frontier));
            Ok(Input::Frontier { from, heads, charters, extent })
        }
        Some(push_frame::Kind::Records(records)) => {
            let records = frames::records(&charters, &records.records)?;
            Ok(Input::Records { from, records })
        }
        Some(push_frame::Kind::Forks(forks)) => {
            Ok(Input::Forks { from, forks: frames::forks(&charters, &forks.proofs)? })
        }
        Some(push_frame::Kind::Hello(_)) => {
            Err(FrameRefused::new("BAD_FRAME", &"expected one hello, and that first"))
        }
        None => Err(FrameRefused::new("BAD_FRAME", &"expected a kind of frame that is known")),
    }
}

/// As how many records a frame weighs: about what it takes to look at it.
fn weight(frame: &peer::PushFrame) -> usize {
    let within = match &frame.kind {
        Some(push_frame::Kind::Records(records)) => records.records.len(),
        // Two signatures each.
        Some(push_frame::Kind::Forks(forks)) => forks.proofs.len().saturating_mul(2),
        Some(push_frame::Kind::Frontier(frontier)) => frontier.heads.len() / HEADS_A_RECORD,
        Some(push_frame::Kind::Hello(_)) | None => 0,
    };
    within.saturating_add(1)
}

/// Reads records and sends them in chunks, as fast as the peer takes them. It is the visit's business.
fn read_ranges(
    store: &interlock_store::Store,
    ranges: &[PullRange],
    chunks: &mpsc::Sender<Result<peer::PullResponse, Status>>,
    _: &Visit,
) -> anyhow::Result<()> {
    let mut chunk = peer::PullResponse::default();
    let mut bytes = 0;
    for range in ranges {
        let span = (range.first, range.last);
        let mut gone = false;
        branch_records(store, range.feed, span, range.head, |row| {
            if bytes + row.record.len() > MAX_FRAME_BYTES && !chunk.records.is_empty() {
                let full = std::mem::take(&mut chunk);
                gone = chunks.blocking_send(Ok(full)).is_err();
                bytes = 0;
            }
            bytes += row.record.len();
            chunk.records.push(row.record);
            !gone
        })?;
        if gone {
            return Ok(());
        }
    }
    if !chunk.records.is_empty() {
        let _ = chunks.blocking_send(Ok(chunk));
    }
    Ok(())
}
