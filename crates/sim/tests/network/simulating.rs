//! What is only simulated: decided, journaled, marked, and never out of the node; and a member's own
//! view of the policy.

use interlock_engine::ledger::rows::{DecisionRow, LocalRow, StoredRow as _, measure};
use interlock_engine::ledger::{Column, Ledger as _};
use interlock_engine::local::{LocalSettings, Mode, Overlay};
use interlock_engine::replica::{
    Effect, Input, MAX_REVISITS_A_STEP, MAX_SIMULATED_FLAGS, PublishRefused, Published, Replica,
    Request, Start, Step,
};
use interlock_record::{Digest, Measure, Reason, Statement};
use interlock_sim::chatter::subject;
use interlock_sim::checks::{count, journal, journal_is_true};
use interlock_sim::consortium::{Consortium, POLICY, Shape, feed};

use crate::people::tales;
use crate::world::{Lone, Pen, at, drafts, flag, flag_of, withdraw};

fn set(lone: &mut Lone, settings: LocalSettings) {
    lone.reopen();
    let consortium = lone.consortium.clone();
    lone.replica = Replica::open(
        &lone.ledger,
        consortium.opening(lone.feed, Start::Careful { last_signed: None }),
    )
    .and_then(|replica| replica.with_settings(&lone.ledger, settings))
    .expect("opens");
    lone.answered();
}

fn simulating(mode: Mode, reasons: &[Reason]) -> (Lone, LocalSettings) {
    let settings =
        LocalSettings { overlay: None, mode, simulated_reasons: reasons.iter().copied().collect() };
    let shape = Shape { policy: POLICY, ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(3, 1));
    set(&mut lone, settings.clone());
    (lone, settings)
}

fn publish(lone: &mut Lone, ms: i64, statements: Vec<Statement>) -> Step {
    let ask = Input::Publish { ticket: 1, statements: drafts(statements), request: None };
    lone.step(at(ms), vec![ask])
}

fn published(step: &Step) -> Result<Published, PublishRefused> {
    let done = step.effects.iter().find_map(|effect| match effect {
        Effect::Published { result, .. } => Some(result.clone()),
        _ => None,
    });
    done.expect("it was answered")
}

fn leaves_the_node(step: &Step) -> bool {
    step.effects.iter().any(|effect| matches!(effect, Effect::Push(_)))
}

fn applied(lone: &Lone) -> Measure {
    let row = lone.ledger.get(Column::Decisions, &subject(1).0).expect("memory");
    row.map_or(Measure::None, |row| measure(DecisionRow::decode(&row).expect("a row").applied))
}

#[test]
fn flags_for_a_simulated_reason_are_decided_and_journaled_and_never_leave() {
    let (mut lone, settings) = simulating(Mode::Real, &[Reason::Overdue]);
    let consortium = lone.consortium.clone();
    let other = Pen::new(&consortium, feed(0, 1)).sign(at(0), &[flag(1, at(0))]);
    lone.take(at(0), &[&other]);
    let step = publish(&mut lone, 100, vec![flag(1, at(100))]);
    assert!(!leaves_the_node(&step), "it is not sent");
    let done = published(&step).expect("a good flag");
    assert_eq!((done.sequence, done.statements.len()), (0, 1));
    assert_eq!(count(&lone.ledger, Column::Log), 1, "it is not signed");
    // The record of another reason goes out as ever.
    let other = flag_of(|flag| flag.reason = Reason::FraudSuspected, 2, at(100));
    assert!(leaves_the_node(&publish(&mut lone, 200, vec![other.clone()])));
    for ms in (300..4_000).step_by(100) {
        lone.tick(at(ms));
    }
    lone.reopen();
    set(&mut lone, settings);
    // Together they would lock; what is real is one flag.
    assert_eq!(applied(&lone), Measure::Review);
    assert!(tales(&lone).contains(&"simulated flag".to_owned()));
    assert!(tales(&lone).contains(&"simulated REVIEW>LOCK at 2".to_owned()), "{:?}", tales(&lone));
    let refused = published(&publish(&mut lone, 5_000, vec![flag(1, at(0)), other]));
    assert!(matches!(refused, Err(PublishRefused::SimulatedApart { index: 1 })), "{refused:?}");
    // Its withdrawal stays here too.
    let step = publish(&mut lone, 6_000, vec![withdraw(done.statements[0])]);
    assert!(!leaves_the_node(&step));
    published(&step).expect("it is its own");
    let tales = tales(&lone);
    let last = tales.iter().rev().find(|tale| tale.starts_with("simulated"));
    assert_eq!(last.map(String::as_str), Some("simulated LOCK>REVIEW at 6"), "{tales:?}");
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}

