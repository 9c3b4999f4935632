//! Members that name two branches of a forked feed, so that both are final: then both are void,
//! whichever came first where, and a bundle shows it.

use std::collections::BTreeMap;

use interlock_engine::charter::Charter;
use interlock_engine::proof::{ExportError, Verdict, Wanted, export, recompute, verify};
use interlock_engine::replica::{Happening, Input, Unmeant};
use interlock_record::{Measure, Seen, SeenHead, Statement, SubjectTag, VerifiedRecord};
use interlock_sim::checks::{journal, journal_is_true};
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::network::{Faults, Network};

use crate::world::{Lone, Pen, at, flag, secs};

fn see(pen: &mut Pen<'_>, ms: i64, record: &VerifiedRecord) -> VerifiedRecord {
    let header = record.header();
    let head = SeenHead { feed: header.feed, sequence: header.sequence, id: record.id() };
    pen.sign(at(ms), &[Statement::Seen(Seen { heads: vec![head] })])
}

fn proven(lone: &Lone, subject: u8, wanted: Wanted) -> Result<Verdict, ExportError> {
    let subject = SubjectTag([subject; 32]);
    let file = export(&lone.ledger, lone.replica.charters(), subject, wanted)?;
    Ok(verify(&file, Some(lone.consortium.id())).expect("what was exported verifies"))
}

/// A branch that was final alone is void once another is final too, be that one longer or not.
#[test]
fn a_bundle_shows_that_both_branches_are_final() {
    for longer in [0, 1, 2] {
        let mut lone = Lone::new(Consortium::new(&Shape::default()), feed(0, 1));
        let consortium = lone.consortium.clone();
        let mut pen = Pen::new(&consortium, feed(1, 1));
        let first = pen.sign(at(1), &[flag(1, at(0))]);
        let mut other = pen.clone();
        let line = pen.sign(at(2), &[flag(2, at(0))]);
        let mut rival = vec![other.sign(at(3), &[flag(3, at(0))])];
        (0..longer).for_each(|ms| rival.push(other.sign(at(4 + ms), &[flag(3, at(0))])));
        lone.take(at(5), &[&first, &line]);
        let mut seers = [2, 3].map(|number| Pen::new(&consortium, feed(number, 1)));
        for seer in &mut seers {
            let seen = see(seer, 7, &line);
            lone.take(at(8), &[&seen]);
        }
        lone.take(at(9), &[&rival[0]]);
        let stands = proven(&lone, 2, Wanted::AsOf(at(10))).expect("it is final");
        assert_eq!((stands.said[0].unmeant, stands.voids.len()), (None, 0));
        for seer in &mut seers {
            let seen = see(seer, 11, rival.last().expect("one"));
            lone.take(at(12), &[&seen]);
        }
        lone.take(at(13), &rival.iter().collect::<Vec<_>>());
        let void = proven(&lone, 2, Wanted::AsOf(at(14))).expect("both are shown to be final");
        assert_eq!(
            (void.said[0].unmeant, void.voids),
            (Some(Unmeant::Void), vec![(feed(1, 1), 2)])
        );
        assert_eq!(void.decided.announced_now, Measure::None);
        let word = "both branches being final";
        assert!(void.on_its_word.iter().any(|it| it.contains(word)), "{:?}", void.on_its_word);
        let before = proven(&lone, 1, Wanted::AsOf(at(14))).expect("it stands before the fork");
        assert_eq!(before.decided.announced_now, Measure::Review);
        let revised = journal(&lone.ledger).into_iter().rev().find(|event| {
            matches!(&event.happening, Happening::Revised { decided, .. }
                if decided.subject == SubjectTag([2; 32]))
        });
        let revised = Wanted::Entry(revised.expect("it was revised").number);
        let then = proven(&lone, 2, revised).expect("it is shown as it was taken");
        assert_eq!(then.decided.announced_now, Measure::None);
        let first = Charter::clone(&consortium.charter);
        assert_eq!(recompute(&lone.ledger, first, at(15)).expect("memory").differences, vec![]);
    }
}

/// With nobody else, nobody can name a branch: both are void, and that is proven too.
#[test]
fn where_there_is_no_other_group_both_branches_are_void() {
    let shape = Shape { members: 3, group: 3, ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let mut other = pen.clone();
    let line = pen.sign(at(2), &[flag(2, at(0))]);
    let rival = other.sign(at(3), &[flag(3, at(0))]);
    lone.take(at(5), &[&line, &rival]);
    let void = proven(&lone, 2, Wanted::AsOf(at(10))).expect("it is proven");
    assert_eq!((void.said[0].unmeant, void.voids), (Some(Unmeant::Void), vec![(feed(1, 1), 1)]));
}

/// Two of four others name both branches: whoever has the one or the other holds it to be void.
#[test]
fn where_both_branches_are_final_both_are_void_everywhere() {
    let shape = Shape { members: 5, ..Shape::default() };
    let mut network = Network::new(Consortium::new(&shape), Faults::NONE, 1);
    let consortium = network.consortium().clone();
    // The liar and those who name both speak from pens only.
    network.part(&BTreeMap::from([(member(4), 9), (member(3), 8), (member(2), 7), (member(1), 1)]));
    let mut pen = Pen::new(&consortium, feed(4, 1));
    let mut other = pen.clone();
    let a: Vec<_> = (0..2).map(|i| pen.sign(at(100 + i), &[flag(1, at(0))])).collect();
    let b: Vec<_> = (0..3).map(|i| other.sign(at(200 + i), &[flag(2, at(0))])).collect();
    let push = |network: &mut Network, to: u32, from: u32, record: &VerifiedRecord| {
        let records = vec![record.clone()];
        network.inject(member(to), vec![Input::Records { from: member(from), records }]);
    };
    for (to, branch) in [(0, &a), (1, &b)] {
        for record in branch {
            push(&mut network, to, 4, record);
        }
    }
    for number in [2, 3] {
        let mut seer = Pen::new(&consortium, feed(number, 1));
        let seen = [see(&mut seer, 300, &a[1]), see(&mut seer, 301, &b[2])];
        for to in [0, 1] {
            for record in &seen {
                push(&mut network, to, number, record);
            }
        }
    }
    network.run(secs(2));
    for number in [0, 1] {
        network.see(member(number));
    }
    network.run(secs(2));
    network.part(&BTreeMap::from([(member(4), 9), (member(3), 8), (member(2), 7)]));
    network.run(secs(30));
    for number in [0, 1] {
        let (replica, ledger) = (network.replica(member(number)), network.ledger(member(number)));
        let mut voids = journal(ledger).into_iter().filter_map(|event| match event.happening {
            Happening::Void { from, .. } => Some(from),
            _ => None,
        });
        assert_eq!(voids.next_back(), Some(1), "at m{number}");
        journal_is_true(replica, ledger).expect("true");
        let known = if number == 0 { 1 } else { 2 };
        let subject = SubjectTag([known; 32]);
        let file = export(ledger, replica.charters(), subject, Wanted::AsOf(network.now()));
        let verdict = verify(&file.expect("it is proven"), Some(consortium.id()));
        let verdict = verdict.expect("it verifies");
        assert_eq!(verdict.decided.announced_now, Measure::None, "at m{number}");
    }
}
