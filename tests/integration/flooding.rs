//! A member with a valid key that sends what it should not pays for it, and nobody else does.

use interlock_record::{FeedHead, SealContext, Span};
use interlock_wire::peer::push_frame::Kind;
use interlock_wire::peer::{PullRequest, Range};
use interlock_wire::v1::{Measure, Severity};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::calls::{flag, tag};
use crate::consortium::{Consortium, run};
use crate::eventually;
use crate::hostile::{Stream, feed, harm, reason, record, records};
use crate::node::Node;

/// One member with metrics, an honest one beside it, and one that is ours to misuse.
pub(crate) async fn besieged() -> (Consortium, String) {
    let mut consortium = Consortium::found(&["acme", "bolt", "mallory"]);
    let metrics = consortium.free_address();
    let config = consortium.nodes[0].path("node.toml");
    let mut text = std::fs::read_to_string(&config).expect("it was written");
    text.push_str("[metrics]\nlisten = \"");
    text.push_str(&metrics);
    text.push_str("\"\n");
    std::fs::write(&config, text).expect("it is ours");
    for node in &mut consortium.nodes[..2] {
        node.start();
    }
    for node in &consortium.nodes[..2] {
        node.answers().await;
    }
    consortium.connected(2).await;
    (consortium, metrics)
}

