//! What a platform's backend asks.

use std::collections::BTreeMap;
use std::pin::Pin;

use interlock_engine::ledger::rows::{DecisionRow, LocalRow, StoredRow};
use interlock_engine::ledger::{Column, LedgerFault};
use interlock_engine::local::Person;
use interlock_engine::replica::{Drafted, Known, Repeated, Request, known, record_at};
use interlock_engine::timeline::{Explanation, Setting, View, explain, open_disputes};
use interlock_record::{Digest, Statement, SubjectTag, Time};
use interlock_wire::v1::platform_server::Platform;
use interlock_wire::{Violations, refusal, time, timestamp, v1};
use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio_stream::Stream;
use tonic::{Code, Request as Call, Response, Status};

use super::{Services, answers, blocking, gone, people, requests, watch};
use crate::clock::{now, random};
use crate::writer::Publishing;

/// The most flags of one listing.
const MAX_LISTED: u32 = 1_000;
/// How many flags a listing has unless asked otherwise.
const DEFAULT_LISTED: u32 = 100;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Platform for Services {
    async fn raise_flags(&self, call: Call<v1::RaiseFlagsRequest>) -> Answer<v1::PublishResponse> {
        let mut request = call.into_inner();
        let subjects = request.flags.iter().filter_map(|draft| draft.subject.as_ref());
        let pepper = self.pepper(subjects)?;
        let statements = requests::flags(pepper, &mut request, now()).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("RaiseFlags", key, &request, statements, None).await
    }

    async fn withdraw(&self, call: Call<v1::WithdrawRequest>) -> Answer<v1::PublishResponse> {
        let uid = people::uid(&call);
        let mut request = call.into_inner();
        let statement = requests::withdraw(&request).map_err(|e| *e)?;
        let person = people::optional(&request.by, &request.why, uid).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("Withdraw", key, &request, vec![statement], person).await
    }

    async fn recall(&self, call: Call<v1::RecallRequest>) -> Answer<v1::PublishResponse> {
        let uid = people::uid(&call);
        let mut request = call.into_inner();
        let statement = requests::recall(&request).map_err(|e| *e)?;
        let person = people::optional(&request.by, &request.why, uid).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("Recall", key, &request, vec![statement], person).await
    }

    async fn open_dispute(
        &self,
        call: Call<v1::OpenDisputeRequest>,
    ) -> Answer<v1::PublishResponse> {
        let uid = people::uid(&call);
        let mut request = call.into_inner();
        let statement = requests::dispute(&request).map_err(|e| *e)?;
        let person = people::optional(&request.by, &request.why, uid).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("OpenDispute", key, &request, vec![statement], person).await
    }

    async fn resolve_dispute(
        &self,
        call: Call<v1::ResolveDisputeRequest>,
    ) -> Answer<v1::PublishResponse> {
        let uid = people::uid(&call);
        let mut request = call.into_inner();
        let statement = requests::resolve(&request).map_err(|e| *e)?;
        let person = people::optional(&request.by, &request.why, uid).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("ResolveDispute", key, &request, vec![statement], person).await
    }

    async fn raise_cure(&self, call: Call<v1::RaiseCureRequest>) -> Answer<v1::PublishResponse> {
        let mut request = call.into_inner();
        let statement =
            requests::cure(self.pepper(&request.subject)?, &mut request).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("RaiseCure", key, &request, vec![statement], None).await
    }

    async fn report_receipt(
        &self,
        call: Call<v1::ReportReceiptRequest>,
    ) -> Answer<v1::PublishResponse> {
        let mut request = call.into_inner();
        let statement =
            requests::receipt(self.pepper(&request.subject)?, &mut request).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("ReportReceipt", key, &request, vec![statement], None).await
    }

    async fn lookup(&self, call: Call<v1::LookupRequest>) -> Answer<v1::LookupResponse> {
        let mut asked = call.into_inner().subjects;
        let others = requests::other_tags(&self.peppers, self.epoch(), &asked);
        let subjects = requests::subjects(self.pepper(&asked)?, &mut asked, 1).map_err(|e| *e)?;
        let fresh = self.writer.freshness();
        let at = now();
        let this = self.clone();
        let decisions = blocking(move || {
            let mut decisions = this.decisions(&subjects, at)?;
            for (index, tags) in others {
                decisions[index] = gravest(decisions[index].clone(), this.decisions(&tags, at)?);
            }
            Ok(decisions)
        })
        .await?;
        let freshness = Some(answers::freshness(&fresh, at));
        Ok(Response::new(v1::LookupResponse { decisions, freshness }))
    }

    async fn explain(&self, call: Call<v1::ExplainRequest>) -> Answer<v1::ExplainResponse> {
        let mut request = call.into_inner();
        let mut violations = Violations::default();
        let subject = requests::subject(
            self.pepper(&request.subject)?,
            "subject",
            request.subject.as_mut(),
            &mut violations,
        );
        let at = match &request.at {
            None => Some(now()),
            Some(at) => violations.check("at", time(at)),
        };
        let ((subject, _), at) = violations.finish(subject.zip(at)).map_err(|e| *e)?;
        let this = self.clone();
        let mut answer = blocking(move || this.explanation(subject, at)).await?;
        answer.freshness = Some(answers::freshness(&self.writer.freshness(), now()));
        Ok(Response::new(answer))
    }

    async fn list_flags(&self, call: Call<v1::ListFlagsRequest>) -> Answer<v1::ListFlagsResponse> {
        let mut request = call.into_inner();
        let mut violations = Violations::default();
        let subject = match &mut request.subject {
            None => Some(None),
            given => {
                requests::subject(self.pepper(&*given)?, "subject", given.as_mut(), &mut violations)
                    .map(|(tag, _)| Some(tag))
            }
        };
        let limit = if request.limit == 0 { DEFAULT_LISTED } else { request.limit };
        if limit > MAX_LISTED {
            violations.add("limit", format!("expected 1 to {MAX_LISTED}, got {limit}"));
        }
        let subject = violations.finish(subject).map_err(|e| *e)?;
        let this = self.clone();
        let listed = blocking(move || this.own_flags(subject, request.live_only, limit)).await?;
        Ok(Response::new(listed))
    }

    type WatchDecisionsStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchDecisionsResponse, Status>> + Send>>;

    async fn watch_decisions(
        &self,
        call: Call<v1::WatchDecisionsRequest>,
    ) -> Answer<Self::WatchDecisionsStream> {
        let mut request = call.into_inner();
        let subjects =
            requests::subjects(self.pepper(&request.subjects)?, &mut request.subjects, 0)
                .map_err(|e| *e)?;
        let events = watch::decisions(self, &request, subjects)?;
        Ok(Response::new(Box::pin(events)))
    }
}

