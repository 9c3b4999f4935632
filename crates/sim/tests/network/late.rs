//! Statements that come before what they speak of, through another feed of the member or by
//! another way: the outcome is that of the order in which they were made.

use std::collections::BTreeMap;

use interlock_engine::replica::{Input, MAX_DEFERRED_A_FEED};
use interlock_record::{
    Cure, CureKind, Dispute, FeedId, Measure, Outcome, Reason, Recall, Receipt, Release, Resolve,
    Statement, VerifiedRecord, WithdrawCause,
};
use interlock_sim::chatter::subject;
use interlock_sim::checks::{Verdicts, verdicts};
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::dice::Dice;

use crate::world::{Lone, Pen, at, flag, flag_of, id, pulls, withdraw};

fn shape() -> Shape<'static> {
    Shape { members: 5, feeds: 2, quota: Some((2, "10s")), ..Shape::default() }
}

/// What a replica makes of records that come in the order in which they were made.
fn in_order(consortium: &Consortium, records: &[VerifiedRecord]) -> Verdicts {
    let mut sorted: Vec<&VerifiedRecord> = records.iter().collect();
    sorted.sort_by_key(|record| record.position(0));
    let mut lone = Lone::new(consortium.clone(), feed(4, 1));
    for record in sorted {
        lone.take(at(60_000), &[record]);
    }
    verdicts(&lone.ledger)
}

/// Asserts that every order of the feeds gives the same; each feed by itself is in order.
fn same_in_any_order(consortium: &Consortium, records: &[VerifiedRecord]) -> Verdicts {
    let expected = in_order(consortium, records);
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let mut feeds: BTreeMap<FeedId, Vec<&VerifiedRecord>> = BTreeMap::new();
        for record in records {
            feeds.entry(record.header().feed).or_default().push(record);
        }
        let mut lone = Lone::new(consortium.clone(), feed(4, 1));
        while !feeds.is_empty() {
            let which = dice.below(feeds.len() as u64) as usize;
            let next = *feeds.keys().nth(which).expect("it is there");
            let waiting = feeds.get_mut(&next).expect("it is there");
            let record = waiting.remove(0);
            if waiting.is_empty() {
                feeds.remove(&next);
            }
            lone.take(at(60_000), &[record]);
        }
        assert_eq!(verdicts(&lone.ledger), expected, "seed {seed}");
    }
    expected
}

/// Two members flag a subject hard; the first flag is `m0`'s, through its first feed.
fn two_flags(consortium: &Consortium) -> (Pen<'_>, Vec<VerifiedRecord>) {
    let mut first = Pen::new(consortium, feed(0, 1));
    let mut second = Pen::new(consortium, feed(1, 1));
    let records =
        vec![first.sign(at(0), &[flag(1, at(0))]), second.sign(at(100), &[flag(1, at(100))])];
    (first, records)
}

#[test]
fn a_withdrawal_through_another_feed() {
    let consortium = Consortium::new(&shape());
    let (_, mut records) = two_flags(&consortium);
    let mut other = Pen::new(&consortium, feed(0, 2));
    records.push(other.sign(at(500), &[withdraw(id(&records[0], 0))]));
    let verdicts = same_in_any_order(&consortium, &records);
    assert!(verdicts.announced(Measure::Lock));
}

#[test]
fn a_withdrawal_earlier_than_its_flag_means_that_it_never_counted() {
    let consortium = Consortium::new(&shape());
    let (_, mut records) = two_flags(&consortium);
    let mut other = Pen::new(&consortium, feed(0, 2));
    let early = at(-1_000);
    records.push(other.sign(early, &[withdraw(id(&records[0], 0))]));
    let verdicts = same_in_any_order(&consortium, &records);
    assert!(!verdicts.announced(Measure::Lock));
}

#[test]
fn a_stranger_s_withdrawal_means_nothing() {
    let consortium = Consortium::new(&shape());
    let (_, mut records) = two_flags(&consortium);
    let expected = in_order(&consortium, &records);
    let mut stranger = Pen::new(&consortium, feed(2, 1));
    records.push(stranger.sign(at(50), &[withdraw(id(&records[0], 0))]));
    let verdicts = same_in_any_order(&consortium, &records);
    assert!(verdicts.announced(Measure::Lock));
    assert_ne!(verdicts, expected, "it is kept among the evidence");
}

