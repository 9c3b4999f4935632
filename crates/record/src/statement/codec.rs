//! Statements to and from protobuf. Shapes and vocabularies only; ranges are the parent's.

use prost::Message as _;

use super::{
    Cure, Dispute, Erase, Flag, Inert, Recall, Receipt, Release, Resolve, Seen, SeenHead,
    Statement, Withdraw,
};
use crate::proto::{self, statement::Kind};
use crate::{
    CureKind, Digest, EraseGround, FeedId, FeedNumber, IdType, Measure, Outcome, Reason, RecordId,
    Severity, StatementId, SubjectTag, Time, WithdrawCause,
};

/// The bytes of a statement, whatever its fields hold.
pub(super) fn to_bytes(statement: &Statement) -> Vec<u8> {
    proto::Statement { kind: Some(to_proto(statement)) }.encode_to_vec()
}

/// The statement in its one spelling that the bytes are.
pub(super) fn from_bytes(bytes: &[u8], rules: u32) -> Result<Statement, Inert> {
    let kind = canonical_kind(bytes)?;
    if rules < introduced_by(&kind) {
        return Err(Inert::UnknownKind);
    }
    from_proto(kind)
}

/// Whether the bytes are a flag in its one spelling.
pub(super) fn is_flag(bytes: &[u8]) -> bool {
    matches!(canonical_kind(bytes), Ok(Kind::Flag(_)))
}

fn canonical_kind(bytes: &[u8]) -> Result<Kind, Inert> {
    let message = proto::Statement::decode(bytes).map_err(|_| Inert::Undecodable)?;
    if message.kind.is_none() {
        return Err(Inert::UnknownKind);
    }
    if message.encode_to_vec() != bytes {
        return Err(Inert::NotCanonical);
    }
    message.kind.ok_or(Inert::UnknownKind)
}

/// The version of the charter's rules that brought in a kind of statement.
const fn introduced_by(kind: &Kind) -> u32 {
    match kind {
        Kind::Flag(_)
        | Kind::Withdraw(_)
        | Kind::Recall(_)
        | Kind::Dispute(_)
        | Kind::Resolve(_)
        | Kind::Cure(_)
        | Kind::Receipt(_)
        | Kind::Seen(_)
        | Kind::Release(_)
        | Kind::Erase(_) => 1,
    }
}

fn to_proto(statement: &Statement) -> Kind {
    match statement {
        Statement::Flag(flag) => Kind::Flag(flag_to_proto(flag)),
        Statement::Withdraw(withdraw) => Kind::Withdraw(proto::Withdraw {
            statement: withdraw.statement.0.to_vec(),
            cause: withdraw.cause.number().into(),
        }),
        Statement::Recall(recall) => Kind::Recall(proto::Recall {
            from: recall.from.map(Time::micros),
            to: recall.to.map(Time::micros),
            rule_version: recall.rule_version.clone().unwrap_or_default(),
            reason: recall.reason.map_or(0, |reason| reason.number().into()),
            cause: recall.cause.number().into(),
        }),
        Statement::Dispute(dispute) => {
            Kind::Dispute(proto::Dispute { flag: dispute.flag.0.to_vec() })
        }
        Statement::Resolve(resolve) => Kind::Resolve(proto::Resolve {
            flag: resolve.flag.0.to_vec(),
            outcome: resolve.outcome.number().into(),
        }),
        Statement::Cure(cure) => Kind::Cure(proto::Cure {
            subject: cure.subject.0.to_vec(),
            kind: cure.kind.number().into(),
        }),
        Statement::Receipt(receipt) => Kind::Receipt(proto::Receipt {
            subject: receipt.subject.0.to_vec(),
            measure: receipt.measure.number().into(),
            caused_by: receipt.caused_by.iter().map(|id| id.0.to_vec()).collect(),
        }),
        Statement::Seen(seen) => {
            Kind::Seen(proto::Seen { heads: seen.heads.iter().map(head_to_proto).collect() })
        }
        Statement::Release(release) => Kind::Release(proto::Release {
            member: release.feed.member.to_string(),
            feed: release.feed.number.0,
            sequence: release.sequence,
        }),
        Statement::Erase(erase) => Kind::Erase(proto::Erase {
            statement: erase.statement.0.to_vec(),
            ground: erase.ground.number().into(),
        }),
    }
}

fn flag_to_proto(flag: &Flag) -> proto::Flag {
    proto::Flag {
        subject: flag.subject.0.to_vec(),
        id_type: flag.id_type.number().into(),
        reason: flag.reason.number().into(),
        severity: flag.severity.number().into(),
        confidence: flag.confidence.into(),
        applied_measure: flag.applied_measure.number().into(),
        observed_at: flag.observed_at.micros(),
        expires_at: flag.expires_at.map(Time::micros),
        evidence_digest: flag.evidence_digest.map(|digest| digest.0.to_vec()).unwrap_or_default(),
        rule_version: flag.rule_version.clone().unwrap_or_default(),
        case_ref: flag.case_ref.clone().unwrap_or_default(),
        derived_from: flag.derived_from.iter().map(|id| id.0.to_vec()).collect(),
    }
}

