//! A peer that says what it likes: it dials a node as any member would, with keys of its choice.

use std::sync::Arc;

use interlock_node::clock::now;
use interlock_node::transport::{Binding, Credentials, DialError, TransportIdentity, dial};
use interlock_record::{
    ConsortiumId, FeedHead, FeedId, FeedNumber, Flag, IdType, Measure, Reason, SealContext,
    Severity, SigningKey, Span, Statement, SubjectTag, TAG_SCHEME, Time, VerifiedRecord, seal,
    unhex,
};
use interlock_wire::peer::gossip_client::GossipClient;
use interlock_wire::peer::{self, push_frame, reply_frame};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::consortium::Consortium;
use crate::node::Node;
use crate::soon;

/// How a peer shows itself.
pub(crate) struct Mask {
    /// The consortium that its certificate names.
    pub(crate) consortium: ConsortiumId,
    /// The feed that its certificate names.
    pub(crate) feed: FeedId,
    /// The key that signs its certificate.
    pub(crate) key: SigningKey,
}

impl Mask {
    /// A transport key, bound to the feed for an hour.
    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        let binding = Binding {
            consortium: self.consortium,
            feed: self.feed,
            not_before: now().minus(Span::from_secs(60)),
            not_after: now().plus(Span::from_secs(3_600)),
        };
        let identity = TransportIdentity::generate(binding, &self.key).expect("a key is made");
        Arc::new(Credentials::new(identity))
    }
}

/// A feed of a member.
pub(crate) fn feed(member: &str, number: u32) -> FeedId {
    FeedId { member: member.parse().expect("a member id"), number: FeedNumber(number) }
}

impl Node {
    /// The key that this node would sign with.
    pub(crate) fn key(&self) -> SigningKey {
        let text = std::fs::read_to_string(self.path("feed.key")).expect("keygen wrote it");
        let seed = unhex(text.trim()).expect("keygen wrote it");
        SigningKey::from_seed(seed.try_into().expect("32 bytes"))
    }
}

impl Consortium {
    /// The last member, which is honest about who it is and about nothing else.
    pub(crate) fn traitor(&self) -> Mask {
        let node = self.nodes.last().expect("it has members");
        let consortium = self.id();
        Mask { consortium, feed: feed(&node.name, 1), key: node.key() }
    }

    /// The name under which the traitor signs.
    pub(crate) fn context(&self, feed: FeedId) -> SealContext {
        SealContext {
            consortium: self.id(),
            feed,
            time: now(),
            charter_version: self.charter.version,
            tag_scheme: TAG_SCHEME,
            pepper_epoch: self.charter.pepper_epoch,
        }
    }

    /// Dials a node as `mask`.
    pub(crate) async fn dial(
        &self,
        node: &Node,
        mask: &Mask,
    ) -> Result<GossipClient<tonic::transport::Channel>, DialError> {
        let dialled = dial(
            &node.address,
            node.name.parse().expect("a member id"),
            mask.credentials(),
            Arc::new(self.roster()),
            Arc::new(now),
        );
        let client = GossipClient::new(soon("the node lets in or not", dialled).await?.channel);
        Ok(client.max_encoding_message_size(usize::MAX))
    }

    /// What the last member ought to say first.
    pub(crate) fn hello(&self) -> peer::Hello {
        let mask = self.traitor();
        peer::Hello {
            protocol: 1,
            consortium: mask.consortium.0.to_vec(),
            member: mask.feed.member.to_string(),
            charter_version: self.charter.version,
        }
    }

    /// The stream of the last member to a node, its hello answered.
    pub(crate) async fn meet(&self, node: &Node) -> Stream {
        let mut client = self.dial(node, &self.traitor()).await.expect("it is a member");
        let hello = push_frame::Kind::Hello(self.hello());
        Stream::open(&mut client, hello).await.expect("it is well said")
    }
}

/// A statement that would do harm if it were taken.
pub(crate) fn harm(subject: SubjectTag) -> Vec<u8> {
    harm_observed(subject, now().minus(Span::from_secs(1)))
}

/// The same on a ground of this time.
pub(crate) fn harm_observed(subject: SubjectTag, observed_at: Time) -> Vec<u8> {
    let flag = Flag {
        subject,
        id_type: IdType::IdNumber,
        reason: Reason::Overdue,
        severity: Severity::Critical,
        confidence: 100,
        applied_measure: Measure::Lock,
        observed_at,
        expires_at: None,
        evidence_digest: None,
        rule_version: None,
        case_ref: None,
        derived_from: Vec::new(),
    };
    Statement::Flag(flag).encode().expect("within its limits")
}

/// The record of one such statement, signed with this key.
pub(crate) fn record(
    head: &FeedHead,
    key: &SigningKey,
    context: SealContext,
    statement: Vec<u8>,
) -> VerifiedRecord {
    seal(key, head, context, vec![([7; 16], statement)]).expect("it can be sealed")
}

/// Records as they are sent.
pub(crate) fn records(records: &[Vec<u8>]) -> push_frame::Kind {
    push_frame::Kind::Records(peer::Records { records: records.to_vec() })
}

/// The stable name of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_error_details().error_info().map(|info| info.reason.clone());
    info.unwrap_or_else(|| panic!("an error without a reason: {status:?}"))
}

/// An open stream to a node.
pub(crate) struct Stream {
    frames: mpsc::Sender<peer::PushFrame>,
    answers: Streaming<peer::ReplyFrame>,
}

impl Stream {
    /// Opens a stream with this first frame; the status with which it is refused.
    pub(crate) async fn open(
        client: &mut GossipClient<tonic::transport::Channel>,
        first: push_frame::Kind,
    ) -> Result<Self, Status> {
        let (frames, outgoing) = mpsc::channel(16);
        let first = peer::PushFrame { kind: Some(first) };
        frames.try_send(first).expect("there is room");
        let answers = client.exchange(ReceiverStream::new(outgoing));
        let mut answers = soon("an answer", answers).await?.into_inner();
        match soon("an answered hello", answers.message()).await? {
            Some(peer::ReplyFrame { kind: Some(reply_frame::Kind::Hello(_)) }) => {}
            other => panic!("expected a hello, got {other:?}"),
        }
        Ok(Self { frames, answers })
    }

    pub(crate) async fn send(&self, kind: Option<push_frame::Kind>) {
        self.frames.send(peer::PushFrame { kind }).await.expect("the stream stands");
    }

    /// The next refusal: its name, or that with which the stream ended.
    pub(crate) async fn refusal(&mut self) -> Result<String, String> {
        match soon("a refusal", self.answers.message()).await {
            Ok(Some(peer::ReplyFrame { kind: Some(reply_frame::Kind::Refused(refused)) })) => {
                Ok(refused.reason)
            }
            Err(status) if status.code() != Code::Unknown => Err(reason(&status)),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}
