//! Statements: what is written is read back, what is spelt otherwise means nothing, and every
//! limit holds at, below and above.

use proptest::prelude::*;

use super::*;
use crate::FeedNumber;

const NOW: Time = match Time::from_micros(1_767_225_600_000_000) {
    Some(time) => time,
    None => Time::MIN,
};

fn flag() -> Flag {
    Flag {
        subject: SubjectTag([1; 32]),
        id_type: IdType::IdNumber,
        reason: Reason::Overdue,
        severity: Severity::High,
        confidence: 90,
        applied_measure: Measure::Lock,
        observed_at: NOW,
        expires_at: None,
        evidence_digest: None,
        rule_version: None,
        case_ref: None,
        derived_from: Vec::new(),
    }
}

fn head() -> SeenHead {
    let feed = FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(1) };
    SeenHead { feed, sequence: 7, id: RecordId([2; 32]) }
}

fn decode(bytes: &[u8]) -> Result<Statement, Inert> {
    Statement::decode(bytes, limits::NEWEST_RULES, NOW)
}

/// The field a statement is refused for when written, and that it is inert for when it is read.
fn refused_field(statement: &Statement) -> Option<&'static str> {
    let error = statement.encode().err()?;
    let field = error.field().expect("not too long");
    assert_eq!(decode(&codec::to_bytes(statement)), Err(Inert::OutOfRange { field }), "{error}");
    Some(field)
}

#[test]
fn numbers_and_lists_are_checked_at_their_limits() {
    for (confidence, refused) in [(0, true), (1, false), (100, false), (101, true), (255, true)] {
        let statement = Statement::Flag(Flag { confidence, ..flag() });
        assert_eq!(refused_field(&statement), refused.then_some("confidence"), "{confidence}");
    }
    let ids = |count| vec![StatementId([3; 32]); count];
    for (count, refused) in [(0, false), (16, false), (17, true)] {
        let echo = Statement::Flag(Flag { derived_from: ids(count), ..flag() });
        assert_eq!(refused_field(&echo), refused.then_some("derived_from"), "{count}");
        let receipt =
            Receipt { subject: SubjectTag([1; 32]), measure: Measure::None, caused_by: ids(count) };
        let receipt = Statement::Receipt(receipt);
        assert_eq!(refused_field(&receipt), refused.then_some("caused_by"), "{count}");
    }
    // 11 such heads fit in a statement; 17 are too many even where they are short.
    for (count, refused) in [(0, true), (1, false), (11, false), (16, false), (17, true)] {
        let statement = Statement::Seen(Seen { heads: vec![head(); count] });
        assert_eq!(refused_field(&statement), refused.then_some("heads"), "{count}");
    }
}

#[test]
fn texts_are_checked_at_their_limits() {
    let recall = |rule_version| {
        Statement::Recall(Recall {
            from: None,
            to: None,
            rule_version,
            reason: None,
            cause: WithdrawCause::Error,
        })
    };
    for (len, refused) in [(1, false), (64, false), (65, true)] {
        let wanted = refused.then_some("rule_version");
        let flag = Flag { rule_version: Some("r".repeat(len)), ..flag() };
        assert_eq!(refused_field(&Statement::Flag(flag)), wanted, "{len}");
        assert_eq!(refused_field(&recall(Some("r".repeat(len)))), wanted, "{len}");
    }
    for (len, refused) in [(1, false), (128, false), (129, true)] {
        let flag = Flag { case_ref: Some("c".repeat(len)), ..flag() };
        assert_eq!(refused_field(&Statement::Flag(flag)), refused.then_some("case_ref"), "{len}");
    }
    let control = Flag { case_ref: Some("a\u{1b}[2J".to_owned()), ..flag() };
    assert_eq!(refused_field(&Statement::Flag(control)), Some("case_ref"));
    // On the wire an empty text is one that was left out, so it cannot be written.
    let empty = recall(Some(String::new())).encode().expect_err("empty");
    assert_eq!(empty.field(), Some("rule_version"));
}

