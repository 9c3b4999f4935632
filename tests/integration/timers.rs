//! What falls due by itself, at nodes that run and at one that did not.

use std::time::Duration;

use interlock_record::{Span, Time};
use interlock_wire::timestamp;
use interlock_wire::v1::{self, DecisionChange::*, Measure, Severity};

use crate::calls::{flag, instant, tag};
use crate::consortium::Consortium;
use crate::node::Node;

fn expiring(number: u8, after: Duration) -> (v1::FlagDraft, Time) {
    let after = i64::try_from(after.as_micros()).expect("seconds");
    let at = interlock_node::clock::now().plus(Span::from_micros(after).expect("seconds"));
    let draft = flag(tag(number), Severity::Critical);
    (v1::FlagDraft { expires_at: Some(timestamp(at)), ..draft }, at)
}

async fn opened_at(node: &Node, number: u8, at: Time) {
    let event = node.told(tag(number), Announced, Measure::None).await;
    assert_eq!((event.from(), instant(event.at)), (Measure::Review, at), "{}", node.name);
    let event = node.told(tag(number), Effective, Measure::None).await;
    assert_eq!((event.from(), instant(event.at)), (Measure::Review, at), "{}", node.name);
    let decision = node.decision(tag(number)).await;
    assert_eq!((decision.announced(), decision.effective()), (Measure::None, Measure::None));
}

#[tokio::test]
async fn a_flag_that_expires_opens_everywhere_also_where_the_node_was_down() {
    let mut consortium = Consortium::start(&["acme", "bolt", "coil"], 3).await;
    let (draft, at) = expiring(1, Duration::from_secs(2));
    let (_, raised_at) = consortium.nodes[0].raise(draft).await;
    for node in &consortium.nodes {
        let event = node.told(tag(1), Announced, Measure::Review).await;
        assert_eq!(instant(event.at), raised_at);
        let decision = node.decision(tag(1)).await;
        assert_eq!(instant(decision.until), at, "its end is known from the start");
    }
    consortium.nodes[2].kill();
    for node in &consortium.nodes[..2] {
        opened_at(node, 1, at).await;
    }
    consortium.nodes[2].start();
    consortium.nodes[2].answers().await;
    let coil = &consortium.nodes[2];
    opened_at(coil, 1, at).await;
    // In no order: how much of it came before the end depends on how fast this machine is.
    let mut told = coil.events(tag(1)).await;
    told.sort_by_key(|event| (event.change() as i32, instant(event.at)));
    let told: Vec<_> = told.iter().map(|event| (event.change(), event.to())).collect();
    let expected = [
        (Announced, Measure::Review),
        (Announced, Measure::None),
        (Effective, Measure::Review),
        (Effective, Measure::None),
    ];
    assert_eq!(told, expected, "what fell due while it was down is told in full, and once");
}
