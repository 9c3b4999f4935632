//! Erasure: as if it had never been, destroyed once final, and nothing left out by anybody else.

use interlock_engine::ledger::rows::LogRow;
use interlock_engine::ledger::{Column, Ledger as _};
use interlock_engine::local::Act;
use interlock_engine::replica::{Effect, Happening, Input, known, record_at};
use interlock_record::{
    Dispute, Erase, EraseGround, Measure, Seen, SeenHead, Span, Statement, StatementId, SubjectTag,
    VerifiedRecord,
};
use interlock_sim::checks::{agree, count, journal, journal_is_true, verdicts};
use interlock_sim::consortium::{Consortium, POLICY, Shape, feed, feed_key, member};
use interlock_sim::network::{Faults, Network};

use crate::people::person;
use crate::world::{Lone, Pen, at, flag, id, secs};

/// A charter that keeps things for ten seconds at least.
fn short() -> Consortium {
    let policy = format!("[limits]\nmin_keep = \"10s\"\n{POLICY}");
    Consortium::new(&Shape { policy: &policy, ..Shape::default() })
}

fn erase(statement: StatementId) -> Statement {
    Statement::Erase(Erase { statement, ground: EraseGround::Error })
}

fn flags_on(network: &Network, at: u32, subject: u8) -> usize {
    let charters = network.replica(member(at)).charters();
    let known = known(network.ledger(member(at)), charters, SubjectTag([subject; 32]));
    known.expect("memory").evidence.flags.len()
}

/// Whether these bytes stand anywhere in a member's ledger.
fn holds(network: &Network, at: u32, bytes: &[u8]) -> bool {
    Column::ALL.iter().any(|column| {
        let rows = network.ledger(member(at)).range(*column, &[], &[0xff; 128], usize::MAX);
        rows.expect("memory")
            .iter()
            .any(|(_, value)| value.windows(bytes.len()).any(|window| window == bytes))
    })
}

#[test]
fn its_issuer_erases_a_flag_when_it_was_kept_for_long_enough() {
    let mut network = Network::new(short(), Faults::NONE, 1);
    let mut flags = Vec::new();
    for number in 0..2 {
        let clock = network.clock(member(number));
        let ticket = network.publish(member(number), vec![flag(1, clock)], None);
        let done = network.answer(ticket).expect("answered").as_ref().expect("published");
        flags.push(done.statements[0]);
        network.run(secs(1));
    }
    network.run(secs(5));
    let row = record_at(network.ledger(member(2)), feed(0, 1), 1).expect("memory").expect("known");
    let content =
        row.verified().expect("good").signed().body[0].statement().expect("kept").to_vec();
    assert!(holds(&network, 2, &content));
    // Too early: it means nothing, for good.
    network.publish(member(0), vec![erase(flags[0])], None);
    network.run(secs(6));
    assert_eq!(flags_on(&network, 3, 1), 2);
    network.publish(member(0), vec![erase(flags[0])], None);
    network.run(secs(3));
    for number in 0..4 {
        assert_eq!(flags_on(&network, number, 1), 1, "as if it had never been, at m{number}");
        assert!(!verdicts(network.ledger(member(number))).announced(Measure::Lock));
        assert!(holds(&network, number, &content), "not final yet");
    }
    for number in 1..4 {
        network.see(member(number));
        network.run(secs(1));
    }
    for number in 0..4 {
        assert!(!holds(&network, number, &content), "destroyed at m{number}");
        let told = journal(network.ledger(member(number))).iter().any(
            |event| matches!(&event.happening, Happening::Erased { id, .. } if *id == flags[0]),
        );
        assert!(told, "m{number} tells of it");
        let record = record_at(network.ledger(member(number)), feed(0, 1), 1);
        let record = record.expect("memory").expect("its header stays").verified().expect("good");
        assert_eq!(record.id(), row.verified().expect("good").id());
    }
    agree(&network).expect("alike");
}

