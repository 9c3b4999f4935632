//! What people ask of their own node: the queue, their acts, open disputes, the audit log.

use interlock_engine::ledger::rows::{
    AuditHeadRow, AuditRow, DecisionRow, DisputeRow, LocalRow, QueueRow, ScopeRow, SealedRow,
    StoredRow, measure,
};
use interlock_engine::ledger::{
    Column, Ledger as _, LedgerFault, MetaKey, number_key, number_of_key, timer_of_key,
};
use interlock_engine::local::{Act, ActKind, AuditHead, Ground, Mode};
use interlock_engine::replica::{Repeated, Request, known};
use interlock_engine::timeline::{Setting, View, explain, open_disputes};
use interlock_record::{Measure, SubjectTag, Time};
use interlock_wire::v1::review_server::Review;
use interlock_wire::{Violations, time, timestamp, v1};
use prost::Message;
use prost_types::Timestamp;
use tonic::{Request as Call, Response, Status};

use super::pages::{
    ANY_PAGE, END, MAX_SCANNED, QUEUE_PAGE, acts_page, next_page, page, weightiest,
};
use super::platform::{decode_row, digest};
use super::{Services, answers, blocking, gone, people, requests};
use crate::clock::now;
use crate::writer::Acting;

const MICROS_PER_SECOND: i64 = 1_000_000;

type Answer<T> = Result<Response<T>, Status>;
type Checked<T> = Result<T, Box<Status>>;

#[tonic::async_trait]
impl Review for Services {
    async fn list_queue(&self, call: Call<v1::ListQueueRequest>) -> Answer<v1::ListQueueResponse> {
        let request = call.get_ref();
        let (limit, page) = page(request.limit, &request.page, QUEUE_PAGE).map_err(|e| *e)?;
        let this = self.clone();
        let listed = blocking(move || this.queue(limit, &page, now())).await?;
        Ok(Response::new(listed))
    }

    async fn confirm(&self, call: Call<v1::ConfirmRequest>) -> Answer<v1::ActResponse> {
        let uid = people::uid(&call);
        let request = call.into_inner();
        let who = (request.by.as_str(), request.why.as_str(), uid);
        let acting = acting(&request.subject, who, &request.idempotency_key, |violations| {
            let seen = seen(request.measure, request.since.as_ref(), violations);
            seen.map(|(measure, seen_since)| Act::Confirm { measure, seen_since })
        });
        self.act("Confirm", &request, acting).await
    }

    async fn refuse(&self, call: Call<v1::RefuseRequest>) -> Answer<v1::ActResponse> {
        let uid = people::uid(&call);
        let request = call.into_inner();
        let who = (request.by.as_str(), request.why.as_str(), uid);
        let acting = acting(&request.subject, who, &request.idempotency_key, |violations| {
            let seen = seen(request.measure, request.since.as_ref(), violations);
            seen.map(|(measure, seen_since)| Act::Refuse { measure, seen_since })
        });
        self.act("Refuse", &request, acting).await
    }

    async fn exempt(&self, call: Call<v1::ExemptRequest>) -> Answer<v1::ActResponse> {
        let uid = people::uid(&call);
        let request = call.into_inner();
        let who = (request.by.as_str(), request.why.as_str(), uid);
        let acting = acting(&request.subject, who, &request.idempotency_key, |violations| {
            let greatest = requests::measure("greatest".into(), request.greatest, violations);
            let until = required_time("until", request.until.as_ref(), violations);
            Some(Act::Exempt { greatest: greatest?, until: until? })
        });
        self.act("Exempt", &request, acting).await
    }