impl Services {
    /// Publishes statements, once for each idempotency key.
    pub(super) async fn publish<M: Message>(
        &self,
        method: &str,
        key: String,
        request: &M,
        statements: Vec<Statement>,
        person: Option<Person>,
    ) -> Answer<v1::PublishResponse> {
        let mut drafts = Vec::with_capacity(statements.len());
        for statement in statements {
            let salt = random().map_err(|error| {
                refusal(
                    Code::Internal,
                    "NO_RANDOMNESS",
                    format!("cannot get random bytes: {error}"),
                )
            })?;
            drafts.push(Drafted { salt, statement });
        }
        let request = (!key.is_empty()).then(|| Request { key, digest: digest(method, request) });
        let published = self
            .writer
            .publish(Publishing { statements: drafts, request, person })
            .await
            .map_err(|_| gone())?;
        let published = published.map_err(|refused| answers::publish_refused(&refused))?;
        Ok(Response::new(v1::PublishResponse {
            statements: published.statements.iter().map(|id| id.0.to_vec()).collect(),
            time: Some(timestamp(published.time)),
            sequence: published.sequence,
            repeated_request: published.repeated == Repeated::Yes,
            // Records begin at 1.
            simulated: published.sequence == 0,
        }))
    }

    /// How this member sees decisions.
    pub(super) fn own_view(&self) -> answers::OwnView {
        answers::OwnView {
            policies: self.settings.policies(self.charters.now().policies()),
            mode: self.settings.mode,
        }
    }

    pub(super) fn decisions(
        &self,
        subjects: &[SubjectTag],
        at: Time,
    ) -> Result<Vec<v1::SubjectDecision>, LedgerFault> {
        let view = self.own_view();
        let keys: Vec<&[u8]> = subjects.iter().map(|tag| tag.as_bytes().as_slice()).collect();
        let decisions = self.store.get_many(Column::Decisions, &keys)?;
        let locals = self.store.get_many(Column::Local, &keys)?;
        subjects
            .iter()
            .zip(decisions.into_iter().zip(locals))
            .map(|(subject, (decision, local))| {
                let decision =
                    decision.map(|bytes| decode_row::<DecisionRow>(&bytes)).transpose()?;
                let local = local.map(|bytes| decode_row::<LocalRow>(&bytes)).transpose()?;
                let (decision, local) = (decision.as_ref(), local.as_ref());
                Ok(answers::subject_decision(&view, *subject, decision, local, at))
            })
            .collect()
    }