#[test]
fn a_quorum_of_groups_erases_at_any_time_and_fewer_do_not() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 2);
    let ticket = network.publish(member(0), vec![flag(1, at(0))], None);
    let done = network.answer(ticket).expect("answered").as_ref().expect("published");
    let target = done.statements[0];
    network.run(secs(2));
    for (number, left) in [(1, 1), (2, 1), (3, 0)] {
        network.publish(member(number), vec![erase(target)], None);
        network.run(secs(2));
        assert_eq!(flags_on(&network, 0, 1), left, "after m{number}");
    }
    agree(&network).expect("alike");
}

#[test]
fn a_dispute_can_be_erased_and_a_withdrawal_cannot() {
    let mut network = Network::new(short(), Faults::NONE, 3);
    let ticket = network.publish(member(0), vec![flag(1, at(0))], None);
    let target = network.answer(ticket).expect("answered").as_ref().expect("done").statements[0];
    network.run(secs(1));
    let dispute = Statement::Dispute(Dispute { flag: target });
    let ticket = network.publish(member(1), vec![dispute], None);
    let dispute = network.answer(ticket).expect("answered").as_ref().expect("done").statements[0];
    network.run(secs(12));
    network.publish(member(1), vec![erase(dispute)], None);
    network.run(secs(2));
    for number in 0..4 {
        let charters = network.replica(member(number)).charters();
        let known = known(network.ledger(member(number)), charters, SubjectTag([1; 32]));
        assert!(known.expect("memory").evidence.disputes.is_empty(), "at m{number}");
    }
    let withdrawal = crate::world::withdraw(target);
    let ticket = network.publish(member(0), vec![withdrawal], None);
    let withdrawal =
        network.answer(ticket).expect("answered").as_ref().expect("done").statements[0];
    network.run(secs(12));
    let ticket = network.publish(member(0), vec![erase(withdrawal)], None);
    assert!(network.answer(ticket).expect("answered").is_err(), "nothing that can be erased");
}

fn stripped(record: &VerifiedRecord) -> VerifiedRecord {
    let mut copy = record.clone();
    copy.erase(0);
    copy
}

#[test]
fn whoever_passes_a_record_on_cannot_leave_content_out() {
    let mut lone = Lone::new(short(), feed(0, 1));
    for peer in 1..4 {
        lone.step(at(0), vec![Input::Heard(member(peer)), Input::Dialled(member(peer))]);
    }
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let record = pen.sign(at(1), &[flag(1, at(0))]);
    lone.step(at(2), vec![Input::Records { from: member(2), records: vec![stripped(&record)] }]);
    let flags = |lone: &Lone| {
        let known = known(&lone.ledger, lone.replica.charters(), SubjectTag([1; 32]));
        known.expect("memory").evidence.flags.len()
    };
    assert_eq!(flags(&lone), 0);
    let step = lone.tick(at(100));
    let asked = step.effects.iter().any(
        |effect| matches!(effect, Effect::Pull { ranges, .. } if ranges[0].feed == feed(1, 1)),
    );
    assert!(asked, "somebody else is asked for what is missing");
    lone.step(at(200), vec![Input::Records { from: member(3), records: vec![record.clone()] }]);
    assert_eq!(flags(&lone), 1);
    let row: LogRow = record_at(&lone.ledger, feed(1, 1), 1).expect("memory").expect("it is known");
    assert_eq!(row.verified().expect("good"), record);
    // And once only.
    let step = lone.step(at(300), vec![Input::Records { from: member(3), records: vec![record] }]);
    assert!(step.changes.is_empty());
}

#[test]
fn who_comes_late_closes_the_hole_when_the_erasure_is_final() {
    let mut network = Network::new(short(), Faults::NONE, 4);
    network.part(&std::collections::BTreeMap::from([(member(3), 1)]));
    let ticket = network.publish(member(0), vec![flag(1, at(0)), flag(2, at(0))], None);
    let target = network.answer(ticket).expect("answered").as_ref().expect("done").statements[0];
    network.run(secs(12));
    network.publish(member(0), vec![erase(target)], None);
    network.run(secs(2));
    for number in 1..3 {
        network.see(member(number));
        network.run(secs(1));
    }
    network.heal();
    network.run(Span::from_secs(30));
    assert_eq!((flags_on(&network, 3, 1), flags_on(&network, 3, 2)), (0, 1));
    let holes = network.ledger(member(3)).range(Column::Holes, &[], &[0xff; 64], usize::MAX);
    assert!(holes.expect("memory").is_empty(), "the erasure accounts for it");
    agree(&network).expect("alike");
}