#[test]
fn times_and_places_are_in_order() {
    let later = Time::from_micros(NOW.micros() + 1).expect("in range");
    let flag_at = |observed_at| Statement::Flag(Flag { observed_at, ..flag() });
    let bytes = flag_at(later).encode().expect("cannot be known to be wrong");
    assert_eq!(decode(&bytes), Err(Inert::OutOfRange { field: "observed_at" }));
    assert_eq!(Statement::decode(&bytes, 1, later), Ok(flag_at(later)));

    for (from, to, refused) in [
        (None, None, false),
        (Some(NOW), None, false),
        (None, Some(NOW), false),
        (Some(NOW), Some(later), false),
        (Some(NOW), Some(NOW), true),
        (Some(later), Some(NOW), true),
    ] {
        let cause = WithdrawCause::SystemFault;
        let recall = Recall { from, to, rule_version: None, reason: None, cause };
        assert_eq!(refused_field(&Statement::Recall(recall)), refused.then_some("to"));
    }

    let release = |number, sequence| {
        let feed = FeedId { number: FeedNumber(number), ..head().feed };
        Statement::Release(Release { feed, sequence })
    };
    assert_eq!(refused_field(&release(1, 1)), None);
    assert_eq!(refused_field(&release(0, 1)), Some("feed"));
    assert_eq!(refused_field(&release(1, 0)), Some("sequence"));
    let seen = Statement::Seen(Seen { heads: vec![head(), SeenHead { sequence: 0, ..head() }] });
    assert_eq!(refused_field(&seen), Some("sequence"));
}

#[test]
fn a_statement_that_is_too_long_cannot_be_written_and_means_nothing() {
    let feed = FeedId { member: "m".repeat(32).parse().expect("valid"), ..head().feed };
    let seen = |heads| {
        let head = SeenHead { feed, sequence: u64::MAX, ..head() };
        Statement::Seen(Seen { heads: vec![head; heads] })
    };
    let longest = seen(12).encode().expect("12 of the longest heads fit");
    assert!(longest.len() <= limits::MAX_STATEMENT_BYTES);
    let error = seen(16).encode().expect_err("16 of the longest heads do not fit");
    assert_eq!(error.code(), "STATEMENT_TOO_LONG");
    assert_eq!(decode(&codec::to_bytes(&seen(16))), Err(Inert::TooLong));
    assert_eq!(decode(&[0; limits::MAX_STATEMENT_BYTES]), Err(Inert::Undecodable));
    assert_eq!(decode(&[0; limits::MAX_STATEMENT_BYTES + 1]), Err(Inert::TooLong));
}

#[test]
fn other_spellings_mean_nothing() {
    let bytes = Statement::Flag(flag()).encode().expect("in range");
    let spelt = |bytes: &[u8]| (decode(bytes).expect_err("inert"), Statement::is_flag_bytes(bytes));
    // A field that this version does not know, after and inside the flag.
    let mut after = bytes.clone();
    after.extend([0x78, 0x01]);
    assert_eq!(spelt(&after), (Inert::NotCanonical, false));
    let mut inside = bytes.clone();
    inside.extend([0x78, 0x01]);
    inside[1] += 2;
    assert_eq!(spelt(&inside), (Inert::NotCanonical, false));
    // The same field twice, and a default value written out.
    assert_eq!(spelt(&[bytes.clone(), bytes.clone()].concat()), (Inert::NotCanonical, false));
    let mut default = bytes.clone();
    default.extend([0x52, 0x00]);
    default[1] += 2;
    assert_eq!(spelt(&default), (Inert::NotCanonical, false));
    // A kind that this version does not know, and no kind.
    assert_eq!(spelt(&[0x5a, 0x00]), (Inert::UnknownKind, false));
    assert_eq!(spelt(&[]), (Inert::UnknownKind, false));
    assert_eq!(spelt(&bytes[..bytes.len() - 1]), (Inert::Undecodable, false));
    // Rules from before there were any statements.
    assert_eq!(Statement::decode(&bytes, 0, NOW), Err(Inert::UnknownKind));
    assert!(decode(&bytes).is_ok());
}

#[test]
fn a_flag_out_of_range_still_counts_as_a_flag() {
    let flag = Statement::Flag(Flag { confidence: 0, ..flag() });
    assert!(Statement::is_flag_bytes(&codec::to_bytes(&flag)));
    // Not even a subject: the bytes of an empty flag.
    assert!(Statement::is_flag_bytes(&[0x0a, 0x00]));
    assert_eq!(decode(&[0x0a, 0x00]), Err(Inert::OutOfRange { field: "subject" }));
    // A term from outside the vocabulary.
    let mut bytes = Statement::Flag(self::flag()).encode().expect("in range");
    let reason = bytes.windows(2).position(|pair| pair == [0x18, 0x01]).expect("the reason field");
    bytes[reason + 1] = 0x63;
    assert_eq!(decode(&bytes), Err(Inert::OutOfRange { field: "reason" }));
    assert!(Statement::is_flag_bytes(&bytes));
    let cure = Statement::Cure(Cure { subject: SubjectTag([1; 32]), kind: CureKind::Repaid });
    assert!(!Statement::is_flag_bytes(&cure.encode().expect("in range")));
}

#[test]
fn statements_name_their_subject_or_their_target() {
    let id = StatementId([9; 32]);
    let dispute = Statement::Dispute(Dispute { flag: id });
    assert_eq!((dispute.subject(), dispute.target()), (None, Some(id)));
    let flag = Statement::Flag(flag());
    assert_eq!((flag.subject(), flag.target()), (Some(SubjectTag([1; 32])), None));
}

