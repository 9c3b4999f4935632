//! After a start a replica does not sign before it knows what it has signed: no node forks itself.

use std::collections::BTreeMap;

use interlock_engine::ledger::rows::{JournalRow, StoredRow as _};
use interlock_engine::ledger::{Column, Ledger as _};
use interlock_engine::replica::{
    Event, Extent, Happening, HeadClaim, Input, PublishRefused, SignedHead, Start,
};
use interlock_record::RecordId;
use interlock_sim::checks::agree;
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::dice::Dice;
use interlock_sim::network::{Faults, Memory, Network};
use proptest::prelude::*;

use crate::world::{Lone, Pen, at, drafts, flag, knows_nothing, secs};

fn careful(last_signed: Option<SignedHead>) -> Start {
    Start::Careful { last_signed }
}

/// A replica that was opened just now, in a consortium of so many members and this many a group.
fn opened(members: u32, group: u32, start: Start) -> Lone {
    let shape = Shape { members, group, ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(0, 1));
    lone.reopen_unasked(start);
    lone
}

fn why(lone: &Lone) -> String {
    lone.replica.not_signing(at(0)).unwrap_or_default()
}

#[test]
fn a_quorum_of_groups_must_have_answered() {
    // Of n groups, ceil(2 n / 3) are a quorum, the replica's own among them.
    for (members, needed) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 3), (7, 4), (9, 5)] {
        let mut lone = opened(members, 1, careful(None));
        for answered in 0..needed {
            let expected = format!("{answered} of the {needed} groups needed have answered");
            assert!(why(&lone).contains(&expected), "{}", why(&lone));
            lone.step(at(0), vec![knows_nothing(member(answered + 1))]);
        }
        assert_eq!(why(&lone), "", "{needed} of {members} have answered");
    }
}

#[test]
fn only_a_complete_answer_of_another_group_counts_and_only_once() {
    // m0 and m1 are of one group, m2 and m3 of another, m4 and m5, m6 and m7: 3 of 4 are a quorum.
    let mut lone = opened(8, 2, careful(None));
    let changes =
        Input::Frontier { from: member(2), heads: vec![], charters: None, extent: Extent::Changes };
    let strangers = [changes, knows_nothing(member(1)), knows_nothing(member(77))];
    lone.step(at(0), strangers.into());
    assert!(why(&lone).contains("0 of the 2 groups"), "{}", why(&lone));
    for same in [2, 3, 2] {
        lone.step(at(0), vec![knows_nothing(member(same))]);
        assert!(why(&lone).contains("1 of the 2 groups"), "{}", why(&lone));
        assert!(!why(&lone).contains("g1") && why(&lone).contains("g2, g3"), "{}", why(&lone));
    }
    lone.step(at(0), vec![knows_nothing(member(4))]);
    assert_eq!(why(&lone), "");
}

#[test]
fn until_then_a_write_is_refused_and_changes_nothing() {
    let mut lone = opened(4, 1, careful(None));
    let statements = || drafts(vec![flag(1, at(0))]);
    let ask = |ticket| Input::Publish { ticket, statements: statements(), request: None };
    let step = lone.step(at(0), vec![ask(1)]);
    assert!(step.changes.is_empty() && step.signed.is_none(), "{step:?}");
    let told = format!("{:?}", step.effects);
    assert!(told.contains("NotSigning"), "{told}");
    // The answers may come in the very step that asks.
    let step = lone.step(at(0), vec![ask(2), knows_nothing(member(1)), knows_nothing(member(2))]);
    assert_eq!(step.signed.map(|signed| signed.sequence), Some(1));
}

#[test]
fn an_answer_that_knows_more_is_caught_up_with_first() {
    let mut lone = opened(4, 1, careful(None));
    let heads = vec![HeadClaim { feed: feed(0, 1), sequence: 3, id: RecordId([1; 32]) }];
    let knows =
        Input::Frontier { from: member(1), heads, charters: None, extent: Extent::Complete };
    lone.step(at(0), vec![knows, knows_nothing(member(2))]);
    assert!(why(&lone).contains("others know record 3"), "{}", why(&lone));
}

#[test]
fn the_record_that_was_signed_last_is_waited_for() {
    let mut lone = opened(4, 1, careful(None));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let records: Vec<_> = (0..3).map(|n| pen.sign(at(n), &[flag(1, at(n))])).collect();
    lone.take(at(5), &[&records[0]]);
    let last = SignedHead { sequence: 3, id: records[2].id() };
    lone.reopen_unasked(careful(Some(last)));
    lone.step(at(5), (1..4).map(|n| knows_nothing(member(n))).collect());
    let restored = "has signed record 3 of its feed, but its store ends at record 1";
    assert!(why(&lone).contains(restored), "{}", why(&lone));
    lone.take(at(5), &[&records[1]]);
    // However long it takes: nobody but the operator makes it sign before.
    let much_later = lone.replica.not_signing(at(1_000_000_000)).unwrap_or_default();
    assert!(much_later.contains("its store ends at record 2"), "{much_later}");
    lone.take(at(5), &[&records[2]]);
    assert_eq!(lone.replica.not_signing(at(1_000_000_000)), None);
    // It is there from the start the next time, and so it is with an older one.
    for signed in [last, SignedHead { sequence: 2, id: records[1].id() }] {
        lone.reopen_unasked(careful(Some(signed)));
        assert!(why(&lone).contains("0 of the 2 groups"), "{}", why(&lone));
    }
}

