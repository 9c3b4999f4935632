//! Records that come in much later than their time are journaled, and a burst of them raises an alarm;
//! what a node catches up with is not.

use interlock_engine::replica::{
    Extent, Happening, HeadClaim, Input, LATE_AFTER, LATE_BURST_FLAGS, PullEnd,
};
use interlock_record::{Time, VerifiedRecord};
use interlock_sim::checks::journal;
use interlock_sim::consortium::{Consortium, Shape, feed, member};

use crate::world::{Lone, Pen, at, flag};

const HOUR: i64 = 3_600_000;

fn lone() -> Lone {
    let mut lone = Lone::new(Consortium::new(&Shape::default()), feed(0, 1));
    lone.step(at(0), vec![Input::Heard(member(1)), Input::Dialled(member(1))]);
    lone
}

/// The issuer says that its feed ends with this record, or that it has none.
fn tells(lone: &mut Lone, now: Time, head: Option<&VerifiedRecord>) {
    let head = head.map(|record| HeadClaim {
        feed: feed(1, 1),
        sequence: record.header().sequence,
        id: record.id(),
    });
    let heads = head.into_iter().collect();
    lone.step(
        now,
        vec![Input::Frontier { from: member(1), heads, charters: None, extent: Extent::Changes }],
    );
}

fn late(lone: &Lone) -> Vec<(u64, Time)> {
    let events = journal(&lone.ledger).into_iter();
    events
        .filter_map(|event| match event.happening {
            Happening::Late { sequence, time, .. } => Some((sequence, time)),
            _ => None,
        })
        .collect()
}

fn bursts(lone: &Lone) -> Vec<(u64, u64)> {
    let events = journal(&lone.ledger).into_iter();
    events
        .filter_map(|event| match event.happening {
            Happening::LateBurst { sequence, flags, .. } => Some((sequence, flags)),
            _ => None,
        })
        .collect()
}

#[test]
fn times_invented_over_an_issuers_own_silence_are_late_and_many_are_an_alarm() {
    assert_eq!(LATE_AFTER.micros(), HOUR * 1_000);
    let consortium = Consortium::new(&Shape::default());
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let mut lone = lone();
    let first = pen.sign(at(0), &[flag(1, at(0))]);
    lone.take(at(10), &[&first]);
    // It is silent for a day, and says so.
    for hour in 0..24 {
        tells(&mut lone, at(hour * HOUR), Some(&first));
    }
    let level = 23 * HOUR;
    // Within the hour before the last time of being level it is as it may be, and then it is not.
    let invented: Vec<_> = (1..=25).map(|n| pen.sign(at(n), &[flag(2, at(n))])).collect();
    let now = at(level + 1_000);
    let all: Vec<&VerifiedRecord> = invented.iter().collect();
    lone.take(now, &all);
    assert_eq!(late(&lone).len(), 25);
    assert_eq!(late(&lone)[0], (2, at(1)));
    assert_eq!(bursts(&lone), vec![(1 + LATE_BURST_FLAGS, LATE_BURST_FLAGS)]);
    assert_eq!(lone.replica.late_feeds(now), vec![feed(1, 1)]);
    assert!(lone.replica.late_feeds(at(48 * HOUR)).is_empty());
    assert_eq!(lone.replica.counters().late_records, 25);
    assert_eq!(lone.replica.counters().late_bursts, 1);
    let edge = [level - HOUR - 1, level - HOUR, level];
    let more: Vec<_> = edge.iter().map(|ms| pen.sign(at(*ms), &[flag(3, at(*ms))])).collect();
    let all: Vec<&VerifiedRecord> = more.iter().collect();
    lone.take(now, &all);
    assert_eq!(late(&lone)[25..], [(27, at(edge[0]))]);
    assert_eq!(bursts(&lone).len(), 1, "one alarm for one burst");
}

#[test]
fn what_an_honest_issuer_signs_is_never_late() {
    let consortium = Consortium::new(&Shape::default());
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let mut lone = lone();
    for hour in 0..100 {
        let now = hour * HOUR;
        let record = pen.sign(at(now), &[flag(1, at(now))]);
        lone.take(at(now + 20), &[&record]);
        tells(&mut lone, at(now + 100), Some(&record));
    }
    assert!(late(&lone).is_empty());
}

#[test]
fn what_is_caught_up_with_is_not_late() {
    let consortium = Consortium::new(&Shape::default());
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let mut lone = lone();
    let first = pen.sign(at(0), &[flag(1, at(0))]);
    lone.take(at(10), &[&first]);
    tells(&mut lone, at(100), Some(&first));
    // This node was cut off for two days; its issuer was not idle.
    lone.step(at(200), vec![Input::Unheard(member(1)), Input::DialLost(member(1))]);
    let missed: Vec<_> =
        (1..48).map(|hour| pen.sign(at(hour * HOUR), &[flag(1, at(hour * HOUR))])).collect();
    let mut now = 48 * HOUR;
    lone.step(at(now), vec![Input::Heard(member(1)), Input::Dialled(member(1))]);
    let last = missed.last();
    for record in &missed {
        // The repair may take hours: while it lasts the node is not level.
        tells(&mut lone, at(now), last);
        now += HOUR;
        let from = member(2);
        let records = vec![record.clone()];
        let ended = PullEnd::Complete;
        lone.step(
            at(now),
            vec![Input::Records { from, records }, Input::PullEnded { from, ended }],
        );
    }
    assert_eq!(lone.replica.heads()[&feed(1, 1)].sequence, 48);
    assert!(late(&lone).is_empty());
    // A node that starts again, or from nothing, has not been level with anybody.
    lone.reopen();
    let next = pen.sign(at(50 * HOUR), &[flag(1, at(50 * HOUR))]);
    lone.take(at(now + 10 * HOUR), &[&next]);
    assert!(late(&lone).is_empty());
}

#[test]
fn it_is_the_issuers_own_word_that_counts() {
    let consortium = Consortium::new(&Shape::default());
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let mut lone = lone();
    let first = pen.sign(at(0), &[flag(1, at(0))]);
    let second = pen.sign(at(1), &[flag(1, at(1))]);
    lone.take(at(10), &[&first]);
    // Another member that knows no more proves nothing of what the issuer had signed.
    let claim = HeadClaim { feed: feed(1, 1), sequence: 1, id: first.id() };
    lone.step(
        at(9 * HOUR),
        vec![Input::Frontier {
            from: member(2),
            heads: vec![claim],
            charters: None,
            extent: Extent::Changes,
        }],
    );
    // And the issuer says that there is more.
    tells(&mut lone, at(9 * HOUR), Some(&second));
    lone.take(at(10 * HOUR), &[&second]);
    assert!(late(&lone).is_empty());
}
