//! Chains: the next record is taken, everything else is refused by name.

use super::*;
use crate::{
    ConsortiumId, Cure, CureKind, FeedId, FeedNumber, SealContext, SealError, SigningKey,
    Statement, SubjectTag, root_of_leaves, seal,
};

fn context(micros: i64, charter_version: u32) -> SealContext {
    SealContext {
        consortium: ConsortiumId([0xc0; 32]),
        feed: FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(1) },
        time: Time::from_micros(micros).expect("in range"),
        charter_version,
        tag_scheme: 1,
        pepper_epoch: 1,
    }
}

fn sign(
    head: &FeedHead,
    micros: i64,
    charter_version: u32,
    salt: u8,
) -> Result<VerifiedRecord, SealError> {
    let key = SigningKey::from_seed([0x11; 32]);
    let cure = Cure { subject: SubjectTag([1; 32]), kind: CureKind::Repaid };
    let statement = Statement::Cure(cure).encode().expect("in range");
    seal(&key, head, context(micros, charter_version), vec![([salt; 16], statement)])
}

/// The heads after 0 to `count` records at the times 10, 20, ..., and the records.
fn chain(count: u8, salt: u8) -> (Vec<FeedHead>, Vec<VerifiedRecord>) {
    let (mut heads, mut records) = (vec![FeedHead::empty()], Vec::new());
    for n in 0..count {
        let head = heads.last().expect("never empty");
        let record = sign(head, 10 * (i64::from(n) + 1), 2, salt).expect("the next one");
        let next = head.next(&record).expect("the next one");
        heads.push(next);
        records.push(record);
    }
    (heads, records)
}

#[test]
fn a_chain_commits_to_its_whole_past() {
    let (heads, records) = chain(9, 1);
    let leaves: Vec<_> = records.iter().map(|record| leaf_hash(record.id().as_bytes())).collect();
    for (before, record) in records.iter().enumerate() {
        assert_eq!(record.header().feed_root, root_of_leaves(&leaves[..before]));
    }
    assert_eq!(heads[9].sequence, 9);
    assert_eq!(heads[9].id, Some(records[8].id()));
    assert_eq!(heads[9].tree.root(), root_of_leaves(&leaves));
}

#[test]
fn only_the_next_record_is_taken() {
    let (heads, records) = chain(4, 1);
    assert_eq!(heads[2].next(&records[1]), Err(ChainError::Known { sequence: 2 }));
    assert_eq!(heads[2].next(&records[0]), Err(ChainError::Known { sequence: 1 }));
    assert_eq!(heads[2].next(&records[3]), Err(ChainError::Gap { expected: 3, got: 4 }));
    assert_eq!(heads[0].next(&records[3]), Err(ChainError::Gap { expected: 1, got: 4 }));
    assert_eq!(heads[2].next(&records[2]).as_ref(), Ok(&heads[3]));
}

#[test]
fn a_record_of_another_branch_is_refused() {
    let (heads, _) = chain(3, 1);
    let (_, others) = chain(3, 2);
    assert_eq!(heads[2].next(&others[2]), Err(ChainError::WrongPrevious));
    // The same last record, but another past before it.
    let mut lying = heads[2].clone();
    lying.tree = heads[1].tree.clone();
    lying.tree.append(leaf_hash(b"something else"));
    let record = sign(&lying, 30, 2, 1).expect("the key signs anything");
    assert_eq!(heads[2].next(&record), Err(ChainError::WrongFeedRoot));
}

#[test]
fn times_rise_and_charter_versions_do_not_fall() {
    let (heads, _) = chain(1, 1);
    let last = heads[1].time.expect("there is a record");
    assert_eq!(sign(&heads[1], 10, 2, 1), Err(SealError::TimeNotLater { last }));
    assert_eq!(sign(&heads[1], 11, 1, 1), Err(SealError::CharterVersionLower { last: 2 }));
    let lying = FeedHead { time: None, charter_version: 0, ..heads[1].clone() };
    let same_time = sign(&lying, 10, 2, 1).expect("the key signs anything");
    assert_eq!(heads[1].next(&same_time), Err(ChainError::TimeNotLater));
    let lower = sign(&lying, 11, 1, 1).expect("the key signs anything");
    assert_eq!(heads[1].next(&lower), Err(ChainError::CharterVersionLower));
    let right = sign(&lying, 11, 2, 1).expect("the key signs anything");
    assert!(heads[1].next(&right).is_ok());
}

#[test]
fn nothing_comes_after_the_last_sequence_number() {
    let (heads, records) = chain(1, 1);
    let last = FeedHead { sequence: u64::MAX, ..heads[1].clone() };
    assert_eq!(sign(&last, 20, 2, 1), Err(SealError::OutOfRange { field: "sequence" }));
    assert_eq!(last.next(&records[0]), Err(ChainError::Known { sequence: 1 }));
}

#[test]
fn a_context_out_of_range_is_refused() {
    assert_eq!(
        sign(&FeedHead::empty(), 10, 0, 1),
        Err(SealError::OutOfRange { field: "charter_version" })
    );
}

#[test]
fn heads_read_what_they_write() {
    for head in chain(9, 1).0 {
        let bytes = head.to_bytes();
        assert_eq!(FeedHead::from_bytes(&bytes).as_ref(), Ok(&head));
        for end in 1..bytes.len() {
            assert!(FeedHead::from_bytes(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
        }
    }
}
