//! The door: the gRPC service that other members' nodes dial.

use std::pin::Pin;

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

use super::frames::{self, FrameRefused};
use super::{Context, MAX_FRAME_BYTES, PROTOCOL};
use crate::transport::PeerIdentity;

/// How many answers wait for a peer.
const MAX_WAITING_REPLIES: usize = 64;
/// How many chunks of pulled records wait for a peer.
const MAX_WAITING_CHUNKS: usize = 4;
/// The most ranges of one pull.
const MAX_RANGES: usize = 1_024;

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
        let mut frames = request.into_inner();
        let hello = match frames.next().await {
            Some(Ok(peer::PushFrame { kind: Some(push_frame::Kind::Hello(hello)) })) => hello,
            Some(Err(status)) => return Err(self.name_error(status)),
            _ => return Err(self.refuse("NO_HELLO", "expected a hello first")),
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
            drop(replies);
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
        self.still_welcome(&request)?;
        let request = request.into_inner();
        if request.consortium != self.context.consortium.0 {
            return Err(self.refuse("WRONG_CONSORTIUM", "the request is for another consortium"));
        }
        if request.ranges.len() > MAX_RANGES {
            return Err(self.refuse("TOO_MANY_RANGES", format!("expected at most {MAX_RANGES}")));
        }
        let ranges = request
            .ranges
            .iter()
            .map(PullRange::try_from)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.refuse("BAD_FRAME", error))?;
        let (chunks, answers) = mpsc::channel(MAX_WAITING_CHUNKS);
        let store = self.context.store.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read_ranges(&store, &ranges, &chunks) {
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
        self.still_welcome(&request)?;
        let request = request.into_inner();
        if request.consortium != self.context.consortium.0 {
            return Err(self.refuse("WRONG_CONSORTIUM", "the request is for another consortium"));
        }
        let answers = super::charters::answer(&self.context, request.from_version);
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

impl Door {
    /// Who asks, if the charter of this moment still lets it: it may have changed since the
    /// handshake.
    fn still_welcome<T>(&self, request: &Request<T>) -> Result<PeerIdentity, Status> {
        let identity = identity_of(request)?;
        match self.context.roster.key(identity.feed()) {
            Some(_) => Ok(identity),
            None => Err(self.refuse("FEED_ENDED", "the charter has ended this feed")),
        }
    }

    fn check_hello(&self, member: MemberId, hello: &peer::Hello) -> Result<(), Status> {
        let expected = self.context.consortium;
        if hello.consortium != expected.0 {
            return Err(self.refuse("WRONG_CONSORTIUM", format!("expected consortium {expected}")));
        }
        if hello.protocol != PROTOCOL {
            return Err(self.refuse("WRONG_PROTOCOL", format!("expected protocol {PROTOCOL}")));
        }
        if hello.member != member.as_str() {
            let detail = format!("the certificate is {member}'s, the hello {:?}'s", hello.member);
            return Err(self.refuse("WRONG_MEMBER", detail));
        }
        Ok(())
    }

    fn refuse(&self, reason: &'static str, detail: impl std::fmt::Display) -> Status {
        self.context.links.count_refusal(reason);
        refusal(Code::FailedPrecondition, reason, detail)
    }

    fn name_error(&self, status: Status) -> Status {
        name_error(&self.context, status)
    }
}

/// gRPC's own error for a message that is too large gets this protocol's name.
fn name_error(context: &Context, status: Status) -> Status {
    if status.code() != Code::OutOfRange {
        return status;
    }
    context.links.count_refusal("FRAME_TOO_LARGE");
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
    let status = loop {
        let frame = tokio::select! {
            frame = frames.next() => frame,
            () = charters.changed() => {
                if context.roster.key(identity.feed()).is_some() {
                    continue;
                }
                let code = "FEED_ENDED";
                break Some(refusal(Code::PermissionDenied, code, "the charter has ended this feed"));
            }
            // Else a peer that keeps its stream open would keep the node from ending.
            _ = shutdown.wait_for(|over| *over) => {
                break Some(Status::unavailable("the node is shutting down"));
            }
        };
        match frame {
            None => break None,
            Some(Err(status)) => break Some(name_error(context, status)),
            Some(Ok(frame)) => match read(context, member, frame) {
                Ok(input) => {
                    if context.writer.input(input).await.is_err() {
                        break Some(Status::unavailable("the node is shutting down"));
                    }
                }
                Err(FrameRefused { code, detail }) => {
                    tracing::warn!(peer = %member, code, detail, "refused a frame");
                    context.links.refuse(member, code, detail);
                }
            },
        }
    };
    let _ = context.writer.input(Input::Unheard(member)).await;
    status
}

fn read(context: &Context, from: MemberId, frame: peer::PushFrame) -> Result<Input, FrameRefused> {
    let bytes = frame.encoded_len();
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

/// Reads records and sends them in chunks, as fast as the peer takes them.
fn read_ranges(
    store: &interlock_store::Store,
    ranges: &[PullRange],
    chunks: &mpsc::Sender<Result<peer::PullResponse, Status>>,
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
