//! A member that holds back what it knows is routed around, and every other member's view names it;
//! an honest one is never named.

use std::collections::BTreeMap;

use interlock_engine::replica::{
    Input, UNDELIVERED_IN_A_ROW, WITHHOLDING_AFTER, Withholding, WithholdingSign,
};
use interlock_record::{MemberId, Span};
use interlock_sim::checks::agree;
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::dice::Dice;
use interlock_sim::network::{Faults, Network, Vice};
use proptest::prelude::*;

use crate::world::{Pen, at, flag, secs};

const MEMBERS: u32 = 5;
const LIAR: u32 = 1;

fn network(faults: Faults, seed: u64) -> Network {
    let shape = Shape { members: MEMBERS, ..Shape::default() };
    Network::new(Consortium::new(&shape), faults, seed)
}

/// Everybody publishes now and then, for so long.
fn talk(network: &mut Network, rounds: u32) {
    for round in 0..rounds {
        let speaker = member(round % MEMBERS);
        let time = network.clock(speaker);
        network.publish(speaker, vec![flag((round % 7) as u8, time)], None);
        network.run(Span::from_millis(400));
    }
}

/// What a member sees of another.
fn view(network: &Network, of: MemberId, on: MemberId) -> Withholding {
    let views = network.replica(on).withholding(network.clock(on));
    views.into_iter().find(|view| view.member == of).expect("a peer")
}

/// Who is named by whom, with which signs.
fn named(network: &Network) -> BTreeMap<(MemberId, MemberId), Vec<WithholdingSign>> {
    let mut named = BTreeMap::new();
    for on in network.members() {
        for view in network.replica(on).withholding(network.clock(on)) {
            if !view.signs.is_empty() {
                named.insert((on, view.member), view.signs);
            }
        }
    }
    named
}

/// All honest members name the liar for this, and nobody names anybody else.
fn all_name(network: &Network, sign: WithholdingSign) -> Result<(), String> {
    let named = named(network);
    for on in network.members().into_iter().filter(|on| *on != member(LIAR)) {
        if !named.get(&(on, member(LIAR))).is_some_and(|signs| signs.contains(&sign)) {
            return Err(format!("{on} does not name the liar: {named:?}"));
        }
    }
    match named.keys().find(|(_, of)| *of != member(LIAR)) {
        Some(innocent) => Err(format!("{innocent:?} in {named:?}")),
        None => Ok(()),
    }
}

#[test]
fn who_relays_nothing_hides_every_feed_but_its_own() {
    let mut network = network(Faults::NONE, 1);
    network.set_vice(member(LIAR), Vice::RelaysNothing);
    talk(&mut network, 10);
    network.run(WITHHOLDING_AFTER);
    network.run(secs(2));
    all_name(&network, WithholdingSign::HiddenFeed).unwrap_or_else(|why| panic!("{why}"));
    let seen = view(&network, member(LIAR), member(0));
    // Its own and the one that looks on are among those that it could have told of.
    assert_eq!(seen.hidden, vec![feed(0, 1), feed(2, 1), feed(3, 1), feed(4, 1)]);
    assert_eq!(seen.lag_records, 8);
    agree(&network).expect("everybody has everything");
}

#[test]
fn a_stale_frontier_is_named_once_it_stands_still_for_long_enough() {
    let mut network = network(Faults::NONE, 1);
    talk(&mut network, 10);
    network.run(secs(2));
    let before = view(&network, member(LIAR), member(0));
    assert_eq!((before.lag_records, before.lag_since), (0, None));
    network.set_vice(member(LIAR), Vice::RelaysNothing);
    let time = network.clock(member(3));
    network.publish(member(3), vec![flag(1, time)], None);
    network.run(Span::from_micros(WITHHOLDING_AFTER.micros() - 500_000).expect("a span"));
    let seen = view(&network, member(LIAR), member(0));
    assert_eq!((seen.lag_records, seen.lag_feed), (1, Some(feed(3, 1))));
    assert!(named(&network).is_empty(), "{:?}", named(&network));
    network.run(secs(2));
    all_name(&network, WithholdingSign::StaleFrontier).unwrap_or_else(|why| panic!("{why}"));
    let seen = view(&network, member(LIAR), member(0));
    assert_eq!(seen.lag_since, view(&network, member(LIAR), member(0)).lag_since);
    assert!(seen.hidden.is_empty(), "it told of every feed once");
    agree(&network).expect("everybody has everything");
}

