//! What the journal tells, and when.

use interlock_engine::ledger::rows::{DecisionRow, StoredRow as _};
use interlock_engine::ledger::{Column, Ledger as _};
use interlock_engine::replica::{Event, Happening, Input, MAX_TIMERS_A_STEP};
use interlock_record::{Measure, Reason, SubjectTag, Time};
use interlock_sim::chatter::subject;
use interlock_sim::checks::{journal, journal_is_true};
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use proptest::prelude::*;

use crate::world::{Lone, Pen, at, drafts, flag, flag_of, id, withdraw};

/// The notice delay of the made-up policy, µs.
const NOTICE: i64 = 2_000_000;

fn lone() -> Lone {
    Lone::new(Consortium::new(&Shape { feeds: 2, ..Shape::default() }), feed(3, 1))
}

fn micros(micros: i64) -> Time {
    Time::from_micros(at(0).micros() + micros).expect("in range")
}

/// Every change of the measure in force that was told of a subject.
fn in_force(lone: &Lone, own: bool) -> Vec<(Measure, Measure)> {
    let told = journal(&lone.ledger).into_iter().filter_map(|event| match event.happening {
        Happening::Effective(decided) if decided.own == own => Some((decided.from, decided.to)),
        _ => None,
    });
    told.collect()
}

/// What was told in a line each: announced, in force or revised, to which measure, at which second.
fn tales(events: &[Event]) -> Vec<String> {
    let line = |word: &str, decided: &interlock_engine::replica::DecidedMeasure| {
        let own = if decided.own { " (own)" } else { "" };
        let second = (decided.at.micros() - at(0).micros()) / 1_000_000;
        format!("{word} {}>{} at {second}{own}", decided.from, decided.to)
    };
    events
        .iter()
        .filter_map(|event| match &event.happening {
            Happening::Announced(decided) => Some(line("announced", decided)),
            Happening::Effective(decided) => Some(line("effective", decided)),
            Happening::Revised { decided, .. } => Some(line("revised", decided)),
            _ => None,
        })
        .collect()
}

/// Two members flag; the first takes its flag back so much later.
fn taken_back_after(micros_later: i64) -> (Lone, [interlock_record::VerifiedRecord; 3]) {
    let lone = lone();
    let consortium = lone.consortium.clone();
    let mut first = Pen::new(&consortium, feed(0, 1));
    let mut second = Pen::new(&consortium, feed(1, 1));
    let a = first.sign(micros(-1), &[flag(1, micros(-1))]);
    let b = second.sign(micros(0), &[flag(1, micros(0))]);
    let back = first.sign(micros(micros_later), &[withdraw(id(&a, 0))]);
    (lone, [a, b, back])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lock_taken_back_within_the_notice_delay_never_is_in_force(
        after in prop_oneof![Just(NOTICE), Just(NOTICE - 1), Just(0_i64), 0..=NOTICE],
        ticks in proptest::collection::vec(1..400_000_i64, 20..60),
        with_the_tick: bool,
    ) {
        let (mut lone, [a, b, back]) = taken_back_after(after);
        lone.take(micros(0), &[&a, &b]);
        let mut now = 0;
        let mut delivered = false;
        for tick in ticks {
            now = (now + tick).min(if delivered { i64::MAX } else { after.max(now) });
            let mut inputs = Vec::new();
            if now >= after && !delivered {
                delivered = true;
                inputs.push(Input::Records { from: member(0), records: vec![back.clone()] });
                if !with_the_tick {
                    lone.step(micros(now), std::mem::take(&mut inputs));
                }
            }
            inputs.push(Input::Tick);
            lone.step(micros(now), inputs);
        }
        let locked = in_force(&lone, false).iter().any(|(_, to)| *to == Measure::Lock);
        prop_assert!(!locked, "{:?}", tales(&journal(&lone.ledger)));
        prop_assert!(journal_is_true(&lone.replica, &lone.ledger).is_ok());
    }
}

#[test]
fn a_lock_taken_back_one_microsecond_too_late_was_in_force_for_one() {
    let (mut lone, [a, b, back]) = taken_back_after(NOTICE + 1);
    lone.take(micros(0), &[&a, &b]);
    lone.tick(micros(NOTICE - 1));
    assert_eq!(in_force(&lone, false), [(Measure::None, Measure::Review)], "from the first flag");
    lone.tick(micros(NOTICE));
    assert_eq!(in_force(&lone, false).last(), Some(&(Measure::Review, Measure::Lock)));
    lone.take(micros(NOTICE + 1), &[&back]);
    assert_eq!(in_force(&lone, false).last(), Some(&(Measure::Lock, Measure::Review)));
}

