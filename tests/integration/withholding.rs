//! A member that holds back what it knows, among real nodes: they get everything from each other, and
//! `interlock peers` names it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interlock_node::clock::now;
use interlock_node::transport::{Refusals, listen};
use interlock_record::FeedHead;
use interlock_wire::peer::gossip_server::{Gossip, GossipServer};
use interlock_wire::peer::{self, push_frame, reply_frame};
use interlock_wire::v1::{Measure, Severity};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream as Values, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::calls::{flag, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::governed::said;
use crate::hostile::{Stream, feed, harm, record, records};
use crate::node::Node;

/// The last member's node: it lets others in, listens, and hands out nothing.
struct Miser {
    hello: peer::Hello,
    pulls: Arc<AtomicU64>,
}

type Replies<T> = Pin<Box<dyn Values<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Gossip for Miser {
    type ExchangeStream = Replies<peer::ReplyFrame>;

    async fn exchange(
        &self,
        request: Request<Streaming<peer::PushFrame>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let (answers, outgoing) = mpsc::channel(1);
        let hello = reply_frame::Kind::Hello(self.hello.clone());
        answers.try_send(Ok(peer::ReplyFrame { kind: Some(hello) })).expect("there is room");
        tokio::spawn(async move {
            let mut frames = request.into_inner();
            while let Some(Ok(_)) = frames.next().await {}
            drop(answers);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }

    type PullStream = Replies<peer::PullResponse>;

    async fn pull(
        &self,
        _: Request<peer::PullRequest>,
    ) -> Result<Response<Self::PullStream>, Status> {
        self.pulls.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(Box::pin(tokio_stream::empty())))
    }

    type FetchChartersStream = Replies<peer::FetchChartersResponse>;

    async fn fetch_charters(
        &self,
        _: Request<peer::FetchChartersRequest>,
    ) -> Result<Response<Self::FetchChartersStream>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::empty())))
    }
}

/// The last member's node as long as this lives, and how often it was asked for records.
struct Lair {
    pulls: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Drop for Lair {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Lair {
    async fn open(consortium: &Consortium) -> Self {
        let node = consortium.nodes.last().expect("it has members");
        let (refused, _) = mpsc::channel(1);
        let (_, incoming) = listen(
            &node.address,
            consortium.traitor().credentials(),
            Arc::new(consortium.roster()),
            Arc::new(now),
            Refusals::new(refused),
            std::future::pending(),
        )
        .await
        .expect("the address is ours");
        let pulls = Arc::new(AtomicU64::new(0));
        let miser = Miser { hello: consortium.hello(), pulls: pulls.clone() };
        let service = GossipServer::new(miser);
        let serving = tokio::spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.expect("it serves");
        });
        Self { pulls, serving }
    }
}

/// A head as the last member tells it.
fn head(member: &str, sequence: u64, id: Vec<u8>) -> peer::Head {
    peer::Head { member: member.to_owned(), feed: 1, sequence, id }
}

async fn tell(stream: &Stream, heads: Vec<peer::Head>) {
    let frontier = peer::Frontier { heads, complete: true, ..Default::default() };
    stream.send(Some(push_frame::Kind::Frontier(frontier))).await;
}

/// The heads that a node knows, but for one feed's.
async fn heads_but(node: &Node, hidden: &str) -> Vec<peer::Head> {
    let frontier = node.status().await.frontier.into_iter();
    let told = frontier.filter(|known| known.member != hidden && known.sequence > 0);
    told.map(|known| head(&known.member, known.sequence, known.head)).collect()
}

/// What `interlock peers` says of every member that withholds, by name.
fn withholding(node: &Node) -> Vec<(String, Value)> {
    let shown = said(&["peers", "--node", &node.api()]);
    let peers = shown["peers"].as_array().expect("a list").iter();
    let named = peers.filter(|peer| peer["withholds"] != serde_json::json!([]));
    named.map(|peer| (peer["member"].as_str().expect("text").to_owned(), peer.clone())).collect()
}

/// Waits until a node names mallory for this, and nobody else for anything.
async fn names_mallory(node: &Node, sign: &str) -> Value {
    eventually(&format!("{} names mallory for {sign}", node.name), async || {
        let named = withholding(node);
        let [(member, peer)] = &named[..] else { return Err(format!("{named:?}")) };
        assert_eq!(member, "mallory", "{peer}");
        let signs = peer["withholds"].as_array().expect("a list");
        if signs.contains(&sign.into()) { Ok(peer.clone()) } else { Err(peer.to_string()) }
    })
    .await
}

async fn decides(node: &Node, number: u8, measure: Measure) {
    eventually(&format!("{} comes to {measure:?}", node.name), async || {
        let announced = node.decision(tag(number)).await.announced();
        (announced == measure).then_some(()).ok_or_else(|| format!("{announced:?}"))
    })
    .await;
}

