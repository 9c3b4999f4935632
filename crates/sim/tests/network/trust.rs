//! Members that sign twice: a branch that is not final is void everywhere, a final one stands
//! everywhere, whichever came first where.

use std::collections::BTreeMap;

use interlock_engine::ledger::{Column, Ledger as _};
use interlock_engine::replica::{Happening, Input, final_heights};
use interlock_record::{FeedId, Measure, VerifiedRecord};
use interlock_sim::checks::{agree, journal, journal_is_true, verdicts};
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::network::{Faults, Network};
use proptest::prelude::*;

use crate::world::{Pen, at, flag, secs};

/// The last member signs twice; its own node plays no part.
const LIAR: u32 = 4;

fn liar() -> FeedId {
    feed(LIAR, 1)
}

fn network(seed: u64) -> Network {
    let shape = Shape { members: LIAR + 1, ..Shape::default() };
    let mut network = Network::new(Consortium::new(&shape), Faults::NONE, seed);
    // Its own replica is out of reach: what it signs comes from a pen.
    network.part(&BTreeMap::from([(member(LIAR), 9)]));
    network
}

/// Gives records to members as if the liar had pushed them.
fn push(network: &mut Network, to: u32, records: &[&VerifiedRecord]) {
    for record in records {
        let records = vec![(*record).clone()];
        network.inject(member(to), vec![Input::Records { from: member(LIAR), records }]);
    }
}

fn honest(network: &Network) -> Vec<interlock_record::MemberId> {
    network.members().into_iter().filter(|id| *id != member(LIAR)).collect()
}

fn void_from(network: &Network, number: u32) -> Option<u64> {
    let events = journal(network.ledger(member(number)));
    let last = events.iter().rev().find_map(|event| match &event.happening {
        Happening::Void { feed, from } if *feed == liar() => Some(*from),
        _ => None,
    });
    last.filter(|from| *from > 0)
}

fn head(network: &Network, number: u32) -> Option<interlock_record::RecordId> {
    network.replica(member(number)).heads().get(&liar()).and_then(|head| head.id)
}

fn all_see(network: &mut Network, members: &[u32]) {
    for number in members {
        network.see(member(*number));
    }
    network.run(secs(2));
}

/// Two branches that part after `common` records: each of the two flags another subject.
fn branches(network: &Network, common: usize) -> (Vec<VerifiedRecord>, Vec<VerifiedRecord>) {
    let consortium = network.consortium().clone();
    let mut pen = Pen::new(&consortium, liar());
    let mut a: Vec<VerifiedRecord> =
        (0..common).map(|i| pen.sign(at(i as i64 + 1), &[flag(9, at(0))])).collect();
    let mut b = a.clone();
    let mut other = pen.clone();
    for i in 0..3 {
        a.push(pen.sign(at(100 + i), &[flag(1, at(0))]));
        b.push(other.sign(at(200 + i), &[flag(2, at(0))]));
    }
    (a, b)
}

#[test]
fn where_neither_branch_is_final_both_are_void_everywhere() {
    let mut network = network(1);
    let (a, b) = branches(&network, 2);
    for (to, branch) in [(0, &a), (1, &a), (2, &b), (3, &b)] {
        push(&mut network, to, &branch.iter().collect::<Vec<_>>());
    }
    network.run(secs(10));
    for number in 0..LIAR {
        assert_eq!(void_from(&network, number), Some(3), "at m{number}");
        let verdicts = verdicts(network.ledger(member(number)));
        assert!(verdicts.announced(Measure::Review), "what came before the fork counts");
    }
    let decided: Vec<_> = honest(&network).into_iter().map(|id| plans(&network, id)).collect();
    assert!(decided.windows(2).all(|two| two[0] == two[1]), "{decided:?}");
    assert!(decided[0].values().all(|plan| !plan.is_empty()) && decided[0].len() == 1);
}

/// Announced measures by subject, of those that have any.
fn plans(network: &Network, id: interlock_record::MemberId) -> BTreeMap<Vec<u8>, Vec<(i64, u32)>> {
    use interlock_engine::ledger::rows::{DecisionRow, StoredRow as _};
    let rows = network.ledger(id).range(Column::Decisions, &[], &[0xff; 33], usize::MAX);
    rows.expect("memory")
        .into_iter()
        .filter_map(|(key, value)| {
            let row = DecisionRow::decode(&value).expect("a row");
            let steps = row.consortium?.transitions;
            let plan: Vec<_> = steps.iter().map(|step| (step.at, step.to)).collect();
            (!plan.is_empty()).then_some((key, plan))
        })
        .collect()
}

#[test]
fn a_branch_that_most_have_seen_stands_and_the_other_is_void() {
    let mut network = network(2);
    let (a, b) = branches(&network, 2);
    push(&mut network, 0, &a.iter().collect::<Vec<_>>());
    network.run(secs(5));
    all_see(&mut network, &[0, 1, 2]);
    let heights = final_heights(network.ledger(member(3)), network.replica(member(3)).charters());
    assert_eq!(heights.expect("memory")[&liar()], 5, "three of four others have named it");
    // Now the other branch shows up.
    push(&mut network, 3, &b.iter().collect::<Vec<_>>());
    network.run(secs(5));
    for number in 0..LIAR {
        assert_eq!(void_from(&network, number), None, "at m{number}");
        assert_eq!(network.replica(member(number)).counters().equivocations, 1);
    }
    let all: Vec<_> = honest(&network).into_iter().map(|id| plans(&network, id)).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]));
    assert!(all[0].contains_key([1; 32].as_slice()) && !all[0].contains_key([2; 32].as_slice()));
}