#[test]
fn an_erasure_that_comes_before_its_flag_waits_for_it() {
    let mut lone = Lone::new(short(), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let record = pen.sign(at(1), &[flag(1, at(0))]);
    let mut others: Vec<Pen<'_>> = (1..4).map(|n| Pen::new(&consortium, feed(n, 1))).collect();
    others[0] = pen.clone();
    let erases: Vec<_> =
        others.iter_mut().map(|pen| pen.sign(at(5), &[erase(id(&record, 0))])).collect();
    lone.take(at(10), &[&erases[1], &erases[2]]);
    lone.take(at(11), &[&record]);
    lone.take(at(12), &[&erases[0]]);
    let known = known(&lone.ledger, lone.replica.charters(), SubjectTag([1; 32]));
    assert!(known.expect("memory").evidence.flags.is_empty());
}

/// Two members lock a subject; the first has its only flag erased, and all that is needed for that
/// comes at once.
#[test]
fn what_is_erased_in_one_step_with_its_finality_is_taken_back_in_the_journal() {
    let mut lone = Lone::new(short(), feed(3, 1));
    let consortium = lone.consortium.clone();
    let mut pens: Vec<Pen<'_>> = (0..3).map(|n| Pen::new(&consortium, feed(n, 1))).collect();
    let flags: Vec<_> = (0..2).map(|n| pens[n].sign(at(0), &[flag(1, at(0))])).collect();
    lone.take(at(0), &flags.iter().collect::<Vec<_>>());
    lone.tick(at(3_000));
    let mut records: Vec<VerifiedRecord> =
        (0..2).map(|n| pens[n].sign(at(11_000), &[erase(id(&flags[n], 0))])).collect();
    let heads: Vec<SeenHead> = records
        .iter()
        .map(|record| SeenHead {
            feed: record.header().feed,
            sequence: record.header().sequence,
            id: record.id(),
        })
        .collect();
    for pen in &mut pens {
        records.push(pen.sign(at(11_100), &[Statement::Seen(Seen { heads: heads.clone() })]));
    }
    lone.take(at(12_000), &records.iter().collect::<Vec<_>>());
    let told = journal(&lone.ledger);
    let erased = told.iter().filter(|event| matches!(event.happening, Happening::Erased { .. }));
    assert_eq!(erased.count(), 2);
    let revised = told.iter().filter(|event| matches!(event.happening, Happening::Revised { .. }));
    assert_eq!(revised.count(), 1, "{told:?}");
    journal_is_true(&lone.replica, &lone.ledger).expect("whoever follows it knows");
    for column in [Column::Evidence, Column::Decisions, Column::Timers] {
        assert_eq!(count(&lone.ledger, column), 0, "nothing is left of it in {column:?}");
    }
}

/// An override is in force on a subject when the last that was said of it is erased.
#[test]
fn what_people_did_about_a_subject_outlives_what_was_said_of_it() {
    let mut lone = Lone::new(short(), feed(3, 1));
    let consortium = lone.consortium.clone();
    let mut pens: Vec<Pen<'_>> = (0..3).map(|n| Pen::new(&consortium, feed(n, 1))).collect();
    let record = pens[0].sign(at(0), &[flag(1, at(0))]);
    lone.take(at(0), &[&record]);
    let act = Act::Override { measure: Measure::Freeze, until: at(20_000) };
    let subject = SubjectTag([1; 32]);
    lone.step(
        at(1_000),
        vec![Input::Local { ticket: 1, subject, act, person: person(), request: None }],
    );
    let erased = pens[0].sign(at(11_000), &[erase(id(&record, 0))]);
    lone.take(at(11_000), &[&erased]);
    let head = SeenHead { feed: feed(0, 1), sequence: 2, id: erased.id() };
    let seen: Vec<_> = pens[1..]
        .iter_mut()
        .map(|pen| pen.sign(at(12_000), &[Statement::Seen(Seen { heads: vec![head.clone()] })]))
        .collect();
    lone.take(at(12_000), &seen.iter().collect::<Vec<_>>());
    assert_eq!(count(&lone.ledger, Column::Evidence), 0);
    assert_eq!(lone.replica.next_due(&lone.ledger).expect("memory"), Some(at(20_000)));
    lone.tick(at(20_000));
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
    for column in [Column::Local, Column::Decisions, Column::Timers] {
        assert_eq!(count(&lone.ledger, column), 0, "nothing is left of it in {column:?}");
    }
}

/// An erasure that turns out to stand on a void branch, or after its feed's end, means nothing,
/// whichever was known first; and it means something again when the branch does.
#[test]
fn an_erasure_whose_place_counts_no_longer_is_undone() {
    let consortium = short();
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let flagged = pen.sign(at(0), &[flag(1, at(0))]);
    let mut other = pen.clone();
    let erased = pen.sign(at(11_000), &[erase(id(&flagged, 0))]);
    let rival = other.sign(at(11_500), &[flag(2, at(0))]);
    let flags = |lone: &Lone| {
        let known = known(&lone.ledger, lone.replica.charters(), SubjectTag([1; 32]));
        known.expect("memory").evidence.flags.len()
    };
    for order in [[&flagged, &erased, &rival], [&flagged, &rival, &erased]] {
        let mut lone = Lone::new(consortium.clone(), feed(3, 1));
        for record in order {
            lone.take(at(12_000), &[record]);
        }
        while lone.replica.is_revisiting() {
            lone.tick(at(12_000));
        }
        assert_eq!(flags(&lone), 1, "neither branch is final");
        assert!(verdicts(&lone.ledger).announced(Measure::Review));
        let head = SeenHead { feed: feed(0, 1), sequence: 2, id: erased.id() };
        let seen = |number| {
            let mut pen = Pen::new(&consortium, feed(number, 1));
            pen.sign(at(12_500), &[Statement::Seen(Seen { heads: vec![head.clone()] })])
        };
        if order[1].id() == erased.id() {
            lone.take(at(13_000), &[&seen(1), &seen(2)]);
            while lone.replica.is_revisiting() {
                lone.tick(at(13_000));
            }
            assert_eq!(flags(&lone), 0, "the erasure's branch is final");
        }
        journal_is_true(&lone.replica, &lone.ledger).expect("true");
    }
    let signers: Vec<_> = (1..4).map(member).collect();
    let ended = Consortium::amendment(
        &consortium.charter,
        at(11_700),
        |text| {
            let key = format!("key = \"{}\"\n", feed_key(0, 1).public());
            assert!(text.contains(&key));
            let last = format!("last = {{ sequence = 1, id = \"{}\" }}\n", flagged.id());
            text.replace(&key, &format!("{key}{last}"))
        },
        &signers,
    );
    for charter_first in [false, true] {
        let mut lone = Lone::new(consortium.clone(), feed(3, 1));
        let charter = || Input::ApplyCharter { ticket: 1, charter: ended.clone() };
        lone.take(at(12_000), &[&flagged]);
        if charter_first {
            lone.step(at(12_000), vec![charter()]);
        }
        lone.take(at(12_000), &[&erased]);
        if !charter_first {
            assert_eq!(flags(&lone), 0);
            lone.step(at(12_000), vec![charter()]);
        }
        while lone.replica.is_revisiting() {
            lone.tick(at(12_000));
        }
        assert_eq!(flags(&lone), 1, "its feed had ended; charter first: {charter_first}");
        assert!(verdicts(&lone.ledger).announced(Measure::Review));
    }
}
