//! Records: what was sealed verifies, anything changed does not, and erasing changes nothing that
//! was signed.

use proptest::prelude::*;

use crate::limits::{MAX_BODY_BYTES, MAX_RECORD_BYTES, MAX_STATEMENT_BYTES, SALT_BYTES};
use crate::{
    ConsortiumId, Cure, CureKind, Domain, Entry, FeedHead, FeedId, FeedNumber, Flag, Header,
    IdType, Inert, Measure, Reason, RecordError, SealContext, SealError, Severity, SignedRecord,
    SigningKey, Statement, SubjectTag, Time, VerifiedRecord, seal, verify,
};

const CONSORTIUM: ConsortiumId = ConsortiumId([0xc0; 32]);

fn key() -> SigningKey {
    SigningKey::from_seed([0x11; 32])
}

fn context() -> SealContext {
    SealContext {
        consortium: CONSORTIUM,
        feed: FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(1) },
        time: Time::from_micros(1_767_225_600_000_000).expect("in range"),
        charter_version: 1,
        tag_scheme: 1,
        pepper_epoch: 1,
    }
}

fn flag() -> Vec<u8> {
    let flag = Flag {
        subject: SubjectTag([1; 32]),
        id_type: IdType::IdNumber,
        reason: Reason::Overdue,
        severity: Severity::High,
        confidence: 90,
        applied_measure: Measure::Lock,
        observed_at: context().time,
        expires_at: None,
        evidence_digest: None,
        rule_version: None,
        case_ref: None,
        derived_from: Vec::new(),
    };
    Statement::Flag(flag).encode().expect("in range")
}

fn cure() -> Vec<u8> {
    let cure = Cure { subject: SubjectTag([1; 32]), kind: CureKind::Repaid };
    Statement::Cure(cure).encode().expect("in range")
}

fn salted(statements: Vec<Vec<u8>>) -> Vec<([u8; SALT_BYTES], Vec<u8>)> {
    (1..).zip(statements).map(|(salt, statement)| ([salt; SALT_BYTES], statement)).collect()
}

fn sealed() -> VerifiedRecord {
    let statements = salted(vec![flag(), cure(), flag()]);
    seal(&key(), &FeedHead::empty(), context(), statements).expect("everything is in range")
}

fn check(record: SignedRecord) -> Result<VerifiedRecord, RecordError> {
    verify(record, &CONSORTIUM, &key().public())
}

/// A record whose header was changed and then signed again, by the right key.
fn signed_with(change: impl FnOnce(&mut Header)) -> SignedRecord {
    let mut record = sealed().into_signed();
    let mut header = Header::decode(&record.header).expect("sealed");
    change(&mut header);
    record.header = header.encode();
    record.signature = key().sign(Domain::Record, &record.header);
    record
}

fn inert_causes(record: &VerifiedRecord) -> Vec<Option<Inert>> {
    record.statements(1).map(|(_, _, said)| said.err()).collect()
}

#[test]
fn what_was_sealed_verifies_and_says_what_it_said() {
    let record = sealed();
    assert_eq!(check(record.signed().clone()), Ok(record.clone()));
    assert_eq!(SignedRecord::decode(&record.signed().encode()).as_ref(), Ok(record.signed()));
    assert_eq!(VerifiedRecord::from_trusted_store(record.signed().clone()), Ok(record.clone()));
    assert_eq!(record.header().flags, 2);
    assert_eq!(inert_causes(&record), [None, None, None]);
    let positions = [record.position(0), record.position(1)];
    assert!(positions.is_sorted());
    let ids: Vec<_> = record.statements(1).map(|(_, id, _)| id).collect();
    assert_eq!(ids[1], crate::statement_id(&record.id(), 1));
}