#[test]
fn a_simulated_flag_tried_again_is_one_and_they_are_bounded() {
    let (mut lone, _) = simulating(Mode::Real, &[Reason::Overdue]);
    let once = |lone: &mut Lone, ms, statement, key: &str, digest: u8| {
        let request = Some(Request { key: key.to_owned(), digest: Digest([digest; 32]) });
        let statements = drafts(vec![statement]);
        published(&lone.step(at(ms), vec![Input::Publish { ticket: 1, statements, request }]))
    };
    let first = once(&mut lone, 0, flag(1, at(0)), "k", 1).expect("a good flag");
    let again = once(&mut lone, 1, flag(1, at(0)), "k", 1).expect("the same");
    assert_eq!(first.statements, again.statements);
    assert_eq!(once(&mut lone, 2, flag(1, at(0)), "k", 2), Err(PublishRefused::KeyReused));
    let back = withdraw(first.statements[0]);
    let first = once(&mut lone, 3, back.clone(), "l", 1).expect("its own");
    let again = once(&mut lone, 4, back.clone(), "l", 1).expect("the same");
    assert_eq!(first.statements, again.statements);
    assert_eq!(once(&mut lone, 5, back, "l", 2), Err(PublishRefused::KeyReused));
    let kept = |lone: &Lone| {
        let row = lone.ledger.get(Column::Local, &subject(1).0).expect("memory");
        row.map_or(0, |row| LocalRow::decode(&row).expect("a row").simulated_flags.len())
    };
    for number in 0..MAX_SIMULATED_FLAGS {
        publish(&mut lone, 10 + number as i64, vec![flag(1, at(0))]);
    }
    assert_eq!(kept(&lone), MAX_SIMULATED_FLAGS);
    publish(&mut lone, 500, vec![flag(1, at(0))]);
    assert_eq!(kept(&lone), MAX_SIMULATED_FLAGS, "the oldest made room");
}

#[test]
fn a_simulated_node_applies_nothing_and_marks_everything() {
    let (mut lone, _) = simulating(Mode::Simulated, &[]);
    let consortium = lone.consortium.clone();
    let one = Pen::new(&consortium, feed(0, 1)).sign(at(0), &[flag(1, at(0))]);
    let two = Pen::new(&consortium, feed(1, 1)).sign(at(0), &[flag(1, at(0))]);
    lone.take(at(0), &[&one, &two]);
    assert!(!leaves_the_node(&publish(&mut lone, 0, vec![flag(2, at(0))])));
    lone.tick(at(2_000));
    assert_eq!(applied(&lone), Measure::None);
    assert!(tales(&lone).contains(&"simulated NONE>LOCK at 2".to_owned()), "{:?}", tales(&lone));
    assert!(!tales(&lone).iter().any(|tale| tale.starts_with("applied")), "{:?}", tales(&lone));
    assert!(journal(&lone.ledger).iter().all(|event| event.simulated));
    // In earnest from here on: what was decided is applied, what was raised means nothing.
    set(&mut lone, LocalSettings::default());
    lone.tick(at(2_500));
    lone.tick(at(2_600));
    assert_eq!(applied(&lone), Measure::Lock);
    assert!(journal(&lone.ledger).last().is_some_and(|event| !event.simulated));
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}

#[test]
fn an_overlay_changes_this_members_own_view_and_everything_is_decided_anew_under_it() {
    let shape = Shape { policy: POLICY, ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(3, 1));
    let consortium = lone.consortium.clone();
    let subjects = MAX_REVISITS_A_STEP + 1;
    let mut pen = Pen::new(&consortium, feed(0, 1));
    for number in 0..subjects {
        let mut tag = [0; 32];
        tag[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        let about = flag_of(|flag| flag.subject = interlock_record::SubjectTag(tag), 1, at(0));
        let record = pen.sign(at(number as i64), &[about]);
        lone.take(at(number as i64), &[&record]);
    }
    lone.tick(at(3_000));
    let text = "version = 1\n[trust]\nm0 = 0\n";
    let overlay = Some(Overlay::parse("overlay", text).expect("a good overlay"));
    let settings = LocalSettings { overlay, ..LocalSettings::default() };
    set(&mut lone, settings.clone());
    let apart = |lone: &Lone| {
        let rows = lone.ledger.range(Column::Decisions, &[], &[0xff; 33], usize::MAX);
        let rows = rows.expect("memory").into_iter();
        let rows = rows.map(|(_, row)| DecisionRow::decode(&row).expect("a row"));
        rows.filter(|row| row.own.is_some() && measure(row.applied) == Measure::None).count()
    };
    assert_eq!(apart(&lone), MAX_REVISITS_A_STEP, "so many in a step");
    for ms in 0..4 {
        lone.tick(at(3_200 + ms));
    }
    assert_eq!(apart(&lone), subjects, "then the rest");
    // Under the same settings there is nothing to do, and without the overlay all is as it was.
    set(&mut lone, settings);
    let before = lone.ledger.clone();
    lone.tick(at(3_300));
    assert_eq!(lone.ledger, before);
    set(&mut lone, LocalSettings::default());
    for ms in 0..4 {
        lone.tick(at(3_400 + ms));
    }
    assert_eq!(apart(&lone), 0);
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}
