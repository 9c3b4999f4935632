//! What a platform publishes is packed, signed, and written once.

use interlock_engine::ledger::Column;
use interlock_engine::replica::{
    Effect, Input, PublishRefused, Published, Repeated, Request, Step,
};
use interlock_record::{
    Digest, Dispute, MAX_BODY_BYTES, MAX_STATEMENTS, SALT_BYTES, Span, Statement, StatementId,
};
use interlock_sim::checks::{count, records};
use interlock_sim::consortium::{Consortium, Shape, feed};

use crate::world::{Lone, Pen, at, drafts, flag, flag_of, id, withdraw};

fn lone() -> Lone {
    let shape = Shape { members: 4, group: 2, ..Shape::default() };
    Lone::new(Consortium::new(&shape), feed(0, 1))
}

fn ask(ticket: u64, statements: Vec<Statement>) -> Input {
    Input::Publish { ticket, statements: drafts(statements), request: None }
}

fn ask_as(ticket: u64, key: &str, digest: u8, statements: Vec<Statement>) -> Input {
    let request = Some(Request { key: key.to_owned(), digest: Digest([digest; 32]) });
    Input::Publish { ticket, statements: drafts(statements), request }
}

fn answers(step: &Step) -> Vec<(u64, &Result<Published, PublishRefused>)> {
    step.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Published { ticket, result } => Some((*ticket, result)),
            _ => None,
        })
        .collect()
}

fn done(step: &Step, ticket: u64) -> &Published {
    let answers = answers(step);
    let (_, answer) = answers.iter().find(|(other, _)| *other == ticket).expect("it was answered");
    answer.as_ref().expect("it was published")
}

fn refused(step: &Step, ticket: u64) -> &PublishRefused {
    let answers = answers(step);
    let (_, answer) = answers.iter().find(|(other, _)| *other == ticket).expect("it was answered");
    answer.as_ref().expect_err("it was refused")
}

fn flags(count: usize) -> Vec<Statement> {
    (0..count).map(|n| flag(n as u8, at(0))).collect()
}

/// The size of every record's body: statements, and bytes with their salts.
fn bodies(lone: &Lone) -> Vec<(usize, usize)> {
    let bodies = records(&lone.ledger).into_iter().map(|record| record.into_signed().body);
    bodies
        .map(|body| {
            let bytes = body.iter().filter_map(|entry| entry.statement());
            (body.len(), bytes.map(|bytes| bytes.len() + SALT_BYTES).sum())
        })
        .collect()
}

#[test]
fn callers_of_one_step_share_a_record_as_far_as_it_holds() {
    // What callers ask for, and the statements of the records that come of it.
    let cases: [(&[usize], &[usize]); 8] = [
        (&[1], &[1]),
        (&[1, 1, 1], &[3]),
        (&[256], &[256]),
        (&[257], &[256, 1]),
        (&[255, 1, 1], &[256, 1]),
        (&[200, 100], &[200, 100]),
        (&[1, 600, 1], &[1, 256, 256, 88, 1]),
        (&[128, 128, 128, 128], &[256, 256]),
    ];
    for (asked, expected) in cases {
        let mut lone = lone();
        let inputs =
            asked.iter().zip(1..).map(|(count, ticket)| ask(ticket, flags(*count))).collect();
        let step = lone.step(at(0), inputs);
        let sizes: Vec<usize> = bodies(&lone).iter().map(|(statements, _)| *statements).collect();
        assert_eq!(sizes, expected, "{asked:?}");
        assert_eq!(answers(&step).len(), asked.len(), "{asked:?}");
        // Each caller gets its own statements, in its own order.
        let all: Vec<StatementId> = records(&lone.ledger)
            .iter()
            .flat_map(|record| (0..record.header().statements).map(|index| id(record, index)))
            .collect();
        let told: Vec<StatementId> =
            (1..=asked.len() as u64).flat_map(|n| done(&step, n).statements.clone()).collect();
        assert_eq!(told, all, "{asked:?}");
        let pushed = step.effects.iter().filter(|effect| matches!(effect, Effect::Push(_))).count();
        assert_eq!(pushed, expected.len());
    }
}

#[test]
fn bodies_are_cut_where_their_bytes_end() {
    let long = |n: usize| {
        flag_of(
            |flag| {
                flag.case_ref = Some("c".repeat(128));
                flag.rule_version = Some("v".repeat(64));
                flag.derived_from = vec![StatementId([n as u8; 32]); 1];
                flag.derived_from.extend((0..15).map(|m| StatementId([m; 32])));
            },
            1,
            at(0),
        )
    };
    let mut lone = lone();
    let statements: Vec<Statement> = (0..MAX_STATEMENTS + 100).map(|n| long(n + 100)).collect();
    let one = statements[0].encode().expect("in range").len() + SALT_BYTES;
    let fit = (MAX_BODY_BYTES / one).min(MAX_STATEMENTS);
    let asked = statements.len();
    let step = lone.step(at(0), vec![ask(1, statements)]);
    assert_eq!(done(&step, 1).statements.len(), asked);
    let bodies = bodies(&lone);
    assert_eq!(bodies[0].0, fit);
    assert!(
        bodies.iter().all(|(count, bytes)| *count <= MAX_STATEMENTS && *bytes <= MAX_BODY_BYTES)
    );
    assert_eq!(bodies.iter().map(|(count, _)| count).sum::<usize>(), asked);
}

