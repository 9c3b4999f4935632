//! Peers that lie, flood or sign twice harm nobody but themselves.

use std::collections::BTreeMap;

use interlock_engine::replica::{Extent, HeadClaim, Input, OWN_FEED_PATIENCE, PullEnd};
use interlock_record::{RecordId, Span};
use interlock_sim::checks::{agree, journal_is_true};
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::dice::Dice;
use interlock_sim::network::{Faults, Network};
use proptest::prelude::*;

use crate::world::{Lone, Pen, at, flag, pulls, secs};

fn claim(feed: interlock_record::FeedId, sequence: u64) -> HeadClaim {
    HeadClaim { feed, sequence, id: RecordId([0xaa; 32]) }
}

fn tells(from: interlock_record::MemberId, heads: Vec<HeadClaim>) -> Input {
    Input::Frontier { from, heads, charters: None, extent: Extent::Changes }
}

fn lone() -> Lone {
    let mut lone = Lone::new(Consortium::new(&Shape::default()), feed(0, 1));
    for peer in 1..4 {
        lone.step(at(0), vec![Input::Heard(member(peer)), Input::Dialled(member(peer))]);
    }
    lone
}

#[test]
fn a_false_claim_of_a_longer_own_feed_silences_a_replica_only_for_a_while() {
    let mut lone = lone();
    let lie = || vec![tells(member(1), vec![claim(feed(0, 1), 7)])];
    lone.step(at(0), lie());
    assert!(lone.replica.not_signing(at(0)).is_some());
    let patience = OWN_FEED_PATIENCE.micros() / 1_000;
    lone.step(at(patience / 2), lie());
    assert!(lone.replica.not_signing(at(patience - 1)).is_some());
    assert!(lone.replica.not_signing(at(patience)).is_none());
    // It may repeat itself as often as it likes.
    lone.step(at(patience + 1), lie());
    assert!(lone.replica.not_signing(at(patience + 1)).is_none());
}

#[test]
fn a_liar_that_always_claims_one_more_silences_a_replica_only_once() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    let mut refused = 0;
    for round in 0..60 {
        let own =
            network.replica(member(0)).heads().get(&feed(0, 1)).map_or(0, |head| head.sequence);
        let heads = vec![claim(feed(0, 1), own + 1)];
        network.inject(member(0), vec![tells(member(1), heads)]);
        let ticket = network.publish(member(0), vec![flag(1, network.clock(member(0)))], None);
        refused += u64::from(network.answer(ticket).is_some_and(Result::is_err));
        network.run(secs(1));
        assert!(round < 20 || network.answer(ticket).is_some_and(Result::is_ok), "round {round}");
    }
    assert!(refused <= 11, "refused {refused} times");
}

#[test]
fn an_honest_answer_that_the_own_feed_is_longer_is_waited_for_and_taken() {
    let consortium = Consortium::new(&Shape::default());
    let slow = Faults { least_delay_ms: 100, most_delay_ms: 100, ..Faults::NONE };
    let mut network = Network::new(consortium.clone(), slow, 1);
    // What this node signed before its disk was restored from an old copy.
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let records: Vec<_> =
        (0..20).map(|n| pen.sign(at(n - 1_000), &[flag(1, at(n - 1_000))])).collect();
    network.part(&BTreeMap::from([(member(0), 1)]));
    network.inject(member(1), vec![Input::Records { from: member(0), records }]);
    network.heal();
    network.run(Span::from_millis(150));
    let silent = network.publish(member(0), vec![flag(1, network.clock(member(0)))], None);
    network.run(secs(3));
    let signed = network.publish(member(0), vec![flag(1, network.clock(member(0)))], None);
    assert!(network.answer(silent).is_some_and(Result::is_err), "it might fork itself");
    assert!(network.answer(signed).is_some_and(Result::is_ok));
    network.calm();
    agree(&network).expect("they agree");
    assert_eq!(network.replica(member(0)).heads()[&feed(0, 1)].sequence, 21);
    assert_eq!(network.replica(member(2)).counters().equivocations, 0);
}

#[test]
fn a_peer_that_does_not_deliver_what_it_claims_is_asked_once_a_second_at_most() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    for round in 0..300 {
        let heads = (1..4).map(|number| claim(feed(number, 1), 1_000 + round)).collect();
        network.inject(member(0), vec![tells(member(1), heads)]);
        network.run(Span::from_millis(100));
    }
    let pulls = network.pulls(member(0));
    assert!((10..=40).contains(&pulls), "{pulls} pulls in 30 s");
    network.publish(member(2), vec![flag(1, network.clock(member(2)))], None);
    network.run(secs(1));
    assert_eq!(network.replica(member(0)).heads()[&feed(2, 1)].sequence, 1);
}

