//! What a feed or member says too often means nothing, at every node alike.

use interlock_engine::replica::known;
use interlock_record::{Dispute, FeedId, Statement, SubjectTag};
use interlock_sim::consortium::{Consortium, POLICY, Shape, feed};

use crate::world::{Lone, Pen, at, flag, id};

const DAY_MS: i64 = 86_400_000;

fn limited(limits: &str, feeds: u32) -> Consortium {
    let policy = format!("[limits]\n{limits}\n{POLICY}");
    Consortium::new(&Shape { policy: &policy, feeds, ..Shape::default() })
}

fn count(lone: &Lone, subject: u8) -> (usize, usize) {
    let known = known(&lone.ledger, lone.replica.charters(), SubjectTag([subject; 32]));
    let evidence = known.expect("memory").evidence;
    (evidence.flags.len(), evidence.disputes.len())
}

#[test]
fn statements_of_a_feed_and_day_count_up_to_the_limit() {
    let mut lone = Lone::new(limited("statements_a_day = 3", 1), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let two = pen.sign(at(1), &[flag(1, at(0)), flag(2, at(0))]);
    let four = pen.sign(at(2), &[flag(3, at(0)), flag(4, at(0))]);
    let next_day = pen.sign(at(DAY_MS), &[flag(5, at(0)), flag(6, at(0)), flag(7, at(0))]);
    let above = pen.sign(at(DAY_MS + 1), &[flag(8, at(0))]);
    lone.take(at(3), &[&two, &four]);
    lone.reopen();
    lone.take(at(DAY_MS + 2), &[&next_day]);
    lone.reopen();
    lone.take(at(DAY_MS + 3), &[&above]);
    let counted: Vec<u8> = (1..=8).filter(|subject| count(&lone, *subject).0 == 1).collect();
    assert_eq!(counted, [1, 2, 3, 5, 6, 7], "three a day");
}

/// A member's disputes of four subjects' flags, from two feeds of its own, in this order.
fn disputed(order: &[usize]) -> Vec<u8> {
    let mut lone = Lone::new(limited("disputes_a_day = 2", 2), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut issuer = Pen::new(&consortium, feed(1, 1));
    let flags: Vec<Statement> = (1..=4).map(|subject| flag(subject, at(0))).collect();
    let flags = issuer.sign(at(1), &flags);
    lone.take(at(2), &[&flags]);
    let feeds: [FeedId; 2] = [feed(2, 1), feed(2, 2)];
    let mut pens = feeds.map(|feed| Pen::new(&consortium, feed));
    // By time: the first feed's, the second's, the first's, and one on the next day.
    let times = [(0, 10), (1, 20), (0, 30), (1, DAY_MS)];
    let records: Vec<_> = (0..)
        .zip(times)
        .map(|(index, (pen, time))| {
            let dispute = Statement::Dispute(Dispute { flag: id(&flags, index) });
            pens[pen].sign(at(time), &[dispute])
        })
        .collect();
    for index in order {
        lone.take(at(DAY_MS + 10), &[&records[*index]]);
    }
    (1..=4).filter(|subject| count(&lone, *subject).1 == 1).collect()
}

#[test]
fn disputes_of_a_member_and_day_count_up_to_the_limit_in_whatever_order_they_come() {
    for order in [[0, 2, 1, 3], [0, 1, 2, 3], [1, 3, 0, 2], [1, 0, 3, 2]] {
        assert_eq!(disputed(&order), [1, 2, 4], "{order:?}");
    }
}