#[test]
fn a_recall_through_another_feed() {
    let consortium = Consortium::new(&shape());
    let (mut first, mut records) = two_flags(&consortium);
    let mut other = Pen::new(&consortium, feed(0, 2));
    let recall = Recall {
        from: Some(at(0)),
        to: Some(at(301)),
        rule_version: None,
        reason: Some(Reason::Overdue),
        cause: WithdrawCause::SystemFault,
    };
    records.push(first.sign(at(300), &[flag(2, at(300))]));
    records.push(other.sign(at(1_000), &[Statement::Recall(recall)]));
    records.push(first.sign(at(1_500), &[flag(3, at(1_500))]));
    let verdicts = same_in_any_order(&consortium, &records);
    assert!(verdicts.announced(Measure::Lock));
}

#[test]
fn a_recall_and_a_flag_in_one_record() {
    let consortium = Consortium::new(&shape());
    let recall = || {
        Statement::Recall(Recall {
            from: None,
            to: None,
            rule_version: None,
            reason: None,
            cause: WithdrawCause::Error,
        })
    };
    for (said, left) in
        [(vec![flag(1, at(0)), recall()], false), (vec![recall(), flag(1, at(0))], true)]
    {
        let mut first = Pen::new(&consortium, feed(0, 1));
        let mut second = Pen::new(&consortium, feed(1, 1));
        let records = vec![first.sign(at(0), &said), second.sign(at(1), &[flag(1, at(1))])];
        let verdicts = same_in_any_order(&consortium, &records);
        assert_eq!(verdicts.announced(Measure::Lock), left);
    }
}

#[test]
fn releases_before_the_record_that_they_release() {
    let consortium = Consortium::new(&shape());
    let mut first = Pen::new(&consortium, feed(0, 1));
    let three = [flag(1, at(0)), flag(2, at(0)), flag(3, at(0))];
    let mut records = vec![first.sign(at(0), &three)];
    let mut second = Pen::new(&consortium, feed(1, 1));
    records.push(second.sign(at(100), &[flag(1, at(100))]));
    let release = |time, number| {
        let feed = feed(0, 1);
        Pen::new(&consortium, self::feed(number, 1))
            .sign(time, &[Statement::Release(Release { feed, sequence: 1 })])
    };
    let held = same_in_any_order(&consortium, &records);
    assert!(!held.announced(Measure::Lock), "the breaker holds three flags of two");
    records.push(release(at(-500), 2));
    assert!(!same_in_any_order(&consortium, &records).announced(Measure::Lock), "one of two");
    records.push(release(at(400), 3));
    assert!(same_in_any_order(&consortium, &records).announced(Measure::Lock));
}

#[test]
fn disputes_resolves_cures_and_receipts_before_their_flags() {
    let consortium = Consortium::new(&shape());
    let (_, mut records) = two_flags(&consortium);
    let first = id(&records[0], 0);
    let mut other = Pen::new(&consortium, feed(0, 2));
    let mut third = Pen::new(&consortium, feed(2, 1));
    records.push(third.sign(at(1_000), &[Statement::Dispute(Dispute { flag: first })]));
    let resolve = Resolve { flag: first, outcome: Outcome::Rejected };
    let cure = Cure { subject: subject(1), kind: CureKind::Repaid };
    records.push(other.sign(at(2_000), &[Statement::Resolve(resolve), Statement::Cure(cure)]));
    let cure = id(records.last().expect("there"), 1);
    let receipt = Receipt { subject: subject(1), measure: Measure::Lock, caused_by: vec![first] };
    records.push(third.sign(at(2_500), &[Statement::Receipt(receipt)]));
    records.push(other.sign(at(3_000), &[withdraw(cure)]));
    let verdicts = same_in_any_order(&consortium, &records);
    assert!(verdicts.announced(Measure::Lock));
}

