//! Records and what they are made of. A fuzzer cannot sign, so what it finds is also signed here and
//! must then be accepted, or refused for its size alone.

use interlock_record::{
    BadFork, ChainError, ConsortiumId, Domain, Entry, FeedHead, ForkProof, Header, Inert,
    MAX_HEADER_BYTES, MAX_STATEMENT_BYTES, NEWEST_RULES, RecordError, SealContext, SignedRecord,
    Statement, Time, VerifiedRecord, peek_header, record_id, root_of_leaves, seal, verify,
    verify_header,
};

use crate::world::{CONSORTIUM, key_of, own_feed, own_key};

/// A record, as a peer sends it.
pub fn record(bytes: &[u8]) {
    let record = match SignedRecord::decode(bytes) {
        Ok(record) => record,
        Err(error) => return assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    };
    let again = record.encode();
    assert!(again.len() <= bytes.len(), "what is sent on is no longer than what came");
    assert_eq!(SignedRecord::decode(&again).as_ref(), Ok(&record), "it is the same when sent on");
    let Ok(header) = peek_header(&record) else { return };
    if let Some(key) = key_of(header.feed)
        && let Ok(verified) = verify(record.clone(), &CONSORTIUM.id(), &key)
    {
        holds(&verified);
    }
    match verify(signed_by_us(header, record), &CONSORTIUM.id(), &own_key().public()) {
        Ok(verified) => holds(&verified),
        Err(
            RecordError::OversizedBody { .. } | RecordError::OutOfRange { field: "statements" },
        ) => {}
        Err(other) => panic!("a record that is signed and within its limits is refused: {other}"),
    }
}

/// The record in our own feed, with the root and counts of the body that it has.
fn signed_by_us(mut header: Header, mut record: SignedRecord) -> SignedRecord {
    let leaves: Vec<_> = record.body.iter().map(Entry::leaf).collect();
    header.consortium = CONSORTIUM.id();
    header.feed = own_feed();
    header.statements = u32::try_from(record.body.len()).unwrap_or(u32::MAX);
    header.flags = header.flags.min(header.statements);
    header.body_root = root_of_leaves(&leaves);
    record.header = header.encode();
    record.signature = own_key().sign(Domain::Record, &record.header);
    record
}

/// What holds of every record that verified.
fn holds(record: &VerifiedRecord) {
    let (header, signed) = (record.header(), record.signed());
    assert_eq!(record.id(), record_id(&signed.header), "its id is that of its header");
    assert_eq!(header.encode(), signed.header, "its header has one spelling");
    let leaves: Vec<_> = signed.body.iter().map(Entry::leaf).collect();
    assert_eq!(root_of_leaves(&leaves), header.body_root);
    assert_eq!(VerifiedRecord::from_trusted_store(signed.clone()).as_ref(), Ok(record));
    let key = key_of(header.feed).expect("its key was found before");
    for (index, id, said) in record.statements(NEWEST_RULES) {
        let place = usize::try_from(index).expect("it is in the body");
        assert_eq!(id, interlock_record::statement_id(&record.id(), index));
        if let Ok(statement) = said {
            let bytes = signed.body[place].statement().expect("what says something is there");
            assert_eq!(statement.encode().as_deref(), Ok(bytes), "a statement has one spelling");
        }
    }
    let mut erased = record.clone();
    (0..header.statements).for_each(|index| erased.erase(index));
    let erased =
        verify(erased.into_signed(), &CONSORTIUM.id(), &key).expect("erasing is no change");
    assert_eq!((erased.id(), erased.signed().body_bytes()), (record.id(), 0));
    let mut forged = signed.clone();
    forged.signature.0[17] ^= 1;
    assert!(verify(forged, &CONSORTIUM.id(), &key).is_err(), "another signature is none");
    if let Ok(head) = FeedHead::empty().next(record) {
        assert_eq!(FeedHead::from_bytes(&head.to_bytes()).as_ref(), Ok(&head));
        assert_eq!(head.next(record), Err(ChainError::Known { sequence: 1 }));
    }
}

/// A record's header.
pub fn header(bytes: &[u8]) {
    let Ok(header) = Header::decode(bytes) else { return };
    assert!(bytes.len() <= MAX_HEADER_BYTES);
    assert_eq!(header.encode(), bytes, "a header has one spelling");
    let key = own_key();
    let signature = key.sign(Domain::Record, bytes);
    let verdict = |consortium| verify_header(bytes, &signature, consortium, &key.public());
    assert_eq!(verdict(&header.consortium).as_ref(), Ok(&header));
    let other = ConsortiumId(header.consortium.0.map(|byte| !byte));
    assert_eq!(verdict(&other), Err(RecordError::WrongConsortium));
    let charter = key.sign(Domain::Charter, bytes);
    let crossed = verify_header(bytes, &charter, &header.consortium, &key.public());
    assert_eq!(crossed, Err(RecordError::BadSignature), "signed for another purpose");
}

