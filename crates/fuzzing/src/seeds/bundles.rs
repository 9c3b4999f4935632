//! Decision bundles: a lock as it is, as a journal entry tells of it, and where a feed has forked.

use interlock_engine::ledger::{Column, Ledger as _, rows::JournalRow, rows::StoredRow as _};
use interlock_engine::proof::{Wanted, export};
use interlock_engine::replica::Input;
use interlock_record::{Flag, Span, Statement, SubjectTag, Time};
use interlock_sim::consortium::{Consortium, Shape, feed, member};
use interlock_sim::network::{Faults, Network};

use super::{Whole, sealed, statements, time};
use interlock_record::{FeedHead, NEWEST_RULES};

/// The number of an effective measure among the journal's kinds.
const EFFECTIVE: u32 = 4;
const SUBJECT: SubjectTag = SubjectTag([1; 32]);

pub(super) fn bundles() -> Vec<Whole> {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    for number in 1..3 {
        network.publish(member(number), vec![flag()], None);
        network.run(Span::from_secs(1));
    }
    network.run(Span::from_secs(5));
    for number in [0, 3] {
        network.see(member(number));
        network.run(Span::from_secs(1));
    }
    let me = member(3);
    let rows = network.ledger(me).range(Column::Journal, &[], &[0xff; 9], usize::MAX);
    let rows = rows.expect("memory does not fail");
    let effective = (1..)
        .zip(rows)
        .filter(|(_, (_, row))| {
            JournalRow::decode(row)
                .is_ok_and(|row| row.kind == EFFECTIVE && row.subject == SUBJECT.0)
        })
        .map(|(number, _)| number)
        .last()
        .expect("the lock came into force");
    let lock = proof(&network, Wanted::AsOf(network.now()));
    let entry = proof(&network, Wanted::Entry(effective));
    // The second member has signed another first record.
    let rival = sealed(feed(1, 1), &FeedHead::empty(), 1);
    let input = Input::Records { from: member(1), records: vec![rival] };
    network.inject(me, vec![input]);
    network.run(Span::from_secs(1));
    let forked = proof(&network, Wanted::AsOf(network.now()));
    vec![("bundle", "lock", lock), ("bundle", "entry", entry), ("bundle", "forked", forked)]
}

fn flag() -> Statement {
    let (_, bytes) = statements().next().expect("the first is a flag");
    let said = Statement::decode(&bytes, NEWEST_RULES, Time::MAX);
    let Ok(Statement::Flag(flag)) = said else { unreachable!("the first is a flag") };
    Statement::Flag(Flag { subject: SUBJECT, observed_at: time(), ..flag })
}

fn proof(network: &Network, wanted: Wanted) -> Vec<u8> {
    let (ledger, replica) = (network.ledger(member(3)), network.replica(member(3)));
    export(ledger, replica.charters(), SUBJECT, wanted).expect("it is proven")
}
