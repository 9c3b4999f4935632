//! The chain, and what happens to it when somebody touches it.

use interlock_record::{SubjectTag, Time};
use proptest::prelude::*;

use super::*;
use crate::ledger::rows::StoredRow as _;
use crate::ledger::{Column, Ledger as _, MemoryLedger, number_of_key};

/// A log as it lies in its column: number and value.
type Log = Vec<(u64, Vec<u8>)>;

fn written(entries: u64) -> (Log, AuditHead) {
    let mut ledger = MemoryLedger::default();
    for number in 1..=entries {
        let mut draft = Draft::new(&ledger);
        let person = Person::new("li", "a test", Some(1_000)).expect("a person");
        let subject = (number % 2 == 0).then_some(SubjectTag([7; 32]));
        let entry = Entry { person: &person, act: "CONFIRMED", subject, detail: "LOCK".to_owned() };
        let now = Time::from_micros(1_000 * number.cast_signed()).expect("in range");
        assert_eq!(append(&mut draft, now, entry).expect("memory"), number);
        let changes = draft.into_changes();
        ledger.commit(&changes);
    }
    let rows = ledger.range(Column::Audit, &[], &[0xff; 9], usize::MAX).expect("memory");
    let log = rows.into_iter().map(|(key, value)| (number_of_key(&key).expect("a number"), value));
    let head = ledger.get(Column::Meta, MetaKey::AuditHead.bytes()).expect("memory");
    let head = head.map(|bytes| {
        <AuditHeadRow as crate::ledger::rows::StoredRow>::decode(&bytes).expect("a row")
    });
    (log.collect(), AuditHead::of_row(head.as_ref()))
}

fn verify(log: &Log, head: AuditHead) -> Result<u64, AuditBroken> {
    let mut chain = AuditChain::default();
    for (number, value) in log {
        let row = <SealedRow as crate::ledger::rows::StoredRow>::decode(value);
        let row = row.map_err(|_| AuditBroken::Changed(*number))?;
        chain.next(*number, &row.hash.0, &row.entry)?;
    }
    chain.finish(head)
}

#[test]
fn a_log_as_it_was_written_verifies() {
    for entries in [0, 1, 2, 20] {
        let (log, head) = written(entries);
        assert_eq!(verify(&log, head), Ok(entries));
    }
    let (log, _) = written(2);
    let row = SealedRow::decode(&log[1].1).expect("a row");
    let row = AuditChain {
        last: AuditHead { number: 1, hash: SealedRow::decode(&log[0].1).expect("a row").hash },
    }
    .next(2, &row.hash.0, &row.entry)
    .expect("it follows");
    assert_eq!((row.by.as_str(), row.why.as_str(), row.uid), ("li", "a test", Some(1_000)));
    assert_eq!(row.subject(), Some(SubjectTag([7; 32])));
}

#[test]
fn any_byte_of_any_entry_that_is_changed_is_noticed_at_that_entry() {
    let (log, head) = written(4);
    let mut tried = 0;
    for (place, (number, value)) in log.iter().enumerate() {
        for byte in 0..value.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut broken = log.clone();
                broken[place].1[byte] ^= change;
                let found = verify(&broken, head).expect_err("it was changed");
                assert_eq!(found, AuditBroken::Changed(*number), "byte {byte}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn entries_left_out_cut_off_or_put_in_are_noticed() {
    let (log, head) = written(5);
    let without = |number: u64| -> Log {
        log.iter().filter(|(other, _)| *other != number).cloned().collect()
    };
    for number in 1..=4 {
        assert_eq!(verify(&without(number), head), Err(AuditBroken::Missing { expected: number }));
    }
    assert_eq!(verify(&without(5), head), Err(AuditBroken::OtherEnd { found: 4, head: 5 }));
    // An entry of another log, well formed and with its own hash.
    let mut swapped = log.clone();
    swapped[2].1.clone_from(&log[1].1);
    assert_eq!(verify(&swapped, head), Err(AuditBroken::Unchained(3)));
    // The whole end written anew.
    let mut anew = AuditRow { number: 5, previous: vec![0; 32], ..AuditRow::default() };
    let previous = SealedRow::decode(&log[3].1).expect("a row").hash;
    anew.previous = previous.0.to_vec();
    let bytes = anew.encode_to_vec();
    let mut forged = log.clone();
    forged[4].1 = SealedRow { hash: hash_of(&bytes), entry: bytes }.encode();
    assert_eq!(verify(&forged, head), Err(AuditBroken::OtherHead(5)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_at_all_pass_for_an_entry(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let (log, head) = written(2);
        prop_assume!(bytes != log[1].1);
        let broken = vec![log[0].clone(), (2, bytes)];
        prop_assert_eq!(verify(&broken, head), Err(AuditBroken::Changed(2)));
    }
}
