//! From requests to statements: every field checked, raw identifiers made tags and forgotten.

use interlock_record::{
    Cure, Digest, Dispute, Erase, FeedId, FeedNumber, Flag, IdType, Measure, Pepper, Recall,
    Receipt, Release, Resolve, Statement, StatementId, SubjectTag, Time, Withdraw, find_identifier,
    normalise, tag,
};
use interlock_wire::v1::{self, subject::By};
use interlock_wire::{Violations, time};
use prost_types::Timestamp;
use tonic::Status;
use zeroize::Zeroize as _;

use crate::peppers::Peppers;

/// The most flags of one request.
pub(super) const MAX_FLAGS: usize = 1_000;
/// The most subjects of one request.
pub(super) const MAX_SUBJECTS: usize = 1_000;
/// The longest idempotency key, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 128;

type Checked<T> = Result<T, Box<Status>>;

/// A subject and, where it was given by identifier, what kind that was. The identifier is made a
/// tag in the request too, so that its hash gives nothing away; one that is refused is wiped.
pub(super) fn subject(
    pepper: Option<&Pepper>,
    field: &str,
    subject: Option<&mut v1::Subject>,
    violations: &mut Violations,
) -> Option<(SubjectTag, Option<IdType>)> {
    match subject.and_then(|subject| subject.by.as_mut()) {
        None => {
            violations.add(field, "expected identifier or tag, got neither");
            None
        }
        Some(By::Tag(bytes)) => {
            let tag = SubjectTag::from_slice(bytes).ok_or("expected a tag of 32 bytes");
            violations.check(format!("{field}.tag"), tag).map(|tag| (tag, None))
        }
        Some(by) => {
            let By::Identifier(raw) = by else { return None };
            let id_type = IdType::try_from(raw.id_type());
            let id = id_type.as_ref().ok().map(|id_type| normalise(*id_type, &raw.value));
            raw.value.zeroize();
            let id_type = violations.check(format!("{field}.identifier.id_type"), id_type)?;
            let id = violations.check(format!("{field}.identifier.value"), id?)?;
            // Whoever asks has seen to it that there is one.
            let pepper =
                violations.check(field, pepper.ok_or("there is no pepper to make a tag"))?;
            let tag = tag(pepper, &id);
            *by = By::Tag(tag.0.to_vec());
            Some((tag, Some(id_type)))
        }
    }
}

/// The tags in other epochs of those subjects that were given by identifier, by index. What does not
/// validate has been refused before.
pub(super) fn other_tags(
    peppers: &Peppers,
    epoch: u32,
    subjects: &[v1::Subject],
) -> Vec<(usize, Vec<SubjectTag>)> {
    let tags = |subject: &v1::Subject| match subject.by.as_ref()? {
        By::Tag(_) => None,
        By::Identifier(raw) => {
            let id = normalise(IdType::try_from(raw.id_type()).ok()?, &raw.value).ok()?;
            Some(peppers.other_tags(epoch, &id)).filter(|tags| !tags.is_empty())
        }
    };
    let tags = subjects.iter().map(tags).enumerate();
    tags.filter_map(|(index, tags)| Some((index, tags?))).collect()
}

/// Wipes the identifiers of subjects that are not looked at.
fn forget<'a>(subjects: impl Iterator<Item = &'a mut v1::Subject>) {
    for subject in subjects {
        if let Some(By::Identifier(raw)) = &mut subject.by {
            raw.value.zeroize();
        }
    }
}

/// Text of the platform's own, which goes out signed to every member, or is kept here.
fn free_text(field: String, text: &str, violations: &mut Violations) {
    if let Some(id_type) = find_identifier(text) {
        violations.add(
            field,
            format!("expected no identifier of a borrower, but a part of it is a valid {id_type}"),
        );
    }
}

pub(super) fn statement_id(
    field: impl Into<String>,
    bytes: &[u8],
    violations: &mut Violations,
) -> Option<StatementId> {
    let id = StatementId::from_slice(bytes).ok_or("expected a statement id of 32 bytes");
    violations.check(field, id)
}

#[expect(
    clippy::option_option,
    reason = "the outer says whether it was right, the inner whether it was given"
)]
fn instant(
    field: String,
    timestamp: Option<&Timestamp>,
    violations: &mut Violations,
) -> Option<Option<Time>> {
    match timestamp {
        None => Some(None),
        Some(timestamp) => violations.check(field, time(timestamp)).map(Some),
    }
}

/// A measure, whose number may be one that this version does not know.
pub(super) fn measure(field: String, number: i32, violations: &mut Violations) -> Option<Measure> {
    let measure = u32::try_from(number).ok().and_then(Measure::from_number);
    violations.check(field, measure.ok_or("expected a measure"))
}

