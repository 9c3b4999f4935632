//! Once nothing is under way, all replicas know the same and decide the same.

use std::collections::BTreeMap;

use interlock_record::{FeedId, FeedNumber, Measure, Span, StatementId};
use interlock_sim::chatter::{Topics, statement};
use interlock_sim::checks::{agree, journal_is_true, records, verdicts};
use interlock_sim::consortium::{Consortium, Shape, feed};
use interlock_sim::dice::Dice;
use interlock_sim::network::{Faults, Network};
use proptest::prelude::*;

use crate::world::{Lone, at};

/// Members talk for a while, and everything goes wrong meanwhile.
pub(crate) fn talk(seed: u64, shape: &Shape<'_>, faults: Faults, rounds: u64) -> Network {
    let mut dice = Dice::new(seed);
    let mut network = Network::new(Consortium::new(shape), faults, dice.next());
    let members = network.members();
    let feeds: Vec<FeedId> =
        members.iter().map(|member| FeedId { member: *member, number: FeedNumber(1) }).collect();
    for _ in 0..rounds {
        let member = members[dice.below(members.len() as u64) as usize];
        match dice.below(12) {
            0 => network.restart(member),
            1 => {
                let sides: BTreeMap<_, _> =
                    members.iter().map(|member| (*member, dice.below(2) as u32)).collect();
                network.part(&sides);
            }
            2 | 3 => network.heal(),
            _ => {
                let known: Vec<StatementId> = network.published().collect();
                let topics = Topics { subjects: 3, statements: &known, feeds: &feeds };
                let now = network.clock(member);
                let count = 1 + dice.below(3);
                let said = (0..count).map(|_| statement(&mut dice, &topics, now)).collect();
                network.publish(member, said, None);
            }
        }
        network.run(Span::from_millis(dice.below(1_500) as u32));
    }
    network
}

fn check(network: &Network) -> Result<(), TestCaseError> {
    agree(network).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
    for member in network.members() {
        journal_is_true(network.replica(member), network.ledger(member))
            .map_err(|wrong| TestCaseError::fail(format!("{member}: {wrong}")))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replicas_agree_once_the_network_is_quiet(seed: u64) {
        let mut network = talk(seed, &Shape::default(), Faults::ROUGH, 40);
        network.calm();
        check(&network)?;
    }

    #[test]
    fn replicas_with_quotas_and_groups_hold_and_release_alike(seed: u64) {
        let shape = Shape { members: 5, group: 2, quota: Some((1, "4s")), ..Shape::default() };
        let mut network = talk(seed, &shape, Faults::ROUGH, 40);
        network.calm();
        check(&network)?;
    }

    #[test]
    fn a_replica_that_gets_all_records_at_once_in_any_order_decides_the_same(seed: u64) {
        let mut network = talk(seed, &Shape { quota: Some((1, "4s")), ..Shape::default() }, Faults::ROUGH, 30);
        network.calm();
        let mut feeds: BTreeMap<FeedId, Vec<_>> = BTreeMap::new();
        for record in records(network.ledger(network.members()[0])) {
            feeds.entry(record.header().feed).or_default().push(record);
        }
        let expected = verdicts(network.ledger(network.members()[0]));
        let mut dice = Dice::new(seed ^ 1);
        let mut lone = Lone::new(network.consortium().clone(), feed(3, 1));
        // Each feed in order, the feeds in any order, some records twice, with restarts.
        while !feeds.is_empty() {
            let which = dice.below(feeds.len() as u64) as usize;
            let next = *feeds.keys().nth(which).expect("it is there");
            let waiting = feeds.get_mut(&next).expect("it is there");
            let record = if dice.permille(200) { waiting[0].clone() } else { waiting.remove(0) };
            if waiting.is_empty() {
                feeds.remove(&next);
            }
            lone.take(network.now(), &[&record]);
            if dice.permille(100) {
                lone.reopen();
            }
        }
        prop_assert_eq!(verdicts(&lone.ledger), expected);
    }

    #[test]
    fn replaying_every_feed_after_a_restart_changes_nothing(seed: u64) {
        let shape = Shape { quota: Some((4, "3s")), ..Shape::default() };
        let mut network = talk(seed, &shape, Faults::NONE, 30);
        network.calm();
        let member = network.members()[0];
        network.restart(member);
        network.run(Span::from_secs(5));
        let before = network.ledger(member).clone();
        let all = records(&before);
        let mut lone = Lone::new(network.consortium().clone(), feed(0, 1));
        lone.ledger = before.clone();
        lone.reopen();
        for record in &all {
            let step = lone.take(network.clock(member), &[record]);
            prop_assert!(step.changes.is_empty(), "{:?}", step.changes);
        }
        prop_assert_eq!(&lone.ledger, &before);
    }
}

#[test]
fn the_talk_reaches_what_it_is_meant_to_test() {
    let (mut locks, mut held, mut forks) = (0, 0, 0);
    for seed in 0..20 {
        let shape = Shape { members: 5, group: 2, quota: Some((1, "4s")), ..Shape::default() };
        let mut network = talk(seed, &shape, Faults::ROUGH, 40);
        network.calm();
        let first = network.members()[0];
        locks += u32::from(verdicts(network.ledger(first)).announced(Measure::Lock));
        held += network.replica(first).counters().held;
        forks += network.replica(first).counters().equivocations;
        assert!(network.now() > at(0));
    }
    assert!(locks >= 4, "{locks} of 20 talks locked anybody");
    assert!(held >= 4, "{held} records held");
    assert_eq!(forks, 0, "no honest node forks itself");
}