#[test]
fn what_comes_with_the_tick_counts_before_the_tick() {
    for inputs_first in [true, false] {
        let (mut lone, [a, b, back]) = taken_back_after(NOTICE - 10);
        lone.take(micros(0), &[&a, &b]);
        let records = Input::Records { from: member(0), records: vec![back] };
        let inputs =
            if inputs_first { vec![records, Input::Tick] } else { vec![Input::Tick, records] };
        lone.step(micros(NOTICE), inputs);
        assert_eq!(in_force(&lone, false), [(Measure::None, Measure::Review)]);
    }
}

#[test]
fn timers_that_fell_due_while_the_node_was_down_are_told_once_and_with_their_own_time() {
    let (mut up, [a, b, _]) = taken_back_after(1);
    let mut down = lone();
    for lone in [&mut up, &mut down] {
        lone.take(micros(0), &[&a, &b]);
    }
    for ms in 0..700 {
        up.tick(at(ms * 100));
    }
    down.reopen();
    down.tick(at(69_900));
    down.tick(at(69_900));
    assert_eq!(
        tales(&journal(&up.ledger)),
        [
            "announced NONE>REVIEW at 0",
            "announced REVIEW>LOCK at 0",
            "effective NONE>REVIEW at 1",
            "effective REVIEW>LOCK at 2",
            // Of 100 points 70 are left after 5 s: that keeps FREEZE (64 of 80), and not LOCK.
            "announced LOCK>FREEZE at 5",
            "effective LOCK>FREEZE at 5",
            // After 15 s 30 % of each are left, the first flag's a microsecond sooner.
            "announced FREEZE>REVIEW at 14",
            "announced REVIEW>NONE at 15",
            "effective FREEZE>REVIEW at 14",
            "effective REVIEW>NONE at 15",
        ]
    );
    let told = tales(&journal(&down.ledger));
    let announced = |tales: &[String]| -> Vec<String> {
        tales.iter().filter(|tale| tale.starts_with("announced")).cloned().collect()
    };
    assert_eq!(announced(&told), announced(&tales(&journal(&up.ledger))));
    journal_is_true(&down.replica, &down.ledger).expect("true");
}

#[test]
fn more_timers_than_a_step_fires_are_fired_by_the_next() {
    let mut lone = lone();
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let count = MAX_TIMERS_A_STEP + 200;
    let tag = |n: usize| {
        let mut tag = [0; 32];
        tag[..8].copy_from_slice(&(n as u64).to_be_bytes());
        SubjectTag(tag)
    };
    for chunk in (0..count).collect::<Vec<_>>().chunks(256) {
        let flags: Vec<_> =
            chunk.iter().map(|n| flag_of(|flag| flag.subject = tag(*n), 1, at(0))).collect();
        let time = micros(chunk[0] as i64);
        lone.take(at(1), &[&pen.sign(time, &flags)]);
    }
    let reviewed = |lone: &Lone| in_force(lone, false).len();
    assert_eq!(reviewed(&lone), 0);
    lone.tick(at(3_000));
    assert_eq!(reviewed(&lone), MAX_TIMERS_A_STEP);
    lone.tick(at(3_000));
    assert_eq!(reviewed(&lone), count);
    assert!(lone.tick(at(3_001)).changes.is_empty(), "nothing is told twice");
}

#[test]
fn a_clock_set_back_tells_nothing_anew() {
    let (mut lone, [a, b, back]) = taken_back_after(5_000_000);
    lone.take(micros(0), &[&a, &b]);
    lone.tick(micros(NOTICE));
    let before = tales(&journal(&lone.ledger));
    lone.reopen();
    // Another member's receipt touches the subject without changing anything.
    let receipt = interlock_record::Receipt {
        subject: subject(1),
        measure: Measure::Lock,
        caused_by: Vec::new(),
    };
    let receipt = interlock_record::Statement::Receipt(receipt);
    let consortium = lone.consortium.clone();
    let record = Pen::new(&consortium, feed(2, 1)).sign(micros(-10), &[receipt]);
    lone.take(micros(-5), &[&record]);
    for ms in 0..40 {
        lone.tick(at(ms * 100));
    }
    assert_eq!(tales(&journal(&lone.ledger)), before);
    lone.take(micros(6_000_000), &[&back]);
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}

