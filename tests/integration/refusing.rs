//! Whoever means harm is refused by name, and leaves no trace.

use interlock_record::{FeedHead, SigningKey, Span};
use interlock_wire::peer::{self, push_frame::Kind};
use interlock_wire::v1::{DecisionChange, Measure, Severity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::calls::{flag, tag};
use crate::consortium::Consortium;
use crate::hostile::{Mask, Stream, feed, harm, reason, record, records};
use crate::node::{Node, State};
use crate::{eventually, soon};

const MEMBERS: &[&str] = &["acme", "mallory"];

/// A node that knows one flag, and a member that is ours to misuse.
async fn besieged() -> (Consortium, State) {
    let consortium = Consortium::start(MEMBERS, 1).await;
    let acme = &consortium.nodes[0];
    acme.raise(flag(tag(1), Severity::High)).await;
    // Else the journal moves on by itself.
    acme.told(tag(1), DecisionChange::Effective, Measure::Review).await;
    let state = acme.state().await;
    (consortium, state)
}

/// Asserts that the node is as it was, and serves.
async fn unharmed(node: &Node, before: &State, what: &str) {
    assert_eq!(&node.state().await, before, "{what} left a trace");
    assert_eq!(node.decision(tag(1)).await.announced(), Measure::Review, "{what}");
    assert_eq!(node.decision(tag(66)).await.announced(), Measure::None, "{what}");
}

async fn counted(node: &Node, code: &str, least: u64) {
    eventually(&format!("{code} is counted"), async || {
        let count = node.refusals(code).await;
        if count >= least { Ok(()) } else { Err(format!("{:?}", node.peers().await.refusals)) }
    })
    .await;
}

#[tokio::test]
async fn strangers_do_not_get_in() {
    let (consortium, before) = besieged().await;
    let acme = &consortium.nodes[0];
    let own = consortium.id();
    let other = interlock_record::ConsortiumId([9; 32]);
    let strange = || SigningKey::from_seed([9; 32]);
    let member = || consortium.traitor().key;
    let masks = [
        ("STRANGER", Mask { consortium: own, feed: feed("stranger", 1), key: strange() }),
        ("STRANGER", Mask { consortium: own, feed: feed("mallory", 2), key: member() }),
        (
            "BAD_BINDING_SIGNATURE",
            Mask { consortium: own, feed: feed("mallory", 1), key: strange() },
        ),
        ("BAD_BINDING_SIGNATURE", Mask { consortium: own, feed: feed("acme", 1), key: member() }),
        ("WRONG_CONSORTIUM", Mask { consortium: other, feed: feed("mallory", 1), key: member() }),
    ];
    for (code, mask) in masks {
        let count = acme.refusals(code).await;
        let error = consortium.dial(acme, &mask).await.expect_err(code);
        assert!(["REFUSED_BY_PEER", "BROKEN_HANDSHAKE"].contains(&error.code()), "{error}");
        counted(acme, code, count + 1).await;
        unharmed(acme, &before, code).await;
    }

    let mut garbage = tokio::net::TcpStream::connect(&acme.address).await.expect("it listens");
    garbage.write_all(b"GET / HTTP/1.1\r\nHost: acme\r\n\r\n").await.expect("it is sent");
    counted(acme, "BAD_HANDSHAKE", 1).await;
    let mut rest = Vec::new();
    let ended = soon("the node hangs up", garbage.read_to_end(&mut rest)).await;
    assert!(ended.is_err() || rest.len() < 64, "{rest:?}");
    unharmed(acme, &before, "garbage").await;
}

#[tokio::test]
async fn a_member_that_says_the_wrong_thing_first_is_refused() {
    let (consortium, before) = besieged().await;
    let acme = &consortium.nodes[0];
    let hello = || consortium.hello();
    let hellos = [
        ("WRONG_CONSORTIUM", Kind::Hello(peer::Hello { consortium: vec![9; 32], ..hello() })),
        ("WRONG_CONSORTIUM", Kind::Hello(peer::Hello { consortium: Vec::new(), ..hello() })),
        ("WRONG_PROTOCOL", Kind::Hello(peer::Hello { protocol: 2, ..hello() })),
        ("WRONG_MEMBER", Kind::Hello(peer::Hello { member: "acme".to_owned(), ..hello() })),
        ("NO_HELLO", Kind::Frontier(peer::Frontier::default())),
        ("FRAME_TOO_LARGE", records(&[vec![7; 600 * 1_024]])),
    ];
    for (code, first) in hellos {
        let count = acme.refusals(code).await;
        let mut client = consortium.dial(acme, &consortium.traitor()).await.expect("a member");
        let status = Stream::open(&mut client, first).await.err().expect(code);
        assert_eq!(reason(&status), code, "{status:?}");
        counted(acme, code, count + 1).await;
        unharmed(acme, &before, code).await;
    }

    let mut client = consortium.dial(acme, &consortium.traitor()).await.expect("a member");
    let range =
        peer::Range { member: "acme".to_owned(), feed: 1, first: 1, last: 1, head: Vec::new() };
    let own = consortium.id().0.to_vec();
    let pulls = [
        ("WRONG_CONSORTIUM", vec![9; 32], vec![range.clone()]),
        ("TOO_MANY_RANGES", own.clone(), vec![range.clone(); 1_025]),
        ("BAD_FRAME", own.clone(), vec![peer::Range { first: 0, ..range.clone() }]),
        ("BAD_FRAME", own.clone(), vec![peer::Range { first: 2, ..range.clone() }]),
    ];
    for (code, consortium, ranges) in pulls {
        let status = client.pull(peer::PullRequest { consortium, ranges }).await.expect_err(code);
        assert_eq!(reason(&status), code, "{status:?}");
        unharmed(acme, &before, code).await;
    }
    let far = peer::Range { last: u64::MAX, ..range };
    let request = peer::PullRequest { consortium: own, ranges: vec![far] };
    let mut chunks = client.pull(request).await.expect("a good request").into_inner();
    let chunk = soon("records", chunks.message()).await.expect("it answers").expect("one record");
    assert_eq!(chunk.records.len(), 1);
    assert_eq!(soon("the end", chunks.message()).await.expect("a good end"), None);
}

#[tokio::test]
async fn a_member_that_sends_what_is_wrong_is_refused_by_name() {
    let (consortium, before) = besieged().await;
    let acme = &consortium.nodes[0];
    let frames = wrong_frames(&consortium);
    let mut stream = consortium.meet(acme).await;
    for (code, kind) in &frames {
        let count = acme.refusals(code).await;
        stream.send(kind.clone()).await;
        assert_eq!(stream.refusal().await.as_deref(), Ok(*code));
        counted(acme, code, count + 1).await;
        unharmed(acme, &before, code).await;
    }

    // Too large for gRPC itself: the stream ends, with the name all the same.
    stream.send(Some(records(&[vec![7; 600 * 1_024]]))).await;
    assert_eq!(stream.refusal().await, Err("FRAME_TOO_LARGE".to_owned()));
    unharmed(acme, &before, "a frame too large for gRPC").await;

    // A record of the future waits and is no harm; what is behind it is still looked at.
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let now = consortium.context(mallory);
    let late = interlock_record::SealContext { time: now.time.plus(Span::from_secs(600)), ..now };
    let late = record(&FeedHead::empty(), &key, late, harm(tag(66)));
    let mut stream = consortium.meet(acme).await;
    stream.send(Some(records(&[late.signed().encode()]))).await;
    stream.send(frames[0].1.clone()).await;
    assert_eq!(stream.refusal().await.as_deref(), Ok(frames[0].0));
    unharmed(acme, &before, "a record of the future").await;

    // After all that, a good record of the same member is as good as any, but for the one of the
    // future: of two records in one place neither means anything.
    let good = record(&FeedHead::empty(), &key, consortium.context(mallory), harm(tag(3)));
    stream.send(Some(records(&[good.signed().encode()]))).await;
    eventually("a good record is taken", async || {
        let status = acme.status().await;
        let head = status.frontier.iter().find(|head| head.member == "mallory");
        (head.is_some_and(|head| head.head == good.id().0) && status.equivocations == 1)
            .then_some(())
            .ok_or_else(|| format!("{status:?}"))
    })
    .await;
    assert_eq!(acme.decision(tag(3)).await.announced(), Measure::None);
}

/// Frames, and the names with which they are refused.
fn wrong_frames(consortium: &Consortium) -> Vec<(&'static str, Option<Kind>)> {
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let empty = FeedHead::empty();
    let sealed = |feed, statement| record(&empty, &key, consortium.context(feed), statement);
    let first = sealed(mallory, harm(tag(66)));
    let head = empty.next(&first).expect("it is the first");
    let second = record(&head, &key, consortium.context(mallory), harm(tag(66)));

    let mut unsigned = first.signed().clone();
    unsigned.signature.0[5] ^= 1;
    let mut altered = first.signed().clone();
    altered.body[0] = interlock_record::Entry::Kept { salt: [8; 16], statement: harm(tag(66)) };
    let mut other = consortium.context(mallory);
    other.consortium = interlock_record::ConsortiumId([9; 32]);
    let other = record(&empty, &key, other, harm(tag(66)));
    let mut cut = first.signed().encode();
    cut.truncate(cut.len() - 3);
    let head_claim = |sequence, id: usize| peer::Head {
        member: "mallory".to_owned(),
        feed: 1,
        sequence,
        id: vec![7; id],
    };
    let frontier = |head| {
        Kind::Frontier(peer::Frontier {
            heads: vec![head],
            complete: true,
            ..peer::Frontier::default()
        })
    };
    let one = |bytes: Vec<u8>| Some(records(&[bytes]));
    vec![
        ("BAD_SIGNATURE", one(unsigned.encode())),
        ("BAD_SIGNATURE", one(sealed(feed("acme", 1), harm(tag(66))).signed().encode())),
        ("GAP", one(second.signed().encode())),
        ("WRONG_BODY_ROOT", one(altered.encode())),
        ("WRONG_CONSORTIUM", one(other.signed().encode())),
        ("UNKNOWN_FEED", one(sealed(feed("mallory", 7), harm(tag(66))).signed().encode())),
        ("UNKNOWN_FEED", one(sealed(feed("stranger", 1), harm(tag(66))).signed().encode())),
        ("UNDECODABLE", one(b"no record at all".to_vec())),
        ("UNDECODABLE", one(cut)),
        ("UNDECODABLE", one(Vec::new())),
        // All of a frame or nothing: the good one beside the bad one is not taken.
        ("BAD_SIGNATURE", Some(records(&[first.signed().encode(), unsigned.encode()]))),
        ("FRAME_TOO_LARGE", one(vec![7; 300 * 1_024])),
        ("BAD_FORK", Some(Kind::Forks(peer::Forks { proofs: vec![vec![7; 40]] }))),
        ("BAD_FRAME", Some(frontier(head_claim(1, 31)))),
        ("BAD_FRAME", Some(frontier(head_claim(0, 32)))),
        ("BAD_FRAME", Some(Kind::Hello(consortium.hello()))),
        ("BAD_FRAME", None),
    ]
}
