//! Bad input at the platform's door costs the sender an error that names it, and the node nothing.

use interlock_record::{Span, StatementId};
use interlock_wire::timestamp;
use interlock_wire::v1::platform_client::PlatformClient;
use interlock_wire::v1::{self, Severity, subject::By};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::calls::{flag, raising, subject, tag};
use crate::consortium::Consortium;
use crate::hostile::reason;

/// An identity number whose check digit is wrong.
const WRONG_ID: &str = "110105194912310021";

/// One request of any kind.
enum Ask {
    Raise(v1::RaiseFlagsRequest),
    Withdraw(v1::WithdrawRequest),
    Recall(v1::RecallRequest),
    Dispute(v1::OpenDisputeRequest),
    Resolve(v1::ResolveDisputeRequest),
    Cure(v1::RaiseCureRequest),
    Receipt(v1::ReportReceiptRequest),
    Lookup(v1::LookupRequest),
    Explain(v1::ExplainRequest),
    List(v1::ListFlagsRequest),
    Watch(v1::WatchDecisionsRequest),
}

impl Ask {
    async fn of(self, node: &mut PlatformClient<Channel>) -> Result<(), Status> {
        match self {
            Self::Raise(request) => node.raise_flags(request).await.map(drop),
            Self::Withdraw(request) => node.withdraw(request).await.map(drop),
            Self::Recall(request) => node.recall(request).await.map(drop),
            Self::Dispute(request) => node.open_dispute(request).await.map(drop),
            Self::Resolve(request) => node.resolve_dispute(request).await.map(drop),
            Self::Cure(request) => node.raise_cure(request).await.map(drop),
            Self::Receipt(request) => node.report_receipt(request).await.map(drop),
            Self::Lookup(request) => node.lookup(request).await.map(drop),
            Self::Explain(request) => node.explain(request).await.map(drop),
            Self::List(request) => node.list_flags(request).await.map(drop),
            Self::Watch(request) => node.watch_decisions(request).await.map(drop),
        }
    }
}