    async fn r#override(&self, call: Call<v1::OverrideRequest>) -> Answer<v1::ActResponse> {
        let uid = people::uid(&call);
        let request = call.into_inner();
        let who = (request.by.as_str(), request.why.as_str(), uid);
        let acting = acting(&request.subject, who, &request.idempotency_key, |violations| {
            let measure = requests::measure("measure".into(), request.measure, violations);
            let until = required_time("until", request.until.as_ref(), violations);
            Some(Act::Override { measure: measure?, until: until? })
        });
        self.act("Override", &request, acting).await
    }

    async fn lift(&self, call: Call<v1::LiftRequest>) -> Answer<v1::ActResponse> {
        let uid = people::uid(&call);
        let request = call.into_inner();
        let who = (request.by.as_str(), request.why.as_str(), uid);
        let acting = acting(&request.subject, who, &request.idempotency_key, |violations| {
            let kind = match request.kind() {
                v1::ActKind::Exemption => Ok(ActKind::Exemption),
                v1::ActKind::Override => Ok(ActKind::Override),
                v1::ActKind::Confirmation => Ok(ActKind::Confirmation),
                v1::ActKind::Refusal => Ok(ActKind::Refusal),
                v1::ActKind::Unspecified => Err("expected a kind of act"),
            };
            violations.check("kind", kind).map(Act::Lift)
        });
        self.act("Lift", &request, acting).await
    }

    async fn list_local(&self, call: Call<v1::ListLocalRequest>) -> Answer<v1::ListLocalResponse> {
        let request = call.into_inner();
        let (limit, page) = page(request.limit, &request.page, ANY_PAGE).map_err(|e| *e)?;
        let mut violations = Violations::default();
        let subject = if request.subject.is_empty() {
            Some(None)
        } else {
            tag(&request.subject, &mut violations).map(Some)
        };
        let subject = violations.finish(subject).map_err(|e| *e)?;
        let this = self.clone();
        let listed = blocking(move || match subject {
            Some(subject) => this.local_of(subject),
            None => this.local_acts(limit, &page),
        });
        Ok(Response::new(listed.await?))
    }

    async fn list_disputes(
        &self,
        call: Call<v1::ListDisputesRequest>,
    ) -> Answer<v1::ListDisputesResponse> {
        let request = call.into_inner();
        let (limit, page) = page(request.limit, &request.page, ANY_PAGE).map_err(|e| *e)?;
        let this = self.clone();
        let own_only = request.own_only;
        let listed = blocking(move || this.disputes(own_only, limit, &page, now())).await?;
        Ok(Response::new(listed))
    }

    async fn list_audit(&self, call: Call<v1::ListAuditRequest>) -> Answer<v1::ListAuditResponse> {
        let request = call.into_inner();
        let (limit, _) = page(request.limit, "", ANY_PAGE).map_err(|e| *e)?;
        let this = self.clone();
        let listed = blocking(move || this.audit(request.from.max(1), limit)).await?;
        Ok(Response::new(listed))
    }
}

fn tag(bytes: &[u8], violations: &mut Violations) -> Option<SubjectTag> {
    violations.check("subject", SubjectTag::from_slice(bytes).ok_or("expected a tag of 32 bytes"))
}

#[expect(
    clippy::option_option,
    reason = "the outer says whether it was right, the inner whether it was given"
)]
fn optional_time(
    field: &str,
    at: Option<&Timestamp>,
    violations: &mut Violations,
) -> Option<Option<Time>> {
    match at {
        None => Some(None),
        Some(at) => violations.check(field, time(at)).map(Some),
    }
}

/// What a person saw who confirms or refuses: the measure, and since when it was announced.
fn seen(
    measure: i32,
    since: Option<&Timestamp>,
    violations: &mut Violations,
) -> Option<(Measure, Option<Time>)> {
    let measure = requests::measure("measure".into(), measure, violations);
    let since = optional_time("since", since, violations);
    Some((measure?, since?))
}

fn required_time(field: &str, at: Option<&Timestamp>, violations: &mut Violations) -> Option<Time> {
    match at {
        None => {
            violations.add(field, "required, but not given");
            None
        }
        Some(at) => violations.check(field, time(at)),
    }
}

/// A request's act, every field checked.
fn acting(
    subject: &[u8],
    (by, why, uid): (&str, &str, Option<u32>),
    key: &str,
    act: impl FnOnce(&mut Violations) -> Option<Act>,
) -> Checked<(Acting, String)> {
    let mut violations = Violations::default();
    requests::idempotency_key(key, &mut violations);
    let subject = tag(subject, &mut violations);
    let act = act(&mut violations);
    let person = people::person(by, why, uid, &mut violations);
    let acting = (|| {
        let acting = Acting { subject: subject?, act: act?, person: person?, request: None };
        Some((acting, key.to_owned()))
    })();
    violations.finish(acting)
}

impl Services {
    /// Does what a person asks for, once for each idempotency key.
    async fn act<M: Message>(
        &self,
        method: &str,
        request: &M,
        acting: Checked<(Acting, String)>,
    ) -> Answer<v1::ActResponse> {
        let (mut acting, key) = acting.map_err(|e| *e)?;
        let subject = acting.subject;
        acting.request =
            (!key.is_empty()).then(|| Request { key, digest: digest(method, request) });
        let done = self.writer.act(acting).await.map_err(|_| gone())?;
        let done = done.map_err(|refused| people::act_refused(&refused))?;
        let this = self.clone();
        let decision = blocking(move || this.decisions(&[subject], now())).await?.pop();
        Ok(Response::new(v1::ActResponse {
            audit: done.audit,
            decision,
            repeated_request: done.repeated == Repeated::Yes,
        }))
    }