#[test]
fn the_wrong_consortium_or_key_is_refused() {
    let record = sealed().into_signed();
    let other = SigningKey::from_seed([0x22; 32]).public();
    assert_eq!(verify(record.clone(), &CONSORTIUM, &other), Err(RecordError::BadSignature));
    let elsewhere = ConsortiumId([0xc1; 32]);
    let refused = verify(record, &elsewhere, &key().public());
    assert_eq!(refused, Err(RecordError::WrongConsortium));
}

#[test]
fn another_domain_is_refused() {
    let mut record = sealed().into_signed();
    record.signature = key().sign(Domain::Hello, &record.header);
    assert_eq!(check(record), Err(RecordError::BadSignature));
}

#[test]
fn headers_out_of_range_are_refused_though_signed() {
    type Change = fn(&mut Header);
    let changes: [(&str, Change); 11] = [
        ("feed", |h| h.feed.number = FeedNumber(0)),
        ("sequence", |h| h.sequence = 0),
        ("previous", |h| h.sequence = 2),
        ("previous", |h| h.previous = Some(crate::RecordId([1; 32]))),
        ("charter_version", |h| h.charter_version = 0),
        ("tag_scheme", |h| h.tag_scheme = 0),
        ("pepper_epoch", |h| h.pepper_epoch = 0),
        ("statements", |h| h.statements = 0),
        ("statements", |h| h.statements = 257),
        ("statements", |h| h.statements = u32::MAX),
        ("flags", |h| h.flags = 4),
    ];
    for (field, change) in changes {
        assert_eq!(check(signed_with(change)), Err(RecordError::OutOfRange { field }));
    }
    let refused = check(signed_with(|h| h.version = 2));
    assert_eq!(refused, Err(RecordError::UnknownVersion { version: 2 }));
    let refused = check(signed_with(|h| h.statements = 2));
    assert_eq!(refused, Err(RecordError::WrongStatementCount { expected: 2, got: 3 }));
    let refused = check(signed_with(|h| h.body_root = crate::Digest([0; 32])));
    assert_eq!(refused, Err(RecordError::WrongBodyRoot));
}

#[test]
fn headers_in_another_spelling_are_refused_though_signed() {
    let with_bytes = |change: fn(&mut Vec<u8>)| {
        let mut record = sealed().into_signed();
        change(&mut record.header);
        record.signature = key().sign(Domain::Record, &record.header);
        check(record)
    };
    // An unknown field, one field twice, a default written out.
    assert_eq!(with_bytes(|h| h.extend([0x78, 0x01])), Err(RecordError::NotCanonical));
    assert_eq!(with_bytes(|h| h.extend([0x08, 0x01])), Err(RecordError::NotCanonical));
    assert_eq!(with_bytes(|h| h.extend([0x32, 0x00])), Err(RecordError::NotCanonical));
    let refused = with_bytes(|h| h.truncate(20));
    assert_eq!(refused, Err(RecordError::Undecodable { what: "header" }));
    let refused = with_bytes(|h| h.resize(513, 0));
    assert_eq!(refused, Err(RecordError::OversizedHeader { bytes: 513 }));
    let refused = with_bytes(|h| h.resize(512, 0));
    assert_eq!(refused, Err(RecordError::Undecodable { what: "header" }));
}

#[test]
fn entries_cannot_be_moved_added_or_left_out() {
    let change = |change: fn(&mut Vec<Entry>)| {
        let mut record = sealed().into_signed();
        change(&mut record.body);
        check(record).map_err(|error| error.code())
    };
    assert_eq!(change(|body| body.swap(0, 1)), Err("WRONG_BODY_ROOT"));
    assert_eq!(change(|body| body.truncate(2)), Err("WRONG_STATEMENT_COUNT"));
    assert_eq!(change(|body| body.push(body[0].clone())), Err("WRONG_STATEMENT_COUNT"));
    let move_a_byte = |body: &mut Vec<Entry>| {
        if let Entry::Kept { statement, .. } = &mut body[0] {
            statement.push(0);
        }
    };
    assert_eq!(change(move_a_byte), Err("WRONG_BODY_ROOT"));
}

