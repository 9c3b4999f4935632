#![allow(clippy::unwrap_used)]

use interlock_record::{ConsortiumId, FeedHead, FeedId, FeedNumber, SealContext, SigningKey, seal};
use interlock_wire::{peer, v1};

use super::super::platform::digest;
use super::*;

const ID_NUMBER: &str = "11010519491231002X";

fn pepper() -> Pepper {
    Pepper::from_bytes([7; 32])
}

fn raw(value: &str) -> v1::Subject {
    let id_type = v1::IdType::IdNumber.into();
    let identifier = v1::RawIdentifier { id_type, value: value.to_owned() };
    v1::Subject { by: Some(By::Identifier(identifier)) }
}

fn by_tag() -> v1::Subject {
    let id = normalise(IdType::IdNumber, ID_NUMBER).unwrap();
    v1::Subject { by: Some(By::Tag(tag(&pepper(), &id).0.to_vec())) }
}

fn raising(subject: v1::Subject) -> v1::RaiseFlagsRequest {
    let flag = v1::FlagDraft {
        subject: Some(subject),
        id_type: v1::IdType::IdNumber.into(),
        reason: v1::Reason::Overdue.into(),
        severity: v1::Severity::High.into(),
        confidence: 100,
        applied_measure: v1::Measure::Lock.into(),
        ..Default::default()
    };
    v1::RaiseFlagsRequest { flags: vec![flag], idempotency_key: "k".into() }
}

fn now() -> Time {
    Time::from_micros(1_767_225_600_000_000).unwrap()
}

/// Whether a request, as it would be hashed, has an identifier in it.
fn has_identifier(request: &impl prost::Message) -> bool {
    let bytes = request.encode_to_vec();
    bytes.windows(17).any(|window| window == &ID_NUMBER.as_bytes()[..17])
}

#[test]
fn what_is_hashed_has_the_tag_and_not_the_identifier() {
    let digest_of = |subject: fn() -> v1::Subject| {
        let mut raise = raising(subject());
        flags(Some(&pepper()), &mut raise, now()).unwrap();
        let mut better = v1::RaiseCureRequest {
            subject: Some(subject()),
            kind: v1::CureKind::Repaid.into(),
            ..Default::default()
        };
        cure(Some(&pepper()), &mut better).unwrap();
        let mut done = v1::ReportReceiptRequest {
            subject: Some(subject()),
            measure: v1::Measure::Lock.into(),
            ..Default::default()
        };
        receipt(Some(&pepper()), &mut done).unwrap();
        assert!(!has_identifier(&raise) && !has_identifier(&better) && !has_identifier(&done));
        [digest("RaiseFlags", &raise), digest("RaiseCure", &better), digest("ReportReceipt", &done)]
    };
    // A second try by tag is the same write: the hash can hold nothing of the identifier.
    assert_eq!(digest_of(|| raw(ID_NUMBER)), digest_of(by_tag));
    assert_eq!(digest_of(|| raw("11010519491231002x ")), digest_of(by_tag));
}

#[test]
fn a_request_that_is_refused_forgets_its_identifiers_too() {
    let wrong = "110105194912310020";
    let mut bad = raising(raw(wrong));
    bad.flags[0].confidence = 0;
    let refused = flags(Some(&pepper()), &mut bad, now()).unwrap_err();
    assert!(!refused.message().contains(wrong));
    assert!(!refused.details().windows(17).any(|window| window == &wrong.as_bytes()[..17]));
    assert!(!has_identifier(&bad));

    let mut many = v1::RaiseFlagsRequest {
        flags: vec![raising(raw(ID_NUMBER)).flags.remove(0); MAX_FLAGS + 1],
        ..Default::default()
    };
    assert!(flags(Some(&pepper()), &mut many, now()).is_err());
    assert!(!has_identifier(&many));

    let mut subjects_asked = vec![raw(ID_NUMBER); MAX_SUBJECTS + 1];
    assert!(subjects(Some(&pepper()), &mut subjects_asked, 1).is_err());
    assert!(!subjects_asked.iter().any(has_identifier));
}

#[test]
fn an_identifier_in_other_text_is_refused_and_not_repeated() {
    let refused = |change: fn(&mut v1::RaiseFlagsRequest)| {
        let mut request = raising(by_tag());
        change(&mut request);
        flags(Some(&pepper()), &mut request, now()).unwrap_err()
    };
    for refused in [
        refused(|it| it.idempotency_key = format!("case {ID_NUMBER}")),
        refused(|it| it.flags[0].case_ref = ID_NUMBER.to_owned()),
        refused(|it| it.flags[0].rule_version = format!("v1 {ID_NUMBER}")),
    ] {
        assert!(refused.message().contains("ID_NUMBER"), "{refused}");
        assert!(!refused.message().contains(ID_NUMBER), "{refused}");
    }
    let mut recalling = v1::RecallRequest {
        rule_version: ID_NUMBER.to_owned(),
        cause: v1::WithdrawCause::Error.into(),
        ..Default::default()
    };
    assert!(recall(&recalling).is_err());
    recalling.rule_version = "v1".to_owned();
    assert!(recall(&recalling).is_ok());
}

/// What goes to other members is encrypted on the wire; this is what is encrypted there.
#[test]
fn the_frames_that_peers_get_have_the_tag_and_not_the_identifier() {
    let statements = flags(Some(&pepper()), &mut raising(raw(ID_NUMBER)), now()).unwrap();
    let body = statements.iter().map(|statement| ([7; 16], statement.encode().unwrap()));
    let context = SealContext {
        consortium: ConsortiumId([1; 32]),
        feed: FeedId { member: "acme".parse().unwrap(), number: FeedNumber(1) },
        time: now(),
        charter_version: 1,
        tag_scheme: 1,
        pepper_epoch: 1,
    };
    let key = SigningKey::from_seed([5; 32]);
    let record = seal(&key, &FeedHead::empty(), context, body.collect()).unwrap();
    let records = peer::Records { records: vec![record.signed().encode()] };
    let frame = peer::PushFrame { kind: Some(peer::push_frame::Kind::Records(records)) };
    assert!(!has_identifier(&frame));
    let id = normalise(IdType::IdNumber, ID_NUMBER).unwrap();
    let sent = prost::Message::encode_to_vec(&frame);
    assert!(sent.windows(32).any(|window| window == tag(&pepper(), &id).0));
}
