//! A flag raised at one node is a decision at all.

use interlock_record::{Span, StatementId};
use interlock_wire::v1::{self, DecisionChange::*, Measure, Severity};

use crate::calls::{flag, instant, tag};
use crate::consortium::{Consortium, NOTICE_MICROS};

fn ids(because: &[Vec<u8>]) -> Vec<StatementId> {
    because.iter().map(|id| StatementId::from_slice(id).expect("an id")).collect()
}

fn consortium_event(event: &v1::DecisionEvent) -> bool {
    event.scope() == v1::Scope::Consortium
}

#[tokio::test]
async fn two_witnesses_lock_everywhere_at_one_instant_and_a_withdrawal_opens_everywhere() {
    let consortium = Consortium::start(&["acme", "bolt", "coil"], 3).await;
    let [acme, bolt, _] = &consortium.nodes[..] else { unreachable!("three members") };
    let subject = tag(1);
    let notice = Span::from_micros(NOTICE_MICROS).expect("a second");

    let (first, raised_at) = acme.raise(flag(subject, Severity::High)).await;
    for node in &consortium.nodes {
        let event = node.told(subject, Announced, Measure::Review).await;
        assert!(consortium_event(&event));
        assert_eq!((event.from(), instant(event.at)), (Measure::None, raised_at), "{}", node.name);
        assert_eq!(ids(&event.because), [first], "{}", node.name);
        let decision = node.decision(subject).await;
        assert_eq!(decision.announced(), Measure::Review, "{}", node.name);
        assert_eq!(instant(decision.since), raised_at, "{}", node.name);
        assert_eq!(ids(&decision.because), [first], "{}", node.name);
    }

    let (second, locked_at) = bolt.raise(flag(subject, Severity::High)).await;
    for node in &consortium.nodes {
        let event = node.told(subject, Announced, Measure::Lock).await;
        assert_eq!((event.from(), instant(event.at)), (Measure::Review, locked_at));
        assert_eq!(ids(&event.because), [first, second], "both witnesses, in order");
        let event = node.told(subject, Effective, Measure::Lock).await;
        assert_eq!(instant(event.at), locked_at.plus(notice), "the same instant at {}", node.name);
        assert!(instant(event.recorded_at) >= instant(event.at), "not before its time");
        assert_eq!(node.decision(subject).await.effective(), Measure::Lock, "{}", node.name);
    }

    let opened_at = acme.withdraw(first).await;
    for node in &consortium.nodes {
        let event = node.told(subject, Announced, Measure::Review).await;
        let event = if event.from() == Measure::Lock {
            event
        } else {
            // The REVIEW of the first flag was the latest a moment ago.
            crate::eventually("the lock opens", async || {
                let event = node.told(subject, Announced, Measure::Review).await;
                (event.from() == Measure::Lock).then_some(event).ok_or("still locked".to_owned())
            })
            .await
        };
        assert_eq!(instant(event.at), opened_at, "what is taken back comes off at once");
        assert_eq!(ids(&event.because), [first], "{}", node.name);
        let event = node.told(subject, Effective, Measure::Review).await;
        assert_eq!(instant(event.at).max(opened_at), opened_at, "{}", node.name);
        let decision = node.decision(subject).await;
        assert_eq!(
            (decision.announced(), decision.effective()),
            (Measure::Review, Measure::Review)
        );
        assert!(node.events(subject).await.iter().all(consortium_event), "nothing is its own");
    }
    consortium.agreed().await;
}

#[tokio::test]
async fn a_lock_taken_back_within_the_notice_never_happened() {
    let consortium = Consortium::start(&["acme", "bolt", "coil"], 3).await;
    let [acme, bolt, _] = &consortium.nodes[..] else { unreachable!("three members") };
    let subject = tag(2);
    acme.raise(flag(subject, Severity::High)).await;
    let (mistake, _) = bolt.raise(flag(subject, Severity::High)).await;
    bolt.withdraw(mistake).await;
    for node in &consortium.nodes {
        node.told(subject, Effective, Measure::Review).await;
        let effective = node.events(subject).await;
        let effective = effective.iter().filter(|event| event.change() == Effective);
        let measures: Vec<Measure> = effective.map(v1::DecisionEvent::to).collect();
        assert_eq!(measures, [Measure::Review], "{}", node.name);
    }
}