#[test]
fn one_hidden_feed_is_named_though_all_others_are_told_of() {
    let mut network = network(Faults::NONE, 1);
    network.set_vice(member(LIAR), Vice::Hides(feed(2, 1)));
    talk(&mut network, 60);
    all_name(&network, WithholdingSign::HiddenFeed).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(view(&network, member(LIAR), member(4)).hidden, vec![feed(2, 1)]);
}

#[test]
fn who_does_not_deliver_is_asked_last_and_named() {
    let mut network = network(Faults::NONE, 1);
    network.set_vice(member(LIAR), Vice::DeliversNothing);
    // A member that was away has all to ask for, and its link to the others comes up last.
    network.part(&BTreeMap::from([(member(0), 1)]));
    talk(&mut network, 20);
    network.part(&BTreeMap::from([(member(0), 1), (member(LIAR), 1)]));
    network.run(secs(20));
    let seen = view(&network, member(LIAR), member(0));
    assert!(seen.undelivered >= u64::from(UNDELIVERED_IN_A_ROW), "{seen:?}");
    assert_eq!(seen.signs, vec![WithholdingSign::Undelivered]);
    network.heal();
    network.run(secs(3));
    agree(&network).expect("everybody has everything");
    let asked = view(&network, member(LIAR), member(0)).undelivered;
    for _ in 0..3 {
        network.part(&BTreeMap::from([(member(0), 1)]));
        talk(&mut network, 10);
        network.heal();
        network.run(secs(3));
    }
    agree(&network).expect("everybody has everything");
    let again = view(&network, member(LIAR), member(0)).undelivered;
    assert_eq!(again, asked, "there were others to ask");
}

#[test]
fn nobody_is_named_for_another_members_fork() {
    let mut network = network(Faults::NONE, 1);
    let consortium = network.consortium().clone();
    let (mut a, mut b) = (Pen::new(&consortium, feed(0, 1)), Pen::new(&consortium, feed(0, 1)));
    let one = vec![a.sign(at(0), &[flag(1, at(0))])];
    let other = (0..5).map(|n| b.sign(at(n), &[flag(2, at(n))])).collect();
    network.part(&BTreeMap::from([(member(0), 1)]));
    network.inject(member(1), vec![Input::Records { from: member(0), records: one }]);
    network.inject(member(2), vec![Input::Records { from: member(0), records: other }]);
    talk(&mut network, 60);
    assert!(network.replica(member(3)).counters().equivocations > 0);
    let honest = |on: &MemberId| *on != member(0);
    let named: Vec<_> =
        named(&network).into_keys().filter(|(on, of)| honest(on) && honest(of)).collect();
    assert!(named.is_empty(), "{named:?}");
    network.restart(member(3));
    network.run(secs(20));
    let view = network.replica(member(3)).withholding(network.clock(member(3)));
    assert!(view.iter().all(|view| view.signs.is_empty() || view.member == member(0)), "{view:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_one_member_holds_back_the_others_get_everything(seed: u64) {
        let mut dice = Dice::new(seed);
        let mut network = network(Faults::ROUGH, dice.next());
        let vice = match dice.below(3) {
            0 => Vice::RelaysNothing,
            1 => Vice::Hides(feed(2 + dice.below(3) as u32, 1)),
            _ => Vice::DeliversNothing,
        };
        network.set_vice(member(LIAR), vice);
        talk(&mut network, 40);
        network.calm();
        prop_assert!(agree(&network).is_ok(), "{vice:?}: {:?}", agree(&network));
    }

    #[test]
    fn nobody_honest_is_named_when_the_network_is_bad(seed: u64) {
        let mut dice = Dice::new(seed);
        // Breaks and losses, with frames that arrive within the second.
        let faults = Faults { broken_pulls_permille: 0, ..Faults::ROUGH };
        let mut network = network(faults, dice.next());
        for _ in 0..6 {
            let cut = member(dice.below(u64::from(MEMBERS)) as u32);
            if dice.permille(400) {
                network.part(&BTreeMap::from([(cut, 1)]));
            }
            talk(&mut network, 10);
            if dice.permille(300) {
                network.restart(cut);
            }
            network.heal();
            talk(&mut network, 10);
            prop_assert!(named(&network).is_empty(), "{:?}", named(&network));
        }
    }
}