fn term<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn time() -> impl Strategy<Value = Time> {
    (Time::MIN.micros()..=Time::MAX.micros())
        .prop_map(|micros| Time::from_micros(micros).expect("in range"))
}

fn statement_id() -> impl Strategy<Value = StatementId> {
    any::<[u8; 32]>().prop_map(StatementId)
}

fn feed() -> impl Strategy<Value = FeedId> {
    ("[-A-Za-z0-9._]{1,32}", 1..=u32::MAX).prop_map(|(member, number)| FeedId {
        member: member.parse().expect("matches"),
        number: FeedNumber(number),
    })
}

fn any_flag() -> impl Strategy<Value = Statement> {
    let about = (any::<[u8; 32]>(), term(IdType::ALL), term(Reason::ALL), term(Severity::ALL));
    let weight = (1..=100_u8, term(Measure::ALL), time(), prop::option::of(time()));
    let more = (
        prop::option::of(any::<[u8; 32]>()),
        prop::option::of("[ -~]{1,64}"),
        prop::option::of("[^\\pC]{1,30}"),
        prop::collection::vec(statement_id(), 0..=16),
    );
    (about, weight, more).prop_map(|(about, weight, more)| {
        Statement::Flag(Flag {
            subject: SubjectTag(about.0),
            id_type: about.1,
            reason: about.2,
            severity: about.3,
            confidence: weight.0,
            applied_measure: weight.1,
            observed_at: weight.2,
            expires_at: weight.3,
            evidence_digest: more.0.map(Digest),
            rule_version: more.1,
            case_ref: more.2,
            derived_from: more.3,
        })
    })
}

fn any_recall() -> impl Strategy<Value = Statement> {
    let range = (time(), time(), any::<[bool; 2]>()).prop_map(|(a, b, [from, to])| {
        let (early, late) = (a.min(b), a.max(b));
        (from.then_some(early), (to && early < late).then_some(late))
    });
    let rule_version = prop::option::of("[ -~]{1,64}");
    (range, rule_version, prop::option::of(term(Reason::ALL)), term(WithdrawCause::ALL)).prop_map(
        |((from, to), rule_version, reason, cause)| {
            Statement::Recall(Recall { from, to, rule_version, reason, cause })
        },
    )
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let seen_head = (feed(), 1..=u64::MAX, any::<[u8; 32]>())
        .prop_map(|(feed, sequence, id)| SeenHead { feed, sequence, id: RecordId(id) });
    prop_oneof![
        any_flag(),
        any_recall(),
        (statement_id(), term(WithdrawCause::ALL))
            .prop_map(|(statement, cause)| Statement::Withdraw(Withdraw { statement, cause })),
        statement_id().prop_map(|flag| Statement::Dispute(Dispute { flag })),
        (statement_id(), term(Outcome::ALL))
            .prop_map(|(flag, outcome)| Statement::Resolve(Resolve { flag, outcome })),
        (any::<[u8; 32]>(), term(CureKind::ALL))
            .prop_map(|(tag, kind)| Statement::Cure(Cure { subject: SubjectTag(tag), kind })),
        (any::<[u8; 32]>(), term(Measure::ALL), prop::collection::vec(statement_id(), 0..=16))
            .prop_map(|(tag, measure, caused_by)| {
                Statement::Receipt(Receipt { subject: SubjectTag(tag), measure, caused_by })
            }),
        prop::collection::vec(seen_head, 1..=11).prop_map(|heads| Statement::Seen(Seen { heads })),
        (feed(), 1..=u64::MAX)
            .prop_map(|(feed, sequence)| Statement::Release(Release { feed, sequence })),
        (statement_id(), term(EraseGround::ALL))
            .prop_map(|(statement, ground)| Statement::Erase(Erase { statement, ground })),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(statement in any_statement()) {
        let bytes = statement.encode().expect("in range");
        prop_assert_eq!(Statement::decode(&bytes, 1, Time::MAX), Ok(statement.clone()));
        prop_assert_eq!(
            Statement::is_flag_bytes(&bytes),
            matches!(statement, Statement::Flag(_)),
        );
    }

    #[test]
    fn a_changed_byte_means_another_thing_or_nothing(
        statement in any_statement(),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let mut bytes = statement.encode().expect("in range");
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if let Ok(other) = Statement::decode(&bytes, 1, Time::MAX) {
            prop_assert_eq!(other.encode(), Ok(bytes));
            prop_assert_ne!(other, statement);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Statement::decode(&bytes, 1, Time::MAX);
        let _ = Statement::is_flag_bytes(&bytes);
    }
}
