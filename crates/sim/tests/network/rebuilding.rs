//! What a backup leaves out is made again from the log, row by row the same; and what was erased
//! since the backup is as if it had never been.

use std::collections::BTreeMap;

use interlock_engine::ledger::rows::{DecisionRow, LogRow, RestoreRow, StoredRow};
use interlock_engine::ledger::{Column, Draft, Ledger, MemoryLedger, MetaKey, Origin, Row};
use interlock_engine::replica::{Happening, Replica, Start};
use interlock_record::{FeedId, Header, Span, Time, VerifiedRecord};
use interlock_sim::checks::{journal, journal_is_true, records};
use interlock_sim::consortium::{Consortium, Shape, feed};
use interlock_sim::dice::Dice;
use interlock_sim::network::Faults;
use proptest::prelude::*;

use crate::agreement::talk;
use crate::world::Lone;

fn rows(ledger: &MemoryLedger, column: Column) -> Vec<Row> {
    ledger.range(column, &[], &[0xff; 200], usize::MAX).expect("memory does not fail")
}

fn rebuilt() -> impl Iterator<Item = Column> {
    Column::ALL.iter().copied().filter(|column| column.origin() == Origin::Rebuilt)
}

/// The ledger as a restore leaves it: without what is rebuilt, and with some statements erased.
pub(crate) fn restored(
    ledger: &MemoryLedger,
    erase: &mut dyn FnMut(&mut VerifiedRecord) -> u64,
) -> MemoryLedger {
    let mut draft = Draft::new(ledger);
    let mut erased = 0;
    for (key, value) in rows(ledger, Column::Log) {
        let mut row = <LogRow as StoredRow>::decode(&value).expect("a row");
        let mut record = row.verified().expect("a record");
        erased += erase(&mut record);
        row.record = record.signed().encode();
        draft.put(key, &row);
    }
    for column in rebuilt() {
        for (key, _) in rows(ledger, column) {
            draft.remove(column, key);
        }
    }
    let marker = RestoreRow { erased, backup: vec![1; 32], ..RestoreRow::default() };
    draft.put(MetaKey::Restore.bytes().to_vec(), &marker);
    let changes = draft.into_changes();
    let mut copy = ledger.clone();
    copy.commit(&changes);
    copy
}

/// Makes a ledger whole as a node does at its start. Now and then the node is killed meanwhile.
fn rebuild(
    consortium: &Consortium,
    feed: FeedId,
    now: Time,
    ledger: &mut MemoryLedger,
    dice: &mut Dice,
) -> Replica {
    let open = |ledger: &MemoryLedger| {
        Replica::open(ledger, consortium.opening(feed, Start::Careful { last_signed: None }))
            .expect("opens")
    };
    let mut replica = open(ledger);
    while let Some(changes) = replica.rebuild(ledger, now).expect("memory does not fail") {
        if dice.permille(200) {
            // Nothing of this step was committed.
            replica = open(ledger);
            continue;
        }
        ledger.commit(&changes);
    }
    replica
}

fn decided(ledger: &MemoryLedger) -> BTreeMap<Vec<u8>, Vec<(i64, u32)>> {
    let scopes = rows(ledger, Column::Decisions).into_iter().filter_map(|(key, value)| {
        let row = <DecisionRow as StoredRow>::decode(&value).expect("a row");
        let steps = row.consortium.unwrap_or_default().transitions;
        let steps: Vec<_> = steps.iter().map(|step| (step.at, step.to)).collect();
        (!steps.is_empty()).then_some((key, steps))
    });
    scopes.collect()
}

#[test]
fn a_restored_record_that_its_member_did_not_sign_is_refused() {
    let mut network = talk(7, &Shape::default(), Faults::NONE, 20);
    network.calm();
    let member = network.members()[0];
    let good = restored(network.ledger(member), &mut |_| 0);
    let all = rows(&good, Column::Log);
    assert!(all.len() > 3, "{} records", all.len());
    for number in [0, all.len() / 2, all.len() - 1] {
        // A changed signature, and a header that was changed to say something else.
        for of_signature in [true, false] {
            let (key, value) = &all[number];
            let mut row = <LogRow as StoredRow>::decode(value).expect("a row");
            let mut signed = row.verified().expect("a record").into_signed();
            if of_signature {
                signed.signature.0[9] ^= 1;
            } else {
                let mut header = Header::decode(&signed.header).expect("it is one");
                header.time = header.time.plus(Span::from_secs(1));
                signed.header = header.encode();
            }
            row.record = signed.encode();
            let mut draft = Draft::new(&good);
            draft.put(key.clone(), &row);
            let changes = draft.into_changes();
            let mut ledger = good.clone();
            ledger.commit(&changes);
            let opening =
                network.consortium().opening(feed(0, 1), Start::Careful { last_signed: None });
            let mut replica = Replica::open(&ledger, opening).expect("opens");
            let refused = loop {
                match replica.rebuild(&ledger, network.clock(member)) {
                    Ok(Some(changes)) => ledger.commit(&changes),
                    Ok(None) => panic!("record {number} was taken"),
                    Err(fault) => break fault.to_string(),
                }
            };
            assert!(refused.contains("is not what its member signed"), "{refused}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rebuilt_is_byte_for_byte_what_was_there(seed: u64) {
        let shape = Shape { members: 4, feeds: 2, group: 2, quota: Some((1, "4s")), ..Shape::default() };
        let mut network = talk(seed, &shape, Faults::ROUGH, 40);
        network.calm();
        let member = network.members()[0];
        let before = network.ledger(member);
        let mut ledger = restored(before, &mut |_| 0);
        let mut dice = Dice::new(seed);
        let replica = rebuild(network.consortium(), feed(0, 1), network.clock(member), &mut ledger, &mut dice);
        for column in Column::ALL {
            match column {
                Column::Journal | Column::Meta => {}
                column => prop_assert_eq!(rows(&ledger, *column), rows(before, *column), "{:?}", column),
            }
        }
        let (told, before) = (journal(&ledger), journal(before));
        prop_assert_eq!(&told[..before.len()], &before[..]);
        prop_assert_eq!(told.len(), before.len() + 1);
        let last = told.last().map(|event| &event.happening);
        let restored = matches!(last, Some(Happening::Restored { erased: 0, .. }));
        prop_assert!(restored, "{:?}", last);
        journal_is_true(&replica, &ledger).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
    }

    #[test]
    fn what_came_back_erased_counts_as_if_it_had_never_been(seed: u64) {
        let shape = Shape { quota: Some((3, "3s")), ..Shape::default() };
        let mut network = talk(seed, &shape, Faults::NONE, 30);
        network.calm();
        let member = network.members()[0];
        let now = network.clock(member);
        let mut dice = Dice::new(seed);
        let mut ledger = restored(network.ledger(member), &mut |record| {
            let some: Vec<u32> =
                (0..record.header().statements).filter(|_| dice.permille(300)).collect();
            for index in &some {
                record.erase(*index);
            }
            some.len() as u64
        });
        let replica = rebuild(network.consortium(), feed(0, 1), now, &mut ledger, &mut dice);
        // Another replica never knew what was erased.
        let mut lone = Lone::new(network.consortium().clone(), feed(1, 1));
        for record in records(&ledger) {
            lone.take(now, &[&record]);
        }
        for column in rebuilt() {
            prop_assert_eq!(rows(&ledger, column), rows(&lone.ledger, column), "{:?}", column);
        }
        prop_assert_eq!(decided(&ledger), decided(&lone.ledger));
        journal_is_true(&replica, &ledger).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
    }
}