#[test]
fn who_took_the_wrong_branch_exchanges_it_for_the_final_one() {
    let mut network = network(3);
    let (a, b) = branches(&network, 2);
    // m3 is cut off with the liar's other branch.
    network.part(&BTreeMap::from([(member(LIAR), 9), (member(3), 1)]));
    push(&mut network, 0, &a.iter().collect::<Vec<_>>());
    push(&mut network, 3, &b.iter().collect::<Vec<_>>());
    network.run(secs(5));
    all_see(&mut network, &[0, 1, 2]);
    assert_eq!(head(&network, 3), b.last().map(VerifiedRecord::id));
    network.part(&BTreeMap::from([(member(LIAR), 9)]));
    network.run(secs(20));
    let expected = a.last().map(VerifiedRecord::id);
    for number in 0..LIAR {
        assert_eq!(head(&network, number), expected, "at m{number}");
        assert_eq!(void_from(&network, number), None, "at m{number}");
    }
    let taken = journal(network.ledger(member(3)))
        .iter()
        .any(|event| matches!(event.happening, Happening::BranchTaken { sequence: 3, .. }));
    assert!(taken, "the journal says that the line was exchanged");
    let all: Vec<_> = honest(&network).into_iter().map(|id| plans(&network, id)).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
    assert!(all[0].contains_key([1; 32].as_slice()) && !all[0].contains_key([2; 32].as_slice()));
    for id in honest(&network) {
        journal_is_true(network.replica(id), network.ledger(id)).expect("true");
    }
    // And it survives a restart.
    network.restart(member(3));
    network.run(secs(5));
    assert_eq!(head(&network, 3), expected);
}

#[test]
fn a_member_whose_feed_is_void_does_not_sign_in_it() {
    let shape = Shape { members: 3, ..Shape::default() };
    let mut network = Network::new(Consortium::new(&shape), Faults::NONE, 4);
    let consortium = network.consortium().clone();
    network.publish(member(0), vec![flag(1, at(0))], None);
    network.run(secs(2));
    // A copy of its key signs another first record.
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let stolen = pen.sign(at(50), &[flag(2, at(0))]);
    let records = vec![stolen];
    network.inject(member(1), vec![Input::Records { from: member(2), records }]);
    network.run(secs(5));
    let ticket = network.publish(member(0), vec![flag(3, at(0))], None);
    let refused = network.answer(ticket).expect("answered").as_ref().expect_err("it must not");
    assert!(refused.to_string().contains("two records"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever gets which branch first, whoever sees what when: in the end all honest replicas hold
    /// the same line or the same void, and decide alike.
    #[test]
    fn honest_replicas_end_alike_whatever_the_liar_does(
        seed: u64,
        common in 0_usize..4,
        first in proptest::collection::vec(any::<bool>(), 4),
        seers in proptest::collection::vec(0_u32..4, 0..6),
        apart in 0_u32..4,
    ) {
        let mut network = network(seed);
        let (a, b) = branches(&network, common);
        network.part(&BTreeMap::from([(member(LIAR), 9), (member(apart), 1)]));
        for (to, which) in (0..).zip(&first) {
            let branch = if *which { &a } else { &b };
            push(&mut network, to, &branch.iter().collect::<Vec<_>>());
        }
        network.run(secs(2));
        for number in &seers {
            network.see(member(*number));
            network.run(secs(1));
        }
        network.part(&BTreeMap::from([(member(LIAR), 9)]));
        network.run(secs(30));
        let all: Vec<_> = honest(&network).into_iter().map(|id| plans(&network, id)).collect();
        for (number, plan) in all.iter().enumerate() {
            prop_assert_eq!(plan, &all[0], "m{}", number);
        }
        let voids: Vec<_> = (0..LIAR).map(|number| void_from(&network, number)).collect();
        prop_assert!(voids.windows(2).all(|two| two[0] == two[1]), "{:?}", voids);
        for id in honest(&network) {
            let told = journal_is_true(network.replica(id), network.ledger(id));
            prop_assert!(told.is_ok(), "{} {:?}", id, told);
        }
    }
}

#[test]
fn honest_members_that_only_say_what_they_saw_stay_in_agreement() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::ROUGH, 5);
    for round in 0..20 {
        let clock = network.clock(member(round % 4));
        network.publish(member(round % 4), vec![flag(1, clock)], None);
        network.run(secs(1));
        network.see(member((round + 1) % 4));
    }
    network.calm();
    agree(&network).expect("alike");
    let said = network.replica(member(0)).counters().arrivals;
    // `Seen` about nothing but `Seen` would go on for ever.
    for number in 0..4 {
        network.see(member(number));
    }
    network.run(secs(5));
    for number in 0..4 {
        network.see(member(number));
    }
    network.run(secs(5));
    let more = network.replica(member(0)).counters().arrivals - said;
    assert!(more <= 4, "{more} records although nothing else was said");
}