#[test]
fn a_wrong_count_of_flags_makes_everything_inert() {
    for (flags, right) in [(0, false), (1, false), (2, true), (3, false)] {
        let record = check(signed_with(|h| h.flags = flags)).expect("accepted all the same");
        let wanted = (!right).then_some(Inert::WrongFlagCount);
        assert_eq!(inert_causes(&record), [wanted; 3], "{flags}");
    }
}

#[test]
fn erasing_keeps_the_body_root_and_takes_the_content() {
    let whole = sealed();
    for index in 0..3 {
        let mut erased = whole.clone();
        erased.erase(index);
        erased.erase(3);
        assert_ne!(erased, whole);
        assert_eq!(check(erased.signed().clone()), Ok(erased.clone()));
        let sent = SignedRecord::decode(&erased.signed().encode()).expect("a record");
        assert_eq!(&sent, erased.signed());
        assert_eq!(erased.id(), whole.id());
        for (at, cause) in (0..).zip(inert_causes(&erased)) {
            assert_eq!(cause, (at == index).then_some(Inert::Erased));
        }
    }
    // Three left out, of which two must have been flags: 0 <= 2 <= 3.
    let mut gone = whole;
    for index in 0..3 {
        gone.erase(index);
    }
    assert_eq!(inert_causes(&gone), [Some(Inert::Erased); 3]);
}

#[test]
fn bodies_are_limited_in_number_and_bytes() {
    let seal_all = |statements: Vec<Vec<u8>>| {
        let salted = statements.into_iter().map(|bytes| ([7; SALT_BYTES], bytes)).collect();
        seal(&key(), &FeedHead::empty(), context(), salted)
    };
    assert_eq!(seal_all(vec![]), Err(SealError::StatementCount { got: 0 }));
    assert_eq!(seal_all(vec![flag(); 257]), Err(SealError::StatementCount { got: 257 }));
    let full = seal_all(vec![flag(); 256]).expect("256 are allowed");
    assert_eq!(check(full.signed().clone()), Ok(full));

    let long = MAX_STATEMENT_BYTES + 1;
    let refused = seal_all(vec![flag(), vec![0; long]]);
    assert_eq!(refused, Err(SealError::OversizedStatement { index: 1, bytes: long }));

    // 240 KiB exactly: 236 of the longest statements and one that fills up.
    let longest = SALT_BYTES + MAX_STATEMENT_BYTES;
    let count = MAX_BODY_BYTES / longest;
    let rest = MAX_BODY_BYTES - count * longest - SALT_BYTES;
    let mut statements = vec![vec![0; MAX_STATEMENT_BYTES]; count];
    statements.push(vec![0; rest]);
    let largest = seal_all(statements.clone()).expect("exactly as large as allowed");
    assert_eq!(largest.signed().body_bytes(), MAX_BODY_BYTES);
    assert_eq!(check(largest.signed().clone()), Ok(largest.clone()));
    assert!(SignedRecord::decode(&largest.signed().encode()).is_ok());
    statements[count].push(0);
    let refused = seal_all(statements);
    assert_eq!(refused, Err(SealError::OversizedBody { bytes: MAX_BODY_BYTES + 1 }));

    let mut record = largest.into_signed();
    if let Some(Entry::Kept { statement, .. }) = record.body.last_mut() {
        statement.push(0);
    }
    assert_eq!(check(record), Err(RecordError::OversizedBody { bytes: MAX_BODY_BYTES + 1 }));
}

