//! What people do at their own node, and what time undoes.

use interlock_engine::ledger::rows::{AuditHeadRow, DecisionRow, LocalRow, SealedRow, StoredRow};
use interlock_engine::ledger::{Column, Ledger as _, MetaKey, timer_of_key};
use interlock_engine::local::{
    Act, ActKind, AuditChain, AuditHead, Because, LocalDone, LocalRefused, Person,
};
use interlock_engine::replica::{
    Effect, Happening, Input, LocalHappening, Repeated, Request, Step,
};
use interlock_record::{Digest, Measure, Time};
use interlock_sim::chatter::subject;
use interlock_sim::checks::{count, journal, journal_is_true};
use interlock_sim::consortium::{Consortium, POLICY, Shape, feed};

use crate::world::{Lone, Pen, at, drafts, flag, id, secs, withdraw};

/// Flags do not age, and a lock waits for a person.
pub(crate) fn reviewed() -> String {
    let decay = "decay = [{ after = \"5s\", percent = 70 }, { after = \"15s\", percent = 30 }]\n";
    let lock = "[[policy.measure.LOCK.rule]]";
    POLICY
        .replace(decay, "")
        .replace(lock, &format!("[policy.measure.LOCK]\nconfirm = \"manual\"\n{lock}"))
}

fn lone(policy: &str) -> Lone {
    let shape = Shape { policy, feeds: 2, ..Shape::default() };
    Lone::new(Consortium::new(&shape), feed(3, 1))
}

pub(crate) fn person() -> Person {
    Person::new("li", "case 7", Some(1_000)).expect("a person")
}

fn ask(number: u8, act: Act, request: Option<Request>) -> Input {
    Input::Local { ticket: 9, subject: subject(number), act, person: person(), request }
}

fn answer(step: &Step) -> Result<LocalDone, LocalRefused> {
    let done = step.effects.iter().find_map(|effect| match effect {
        Effect::LocalDone { ticket: 9, result } => Some(result.clone()),
        _ => None,
    });
    done.expect("it was answered")
}

fn act(lone: &mut Lone, now: Time, act: Act) -> Result<LocalDone, LocalRefused> {
    let step = lone.step(now, vec![ask(1, act, None)]);
    answer(&step)
}

/// What the journal tells of this node alone, a line each.
pub(crate) fn tales(lone: &Lone) -> Vec<String> {
    let second = |time: &Time| (time.micros() - at(0).micros()) / 1_000_000;
    let line = |happening| match happening {
        LocalHappening::Applied { from, to, at, because, .. } => {
            format!("applied {from}>{to} at {} {}", second(&at), because.name())
        }
        LocalHappening::Simulated { from, to, at, .. } => {
            format!("simulated {from}>{to} at {}", second(&at))
        }
        LocalHappening::Acted { act, measure, audit, .. } => format!("{act} {measure} #{audit}"),
        LocalHappening::Expired { kind, measure, at, .. } => {
            format!("expired {} {measure} at {}", kind.name(), second(&at))
        }
        LocalHappening::Proposed { measure, at, .. } => {
            format!("proposed {measure} at {}", second(&at))
        }
        LocalHappening::DisputeOpened { issuer, at, deadline, .. } => {
            format!("dispute of {issuer} open at {} until {}", second(&at), second(&deadline))
        }
        LocalHappening::DisputeClosed { issuer, at, end, .. } => {
            format!("dispute of {issuer} {} at {}", end.name(), second(&at))
        }
        LocalHappening::SimulatedFlag { .. } => "simulated flag".to_owned(),
    };
    let local = journal(&lone.ledger).into_iter().filter_map(|event| match event.happening {
        Happening::Local(happening) => Some(line(happening)),
        _ => None,
    });
    local.collect()
}

fn row<R: StoredRow>(lone: &Lone, number: u8) -> Option<R> {
    let bytes = lone.ledger.get(R::COLUMN, &subject(number).0).expect("memory does not fail");
    bytes.map(|bytes| R::decode(&bytes).expect("a row"))
}

fn queue(lone: &Lone) -> Vec<Time> {
    let rows = lone.ledger.range(Column::Queue, &[], &[0xff; 64], 100).expect("memory");
    rows.iter().map(|(key, _)| timer_of_key(key).expect("a key").0).collect()
}