fn head_to_proto(head: &SeenHead) -> proto::SeenHead {
    proto::SeenHead {
        member: head.feed.member.to_string(),
        feed: head.feed.number.0,
        sequence: head.sequence,
        id: head.id.0.to_vec(),
    }
}

fn from_proto(kind: Kind) -> Result<Statement, Inert> {
    Ok(match kind {
        Kind::Flag(flag) => Statement::Flag(flag_from_proto(flag)?),
        Kind::Withdraw(withdraw) => Statement::Withdraw(Withdraw {
            statement: id("statement", &withdraw.statement, StatementId::from_slice)?,
            cause: term("cause", withdraw.cause, WithdrawCause::from_number)?,
        }),
        Kind::Recall(recall) => Statement::Recall(Recall {
            from: optional_time("from", recall.from)?,
            to: optional_time("to", recall.to)?,
            rule_version: optional_text(recall.rule_version),
            reason: match recall.reason {
                0 => None,
                reason => Some(term("reason", reason, Reason::from_number)?),
            },
            cause: term("cause", recall.cause, WithdrawCause::from_number)?,
        }),
        Kind::Dispute(dispute) => Statement::Dispute(Dispute {
            flag: id("flag", &dispute.flag, StatementId::from_slice)?,
        }),
        Kind::Resolve(resolve) => Statement::Resolve(Resolve {
            flag: id("flag", &resolve.flag, StatementId::from_slice)?,
            outcome: term("outcome", resolve.outcome, Outcome::from_number)?,
        }),
        Kind::Cure(cure) => Statement::Cure(Cure {
            subject: id("subject", &cure.subject, SubjectTag::from_slice)?,
            kind: term("kind", cure.kind, CureKind::from_number)?,
        }),
        Kind::Receipt(receipt) => Statement::Receipt(Receipt {
            subject: id("subject", &receipt.subject, SubjectTag::from_slice)?,
            measure: term("measure", receipt.measure, Measure::from_number)?,
            caused_by: statement_ids("caused_by", &receipt.caused_by)?,
        }),
        Kind::Seen(seen) => Statement::Seen(Seen {
            heads: seen.heads.iter().map(head_from_proto).collect::<Result<_, _>>()?,
        }),
        Kind::Release(release) => Statement::Release(Release {
            feed: feed(&release.member, release.feed)?,
            sequence: release.sequence,
        }),
        Kind::Erase(erase) => Statement::Erase(Erase {
            statement: id("statement", &erase.statement, StatementId::from_slice)?,
            ground: term("ground", erase.ground, EraseGround::from_number)?,
        }),
    })
}

fn flag_from_proto(flag: proto::Flag) -> Result<Flag, Inert> {
    Ok(Flag {
        subject: id("subject", &flag.subject, SubjectTag::from_slice)?,
        id_type: term("id_type", flag.id_type, IdType::from_number)?,
        reason: term("reason", flag.reason, Reason::from_number)?,
        severity: term("severity", flag.severity, Severity::from_number)?,
        confidence: u8::try_from(flag.confidence)
            .map_err(|_| Inert::OutOfRange { field: "confidence" })?,
        applied_measure: term("applied_measure", flag.applied_measure, Measure::from_number)?,
        observed_at: time("observed_at", flag.observed_at)?,
        expires_at: optional_time("expires_at", flag.expires_at)?,
        evidence_digest: match flag.evidence_digest.as_slice() {
            [] => None,
            digest => Some(id("evidence_digest", digest, Digest::from_slice)?),
        },
        rule_version: optional_text(flag.rule_version),
        case_ref: optional_text(flag.case_ref),
        derived_from: statement_ids("derived_from", &flag.derived_from)?,
    })
}

fn head_from_proto(head: &proto::SeenHead) -> Result<SeenHead, Inert> {
    Ok(SeenHead {
        feed: feed(&head.member, head.feed)?,
        sequence: head.sequence,
        id: id("id", &head.id, RecordId::from_slice)?,
    })
}

fn id<T>(
    field: &'static str,
    bytes: &[u8],
    from_slice: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, Inert> {
    from_slice(bytes).ok_or(Inert::OutOfRange { field })
}

fn statement_ids(field: &'static str, ids: &[Vec<u8>]) -> Result<Vec<StatementId>, Inert> {
    ids.iter().map(|bytes| id(field, bytes, StatementId::from_slice)).collect()
}

fn term<T>(
    field: &'static str,
    number: i32,
    from_number: impl Fn(u32) -> Option<T>,
) -> Result<T, Inert> {
    u32::try_from(number).ok().and_then(from_number).ok_or(Inert::OutOfRange { field })
}

fn time(field: &'static str, micros: i64) -> Result<Time, Inert> {
    Time::from_micros(micros).ok_or(Inert::OutOfRange { field })
}

fn optional_time(field: &'static str, micros: Option<i64>) -> Result<Option<Time>, Inert> {
    micros.map(|micros| time(field, micros)).transpose()
}

/// An empty text cannot be told from one that was left out, and is none.
fn optional_text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn feed(member: &str, number: u32) -> Result<FeedId, Inert> {
    let member = member.parse().map_err(|_| Inert::OutOfRange { field: "member" })?;
    Ok(FeedId { member, number: FeedNumber(number) })
}