pub(super) fn idempotency_key(key: &str, violations: &mut Violations) {
    if key.len() > MAX_KEY_BYTES {
        violations.add("idempotency_key", format!("expected at most {MAX_KEY_BYTES} bytes"));
    }
    free_text("idempotency_key".into(), key, violations);
}

/// The flags of a request, their subjects made tags in the request too.
pub(super) fn flags(
    pepper: Option<&Pepper>,
    request: &mut v1::RaiseFlagsRequest,
    now: Time,
) -> Checked<Vec<Statement>> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let count = request.flags.len();
    if count == 0 || count > MAX_FLAGS {
        violations.add("flags", format!("expected 1 to {MAX_FLAGS} flags, got {count}"));
        forget(request.flags.iter_mut().filter_map(|draft| draft.subject.as_mut()));
        return violations.finish(None);
    }
    let flags: Vec<Option<Statement>> = request
        .flags
        .iter_mut()
        .enumerate()
        .map(|(index, draft)| flag(pepper, &format!("flags[{index}]"), draft, now, &mut violations))
        .collect();
    violations.finish(flags.into_iter().collect())
}

fn flag(
    pepper: Option<&Pepper>,
    field: &str,
    draft: &mut v1::FlagDraft,
    now: Time,
    violations: &mut Violations,
) -> Option<Statement> {
    let at = |name: &str| format!("{field}.{name}");
    let known = subject(pepper, &at("subject"), draft.subject.as_mut(), violations);
    let id_type = match (known, draft.id_type()) {
        (Some((_, Some(of_identifier))), v1::IdType::Unspecified) => Some(of_identifier),
        (Some((_, Some(of_identifier))), given) => {
            if IdType::try_from(given) != Ok(of_identifier) {
                violations
                    .add(at("id_type"), format!("expected the identifier's, {of_identifier}"));
            }
            Some(of_identifier)
        }
        // What is wrong with the identifier has been said.
        (None, v1::IdType::Unspecified) => None,
        (_, given) => violations.check(at("id_type"), IdType::try_from(given)),
    };
    let reason = violations.check(at("reason"), draft.reason().try_into());
    let severity = violations.check(at("severity"), draft.severity().try_into());
    let confidence = u8::try_from(draft.confidence)
        .ok()
        .filter(|confidence| (1..=100).contains(confidence))
        .ok_or("expected a whole number from 1 to 100");
    let confidence = violations.check(at("confidence"), confidence);
    let applied_measure = measure(at("applied_measure"), draft.applied_measure, violations);
    let observed_at = instant(at("observed_at"), draft.observed_at.as_ref(), violations)
        .map(|observed_at| observed_at.unwrap_or(now));
    if observed_at.is_some_and(|observed_at| observed_at > now) {
        violations.add(at("observed_at"), format!("expected a time not after now, {now}"));
    }
    let expires_at = instant(at("expires_at"), draft.expires_at.as_ref(), violations);
    let evidence_digest = match draft.evidence_digest.as_slice() {
        [] => Some(None),
        bytes => {
            let digest = Digest::from_slice(bytes).ok_or("expected a digest of 32 bytes");
            violations.check(at("evidence_digest"), digest).map(Some)
        }
    };
    let derived_from: Option<Vec<StatementId>> = draft
        .derived_from
        .iter()
        .enumerate()
        .map(|(index, id)| statement_id(format!("{field}.derived_from[{index}]"), id, violations))
        .collect();
    free_text(at("rule_version"), &draft.rule_version, violations);
    free_text(at("case_ref"), &draft.case_ref, violations);
    let (subject, _) = known?;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let statement = Statement::Flag(Flag {
        subject,
        id_type: id_type?,
        reason: reason?,
        severity: severity?,
        confidence: confidence?,
        applied_measure: applied_measure?,
        observed_at: observed_at?,
        expires_at: expires_at?,
        evidence_digest: evidence_digest?,
        rule_version: text(&draft.rule_version),
        case_ref: text(&draft.case_ref),
        derived_from: derived_from?,
    });
    violations.check(field, statement.encode())?;
    Some(statement)
}

pub(super) fn withdraw(request: &v1::WithdrawRequest) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let statement = statement_id("statement", &request.statement, &mut violations);
    let cause = violations.check("cause", request.cause().try_into());
    let both = statement.zip(cause);
    violations
        .finish(both.map(|(statement, cause)| Statement::Withdraw(Withdraw { statement, cause })))
}

