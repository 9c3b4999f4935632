//! A member that spreads invented times over its own silence: journaled, counted, and an alarm.

use interlock_engine::replica::{LATE_AFTER, LATE_BURST_FLAGS};
use interlock_node::clock::now;
use interlock_record::{FeedHead, SealContext, Span, VerifiedRecord};
use interlock_wire::peer::{self, push_frame};
use interlock_wire::v1::Measure;

use crate::calls::tag;
use crate::consortium::{Consortium, run};
use crate::eventually;
use crate::flooding::metric;
use crate::governed::said;
use crate::hostile::{Stream, feed, harm_observed, record, records};
use crate::node::Node;

/// Mallory's feed, as it writes it.
struct Pen<'a> {
    consortium: &'a Consortium,
    head: FeedHead,
}

impl Pen<'_> {
    /// Its next record, of a time so long before now.
    fn signs(&mut self, ago: Span) -> VerifiedRecord {
        let mask = self.consortium.traitor();
        let context = self.consortium.context(mask.feed);
        let time = now().minus(ago);
        let context = SealContext { time, ..context };
        let signed = record(&self.head, &mask.key, context, harm_observed(tag(1), time));
        self.head = self.head.next(&signed).expect("it follows");
        signed
    }

    /// Tells a node how far its feed goes.
    async fn tells(&self, stream: &Stream) {
        let head = self.head.id.map(|id| peer::Head {
            member: "mallory".to_owned(),
            feed: 1,
            sequence: self.head.sequence,
            id: id.0.to_vec(),
        });
        let heads = head.into_iter().collect();
        let frontier = peer::Frontier { heads, complete: true, ..Default::default() };
        stream.send(Some(push_frame::Kind::Frontier(frontier))).await;
    }
}

async fn knows(node: &Node, sequence: u64) {
    eventually(&format!("{} has mallory's record {sequence}", node.name), async || {
        let head = node.head(feed("mallory", 1)).await;
        let known = head.as_ref().map(|(known, _)| *known);
        (known == Some(sequence)).then_some(()).ok_or_else(|| format!("{head:?}"))
    })
    .await;
}

async fn kinds(node: &Node, kind: &str) -> Vec<String> {
    let entries = node.journal_after("").await;
    entries.into_iter().filter(|entry| entry.kind == kind).map(|entry| entry.detail).collect()
}

#[tokio::test]
async fn records_of_long_ago_are_late_and_a_burst_of_them_is_an_alarm() {
    let (consortium, metrics) = crate::flooding::besieged().await;
    let acme = &consortium.nodes[0];
    let mut pen = Pen { consortium: &consortium, head: FeedHead::empty() };
    let stream = consortium.meet(acme).await;
    // It says that its feed is empty: what it signs from now on is of now. A frame that is refused
    // shows that the one before it was read.
    pen.tells(&stream).await;
    let hour = LATE_AFTER.micros();
    let ago = |micros: i64| Span::from_micros(micros).expect("in range");
    let mut all = Vec::new();
    for number in 0..i64::try_from(LATE_BURST_FLAGS).expect("small") - 1 {
        all.push(pen.signs(ago(3 * hour - number)));
    }
    let bytes: Vec<Vec<u8>> = all.iter().map(|record| record.signed().encode()).collect();
    stream.send(Some(records(&bytes))).await;
    knows(acme, LATE_BURST_FLAGS - 1).await;
    let late = kinds(acme, "RECORD_LATE").await;
    assert_eq!(late.len() as u64, LATE_BURST_FLAGS - 1, "{late:?}");
    assert!(late[0].contains(r#""feed":"mallory/1""#), "{}", late[0]);
    assert_eq!(kinds(acme, "LATE_BURST").await.len(), 0, "one is missing");
    assert_eq!(acme.status().await.late_feeds.len(), 0);
    assert_eq!(metric(&metrics, "interlock_late_alarms").await.as_deref(), Some("0"));

    // One of less than an hour ago is not late, and one more that is makes the alarm.
    let fair = pen.signs(ago(2 * hour));
    stream.send(Some(records(&[fair.signed().encode()]))).await;
    knows(acme, LATE_BURST_FLAGS).await;
    assert_eq!(kinds(acme, "LATE_BURST").await.len(), 1);
    let status = said(&["status", "--node", &acme.api()]);
    assert_eq!(status["late_records"], LATE_BURST_FLAGS);
    assert_eq!(status["late_feeds"], serde_json::json!(["mallory/1"]));
    let text = run(&["status", "--node", &acme.api()]);
    assert!(text.contains("mallory/1"), "{text}");
    for (name, value) in [("late_alarms", "1"), ("late_bursts_total", "1")] {
        let shown = metric(&metrics, &format!("interlock_{name}")).await;
        assert_eq!(shown.as_deref(), Some(value), "{name}");
    }
    // What comes within the hour is nothing of the kind.
    let recent = pen.signs(ago(hour - 60_000_000));
    stream.send(Some(records(&[recent.signed().encode()]))).await;
    knows(acme, LATE_BURST_FLAGS + 1).await;
    assert_eq!(acme.status().await.late_records, LATE_BURST_FLAGS);
    // A flag that comes late counts as any other does: it is an alarm, not a verdict.
    assert_eq!(acme.decision(tag(1)).await.announced(), Measure::Review);
    // Bolt was told nothing by mallory itself: what it gets of acme it has never been level with.
    let bolt = &consortium.nodes[1];
    knows(bolt, LATE_BURST_FLAGS + 1).await;
    assert_eq!(bolt.status().await.late_records, 0);
}