#[tokio::test]
async fn who_hides_a_feed_and_then_stands_still_is_shown_and_nobody_misses_anything() {
    let consortium = Consortium::start(&["acme", "bolt", "cato", "mallory"], 3).await;
    let _lair = Lair::open(&consortium).await;
    let [acme, bolt, cato, _] = &consortium.nodes[..] else { unreachable!("four members") };
    for node in [acme, bolt, cato] {
        node.raise(flag(tag(1), Severity::High)).await;
    }
    for node in [acme, bolt, cato] {
        decides(node, 1, Measure::Lock).await;
    }
    // It tells acme and bolt of all that there is, but for cato's feed.
    let (to_acme, to_bolt) = (consortium.meet(acme).await, consortium.meet(bolt).await);
    let told = heads_but(acme, "cato").await;
    assert_eq!(told.len(), 2, "{told:?}");
    for stream in [&to_acme, &to_bolt] {
        tell(stream, told.clone()).await;
    }
    for node in [acme, bolt] {
        let shown = names_mallory(node, "HIDDEN_FEED").await;
        assert_eq!(shown["hidden_feeds"], serde_json::json!(["cato/1"]), "{}", node.name);
        assert_eq!(shown["lag_records"], 1, "{shown}");
        let text = crate::consortium::run(&["peers", "--node", &node.api()]);
        assert!(text.contains("cato/1") && text.contains("HIDDEN_FEED"), "{text}");
    }
    // What it hid it tells of now, and from then on of nothing any more.
    for stream in [&to_acme, &to_bolt] {
        tell(stream, heads_but(acme, "nobody").await).await;
    }
    for node in [acme, bolt] {
        eventually("nothing is hidden any more", async || {
            let named = withholding(node);
            named.is_empty().then_some(()).ok_or_else(|| format!("{named:?}"))
        })
        .await;
    }
    cato.raise(flag(tag(2), Severity::High)).await;
    for node in [acme, bolt] {
        decides(node, 2, Measure::Review).await;
        let shown = names_mallory(node, "STALE_FRONTIER").await;
        assert_eq!((&shown["lag_records"], &shown["lag_feed"]), (&1.into(), &"cato/1".into()));
        assert_eq!(shown["hidden_feeds"], serde_json::json!([]), "it told of every feed once");
        assert!(shown["lag_seconds"].as_u64().is_some_and(|lag| lag >= 10), "{shown}");
    }
}

#[tokio::test]
async fn who_does_not_deliver_is_shown_and_others_are_asked() {
    let mut consortium = Consortium::start(&["acme", "bolt", "cato", "mallory"], 3).await;
    let [acme, bolt, cato, _] = &mut consortium.nodes[..] else { unreachable!("four members") };
    // What cato says while acme is away is known to bolt alone, and neither runs when acme is back.
    acme.terminate().await;
    cato.raise(flag(tag(1), Severity::High)).await;
    decides(bolt, 1, Measure::Review).await;
    let known = heads_but(bolt, "nobody").await;
    bolt.terminate().await;
    cato.terminate().await;
    let lair = Lair::open(&consortium).await;
    let acme = &mut consortium.nodes[0];
    acme.start();
    acme.answers().await;
    let acme = &consortium.nodes[0];
    let stream = consortium.meet(acme).await;
    tell(&stream, known).await;
    let shown = names_mallory(acme, "UNDELIVERED").await;
    assert!(shown["undelivered_pulls"].as_u64().is_some_and(|pulls| pulls >= 3), "{shown}");
    assert_eq!(acme.decision(tag(1)).await.announced(), Measure::None, "it got nothing");
    // Its own record it may still push: it is a member like others.
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let own = record(&FeedHead::empty(), &key, consortium.context(mallory), harm(tag(2)));
    stream.send(Some(records(&[own.signed().encode()]))).await;
    decides(acme, 2, Measure::Review).await;

    // As soon as anybody else has it, it is got there, and mallory is asked for nothing more.
    let bolt = &mut consortium.nodes[1];
    bolt.start();
    bolt.answers().await;
    let [acme, bolt, ..] = &consortium.nodes[..] else { unreachable!("four members") };
    decides(acme, 1, Measure::Review).await;
    decides(bolt, 2, Measure::Review).await;
    let asked = lair.pulls.load(Ordering::Relaxed);
    assert!(asked >= 3, "asked {asked} times");
    tell(&stream, heads_but(acme, "nobody").await).await;
    names_mallory(acme, "UNDELIVERED").await;
    assert_eq!(lair.pulls.load(Ordering::Relaxed), asked);
}