#[test]
fn a_revision_names_the_first_entry_that_is_no_longer_so() {
    let (mut lone, [a, b, back]) = taken_back_after(1_000_000);
    lone.take(micros(0), &[&a, &b]);
    lone.tick(micros(NOTICE));
    // The withdrawal comes late: the lock is told to be in force already.
    lone.take(micros(NOTICE + 500_000), &[&back]);
    assert_eq!(
        tales(&journal(&lone.ledger))[3..],
        ["effective REVIEW>LOCK at 2", "announced LOCK>REVIEW at 1", "effective LOCK>REVIEW at 1",]
    );
    // A withdrawal from before the flag itself changes what was announced first.
    let consortium = lone.consortium.clone();
    let early = Pen::new(&consortium, feed(1, 2)).sign(micros(-50), &[withdraw(id(&b, 0))]);
    lone.take(micros(NOTICE + 600_000), &[&early]);
    let events = journal(&lone.ledger);
    let revised = events.iter().rev().find_map(|event| match &event.happening {
        Happening::Revised { decided, corrects } => Some((decided.to, *corrects)),
        _ => None,
    });
    let (to, corrects) = revised.expect("it was told");
    assert_eq!(to, Measure::None);
    let corrected = &events[corrects as usize - 1].happening;
    assert!(matches!(corrected, Happening::Announced(decided) if decided.to == Measure::Lock));
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}

#[test]
fn a_member_s_own_decision_parts_from_the_consortium_s() {
    let mut lone = lone();
    let own_flag = flag_of(|flag| flag.reason = Reason::PolicyChange, 1, at(0));
    let raise = Input::Publish { ticket: 1, statements: drafts(vec![own_flag]), request: None };
    lone.step(at(0), vec![raise]);
    let raised = lone.replica.heads()[&feed(3, 1)].id.expect("a record");
    lone.tick(at(2_500));
    let back = withdraw(interlock_record::statement_id(&raised, 0));
    let back = Input::Publish { ticket: 2, statements: drafts(vec![back]), request: None };
    lone.step(at(3_000), vec![back]);
    // Both are NONE now, but with another past: each is told by itself.
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let others = pen.sign(at(4_000), &[flag(1, at(4_000))]);
    lone.take(at(4_000), &[&others]);
    lone.tick(at(6_000));
    let own_flag = flag_of(
        |flag| {
            flag.reason = Reason::PolicyChange;
            flag.severity = interlock_record::Severity::Critical;
        },
        1,
        at(7_000),
    );
    let raise = Input::Publish { ticket: 3, statements: drafts(vec![own_flag]), request: None };
    lone.step(at(7_000), vec![raise]);
    lone.tick(at(9_000));
    assert_eq!(
        tales(&journal(&lone.ledger)),
        [
            "announced NONE>REVIEW at 0 (own)",
            "effective NONE>REVIEW at 2 (own)",
            "announced REVIEW>NONE at 3 (own)",
            "effective REVIEW>NONE at 3 (own)",
            "announced NONE>REVIEW at 4",
            "announced NONE>REVIEW at 4 (own)",
            "effective NONE>REVIEW at 6",
            "effective NONE>REVIEW at 6 (own)",
            "announced REVIEW>FREEZE at 7 (own)",
            "effective REVIEW>FREEZE at 9 (own)",
        ]
    );
    let row = lone.ledger.get(Column::Decisions, &subject(1).0).expect("read").expect("there");
    assert!(DecisionRow::decode(&row).expect("a row").own.is_some());
}

#[test]
fn a_member_s_own_decision_meets_the_consortium_s_where_the_past_is_the_same_again() {
    let mut lone = lone();
    let own_flag = flag_of(|flag| flag.reason = Reason::PolicyChange, 1, at(0));
    let raise = Input::Publish { ticket: 1, statements: drafts(vec![own_flag]), request: None };
    lone.step(at(0), vec![raise]);
    let raised = lone.replica.heads()[&feed(3, 1)].id.expect("a record");
    lone.tick(at(2_500));
    // Withdrawn through another feed, at an earlier time: it never counted.
    let consortium = lone.consortium.clone();
    let back = withdraw(interlock_record::statement_id(&raised, 0));
    let back = Pen::new(&consortium, feed(3, 2)).sign(at(-1), &[back]);
    lone.take(at(3_000), &[&back]);
    let row = lone.ledger.get(Column::Decisions, &subject(1).0).expect("read").expect("there");
    assert!(DecisionRow::decode(&row).expect("a row").own.is_none());
    let others = Pen::new(&consortium, feed(0, 1)).sign(at(4_000), &[flag(1, at(4_000))]);
    lone.take(at(4_000), &[&others]);
    lone.tick(at(6_000));
    assert_eq!(
        tales(&journal(&lone.ledger)),
        [
            "announced NONE>REVIEW at 0 (own)",
            "effective NONE>REVIEW at 2 (own)",
            "revised REVIEW>NONE at 0 (own)",
            "effective REVIEW>NONE at 3 (own)",
            "announced NONE>REVIEW at 4",
            "effective NONE>REVIEW at 6",
        ]
    );
}