/// A statement of a record's body.
pub fn statement(bytes: &[u8]) {
    let said = Statement::decode(bytes, NEWEST_RULES, Time::MAX);
    if let Ok(statement) = &said {
        assert_eq!(statement.encode().as_deref(), Ok(bytes), "a statement has one spelling");
        assert_eq!(Statement::decode(bytes, 0, Time::MAX), Err(Inert::UnknownKind));
        let is_flag = matches!(statement, Statement::Flag(_));
        assert_eq!(Statement::is_flag_bytes(bytes), is_flag);
    }
    if let Ok(Statement::Flag(flag)) = &said {
        let decode = |at| Statement::decode(bytes, NEWEST_RULES, at);
        assert_eq!(decode(flag.observed_at), said);
        if let Some(before) = Time::from_micros(flag.observed_at.micros() - 1) {
            assert_eq!(decode(before), Err(Inert::OutOfRange { field: "observed_at" }));
        }
    }
    // Whatever it says or does not say, a record may hold it and the chain goes on.
    let context = SealContext {
        consortium: CONSORTIUM.id(),
        feed: own_feed(),
        time: Time::MAX,
        charter_version: 1,
        tag_scheme: 1,
        pepper_epoch: 1,
    };
    let sealed = seal(own_key(), &FeedHead::empty(), context, vec![([7; 16], bytes.to_vec())]);
    assert_eq!(sealed.is_ok(), bytes.len() <= MAX_STATEMENT_BYTES);
    if let Ok(sealed) = sealed {
        let verified = verify(sealed.into_signed(), &CONSORTIUM.id(), &own_key().public());
        let verified = verified.expect("what was sealed verifies");
        assert!(verified.statements(NEWEST_RULES).all(|(_, _, inside)| inside == said));
    }
}

/// A proof of equivocation.
pub fn fork(bytes: &[u8]) {
    let Ok(proof) = ForkProof::decode(bytes) else { return };
    assert_eq!(ForkProof::decode(&proof.encode()).as_ref(), Ok(&proof));
    let (Ok(a), Ok(b)) = (Header::decode(&proof.a.0), Header::decode(&proof.b.0)) else {
        let verdict = proof.verify(&CONSORTIUM.id(), &own_key().public());
        return assert!(matches!(verdict, Err(BadFork::Header(_))), "no header proves nothing");
    };
    assert_eq!(proof.feed(), Ok(a.feed));
    if let Some(key) = key_of(a.feed)
        && let Ok(fork) = proof.clone().verify(&CONSORTIUM.id(), &key)
    {
        assert_eq!((fork.feed(), fork.sequence()), (b.feed, b.sequence));
        assert_ne!(record_id(&fork.proof().a.0), record_id(&fork.proof().b.0));
    }
    let conflict = (a.feed, a.sequence, a.consortium) == (b.feed, b.sequence, b.consortium)
        && proof.a.0 != proof.b.0;
    let sign = |header: Vec<u8>| (own_key().sign(Domain::Record, &header), header);
    let ((sign_a, bytes_a), (sign_b, bytes_b)) = (sign(proof.a.0), sign(proof.b.0));
    let signed = ForkProof { a: (bytes_a, sign_a), b: (bytes_b, sign_b) };
    assert_eq!(signed.verify(&a.consortium, &own_key().public()).is_ok(), conflict);
}

/// The head of a feed, as the store has it.
pub fn feed_head(bytes: &[u8]) {
    let Ok(head) = FeedHead::from_bytes(bytes) else { return };
    assert_eq!(FeedHead::from_bytes(&head.to_bytes()).as_ref(), Ok(&head));
    assert_eq!(head.tree.size(), head.sequence);
    assert_eq!(head.id.is_some(), head.sequence > 0);
    let context = SealContext {
        consortium: CONSORTIUM.id(),
        feed: own_feed(),
        time: Time::MAX,
        charter_version: head.charter_version.max(1),
        tag_scheme: 1,
        pepper_epoch: 1,
    };
    // The next record is made, and follows; except where numbers or times have come to their end.
    match seal(own_key(), &head, context, vec![([7; 16], Vec::new())]) {
        Ok(record) => {
            let next = head.next(&record).expect("what was sealed on it follows it");
            assert_eq!(next.sequence, head.sequence + 1);
            assert_eq!(FeedHead::from_bytes(&next.to_bytes()).as_ref(), Ok(&next));
        }
        Err(_) => assert!(head.sequence == u64::MAX || head.time == Some(Time::MAX)),
    }
}
