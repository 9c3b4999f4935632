//! People's part in requests and answers: who asks, what they did, what a borrower may be told.

use interlock_engine::ledger::rows::{ActRow, DecisionRow, LocalRow, measure};
use interlock_engine::local::{ActKind, LocalRefused, Person, principal_reasons};
use interlock_engine::replica::{Known, LocalHappening};
use interlock_engine::timeline::{Setting, View, explain};
use interlock_record::{SubjectTag, Time};
use interlock_wire::{Violations, refusal, timestamp, v1};
use tonic::transport::server::UdsConnectInfo;
use tonic::{Code, Request, Status};

use super::{Services, answers};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Under which user id of this machine a call came, where it came through the Unix socket.
pub(super) fn uid<T>(call: &Request<T>) -> Option<u32> {
    let info = call.extensions().get::<UdsConnectInfo>()?;
    info.peer_cred.as_ref().map(tokio::net::unix::UCred::uid)
}

/// Who does something and why; both are required.
pub(super) fn person(
    by: &str,
    why: &str,
    uid: Option<u32>,
    violations: &mut Violations,
) -> Option<Person> {
    Person::new(by, why, uid).map_err(|(field, error)| violations.add(field, error)).ok()
}

/// Who does something and why, where the caller says so.
pub(super) fn optional(
    by: &str,
    why: &str,
    uid: Option<u32>,
) -> Result<Option<Person>, Box<Status>> {
    if by.is_empty() && why.is_empty() {
        return Ok(None);
    }
    let mut violations = Violations::default();
    let person = person(by, why, uid, &mut violations);
    violations.finish(person).map(Some)
}

/// The acts that are kept on a subject.
pub(super) fn local_part(subject: SubjectTag, local: &LocalRow) -> v1::LocalPart {
    let one = |kind: ActKind, row: Option<&ActRow>| row.map(|row| local_act(kind, row));
    let acts = one(ActKind::Override, local.overriding.as_ref())
        .into_iter()
        .chain(one(ActKind::Exemption, local.exemption.as_ref()))
        .chain(local.confirmations.iter().map(|row| local_act(ActKind::Confirmation, row)))
        .chain(one(ActKind::Refusal, local.refusal.as_ref()));
    v1::LocalPart { subject: subject.0.to_vec(), acts: acts.collect() }
}

fn local_act(kind: ActKind, row: &ActRow) -> v1::LocalAct {
    let kind = match kind {
        ActKind::Exemption => v1::ActKind::Exemption,
        ActKind::Override => v1::ActKind::Override,
        ActKind::Confirmation => v1::ActKind::Confirmation,
        ActKind::Refusal => v1::ActKind::Refusal,
    };
    v1::LocalAct {
        kind: kind.into(),
        measure: answers::wire(row.measure()),
        at: Time::from_micros(row.at).map(timestamp),
        until: row.ends_at().map(timestamp),
        by: row.by.clone(),
        why: row.why.clone(),
        audit: row.audit,
    }
}

/// A refused act, with its stable reason.
pub(super) fn act_refused(refused: &LocalRefused) -> Status {
    let (code, reason) = match refused {
        LocalRefused::NotProposed { .. } => (Code::FailedPrecondition, "NOT_PROPOSED"),
        LocalRefused::AnotherProposal { .. } => (Code::FailedPrecondition, "ANOTHER_PROPOSAL"),
        LocalRefused::NothingToLift(_) => (Code::NotFound, "NOTHING_TO_LIFT"),
        LocalRefused::UntilPast { .. } => (Code::InvalidArgument, "UNTIL_PAST"),
        LocalRefused::OverrideTooGrave => (Code::InvalidArgument, "OVERRIDE_TOO_GRAVE"),
        LocalRefused::KeyReused => (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"),
    };
    refusal(code, reason, refused)
}

/// More about a journal entry.
pub(super) fn detail(happening: &LocalHappening) -> serde_json::Value {
    use serde_json::json;
    match happening {
        LocalHappening::Applied { subject, from, to, at, because } => json!({
            "subject": subject, "from": from, "to": to, "at": at, "because": because.name(),
        }),
        LocalHappening::Simulated { subject, from, to, at } => json!({
            "subject": subject, "from": from, "to": to, "at": at,
        }),
        LocalHappening::Acted { subject, measure, until, audit, .. } => json!({
            "subject": subject, "measure": measure, "until": until, "audit": audit,
        }),
        LocalHappening::Expired { kind, subject, measure, at } => json!({
            "kind": kind.name(), "subject": subject, "measure": measure, "at": at,
        }),
        LocalHappening::Proposed { subject, measure, at } => json!({
            "subject": subject, "measure": measure, "since": at,
        }),
        LocalHappening::DisputeOpened { subject, issuer, reason, at, deadline } => json!({
            "subject": subject, "issuer": issuer, "reason": reason, "since": at,
            "deadline": deadline,
        }),
        LocalHappening::DisputeClosed { subject, issuer, reason, at, end } => json!({
            "subject": subject, "issuer": issuer, "reason": reason, "at": at, "end": end.name(),
        }),
        LocalHappening::SimulatedFlag { id, subject } => json!({
            "statement": id, "subject": subject,
        }),
    }
}

impl Services {
    /// What a borrower may be told of what this member applies.
    pub(super) fn borrower_part(
        &self,
        known: &Known,
        decision: &v1::SubjectDecision,
        row: Option<&DecisionRow>,
        at: Time,
    ) -> v1::BorrowerPart {
        let charters = self.charters.now();
        let members = charters.member_ids();
        let view = self.own_view();
        let setting =
            Setting { policies: &view.policies, members: &members, view: View::Member(self.me) };
        let applied = measure(u32::try_from(decision.apply).unwrap_or(0));
        let explanation = explain(&setting, &known.evidence, at);
        let reasons = principal_reasons(&known.evidence, &explanation, applied);
        let me = charters.newest().members.get(&self.me);
        let told = row.filter(|row| measure(row.applied) == applied);
        let days = view.policies.at(at).dispute_deadline.micros() / MICROS_PER_DAY;
        v1::BorrowerPart {
            measure: decision.apply,
            reasons: reasons
                .iter()
                .map(|reason| v1::PrincipalReason {
                    reason: v1::Reason::from(reason.reason).into(),
                    points: reason.points,
                    since: Some(timestamp(reason.since)),
                })
                .collect(),
            since: told.and_then(|row| Time::from_micros(row.applied_since?)).map(timestamp),
            until: decision.apply_until,
            member_name: me.map(|member| member.name.clone()).unwrap_or_default(),
            contact: me.map(|member| member.contact.clone()).unwrap_or_default(),
            because: decision.applied_because,
            answer_days: u32::try_from(days).unwrap_or(u32::MAX),
        }
    }
}