    fn queue(
        &self,
        limit: usize,
        from: &[u8],
        at: Time,
    ) -> Result<v1::ListQueueResponse, LedgerFault> {
        let rows = self.store.range(Column::Queue, from, &END, limit)?;
        let next_page = next_page(rows.last().map(|(key, _)| key), rows.len(), limit);
        let mut items = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let Some((since, subject)) = timer_of_key(&key) else { continue };
            let measure = measure(decode_row::<QueueRow>(&value)?.measure);
            items.push(self.queue_item(subject, measure, since, at)?);
        }
        Ok(v1::ListQueueResponse { items, next_page, as_of: Some(timestamp(at)) })
    }

    fn queue_item(
        &self,
        subject: SubjectTag,
        measure: Measure,
        since: Time,
        at: Time,
    ) -> Result<v1::QueueItem, LedgerFault> {
        let charters = self.charters.now();
        let known = known(&self.store, &charters, subject)?;
        let decided = self.row::<DecisionRow>(subject)?.unwrap_or_default();
        let local = self.row::<LocalRow>(subject)?.unwrap_or_default();
        let scope: ScopeRow = decided.own.or(decided.consortium).unwrap_or_default();
        let view = self.own_view();
        let members = charters.member_ids();
        let setting =
            Setting { policies: &view.policies, members: &members, view: View::Member(self.me) };
        let explanation = explain(&setting, &known.evidence, at);
        let disputes = open_disputes(&setting, &known.evidence, at);
        let flags = answers::flag_accounts(&known, &explanation.flags, &disputes);
        let (flags, flag_count) = weightiest(flags, measure);
        let ground = Ground { scope: &scope, policies: &view.policies, local: &local };
        let apply = match view.mode {
            Mode::Real => ground.apply(at).measure,
            Mode::Simulated => Measure::None,
        };
        Ok(v1::QueueItem {
            subject: subject.0.to_vec(),
            measure: answers::wire(measure),
            since: Some(timestamp(since)),
            effective: answers::wire(scope.in_force(at)),
            apply: answers::wire(apply),
            flags,
            flag_count,
        })
    }

    fn local_of(&self, subject: SubjectTag) -> Result<v1::ListLocalResponse, LedgerFault> {
        let local = self.row::<LocalRow>(subject)?.filter(LocalRow::has_acts);
        let subjects = local.iter().map(|local| people::local_part(subject, local)).collect();
        Ok(v1::ListLocalResponse { subjects, next_page: String::new() })
    }

    fn local_acts(&self, limit: usize, from: &[u8]) -> Result<v1::ListLocalResponse, LedgerFault> {
        let rows = self.store.range(Column::Local, from, &END, MAX_SCANNED)?;
        acts_page(&rows, limit)
    }

    fn disputes(
        &self,
        own_only: bool,
        limit: usize,
        from: &[u8],
        at: Time,
    ) -> Result<v1::ListDisputesResponse, LedgerFault> {
        // Those that this member must answer have the least first byte.
        let to = if own_only { &[1][..] } else { &END };
        let rows = self.store.range(Column::Disputes, from, to, limit)?;
        let next_page = next_page(rows.last().map(|(key, _)| key), rows.len(), limit);
        let mut disputes = Vec::with_capacity(rows.len());
        for (_, value) in rows {
            disputes.push(self.open_dispute(decode_row::<DisputeRow>(&value)?, at));
        }
        // What lapses at this very moment is taken out by a timer a moment later.
        disputes.retain(|dispute| dispute.left_seconds >= 0);
        Ok(v1::ListDisputesResponse { disputes, next_page, as_of: Some(timestamp(at)) })
    }

    fn open_dispute(&self, row: DisputeRow, at: Time) -> v1::OpenDispute {
        v1::OpenDispute {
            reason: i32::try_from(row.reason).unwrap_or(0),
            since: Time::from_micros(row.since).map(timestamp),
            deadline: Time::from_micros(row.deadline).map(timestamp),
            left_seconds: (row.deadline - at.micros()).div_euclid(MICROS_PER_SECOND),
            own: row.issuer == self.me.as_str(),
            subject: row.subject,
            issuer: row.issuer,
            flag: row.flag,
        }
    }

    fn audit(&self, from: u64, limit: usize) -> Result<v1::ListAuditResponse, LedgerFault> {
        let head = self.store.get(Column::Meta, MetaKey::AuditHead.bytes())?;
        let head = head.map(|bytes| decode_row::<AuditHeadRow>(&bytes)).transpose()?;
        let head = AuditHead::of_row(head.as_ref());
        let rows = self.store.range(Column::Audit, &number_key(from), &END, limit)?;
        let entries = rows.iter().map(|(key, value)| audit_entry(key, value));
        Ok(v1::ListAuditResponse {
            entries: entries.collect(),
            head_number: head.number,
            head_hash: head.hash.0.to_vec(),
        })
    }
}

/// An entry as it is kept: whoever reads it must see what is there, also where somebody has touched
/// it.
fn audit_entry(key: &[u8], value: &[u8]) -> v1::AuditEntry {
    let (hash, entry) = match <SealedRow as StoredRow>::decode(value) {
        Ok(sealed) => (sealed.hash.0.to_vec(), sealed.entry),
        Err(_) => (Vec::new(), value.to_vec()),
    };
    let row = <AuditRow as Message>::decode(entry.as_slice()).unwrap_or_default();
    v1::AuditEntry {
        number: number_of_key(key).unwrap_or_default(),
        at: (row.number > 0).then(|| Time::from_micros(row.at)).flatten().map(timestamp),
        by: row.by,
        uid: row.uid,
        act: row.act,
        subject: row.subject,
        detail: row.detail,
        why: row.why,
        previous: row.previous,
        entry,
        hash,
    }
}