#[test]
fn a_peer_that_claims_other_records_for_known_places_is_not_asked_without_end() {
    let mut lone = lone();
    let mut pen = Pen::new(&lone.consortium, feed(2, 1));
    let record = pen.sign(at(0), &[flag(1, at(0))]);
    drop(pen);
    lone.take(at(0), &[&record]);
    let mut asked = 0;
    for round in 0..1_000 {
        let heads = vec![claim(feed(2, 1), 1)];
        let now = at(round * 10);
        let step = lone.step(now, vec![tells(member(1), heads)]);
        asked += pulls(&step);
        if pulls(&step) > 0 {
            lone.step(now, vec![Input::PullEnded { from: member(1), ended: PullEnd::Complete }]);
        }
    }
    assert!((1..=12).contains(&asked), "{asked} pulls in 10 s");
}

#[test]
fn claims_of_any_size_and_of_unknown_feeds_are_harmless() {
    let mut lone = lone();
    let heads = vec![
        claim(feed(1, 1), u64::MAX),
        claim(feed(2, 1), u64::MAX),
        claim(feed(0, 1), u64::MAX),
        claim(feed(9, 1), 5),
        claim(feed(1, 7), 5),
        claim(feed(3, 1), 0),
    ];
    let step = lone.step(at(0), vec![tells(member(1), heads.clone())]);
    let asked: Vec<_> = step
        .effects
        .iter()
        .filter_map(|effect| match effect {
            interlock_engine::replica::Effect::Pull { ranges, .. } => Some(ranges.clone()),
            _ => None,
        })
        .flatten()
        .map(|range| range.feed)
        .collect();
    assert!(asked.iter().all(|feed| lone.consortium.charter.feed(*feed).is_some()), "{asked:?}");
    // A member that the charter does not name is nobody.
    lone.step(at(1), vec![tells(member(77), heads)]);
    lone.step(at(2), vec![Input::Heard(member(77)), Input::Dialled(member(77))]);
    assert!(lone.replica.peers().iter().any(|peer| peer.behind > 0));
}

#[test]
fn a_gap_is_refused_and_filled() {
    let mut lone = lone();
    let mut pen = Pen::new(&lone.consortium, feed(1, 1));
    pen.sign(at(0), &[flag(1, at(0))]);
    let second = pen.sign(at(1), &[flag(1, at(1))]);
    drop(pen);
    let step = lone.take(at(2), &[&second]);
    let refused = step.effects.iter().any(|effect| {
        matches!(effect, interlock_engine::replica::Effect::Refuse { code: "GAP", .. })
    });
    assert!(refused && lone.replica.heads().is_empty());
    let asked = pulls(&step) + pulls(&lone.tick(at(400)));
    assert_eq!(asked, 1, "whoever pushed the second record has the first");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equivocation_reaches_every_honest_replica(seed: u64) {
        let consortium = Consortium::new(&Shape { members: 5, ..Shape::default() });
        let mut dice = Dice::new(seed);
        let mut network = Network::new(consortium.clone(), Faults::ROUGH, dice.next());
        // The first member's key signs two branches from some place on, behind everybody's back.
        let mut a = Pen::new(&consortium, feed(0, 1));
        let mut shared = Vec::new();
        for n in 0..dice.below(3) as i64 {
            shared.push(a.sign(at(n), &[flag(1, at(n))]));
        }
        let mut b = a.clone();
        let branch = |pen: &mut Pen<'_>, number: u8, length: i64| {
            let mut records = shared.clone();
            records.extend((10..10 + length).map(|n| pen.sign(at(n), &[flag(number, at(n))])));
            records
        };
        let lengths = [1 + dice.below(3) as i64, 1 + dice.below(3) as i64];
        let (one, other) = (branch(&mut a, 2, lengths[0]), branch(&mut b, 3, lengths[1]));
        network.part(&BTreeMap::from([(member(0), 1)]));
        network.inject(member(1), vec![Input::Records { from: member(0), records: one }]);
        let late = Span::from_millis(dice.below(3_000) as u32);
        network.run(late);
        network.inject(member(2), vec![Input::Records { from: member(0), records: other.clone() }]);
        network.run(secs(5));
        network.inject(member(3), vec![Input::Records { from: member(0), records: other }]);
        network.calm();
        for number in 1..5 {
            let replica = network.replica(member(number));
            prop_assert!(replica.counters().equivocations > 0, "{}", member(number));
            prop_assert!(journal_is_true(replica, network.ledger(member(number))).is_ok());
        }
        let before: u64 = (0..5).map(|number| network.pulls(member(number))).sum();
        network.run(secs(10));
        let after: u64 = (0..5).map(|number| network.pulls(member(number))).sum();
        prop_assert!(after - before <= 5 * 4 * 12, "{} pulls in 10 s of peace", after - before);
    }
}