/// How a request is refused.
enum Refused {
    /// `INVALID_ARGUMENT`, with a violation of this field.
    Field(&'static str),
    /// This code, for this reason.
    For(Code, &'static str),
}
use Refused::{Field, For};

type Case = (&'static str, Ask, Refused);

fn good() -> v1::FlagDraft {
    flag(tag(9), Severity::High)
}

fn raise(change: impl FnOnce(&mut v1::FlagDraft)) -> Ask {
    let mut draft = good();
    change(&mut draft);
    Ask::Raise(raising(draft))
}

fn raw(id_type: v1::IdType, value: &str) -> v1::Subject {
    let identifier = v1::RawIdentifier { id_type: id_type.into(), value: value.to_owned() };
    v1::Subject { by: Some(By::Identifier(identifier)) }
}

fn short_tag() -> v1::Subject {
    v1::Subject { by: Some(By::Tag(vec![9; 31])) }
}

fn future() -> prost_types::Timestamp {
    timestamp(interlock_node::clock::now().plus(Span::from_secs(3_600)))
}

fn bad_flags() -> Vec<Case> {
    let many = v1::RaiseFlagsRequest { flags: vec![good(); 1_001], ..Default::default() };
    let second = v1::RaiseFlagsRequest {
        flags: vec![good(), v1::FlagDraft { confidence: 0, ..good() }],
        ..Default::default()
    };
    let long_key = v1::RaiseFlagsRequest { idempotency_key: "k".repeat(129), ..raising(good()) };
    let broken = prost_types::Timestamp { seconds: 0, nanos: -1 };
    vec![
        ("no flags", Ask::Raise(v1::RaiseFlagsRequest::default()), Field("flags")),
        ("1001 flags", Ask::Raise(many), Field("flags")),
        ("one bad flag of two", Ask::Raise(second), Field("flags[1].confidence")),
        ("a long key", Ask::Raise(long_key), Field("idempotency_key")),
        ("no subject", raise(|it| it.subject = None), Field("flags[0].subject")),
        ("a short tag", raise(|it| it.subject = Some(short_tag())), Field("flags[0].subject.tag")),
        (
            "a wrong check digit",
            raise(|it| it.subject = Some(raw(v1::IdType::IdNumber, WRONG_ID))),
            Field("flags[0].subject.identifier.value"),
        ),
        (
            "an identifier of no kind",
            raise(|it| it.subject = Some(raw(v1::IdType::Unspecified, WRONG_ID))),
            Field("flags[0].subject.identifier.id_type"),
        ),
        (
            "an identifier of two kinds",
            raise(|it| it.subject = Some(raw(v1::IdType::Device, WRONG_ID))),
            Field("flags[0].id_type"),
        ),
        ("a tag of no kind", raise(|it| it.id_type = 0), Field("flags[0].id_type")),
        ("no confidence", raise(|it| it.confidence = 0), Field("flags[0].confidence")),
        ("confidence 101", raise(|it| it.confidence = 101), Field("flags[0].confidence")),
        ("the future", raise(|it| it.observed_at = Some(future())), Field("flags[0].observed_at")),
        ("no instant", raise(|it| it.observed_at = Some(broken)), Field("flags[0].observed_at")),
        ("no reason", raise(|it| it.reason = 0), Field("flags[0].reason")),
        ("an unknown reason", raise(|it| it.reason = 99), Field("flags[0].reason")),
        ("no severity", raise(|it| it.severity = 0), Field("flags[0].severity")),
        (
            "a measure too far",
            raise(|it| it.applied_measure = 8),
            Field("flags[0].applied_measure"),
        ),
        ("a measure below", raise(|it| it.applied_measure = -1), Field("flags[0].applied_measure")),
        (
            "a short digest",
            raise(|it| it.evidence_digest = vec![1; 31]),
            Field("flags[0].evidence_digest"),
        ),
        (
            "a short source",
            raise(|it| it.derived_from = vec![vec![1; 31]]),
            Field("flags[0].derived_from[0]"),
        ),
        ("17 sources", raise(|it| it.derived_from = vec![vec![1; 32]; 17]), Field("flags[0]")),
        ("a long rule version", raise(|it| it.rule_version = "v".repeat(65)), Field("flags[0]")),
        (
            "a case with a line end",
            raise(|it| "a\nb".clone_into(&mut it.case_ref)),
            Field("flags[0]"),
        ),
    ]
}

fn bad_statements(own: StatementId, others: StatementId) -> Vec<Case> {
    let unknown = || vec![0xee; 32];
    let error = || v1::WithdrawCause::Error.into();
    let key = String::new;
    let withdraw = |statement: Vec<u8>, cause| {
        Ask::Withdraw(v1::WithdrawRequest {
            statement,
            cause,
            idempotency_key: key(),
            ..Default::default()
        })
    };
    let dispute = |flag: Vec<u8>| {
        Ask::Dispute(v1::OpenDisputeRequest { flag, idempotency_key: key(), ..Default::default() })
    };
    let resolve = |flag: Vec<u8>, outcome| {
        Ask::Resolve(v1::ResolveDisputeRequest {
            flag,
            outcome,
            idempotency_key: key(),
            ..Default::default()
        })
    };
    let recall = v1::RecallRequest { cause: error(), ..Default::default() };
    let overdue = v1::RecallRequest { reason: v1::Reason::Overdue.into(), ..Default::default() };
    let from = Some(timestamp(interlock_record::Time::MIN));
    let unknown_reason = v1::RecallRequest { from, reason: 99, ..recall.clone() };
    let rule = "r".to_owned();
    let also_unknown = v1::RecallRequest { rule_version: rule, reason: -1, ..recall.clone() };
    let rejected = v1::Outcome::Rejected.into();
    let subject = || Some(subject(tag(9)));
    let cure = v1::RaiseCureRequest { subject: subject(), ..Default::default() };
    let receipt = v1::ReportReceiptRequest { subject: subject(), ..Default::default() };
    let many = v1::ReportReceiptRequest { caused_by: vec![unknown(); 17], ..receipt.clone() };
    vec![
        ("withdrawing nothing", withdraw(Vec::new(), error()), Field("statement")),
        ("withdrawing for nothing", withdraw(own.0.to_vec(), 0), Field("cause")),
        (
            "withdrawing the unknown",
            withdraw(unknown(), error()),
            For(Code::NotFound, "UNKNOWN_STATEMENT"),
        ),
        (
            "withdrawing another's",
            withdraw(others.0.to_vec(), error()),
            For(Code::PermissionDenied, "NOT_ENTITLED"),
        ),
        ("recalling anything", Ask::Recall(recall), Field("from")),
        ("recalling for nothing", Ask::Recall(overdue), Field("cause")),
        ("recalling an unknown reason", Ask::Recall(unknown_reason), Field("reason")),
        ("recalling a reason below", Ask::Recall(also_unknown), Field("reason")),
        ("disputing a short id", dispute(vec![1; 31]), Field("flag")),
        ("disputing the unknown", dispute(unknown()), For(Code::NotFound, "UNKNOWN_STATEMENT")),
        (
            "disputing one's own",
            dispute(own.0.to_vec()),
            For(Code::PermissionDenied, "NOT_ENTITLED"),
        ),
        ("resolving without outcome", resolve(own.0.to_vec(), 0), Field("outcome")),
        (
            "resolving another's",
            resolve(others.0.to_vec(), rejected),
            For(Code::PermissionDenied, "NOT_ENTITLED"),
        ),
        ("curing nothing", Ask::Cure(cure), Field("kind")),
        (
            "a receipt for nobody",
            Ask::Receipt(v1::ReportReceiptRequest::default()),
            Field("subject"),
        ),
        (
            "a receipt of no measure",
            Ask::Receipt(v1::ReportReceiptRequest { measure: 8, ..receipt }),
            Field("measure"),
        ),
        ("a receipt for 17 flags", Ask::Receipt(many), Field("caused_by")),
    ]
}

fn bad_questions(cursor: &str) -> Vec<Case> {
    let lookup = |subjects| Ask::Lookup(v1::LookupRequest { subjects });
    let watch =
        |cursor: String| Ask::Watch(v1::WatchDecisionsRequest { cursor, ..Default::default() });
    let (store, number) = cursor.rsplit_once('.').expect("a cursor");
    let ahead = format!("{store}.{}", number.parse::<u64>().expect("a number") + 1);
    let other = format!("{}.1", "00".repeat(store.len() / 2));
    let explain = v1::ExplainRequest { subject: Some(short_tag()), at: None };
    let list = v1::ListFlagsRequest { limit: 1_001, ..Default::default() };
    let grave = v1::WatchDecisionsRequest { at_least: 8, ..Default::default() };
    let nowhere = v1::WatchDecisionsRequest { start: 3, ..Default::default() };
    let many = vec![subject(tag(9)); 1_001];
    let watch_many = v1::WatchDecisionsRequest { subjects: many.clone(), ..Default::default() };
    vec![
        ("looking nobody up", lookup(Vec::new()), Field("subjects")),
        ("looking 1001 up", lookup(many), Field("subjects")),
        (
            "looking a wrong number up",
            lookup(vec![subject(tag(1)), raw(v1::IdType::IdNumber, WRONG_ID)]),
            Field("subjects[1].identifier.value"),
        ),
        ("explaining a short tag", Ask::Explain(explain), Field("subject.tag")),
        ("listing 1001", Ask::List(list), Field("limit")),
        ("watching 1001", Ask::Watch(watch_many), Field("subjects")),
        ("watching no measure", Ask::Watch(grave), Field("at_least")),
        ("watching from nowhere", Ask::Watch(nowhere), Field("start")),
        ("no cursor at all", watch("7".to_owned()), For(Code::InvalidArgument, "BAD_CURSOR")),
        ("half a cursor", watch(format!("{store}.")), For(Code::InvalidArgument, "BAD_CURSOR")),
        (
            "a cursor of another store",
            watch(other),
            For(Code::FailedPrecondition, "CURSOR_OF_OTHER_STORE"),
        ),
        ("a cursor of the future", watch(ahead), For(Code::OutOfRange, "CURSOR_IN_FUTURE")),
    ]
}

fn check(what: &str, status: &Status, expected: &Refused) -> Result<(), String> {
    let details = status.get_error_details();
    let fields: Vec<&str> = details
        .bad_request()
        .map(|bad| bad.field_violations.iter().map(|it| it.field.as_str()).collect())
        .unwrap_or_default();
    let (code, reason) = (status.code(), reason(status));
    let all = [status.message().as_bytes(), status.details()].concat();
    let has_identifier = all.windows(WRONG_ID.len()).any(|part| part == WRONG_ID.as_bytes());
    let right = match expected {
        Field(field) => {
            code == Code::InvalidArgument && reason == "BAD_REQUEST" && fields.contains(field)
        }
        For(expected, name) => code == *expected && reason == *name,
    };
    if right && !has_identifier {
        return Ok(());
    }
    Err(format!("{what}: {code:?} {reason} {fields:?} {:?}", status.message()))
}

#[tokio::test]
async fn bad_input_is_refused_by_name_and_changes_nothing() {
    let consortium = Consortium::start(&["acme", "bolt"], 2).await;
    let [acme, bolt] = &consortium.nodes[..] else { unreachable!("two members") };
    let (own, _) = acme.raise(flag(tag(1), Severity::Medium)).await;
    let (others, _) = bolt.raise(flag(tag(1), Severity::Medium)).await;
    consortium.agreed().await;
    // Two MEDIUM flags make a REVIEW; once that is in force the journal stands still.
    acme.told(tag(1), v1::DecisionChange::Effective, v1::Measure::Review).await;
    let before = acme.state().await;
    let cursor = acme.status().await.cursor;

    let mut platform = acme.platform().await;
    let mut wrong = Vec::new();
    let cases = bad_flags().into_iter().chain(bad_statements(own, others));
    for (what, ask, expected) in cases.chain(bad_questions(&cursor)) {
        match ask.of(&mut platform).await {
            Ok(()) => wrong.push(format!("{what}: accepted")),
            Err(status) => wrong.extend(check(what, &status, &expected).err()),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(acme.state().await, before, "nothing was written");
    let log = std::fs::read_to_string(acme.path("node.log")).expect("it has a log");
    assert!(!log.contains(WRONG_ID), "an identifier is never logged");
}