#[test]
fn another_record_in_the_place_of_the_last_signed_one_silences_for_good() {
    let mut lone = opened(4, 1, careful(None));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let record = pen.sign(at(0), &[flag(1, at(0))]);
    lone.reopen_unasked(careful(Some(SignedHead { sequence: 1, id: RecordId([7; 32]) })));
    lone.step(at(5), (1..4).map(|n| knows_nothing(member(n))).collect());
    lone.take(at(5), &[&record]);
    let said = lone.replica.not_signing(at(1_000_000_000)).unwrap_or_default();
    assert!(said.contains("another record stands in that place"), "{said}");
    lone.reopen_unasked(careful(Some(SignedHead { sequence: 1, id: RecordId([7; 32]) })));
    assert!(why(&lone).contains("another record stands in that place"), "{}", why(&lone));
}

#[test]
fn a_forced_start_signs_at_once_and_is_journaled_once() {
    let mut lone = opened(4, 1, Start::Forced { reason: "the others are gone".to_owned() });
    assert_eq!(why(&lone), "");
    lone.tick(at(0));
    lone.tick(at(1));
    let told: Vec<Happening> = lone
        .ledger
        .range(Column::Journal, &[], &[0xff; 9], 100)
        .expect("memory does not fail")
        .iter()
        .map(|(_, row)| JournalRow::decode(row).and_then(|row| Event::from_row(1, &row)))
        .map(|event| event.expect("a journal entry").happening)
        .collect();
    let expected = Happening::SigningForced { reason: "the others are gone".to_owned() };
    assert_eq!(expected.name(), "SIGNING_FORCED");
    assert_eq!(told, [expected]);
}

/// Members talk, and one of them again and again wakes up on an old copy of its ledger.
fn restored_again_and_again(seed: u64, memory: Memory, rounds: u64) -> (Network, u64) {
    let mut dice = Dice::new(seed);
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::ROUGH, dice.next());
    let mut copy = network.ledger(member(0)).clone();
    let mut signed = 0;
    for _ in 0..rounds {
        match dice.below(6) {
            0 => copy = network.ledger(member(0)).clone(),
            1 => network.restore(member(0), copy.clone(), memory),
            2 => network.part(&BTreeMap::from([(member(0), dice.below(2) as u32)])),
            _ => {
                let by = member(dice.below(2) as u32);
                let said = vec![flag(1, network.clock(by))];
                let ticket = network.publish(by, said, None);
                let answer = network.answer(ticket).expect("answered at once");
                match answer {
                    Ok(_) => signed += u64::from(by == member(0)),
                    Err(refused) => {
                        assert!(matches!(refused, PublishRefused::NotSigning(_)), "{refused}");
                    }
                }
            }
        }
        network.run(secs(dice.below(4) as u32));
    }
    network.calm();
    network.run(secs(15));
    (network, signed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_node_that_is_restored_from_old_copies_never_forks_itself(seed: u64) {
        let (network, _) = restored_again_and_again(seed, Memory::Kept, 40);
        for member in network.members() {
            prop_assert_eq!(network.replica(member).counters().equivocations, 0);
        }
        agree(&network).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
    }
}

#[test]
fn restored_nodes_do_sign_on() {
    let signed: u64 = (0..8).map(|seed| restored_again_and_again(seed, Memory::Kept, 40).1).sum();
    assert!(signed >= 8, "{signed} records");
}

#[test]
fn without_its_memory_a_restored_node_still_asks_the_others_first() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    let old = network.ledger(member(0)).clone();
    for _ in 0..5 {
        network.publish(member(0), vec![flag(1, network.clock(member(0)))], None);
        network.run(secs(1));
    }
    network.restore(member(0), old, Memory::Lost);
    let early = network.publish(member(0), vec![flag(1, network.clock(member(0)))], None);
    assert!(network.answer(early).is_some_and(Result::is_err), "nobody has answered yet");
    network.run(secs(3));
    let signed = network.publish(member(0), vec![flag(1, network.clock(member(0)))], None);
    assert!(
        network.answer(signed).is_some_and(|answer| {
            answer.as_ref().is_ok_and(|published| published.sequence == 6)
        })
    );
    network.calm();
    agree(&network).expect("they agree");
    assert_eq!(network.replica(member(1)).counters().equivocations, 0);
}