/// Verifies the audit log; how many entries it has.
pub(crate) fn audited(lone: &Lone) -> u64 {
    let head = lone.ledger.get(Column::Meta, MetaKey::AuditHead.bytes()).expect("memory");
    let head = head.map(|bytes| AuditHeadRow::decode(&bytes).expect("a row"));
    let mut chain = AuditChain::default();
    let rows = lone.ledger.range(Column::Audit, &[], &[0xff; 9], usize::MAX).expect("memory");
    for ((_, value), number) in rows.iter().zip(1..) {
        let row = SealedRow::decode(value).expect("an entry");
        chain.next(number, &row.hash.0, &row.entry).expect("it follows");
    }
    chain.finish(AuditHead::of_row(head.as_ref())).expect("it ends there")
}

/// Two members flag at these milliseconds; the first takes its flag back and raises it anew.
fn locked_twice(lone: &mut Lone, first: i64, opened: i64, again: i64) {
    let consortium = lone.consortium.clone();
    let (mut a, mut b) = (Pen::new(&consortium, feed(0, 1)), Pen::new(&consortium, feed(1, 1)));
    let one = a.sign(at(first), &[flag(1, at(first))]);
    let two = b.sign(at(first), &[flag(1, at(first))]);
    lone.take(at(first), &[&one, &two]);
    let back = a.sign(at(opened), &[withdraw(id(&one, 0))]);
    let anew = a.sign(at(again), &[flag(1, at(again))]);
    for ms in (first..again + 5_000).step_by(100) {
        if ms == opened {
            lone.take(at(ms), &[&back]);
        } else if ms == again {
            lone.take(at(ms), &[&anew]);
        } else if ms == first + 3_000 {
            act(lone, at(ms), confirm(Measure::Lock)).expect("it waits");
        } else {
            lone.tick(at(ms));
        }
    }
}

fn confirm(measure: Measure) -> Act {
    Act::Confirm { measure, seen_since: None }
}

#[test]
fn a_proposed_lock_waits_is_confirmed_and_a_later_one_waits_anew() {
    let policy = reviewed();
    let mut lone = lone(&policy);
    locked_twice(&mut lone, 0, 6_000, 10_000);
    assert_eq!(
        tales(&lone),
        [
            "proposed LOCK at 0",
            "applied NONE>FREEZE at 2 WAITS",
            "CONFIRMED LOCK #1",
            "applied FREEZE>LOCK at 3 CONFIRMED",
            "applied LOCK>REVIEW at 6 DECIDED",
            "proposed LOCK at 10",
            "applied REVIEW>FREEZE at 12 WAITS",
        ]
    );
    assert_eq!(queue(&lone), [at(10_000)]);
    assert_eq!(audited(&lone), 1);
    assert_eq!(row::<LocalRow>(&lone, 1).expect("it waits").confirmations, []);
    // It is all there after a restart, and goes on.
    lone.reopen();
    act(&mut lone, at(20_000), confirm(Measure::Lock)).expect("it waits");
    assert_eq!(
        tales(&lone).last().map(String::as_str),
        Some("applied FREEZE>LOCK at 20 CONFIRMED")
    );
    assert_eq!((queue(&lone), audited(&lone)), (vec![], 2));
    lone.reopen();
    lone.tick(at(21_000));
    let decided = row::<DecisionRow>(&lone, 1).expect("decided");
    assert_eq!(decided.applied, u32::from(Measure::Lock.number()));
    assert_eq!(decided.applied_since, Some(at(20_000).micros()));
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}

/// A subject that is announced to be locked since 0, which waits.
fn waiting() -> Lone {
    let policy = reviewed();
    let mut lone = lone(&policy);
    let consortium = lone.consortium.clone();
    let (mut a, mut b) = (Pen::new(&consortium, feed(0, 1)), Pen::new(&consortium, feed(1, 1)));
    let one = a.sign(at(0), &[flag(1, at(0))]);
    let two = b.sign(at(0), &[flag(1, at(0))]);
    lone.take(at(0), &[&one, &two]);
    lone
}

#[test]
fn a_confirmation_within_the_notice_holds_from_when_the_measure_is_in_force() {
    let mut lone = waiting();
    let done = act(&mut lone, at(500), confirm(Measure::Lock)).expect("it waits");
    assert_eq!((done.applied, done.audit), (Measure::None, 1));
    lone.tick(at(2_000));
    assert_eq!(tales(&lone)[2..], ["applied NONE>LOCK at 2 CONFIRMED"]);
}