#[test]
fn a_write_tried_again_is_one_write() {
    let mut lone = lone();
    let again = |ticket| ask_as(ticket, "k", 1, flags(2));
    // In one step, in the next, and after a restart.
    let step = lone.step(at(0), vec![again(1), ask(2, flags(1)), again(3)]);
    let first = done(&step, 1).clone();
    assert_eq!(first.repeated, Repeated::No);
    assert_eq!(done(&step, 3), &Published { repeated: Repeated::Yes, ..first.clone() });
    let step = lone.step(at(1), vec![again(4)]);
    assert_eq!(done(&step, 4).statements, first.statements);
    assert!(step.changes.is_empty());
    lone.reopen();
    let step = lone.step(at(2), vec![again(5)]);
    assert_eq!(done(&step, 5), &Published { repeated: Repeated::Yes, ..first });
    assert_eq!(bodies(&lone).iter().map(|(count, _)| count).sum::<usize>(), 3);
}

#[test]
fn a_key_used_for_something_else_is_refused() {
    let mut lone = lone();
    let step = lone.step(
        at(0),
        vec![ask_as(1, "k", 1, flags(1)), ask_as(2, "k", 2, flags(1)), ask_as(3, "l", 2, flags(1))],
    );
    assert_eq!(refused(&step, 2), &PublishRefused::KeyReused);
    assert_eq!(done(&step, 3).repeated, Repeated::No);
    assert_eq!(count(&lone.ledger, Column::Requests), 2);
}

#[test]
fn a_request_that_was_refused_may_be_tried_again() {
    let mut lone = lone();
    let unknown = vec![withdraw(StatementId([1; 32]))];
    let step = lone.step(at(0), vec![ask_as(1, "k", 1, unknown)]);
    assert!(matches!(refused(&step, 1), PublishRefused::UnknownTarget { index: 0, .. }));
    assert!(step.changes.is_empty(), "nothing has changed");
    let step = lone.step(at(0), vec![ask_as(2, "k", 2, flags(1))]);
    assert_eq!(done(&step, 2).repeated, Repeated::No);
}

#[test]
fn nothing_to_publish_is_answered_too() {
    let mut lone = lone();
    let step =
        lone.step(at(0), vec![ask(1, Vec::new()), ask(2, flags(1)), ask_as(3, "k", 1, vec![])]);
    assert_eq!(answers(&step).len(), 3);
    assert!(matches!(refused(&step, 1), PublishRefused::Seal(_)));
    assert!(matches!(refused(&step, 3), PublishRefused::Seal(_)));
    assert_eq!(done(&step, 2).statements.len(), 1);
}

#[test]
fn what_would_be_inert_is_refused_whole() {
    let mut lone = lone();
    let consortium = lone.consortium.clone();
    let own = lone.step(at(0), vec![ask(1, flags(1))]);
    let own = done(&own, 1).statements[0];
    let mut ally = Pen::new(&consortium, feed(1, 1));
    let mut stranger = Pen::new(&consortium, feed(2, 1));
    let (of_ally, of_stranger) = (ally.sign(at(1), &flags(1)), stranger.sign(at(1), &flags(1)));
    lone.take(at(2), &[&of_ally, &of_stranger]);
    let dispute = |flag| Statement::Dispute(Dispute { flag });
    let later = flag_of(|flag| flag.observed_at = at(11), 1, at(0));
    let out_of_range = flag_of(|flag| flag.confidence = 101, 1, at(0));
    let cases = [
        (withdraw(id(&of_stranger, 0)), "only its issuer withdraws"),
        (withdraw(id(&of_ally, 0)), "only its issuer withdraws"),
        (dispute(own), "own group"),
        (dispute(id(&of_ally, 0)), "own group"),
        (dispute(StatementId([3; 32])), "is not known here"),
        (later, "in the future"),
        (out_of_range, "confidence"),
    ];
    let before = lone.ledger.clone();
    for (statement, expected) in cases {
        let step = lone.step(at(10), vec![ask(1, vec![flag(5, at(0)), statement])]);
        let text = refused(&step, 1).to_string();
        assert!(text.starts_with("statement 1: ") && text.contains(expected), "{text}");
        assert!(step.changes.is_empty());
    }
    assert_eq!(lone.ledger, before);
    let step = lone.step(at(10), vec![ask(1, vec![dispute(id(&of_stranger, 0)), withdraw(own)])]);
    assert_eq!(done(&step, 1).statements.len(), 2);
}

#[test]
fn a_clock_set_back_is_bridged_by_a_little_and_refused_by_much() {
    let mut lone = lone();
    let first = lone.step(at(1_000), vec![ask(1, flags(1))]);
    let first = done(&first, 1).time;
    let step = lone.step(at(700), vec![ask(2, flags(1))]);
    assert_eq!(done(&step, 2).time.since(first), Span::from_micros(1).expect("short"));
    let step = lone.step(at(400), vec![ask(3, flags(1))]);
    assert!(matches!(refused(&step, 3), PublishRefused::NotSigning(_)));
}
