//! Following decisions: with state or without, filtered, and from a cursor.

use std::collections::BTreeMap;

use interlock_record::SubjectTag;
use interlock_wire::v1::{self, DecisionChange, Measure, Severity, WatchDecisionsRequest};

use crate::calls::{flag, subject, tag};
use crate::consortium::Consortium;

fn state_of(decisions: &[v1::SubjectDecision]) -> BTreeMap<SubjectTag, Measure> {
    let of = |decision: &v1::SubjectDecision| {
        let tag = SubjectTag::from_slice(&decision.subject).expect("a tag");
        (tag, decision.consortium.as_ref().expect("given").announced())
    };
    decisions.iter().map(of).collect()
}

fn said(event: &v1::DecisionEvent) -> (SubjectTag, DecisionChange, Measure) {
    (SubjectTag::from_slice(&event.subject).expect("a tag"), event.change(), event.to())
}

/// One subject in REVIEW and one in OBSERVE, both in force, so that nothing more comes by itself.
async fn settled() -> Consortium {
    let consortium = Consortium::start(&["acme", "bolt"], 1).await;
    let acme = &consortium.nodes[0];
    acme.raise(flag(tag(1), Severity::High)).await;
    acme.raise(flag(tag(2), Severity::Medium)).await;
    acme.told(tag(1), DecisionChange::Effective, Measure::Review).await;
    acme.told(tag(2), DecisionChange::Applied, Measure::Observe).await;
    consortium
}

#[tokio::test]
async fn a_watch_gives_the_state_and_then_what_happens() {
    let consortium = settled().await;
    let acme = &consortium.nodes[0];
    let (mut watch, state, caught_up) =
        acme.watch_with_state(WatchDecisionsRequest::default()).await;
    let expected = BTreeMap::from([(tag(1), Measure::Review), (tag(2), Measure::Observe)]);
    assert_eq!((state_of(&state), caught_up.subjects), (expected, 2));

    acme.raise(flag(tag(3), Severity::High)).await;
    let (announced, cursor) = watch.event_and_cursor().await;
    assert_eq!(said(&announced), (tag(3), DecisionChange::Announced, Measure::Review));
    let (effective, _) = watch.event_and_cursor().await;
    assert_eq!(said(&effective), (tag(3), DecisionChange::Effective, Measure::Review));
    let (applied, last) = watch.event_and_cursor().await;
    assert_eq!(said(&applied), (tag(3), DecisionChange::Applied, Measure::Review));

    // A cursor is exclusive, whichever message it came with.
    for (from, expected) in
        [(caught_up.cursor, vec![&announced, &effective, &applied]), (cursor, vec![&effective])]
    {
        let request = WatchDecisionsRequest { cursor: from, ..Default::default() };
        let (mut watch, _) = acme.watch(request).await;
        for event in expected {
            assert_eq!(&watch.event().await, event);
        }
    }
    let request = WatchDecisionsRequest { cursor: last, ..Default::default() };
    let (mut watch, _) = acme.watch(request).await;
    acme.raise(flag(tag(4), Severity::High)).await;
    assert_eq!(said(&watch.event().await), (tag(4), DecisionChange::Announced, Measure::Review));
}

#[tokio::test]
async fn a_watch_of_the_tail_only_has_no_state() {
    let consortium = settled().await;
    let acme = &consortium.nodes[0];
    let start = v1::WatchStart::Tail.into();
    let (mut watch, caught_up) =
        acme.watch(WatchDecisionsRequest { start, ..Default::default() }).await;
    assert_eq!(caught_up.subjects, 0);
    assert_eq!(caught_up.cursor, acme.status().await.cursor);
    acme.raise(flag(tag(3), Severity::High)).await;
    assert_eq!(said(&watch.event().await), (tag(3), DecisionChange::Announced, Measure::Review));
}

#[tokio::test]
async fn a_watch_shows_only_what_it_was_asked_for() {
    let consortium = settled().await;
    let acme = &consortium.nodes[0];
    let by_measure =
        WatchDecisionsRequest { at_least: Measure::Review.into(), ..Default::default() };
    let (mut grave, state, _) = acme.watch_with_state(by_measure).await;
    assert_eq!(state_of(&state), BTreeMap::from([(tag(1), Measure::Review)]));
    let subjects = vec![subject(tag(2)), subject(tag(5))];
    let by_subject = WatchDecisionsRequest { subjects, ..Default::default() };
    let (mut two, state, _) = acme.watch_with_state(by_subject).await;
    assert_eq!(state_of(&state), BTreeMap::from([(tag(2), Measure::Observe)]));

    acme.raise(flag(tag(4), Severity::Medium)).await;
    let (review, _) = acme.raise(flag(tag(3), Severity::High)).await;
    acme.raise(flag(tag(5), Severity::Medium)).await;
    assert_eq!(said(&grave.event().await), (tag(3), DecisionChange::Announced, Measure::Review));
    assert_eq!(said(&two.event().await), (tag(5), DecisionChange::Announced, Measure::Observe));
    // Coming into force, and going below, are changes of the same measure.
    assert_eq!(said(&grave.event().await), (tag(3), DecisionChange::Effective, Measure::Review));
    assert_eq!(said(&grave.event().await), (tag(3), DecisionChange::Applied, Measure::Review));
    acme.withdraw(review).await;
    assert_eq!(said(&grave.event().await), (tag(3), DecisionChange::Announced, Measure::None));
}