#[test]
fn a_refused_measure_leaves_the_queue_and_may_be_confirmed_after_all() {
    let mut lone = waiting();
    lone.tick(at(2_000));
    let refuse = Act::Refuse { measure: Measure::Lock, seen_since: Some(at(0)) };
    assert_eq!(act(&mut lone, at(3_000), refuse).expect("it waits").applied, Measure::Freeze);
    assert_eq!(queue(&lone), []);
    lone.reopen();
    lone.tick(at(4_000));
    act(&mut lone, at(5_000), confirm(Measure::Lock)).expect("a person may think again");
    act(&mut lone, at(6_000), Act::Lift(ActKind::Confirmation)).expect("it holds");
    assert_eq!(
        tales(&lone)[1..],
        [
            "applied NONE>FREEZE at 2 WAITS",
            "REFUSED LOCK #1",
            "CONFIRMED LOCK #2",
            "applied FREEZE>LOCK at 5 CONFIRMED",
            "LIFTED LOCK #3",
            "applied LOCK>FREEZE at 6 WAITS",
            "proposed LOCK at 0",
        ]
    );
    assert_eq!(audited(&lone), 3);
}

#[test]
fn acts_end_by_themselves_at_their_instant_also_where_nothing_else_happens() {
    let mut lone = waiting();
    lone.tick(at(2_000));
    let exempt = Act::Exempt { greatest: Measure::Observe, until: at(9_000) };
    act(&mut lone, at(3_000), exempt).expect("it may");
    assert_eq!(queue(&lone), [], "somebody has seen to it");
    let overriding = Act::Override { measure: Measure::Review, until: at(5_000) };
    act(&mut lone, at(4_000), overriding).expect("it may");
    let due = lone.replica.next_due(&lone.ledger).expect("memory");
    assert_eq!(due, Some(at(5_000)), "the writer wakes for it");
    lone.tick(at(5_000));
    // The second end falls due while the node is down.
    lone.reopen();
    lone.tick(at(30_000));
    assert_eq!(
        tales(&lone)[2..],
        [
            "EXEMPTED OBSERVE #1",
            "applied FREEZE>OBSERVE at 3 EXEMPTED",
            "OVERRIDDEN REVIEW #2",
            "applied OBSERVE>REVIEW at 4 OVERRIDDEN",
            "expired OVERRIDE REVIEW at 5",
            "applied REVIEW>OBSERVE at 5 EXEMPTED",
            "expired EXEMPTION OBSERVE at 9",
            "applied OBSERVE>FREEZE at 9 WAITS",
            "proposed LOCK at 0",
        ]
    );
    assert_eq!(queue(&lone), [at(0)], "and it waits again");
    journal_is_true(&lone.replica, &lone.ledger).expect("true");
}

#[test]
fn an_override_holds_for_a_subject_of_whom_nothing_is_known() {
    let mut lone = lone(POLICY);
    let overriding = Act::Override { measure: Measure::Lock, until: at(5_000) };
    assert_eq!(act(&mut lone, at(0), overriding).expect("it may").applied, Measure::Lock);
    lone.tick(at(4_999));
    lone.tick(at(5_000));
    assert_eq!(
        tales(&lone),
        [
            "OVERRIDDEN LOCK #1",
            "applied NONE>LOCK at 0 OVERRIDDEN",
            "expired OVERRIDE LOCK at 5",
            "applied LOCK>NONE at 5 DECIDED",
        ]
    );
    assert_eq!(count(&lone.ledger, Column::Local), 0, "nothing is left");
    assert_eq!(count(&lone.ledger, Column::Timers), 0);
}