/// What an HTTP server answers: status line and headers, and the body.
async fn http(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

pub(crate) async fn metric(address: &str, name: &str) -> Option<String> {
    let (_, body) = http(address, "GET /metrics").await;
    let line = body.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.and_then(|line| line.split(' ').nth(1)).map(str::to_owned)
}

/// What `interlock peers -o json` says of a member.
fn shown(node: &Node, member: &str) -> Value {
    let socket = format!("unix:{}", node.path("interlock.sock").display());
    let text = run(&["peers", "-o", "json", "--node", &socket]);
    let peers: Value = serde_json::from_str(&text).expect("one document");
    let peers = peers["peers"].as_array().expect("a list").iter();
    peers.into_iter().find(|peer| peer["member"] == member).expect("it is listed").clone()
}

/// A flag of the honest member is known to its peer while all of this goes on.
async fn honest_is_heard(consortium: &Consortium, subject: u8) {
    consortium.nodes[1].raise(flag(tag(subject), Severity::High)).await;
    eventually("an honest flag arrives", async || {
        let announced = consortium.nodes[0].decision(tag(subject)).await.announced();
        (announced == Measure::Review).then_some(()).ok_or_else(|| format!("{announced:?}"))
    })
    .await;
}

/// Frames that are refused, and the names with which they are.
fn wrong(consortium: &Consortium) -> Vec<(&'static str, Kind)> {
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let empty = FeedHead::empty();
    let sealed =
        |head: &FeedHead, feed| record(head, &key, consortium.context(feed), harm(tag(66)));
    let first = sealed(&empty, mallory);
    let head = empty.next(&first).expect("it is the first");
    let second = sealed(&head, mallory);
    // The first may wait for its time, and the second behind it.
    let third = sealed(&head.next(&second).expect("it is the second"), mallory);
    let mut forged = first.signed().clone();
    forged.signature.0[5] ^= 1;
    let one = |bytes: Vec<u8>| records(&[bytes]);
    vec![
        ("BAD_SIGNATURE", one(forged.encode())),
        ("BAD_SIGNATURE", one(sealed(&empty, feed("bolt", 1)).signed().encode())),
        ("GAP", one(third.signed().encode())),
        ("UNDECODABLE", one(b"no record at all".to_vec())),
        ("FRAME_TOO_LARGE", one(vec![7; 300 * 1_024])),
    ]
}

#[tokio::test]
async fn a_member_that_goes_on_sending_rubbish_is_paused_and_then_shut_out() {
    let (consortium, metrics) = besieged().await;
    let acme = &consortium.nodes[0];
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    // A record of the future waits, and costs nothing.
    let now = consortium.context(mallory);
    let future = SealContext { time: now.time.plus(Span::from_secs(600)), ..now };
    let future = record(&FeedHead::empty(), &key, future, harm(tag(66)));
    let mut stream = consortium.meet(acme).await;
    stream.send(Some(records(&[future.signed().encode()]))).await;

    let wrong = wrong(&consortium);
    let (mut sent, mut paused, mut subject) = (0_usize, 0, 100);
    let end = loop {
        let (code, kind) = &wrong[sent % wrong.len()];
        sent += 1;
        stream.send(Some(kind.clone())).await;
        assert_eq!(stream.refusal().await.as_deref(), Ok(*code));
        let peer = shown(acme, "mallory");
        if peer["standing"] == "SHUT" {
            break stream.refusal().await;
        }
        if peer["standing"] == "PAUSED" {
            assert_eq!(peer["overdrawn"], "REFUSED_FRAMES");
            assert!(peer["standing_until"].is_string(), "{peer}");
        }
        let pauses = peer["pauses"].as_u64().expect("a number");
        if pauses > paused {
            paused = pauses;
            honest_is_heard(&consortium, subject).await;
            subject += 1;
        }
        assert!(sent < 200, "nothing happens: {peer}");
    };
    assert_eq!(end, Err("SHUT_OUT".to_owned()));
    assert!((24..60).contains(&sent), "{sent} frames");

    let peer = shown(acme, "mallory");
    assert_eq!(peer["standing"], "SHUT", "{peer}");
    assert_eq!((&peer["pauses"], &peer["shut_outs"]), (&6.into(), &1.into()), "{peer}");
    let refused = peer["refused"].as_array().expect("a list");
    for code in ["BAD_SIGNATURE", "UNDECODABLE", "FRAME_TOO_LARGE", "GAP"] {
        assert!(refused.iter().any(|refusal| refusal["reason"] == code), "{code}: {peer}");
    }
    let told = async |name: &str| metric(&metrics, name).await;
    assert_eq!(
        told("interlock_peer_standing{peer=\"mallory\",standing=\"SHUT\"}").await.as_deref(),
        Some("1")
    );
    assert_eq!(told("interlock_peer_pauses_total{peer=\"mallory\"}").await.as_deref(), Some("6"));
    assert_eq!(
        told("interlock_peer_shut_outs_total{peer=\"mallory\"}").await.as_deref(),
        Some("1")
    );
    let forged = "interlock_peer_refusals_total{peer=\"mallory\",reason=\"BAD_SIGNATURE\"}";
    assert!(told(forged).await.is_some());

    // Coming again pays no debts.
    let mut client = consortium.dial(acme, &consortium.traitor()).await.expect("it is a member");
    let hello = Kind::Hello(consortium.hello());
    let status = Stream::open(&mut client, hello).await.err().expect("it is shut out");
    assert_eq!(reason(&status), "SHUT_OUT");
    let ranges =
        vec![Range { member: "acme".to_owned(), feed: 1, first: 1, last: 1, head: Vec::new() }];
    let consortium_id = consortium.id().0.to_vec();
    let asked = client.pull(PullRequest { consortium: consortium_id, ranges }).await;
    assert_eq!(reason(&asked.expect_err("it is shut out")), "SHUT_OUT");

    // Nobody else has felt anything, and nothing of it was taken.
    honest_is_heard(&consortium, subject).await;
    let honest = shown(acme, "bolt");
    assert_eq!((&honest["standing"], &honest["pauses"]), (&"OPEN".into(), &0.into()), "{honest}");
    assert_eq!(honest["refused"].as_array().map(Vec::len), Some(0), "{honest}");
    assert_eq!(acme.decision(tag(66)).await.announced(), Measure::None);
}

#[tokio::test]
async fn a_member_that_replays_what_is_known_is_paused() {
    let (consortium, _) = besieged().await;
    let acme = &consortium.nodes[0];
    let (key, mallory) = (consortium.traitor().key, feed("mallory", 1));
    let good = record(&FeedHead::empty(), &key, consortium.context(mallory), harm(tag(3)));
    let stream = consortium.meet(acme).await;
    stream.send(Some(records(&[good.signed().encode()]))).await;
    let frame = records(&vec![good.signed().encode(); 400]);
    for _ in 0..30 {
        stream.send(Some(frame.clone())).await;
    }
    let peer = eventually("it is paused", async || {
        let peer = shown(acme, "mallory");
        if peer["pauses"].as_u64() > Some(0) { Ok(peer) } else { Err(peer.to_string()) }
    })
    .await;
    assert_eq!(peer["overdrawn"], "NOTHING_NEW", "{peer}");
    assert_eq!(peer["shut_outs"], 0, "{peer}");
    honest_is_heard(&consortium, 100).await;
    // The good record that came first counts.
    assert_eq!(acme.decision(tag(3)).await.announced(), Measure::Review);
}

#[tokio::test]
async fn honest_members_that_have_much_to_say_feel_no_budget() {
    let (mut consortium, _) = besieged().await;
    consortium.nodes[1].terminate().await;
    for number in 0..300_u16 {
        let subject = tag(u8::try_from(number % 50).expect("below 256"));
        consortium.nodes[0].raise(flag(subject, Severity::Medium)).await;
    }
    consortium.nodes[1].start();
    consortium.nodes[1].answers().await;
    consortium.nodes[1].signs().await;
    // While it catches up, both go on.
    for number in 100..150 {
        consortium.nodes[0].raise(flag(tag(number), Severity::Medium)).await;
        consortium.nodes[1].raise(flag(tag(number), Severity::Medium)).await;
    }
    let (acme, bolt) = (&consortium.nodes[0], &consortium.nodes[1]);
    eventually("both know the same", async || {
        let (one, other) = (acme.status().await, bolt.status().await);
        let same = one.frontier_digest == other.frontier_digest && other.records == 400;
        same.then_some(()).ok_or_else(|| format!("{} and {}", one.records, other.records))
    })
    .await;
    for (node, other) in [(acme, "bolt"), (bolt, "acme")] {
        let peer = shown(node, other);
        assert_eq!((&peer["standing"], &peer["pauses"]), (&"OPEN".into(), &0.into()), "{peer}");
        assert_eq!(peer["withholds"].as_array().map(Vec::len), Some(0), "{peer}");
    }
    assert_eq!(acme.status().await.late_records + bolt.status().await.late_records, 0);
}

#[tokio::test]
async fn a_member_has_so_many_streams_and_no_more() {
    let (consortium, _) = besieged().await;
    let acme = &consortium.nodes[0];
    let mut open = Vec::new();
    for _ in 0..interlock_node::peers::porter::MAX_STREAMS_A_MEMBER {
        open.push(consortium.meet(acme).await);
    }
    let mut client = consortium.dial(acme, &consortium.traitor()).await.expect("it is a member");
    let hello = || Kind::Hello(consortium.hello());
    let status = Stream::open(&mut client, hello()).await.err().expect("one too many");
    assert_eq!(reason(&status), "TOO_MANY_STREAMS");
    open.pop();
    eventually("there is room again", async || {
        Stream::open(&mut client, hello()).await.map(drop).map_err(|status| status.to_string())
    })
    .await;
    honest_is_heard(&consortium, 100).await;
}

#[tokio::test]
async fn metrics_are_served_on_loopback_to_whoever_asks_well() {
    let (consortium, metrics) = besieged().await;
    honest_is_heard(&consortium, 5).await;
    let (head, body) = http(&metrics, "GET /metrics").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let value = |name: &str| {
        let line = body.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.split(' ').nth(1)).unwrap_or_else(|| panic!("{name} in {body}"))
    };
    assert_eq!(value("interlock_records_total"), "1");
    assert_eq!(value("interlock_statements_total"), "1");
    assert_eq!(value("interlock_peer_reached{peer=\"bolt\"}"), "1");
    assert_eq!(value("interlock_peer_heard{peer=\"mallory\"}"), "0");
    assert_ne!(value("interlock_store_bytes"), "0");
    assert_ne!(value("interlock_writer_commit_seconds_count"), "0");
    // What a subject is called is in no label and no help.
    let hidden = interlock_record::hex(&tag(5).0);
    assert!(!body.contains(&hidden[..16]), "{body}");

    assert!(http(&metrics, "GET /").await.0.starts_with("HTTP/1.1 404"));
    assert!(http(&metrics, "POST /metrics").await.0.starts_with("HTTP/1.1 405"));
    let mut garbage = TcpStream::connect(&metrics).await.expect("it listens");
    garbage.write_all(&[0xff; 1_000]).await.expect("it is sent");
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest).await;
    assert!(http(&metrics, "GET /metrics").await.0.starts_with("HTTP/1.1 200"));

    let mallory = &consortium.nodes[2];
    let config = mallory.path("node.toml");
    let mut text = std::fs::read_to_string(&config).expect("it was written");
    text.push_str("[metrics]\nlisten = \"0.0.0.0:9100\"\n");
    std::fs::write(&config, text).expect("it is ours");
    let ended = mallory.refused().await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("metrics.listen: expected a loopback address"), "{ended:?}");
}