#[test]
fn the_largest_records_fit_the_limit_of_a_record() {
    let kept = |bytes| Entry::Kept { salt: [1; SALT_BYTES], statement: vec![0; bytes] };
    let erased = Entry::Erased { leaf: crate::Digest([1; 32]) };
    let per_entry = MAX_BODY_BYTES / 256 - SALT_BYTES;
    let mut one_huge = vec![erased; 255];
    one_huge.push(kept(MAX_BODY_BYTES - SALT_BYTES));
    for body in [vec![kept(per_entry); 256], one_huge] {
        let signature = key().sign(Domain::Record, b"");
        let bytes = SignedRecord { header: vec![0; 512], signature, body }.encode();
        assert!(bytes.len() <= MAX_RECORD_BYTES, "{}", bytes.len());
        assert!(SignedRecord::decode(&bytes).is_ok());
    }
    let refused = SignedRecord::decode(&vec![0; MAX_RECORD_BYTES + 1]);
    assert_eq!(refused.map_err(|error| error.code()), Err("OVERSIZED_RECORD"));
}

#[test]
fn a_statement_too_long_is_accepted_and_inert() {
    // Only another implementation seals such a record; the verdict on it must not depend on
    // whether the statement was erased since.
    let mut record = sealed().into_signed();
    record.body = vec![Entry::Kept { salt: [1; 16], statement: vec![0; 1025] }];
    let mut header = Header::decode(&record.header).expect("sealed");
    (header.statements, header.flags) = (1, 0);
    header.body_root = record.body[0].leaf();
    record.header = header.encode();
    record.signature = key().sign(Domain::Record, &record.header);
    let record = check(record).expect("accepted");
    assert_eq!(inert_causes(&record), [Some(Inert::TooLong)]);
}

#[test]
fn malformed_messages_are_refused_by_name() {
    let code = |bytes: &[u8]| SignedRecord::decode(bytes).map_err(|error| error.code());
    assert_eq!(code(&[]), Err("UNDECODABLE"));
    assert_eq!(code(&[0x0a, 0x05, 0x00]), Err("UNDECODABLE"));
    let mut bytes = sealed().into_signed().encode();
    bytes.extend([0x1a, 0x00]);
    assert_eq!(SignedRecord::decode(&bytes), Err(RecordError::BadEntry { index: 3 }));
}

proptest! {
    #[test]
    fn any_changed_byte_of_the_header_is_refused(
        at in any::<prop::sample::Index>(), change in 1..=255_u8,
    ) {
        let mut record = sealed().into_signed();
        let at = at.index(record.header.len());
        record.header[at] ^= change;
        prop_assert!(check(record).is_err());
    }

    #[test]
    fn any_changed_byte_of_the_signature_is_refused(at in 0..64_usize, change in 1..=255_u8) {
        let mut record = sealed().into_signed();
        record.signature.0[at] ^= change;
        prop_assert_eq!(check(record), Err(RecordError::BadSignature));
    }

    #[test]
    fn any_changed_byte_of_the_body_is_refused(
        entry in 0..3_usize, at in any::<prop::sample::Index>(), change in 1..=255_u8,
    ) {
        let mut record = sealed().into_signed();
        if let Entry::Kept { salt, statement } = &mut record.body[entry] {
            let at = at.index(SALT_BYTES + statement.len());
            *salt.iter_mut().chain(statement).nth(at).expect("within") ^= change;
        }
        prop_assert_eq!(check(record), Err(RecordError::WrongBodyRoot));
    }

    #[test]
    fn any_changed_byte_of_a_leaf_is_refused(
        entry in 0..3_usize, at in 0..32_usize, change in 1..=255_u8,
    ) {
        let mut record = sealed().into_signed();
        record.body[entry].erase();
        if let Entry::Erased { leaf } = &mut record.body[entry] {
            leaf.0[at] ^= change;
        }
        prop_assert_eq!(check(record), Err(RecordError::WrongBodyRoot));
    }

    #[test]
    fn a_changed_byte_of_the_message_is_refused_or_changes_nothing(
        at in any::<prop::sample::Index>(), change in 1..=255_u8,
    ) {
        let whole = sealed();
        let mut bytes = whole.signed().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(record) = SignedRecord::decode(&bytes).and_then(check) {
            prop_assert_eq!(record, whole);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Header::decode(&bytes);
        let _ = SignedRecord::decode(&bytes);
        let _ = FeedHead::from_bytes(&bytes);
    }
}