#[test]
fn what_cannot_be_done_is_refused_and_leaves_nothing() {
    let mut lone = waiting();
    lone.tick(at(2_000));
    let before = lone.ledger.clone();
    let seen = Some(at(1));
    for (wanted, expected) in [
        (confirm(Measure::Freeze), "FREEZE does not wait for a person here: LOCK is announced"),
        (confirm(Measure::Close), "CLOSE does not wait for a person here"),
        (confirm(Measure::None), "NONE does not wait"),
        (Act::Confirm { measure: Measure::Lock, seen_since: seen }, "look at it again"),
        (Act::Refuse { measure: Measure::Lock, seen_since: seen }, "look at it again"),
        (
            Act::Override { measure: Measure::Close, until: at(9_000) },
            "CLOSE is only ever confirmed",
        ),
        (Act::Override { measure: Measure::Lock, until: at(3_000) }, "expected a time after now"),
        (Act::Exempt { greatest: Measure::None, until: at(3_000) }, "expected a time after now"),
        (Act::Lift(ActKind::Override), "there is no OVERRIDE to lift"),
        (Act::Lift(ActKind::Exemption), "there is no EXEMPTION to lift"),
        (Act::Lift(ActKind::Confirmation), "there is no CONFIRMATION to lift"),
        (Act::Lift(ActKind::Refusal), "there is no REFUSAL to lift"),
    ] {
        let refused = act(&mut lone, at(3_000), wanted).expect_err(expected).to_string();
        assert!(refused.contains(expected), "{expected:?}: {refused}");
        assert_eq!(lone.ledger, before, "{expected}");
    }
    let soon = Act::Exempt { greatest: Measure::None, until: at(3_000).plus(secs(0)) };
    assert!(act(&mut lone, at(2_999), soon).is_ok(), "one millisecond is enough");
}

#[test]
fn an_act_tried_again_is_one_act() {
    let mut lone = waiting();
    let request = |digest: u8| Some(Request { key: "k".to_owned(), digest: Digest([digest; 32]) });
    let once = |digest| ask(1, confirm(Measure::Lock), request(digest));
    let step = lone.step(at(2_500), vec![once(1)]);
    assert_eq!(answer(&step).expect("it waits").repeated, Repeated::No);
    lone.reopen();
    let step = lone.step(at(2_600), vec![once(1)]);
    let again = answer(&step).expect("it was done");
    assert_eq!((again.repeated, again.audit, again.applied), (Repeated::Yes, 1, Measure::Lock));
    let step = lone.step(at(2_700), vec![once(2)]);
    assert_eq!(answer(&step), Err(LocalRefused::KeyReused));
    assert_eq!(audited(&lone), 1);
}

#[test]
fn a_signed_statement_of_a_person_is_in_the_log_once_and_only_if_it_was_done() {
    let mut lone = lone(POLICY);
    let raise =
        Input::Publish { ticket: 1, statements: drafts(vec![flag(1, at(0))]), request: None };
    lone.step(at(0), vec![raise]);
    let own = lone.replica.heads()[&feed(3, 1)].id.expect("a record");
    let own = interlock_record::statement_id(&own, 0);
    let attested = |statement, key: &str| Input::Attested {
        ticket: 2,
        statements: drafts(vec![statement]),
        request: Some(Request { key: key.to_owned(), digest: Digest([1; 32]) }),
        person: person(),
    };
    lone.step(at(1), vec![attested(withdraw(own), "k")]);
    lone.step(at(2), vec![attested(withdraw(own), "k")]);
    let unknown = withdraw(interlock_record::StatementId([9; 32]));
    lone.step(at(3), vec![attested(unknown, "l")]);
    assert_eq!(audited(&lone), 1);
    let rows = lone.ledger.range(Column::Audit, &[], &[0xff; 9], 9).expect("memory");
    let entry = SealedRow::decode(&rows[0].1).expect("an entry");
    let entry = AuditChain::default().next(1, &entry.hash.0, &entry.entry).expect("the first");
    assert_eq!((entry.act.as_str(), entry.by.as_str()), ("WITHDRAW", "li"));
    assert_eq!(entry.subject(), Some(subject(1)));
    assert!(entry.detail.starts_with(&format!("of {own}, cause ERROR")), "{}", entry.detail);
}

#[test]
fn the_queue_is_by_since_when_it_waits() {
    let policy = reviewed();
    let mut lone = lone(&policy);
    let consortium = lone.consortium.clone();
    let (mut a, mut b) = (Pen::new(&consortium, feed(0, 1)), Pen::new(&consortium, feed(1, 1)));
    for (number, ms) in [(9, 0), (2, 1_000), (5, 2_000)] {
        let one = a.sign(at(ms), &[flag(number, at(ms))]);
        let two = b.sign(at(ms), &[flag(number, at(ms))]);
        lone.take(at(ms), &[&one, &two]);
    }
    assert_eq!(queue(&lone), [at(0), at(1_000), at(2_000)]);
    let because = Because::ALL.iter().map(|because| because.name());
    assert_eq!(because.collect::<std::collections::BTreeSet<_>>().len(), Because::ALL.len());
}
