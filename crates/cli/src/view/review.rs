//! People's part: the queue, their acts, disputes, the audit log, what a borrower may be told.

use std::fmt;

use interlock_record::{Measure, Reason, Time, hex};
use interlock_wire::v1;
use serde::Serialize;

use super::{FlagView, SubjectView, decision::because, or_dash, time};
use crate::term;

/// A measure that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct QueueView {
    pub subject: String,
    pub measure: String,
    pub since: Option<Time>,
    pub effective: String,
    pub apply: String,
    pub flags: Vec<FlagView>,
    pub flag_count: u32,
}

/// An act that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ActView {
    pub audit: u64,
    pub decision: SubjectView,
    pub repeated_request: bool,
}

/// What people did about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LocalView {
    pub subject: String,
    pub acts: Vec<LocalActView>,
}

/// An act that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LocalActView {
    pub kind: String,
    pub measure: String,
    pub at: Option<Time>,
    pub until: Option<Time>,
    pub by: String,
    pub why: String,
    pub audit: u64,
}

/// An open dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DisputeView {
    pub subject: String,
    pub issuer: String,
    pub reason: String,
    pub since: Option<Time>,
    pub deadline: Option<Time>,
    pub left_seconds: i64,
    pub flag: String,
    pub own: bool,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditView {
    pub number: u64,
    pub at: Option<Time>,
    pub by: String,
    pub uid: Option<u32>,
    pub act: String,
    pub subject: Option<String>,
    pub detail: String,
    pub why: String,
    pub hash: String,
}

/// What a borrower may be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BorrowerView {
    pub measure: String,
    pub reasons: Vec<PrincipalReasonView>,
    pub since: Option<Time>,
    pub until: Option<Time>,
    pub member_name: String,
    pub contact: String,
    pub because: String,
    pub answer_days: u32,
}

/// A reason that weighs in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PrincipalReasonView {
    pub reason: String,
    pub points: u64,
    pub since: Option<Time>,
}

impl From<v1::QueueItem> for QueueView {
    fn from(item: v1::QueueItem) -> Self {
        Self {
            subject: hex(&item.subject),
            measure: term::name::<Measure>(item.measure),
            since: time(item.since),
            effective: term::name::<Measure>(item.effective),
            apply: term::name::<Measure>(item.apply),
            flags: item.flags.into_iter().map(Into::into).collect(),
            flag_count: item.flag_count,
        }
    }
}

impl From<v1::ActResponse> for ActView {
    fn from(response: v1::ActResponse) -> Self {
        Self {
            audit: response.audit,
            decision: response.decision.unwrap_or_default().into(),
            repeated_request: response.repeated_request,
        }
    }
}

impl From<v1::LocalPart> for LocalView {
    fn from(part: v1::LocalPart) -> Self {
        Self { subject: hex(&part.subject), acts: part.acts.into_iter().map(Into::into).collect() }
    }
}

impl From<v1::LocalAct> for LocalActView {
    fn from(act: v1::LocalAct) -> Self {
        let kind = act.kind().as_str_name();
        Self {
            kind: kind.strip_prefix("ACT_KIND_").unwrap_or(kind).to_owned(),
            measure: term::name::<Measure>(act.measure),
            at: time(act.at),
            until: time(act.until),
            by: act.by,
            why: act.why,
            audit: act.audit,
        }
    }
}

impl From<v1::OpenDispute> for DisputeView {
    fn from(dispute: v1::OpenDispute) -> Self {
        Self {
            subject: hex(&dispute.subject),
            issuer: dispute.issuer,
            reason: term::name::<Reason>(dispute.reason),
            since: time(dispute.since),
            deadline: time(dispute.deadline),
            left_seconds: dispute.left_seconds,
            flag: hex(&dispute.flag),
            own: dispute.own,
        }
    }
}

impl From<v1::AuditEntry> for AuditView {
    fn from(entry: v1::AuditEntry) -> Self {
        Self {
            number: entry.number,
            at: time(entry.at),
            by: entry.by,
            uid: entry.uid,
            act: entry.act,
            subject: (!entry.subject.is_empty()).then(|| hex(&entry.subject)),
            detail: entry.detail,
            why: entry.why,
            hash: hex(&entry.hash),
        }
    }
}

impl From<v1::BorrowerPart> for BorrowerView {
    fn from(part: v1::BorrowerPart) -> Self {
        let because = because(part.because());
        let reason = |reason: v1::PrincipalReason| PrincipalReasonView {
            reason: term::name::<Reason>(reason.reason),
            points: reason.points,
            since: time(reason.since),
        };
        Self {
            measure: term::name::<Measure>(part.measure),
            reasons: part.reasons.into_iter().map(reason).collect(),
            since: time(part.since),
            until: time(part.until),
            member_name: part.member_name,
            contact: part.contact,
            because,
            answer_days: part.answer_days,
        }
    }
}

impl fmt::Display for ActView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SubjectView { subject, apply, because, apply_until, .. } = &self.decision;
        write!(f, "{subject}\n{apply} applies ({because})")?;
        if let Some(until) = apply_until {
            write!(f, ", until {until}")?;
        }
        write!(f, "\nentry {} of the audit log", self.audit)?;
        if self.repeated_request {
            write!(f, " (done by an earlier call with this idempotency key)")?;
        }
        Ok(())
    }
}

impl fmt::Display for LocalActView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, measure, by, why, audit, .. } = self;
        let (at, until) = (or_dash(self.at.as_ref()), self.until);
        write!(f, "{kind} {measure} by {by} at {at}")?;
        if let Some(until) = until {
            write!(f, " until {until}")?;
        }
        write!(f, ": {why} (audit {audit})")
    }
}