    fn explanation(
        &self,
        subject: SubjectTag,
        at: Time,
    ) -> Result<v1::ExplainResponse, LedgerFault> {
        let charters = self.charters.now();
        let known = known(&self.store, &charters, subject)?;
        let (flags, explanation) = self.flag_accounts(&known, at);
        let row = self.row::<DecisionRow>(subject)?;
        let local = self.row::<LocalRow>(subject)?;
        let decision =
            answers::subject_decision(&self.own_view(), subject, row.as_ref(), local.as_ref(), at);
        let borrower = self.borrower_part(&known, &decision, row.as_ref(), at);
        let transitions = row.iter().filter_map(|row| row.consortium.as_ref());
        Ok(v1::ExplainResponse {
            decision: Some(decision),
            flags,
            measures: explanation.measures.iter().map(answers::measure_account).collect(),
            transitions: transitions
                .flat_map(|scope| scope.transitions.iter().map(answers::transition))
                .collect(),
            freshness: None,
            at: Some(timestamp(at)),
            local: Some(people::local_part(subject, &local.unwrap_or_default())),
            borrower: Some(borrower),
        })
    }

    /// A subject's row in the column of `R`.
    pub(super) fn row<R: StoredRow>(&self, subject: SubjectTag) -> Result<Option<R>, LedgerFault> {
        use interlock_engine::ledger::Ledger as _;
        let bytes = self.store.get(R::COLUMN, subject.as_bytes())?;
        bytes.map(|bytes| decode_row::<R>(&bytes)).transpose()
    }

    /// Every flag's account in the consortium's decision, with the clock of its dispute.
    fn flag_accounts(&self, known: &Known, at: Time) -> (Vec<v1::FlagAccount>, Explanation) {
        let charters = self.charters.now();
        let members = charters.member_ids();
        let setting =
            Setting { policies: charters.policies(), members: &members, view: View::Consortium };
        let explanation = explain(&setting, &known.evidence, at);
        let disputes = open_disputes(&setting, &known.evidence, at);
        (answers::flag_accounts(known, &explanation.flags, &disputes), explanation)
    }

    /// Flags of this node's own feed, the latest first.
    fn own_flags(
        &self,
        subject: Option<SubjectTag>,
        live_only: bool,
        limit: u32,
    ) -> Result<v1::ListFlagsResponse, LedgerFault> {
        let at = now();
        let charters = self.charters.now();
        let mut accounts: BTreeMap<SubjectTag, Vec<v1::FlagAccount>> = BTreeMap::new();
        let mut listed = v1::ListFlagsResponse::default();
        for sequence in (1..=self.own_head()?).rev() {
            let Some(row) = record_at(&self.store, self.feed, sequence)? else { continue };
            let record = row.verified()?;
            let mut flags: Vec<_> = record
                .statements(charters.rules_at(record.header().time))
                .filter_map(|(_, id, said)| match said {
                    Ok(Statement::Flag(flag)) => Some((id, flag.subject)),
                    _ => None,
                })
                .filter(|(_, of)| subject.is_none_or(|subject| subject == *of))
                .collect();
            flags.reverse();
            for (id, of) in flags {
                if let std::collections::btree_map::Entry::Vacant(place) = accounts.entry(of) {
                    let known = known(&self.store, &charters, of)?;
                    place.insert(self.flag_accounts(&known, at).0);
                }
                let account = accounts[&of].iter().find(|account| account.statement == id.0);
                let Some(account) = account.filter(|account| !live_only || is_live(account)) else {
                    continue;
                };
                if listed.flags.len() >= limit as usize {
                    listed.more = true;
                    return Ok(listed);
                }
                listed.flags.push(account.clone());
            }
        }
        Ok(listed)
    }

    fn own_head(&self) -> Result<u64, LedgerFault> {
        use interlock_engine::ledger::rows::HeadRow;
        use interlock_engine::ledger::{Ledger as _, feed_key};
        let row = self.store.get(Column::Heads, &feed_key(self.feed))?;
        let Some(row) = row else { return Ok(0) };
        let head = decode_row::<HeadRow>(&row)?.head;
        Ok(interlock_record::FeedHead::from_bytes(&head).map_or(0, |head| head.sequence))
    }
}

/// The decision with the gravest measure to apply: a person has a tag in each epoch of the pepper.
fn gravest(current: v1::SubjectDecision, others: Vec<v1::SubjectDecision>) -> v1::SubjectDecision {
    others.into_iter().fold(
        current,
        |gravest, other| {
            if other.apply > gravest.apply { other } else { gravest }
        },
    )
}

/// Whether a flag still counts for anything, now or once released.
fn is_live(account: &v1::FlagAccount) -> bool {
    !matches!(
        account.standing(),
        v1::Standing::Expired
            | v1::Standing::TakenBack
            | v1::Standing::Replaced
            | v1::Standing::Settled
    )
}

/// Hash of what was asked, identifiers made tags before.
pub(super) fn digest(method: &str, request: &impl Message) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"interlock/request/v1\0");
    hash.update(method.as_bytes());
    hash.update([0]);
    hash.update(request.encode_to_vec());
    Digest(hash.finalize().into())
}

/// A row of its bytes; named, since protobuf messages have a `decode` of their own.
pub(super) fn decode_row<R: StoredRow>(bytes: &[u8]) -> Result<R, LedgerFault> {
    <R as StoredRow>::decode(bytes)
}