#[test]
fn an_echo_before_and_after_what_it_repeats() {
    let consortium = Consortium::new(&shape());
    let (mut first, mut records) = two_flags(&consortium);
    let original = id(&records[1], 0);
    let echo = flag_of(|flag| flag.derived_from = vec![original], 1, at(200));
    records.push(first.sign(at(200), &[echo]));
    assert!(same_in_any_order(&consortium, &records).announced(Measure::Lock));
}

#[test]
fn a_record_from_the_future_waits_and_is_taken_later() {
    let consortium = Consortium::new(&shape());
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let records = [
        pen.sign(at(0), &[flag(1, at(0))]),
        pen.sign(at(5_000), &[flag(2, at(5_000))]),
        pen.sign(at(5_001), &[flag(3, at(5_001))]),
    ];
    let all: Vec<&VerifiedRecord> = records.iter().collect();
    let mut lone = Lone::new(consortium.clone(), feed(4, 1));
    lone.take(at(0), &all);
    assert_eq!(lone.replica.heads()[&feed(0, 1)].sequence, 1);
    // Within the skew it is taken, and a microsecond earlier it is not.
    lone.tick(at(4_499));
    assert_eq!(lone.replica.heads()[&feed(0, 1)].sequence, 1);
    lone.tick(at(4_500));
    assert_eq!(lone.replica.heads()[&feed(0, 1)].sequence, 2);
    lone.tick(at(4_600));
    assert_eq!(lone.replica.heads()[&feed(0, 1)].sequence, 3);
    assert_eq!(verdicts(&lone.ledger), in_order(&consortium, &records));
}

#[test]
fn a_record_of_a_newer_charter_waits_and_holds_nobody_else_up() {
    let consortium = Consortium::new(&shape());
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let known = pen.sign(at(0), &[flag(1, at(0))]);
    pen.charter_version = 2;
    let newer = pen.sign(at(1), &[flag(1, at(1))]);
    let behind = pen.sign(at(2), &[flag(1, at(2))]);
    let other = Pen::new(&consortium, feed(1, 1)).sign(at(3), &[flag(1, at(3))]);
    let mut lone = Lone::new(consortium.clone(), feed(4, 1));
    let step = lone.take(at(10), &[&known, &newer, &behind, &other]);
    assert!(
        step.effects
            .iter()
            .all(|effect| { !matches!(effect, interlock_engine::replica::Effect::Refuse { .. }) })
    );
    lone.tick(at(100_000));
    assert_eq!(lone.replica.heads()[&feed(0, 1)].sequence, 1);
    assert_eq!(lone.replica.heads()[&feed(1, 1)].sequence, 1);
}

#[test]
fn what_waits_is_bounded_and_pulled_again_when_its_time_comes() {
    let consortium = Consortium::new(&Shape::default());
    let mut pen = Pen::new(&consortium, feed(0, 1));
    let count = MAX_DEFERRED_A_FEED as i64 + 50;
    let records: Vec<VerifiedRecord> =
        (0..count).map(|n| pen.sign(at(10_000 + n), &[flag(1, at(10_000))])).collect();
    let mut lone = Lone::new(consortium.clone(), feed(3, 1));
    lone.step(at(0), vec![Input::Heard(member(0)), Input::Dialled(member(0))]);
    let mut asked = 0;
    for tick in 0..60 {
        let all: Vec<&VerifiedRecord> = records.iter().collect();
        let step = if tick == 0 { lone.take(at(0), &all) } else { lone.tick(at(tick * 500)) };
        asked += pulls(&step);
        for effect in step.effects {
            let interlock_engine::replica::Effect::Pull { from, ranges } = effect else { continue };
            let range = ranges[0];
            let asked = records[range.first as usize - 1..range.last as usize].to_vec();
            let ended = interlock_engine::replica::PullEnd::Complete;
            lone.step(
                at(tick * 500),
                vec![Input::Records { from, records: asked }, Input::PullEnded { from, ended }],
            );
        }
    }
    assert_eq!(lone.replica.heads()[&feed(0, 1)].sequence, count as u64);
    assert!(asked <= 30, "{asked} pulls");
}