pub(super) fn recall(request: &v1::RecallRequest) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let from = instant("from".into(), request.from.as_ref(), &mut violations);
    let to = instant("to".into(), request.to.as_ref(), &mut violations);
    // A reason that this version does not know must not count as none, which would recall more.
    let reason = match v1::Reason::try_from(request.reason) {
        Ok(v1::Reason::Unspecified) => Some(None),
        Ok(reason) => violations.check("reason", reason.try_into()).map(Some),
        Err(_) => violations.check("reason", Err("expected a reason")),
    };
    let cause = violations.check("cause", request.cause().try_into());
    free_text("rule_version".into(), &request.rule_version, &mut violations);
    let version = (!request.rule_version.is_empty()).then(|| request.rule_version.clone());
    if from == Some(None) && to == Some(None) && reason == Some(None) && version.is_none() {
        violations.add("from", "expected at least one of from, to, rule_version and reason");
    }
    let recall = (|| {
        let recall =
            Recall { from: from?, to: to?, rule_version: version, reason: reason?, cause: cause? };
        let statement = Statement::Recall(recall);
        violations.check("recall", statement.encode())?;
        Some(statement)
    })();
    violations.finish(recall)
}

pub(super) fn dispute(request: &v1::OpenDisputeRequest) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let flag = statement_id("flag", &request.flag, &mut violations);
    violations.finish(flag.map(|flag| Statement::Dispute(Dispute { flag })))
}

pub(super) fn resolve(request: &v1::ResolveDisputeRequest) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let flag = statement_id("flag", &request.flag, &mut violations);
    let outcome = violations.check("outcome", request.outcome().try_into());
    let both = flag.zip(outcome);
    violations.finish(both.map(|(flag, outcome)| Statement::Resolve(Resolve { flag, outcome })))
}

pub(super) fn release(request: &v1::ReleaseRequest) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let member = violations.check("member", request.member.parse());
    if request.feed == 0 {
        violations.add("feed", "expected the number of a feed, from 1");
    }
    if request.sequence == 0 {
        violations.add("sequence", "expected a sequence number from 1");
    }
    violations.finish(member.map(|member| {
        let feed = FeedId { member, number: FeedNumber(request.feed) };
        Statement::Release(Release { feed, sequence: request.sequence })
    }))
}

pub(super) fn erase(request: &v1::EraseRequest) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let statement = statement_id("statement", &request.statement, &mut violations);
    let ground = violations.check("ground", request.ground().try_into());
    let both = statement.zip(ground);
    violations.finish(both.map(|(statement, ground)| Statement::Erase(Erase { statement, ground })))
}

pub(super) fn cure(
    pepper: Option<&Pepper>,
    request: &mut v1::RaiseCureRequest,
) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let subject = subject(pepper, "subject", request.subject.as_mut(), &mut violations);
    let kind = violations.check("kind", request.kind().try_into());
    let both = subject.zip(kind);
    violations.finish(both.map(|((subject, _), kind)| Statement::Cure(Cure { subject, kind })))
}

pub(super) fn receipt(
    pepper: Option<&Pepper>,
    request: &mut v1::ReportReceiptRequest,
) -> Checked<Statement> {
    let mut violations = Violations::default();
    idempotency_key(&request.idempotency_key, &mut violations);
    let subject = subject(pepper, "subject", request.subject.as_mut(), &mut violations);
    let measure = measure("measure".into(), request.measure, &mut violations);
    let caused_by: Option<Vec<StatementId>> = request
        .caused_by
        .iter()
        .enumerate()
        .map(|(index, id)| statement_id(format!("caused_by[{index}]"), id, &mut violations))
        .collect();
    let receipt = (|| {
        let (subject, _) = subject?;
        let receipt = Receipt { subject, measure: measure?, caused_by: caused_by? };
        let statement = Statement::Receipt(receipt);
        violations.check("caused_by", statement.encode())?;
        Some(statement)
    })();
    violations.finish(receipt)
}

pub(super) fn subjects(
    pepper: Option<&Pepper>,
    subjects: &mut [v1::Subject],
    least: usize,
) -> Checked<Vec<SubjectTag>> {
    let mut violations = Violations::default();
    let count = subjects.len();
    if count < least || count > MAX_SUBJECTS {
        let message = format!("expected {least} to {MAX_SUBJECTS} subjects, got {count}");
        violations.add("subjects", message);
        forget(subjects.iter_mut());
        return violations.finish(None);
    }
    let tags: Vec<Option<SubjectTag>> = subjects
        .iter_mut()
        .enumerate()
        .map(|(index, given)| {
            let field = format!("subjects[{index}]");
            subject(pepper, &field, Some(given), &mut violations).map(|(tag, _)| tag)
        })
        .collect();
    violations.finish(tags.into_iter().collect())
}

#[cfg(test)]
mod tests;
