//! What members decide together: charters, releases of held records, erasures, forked feeds.

use std::pin::Pin;

use interlock_engine::charter::{BadCharter, CharterSignature, SignedCharter};
use interlock_engine::ledger::rows::{ForkRow, HeadRow, LogRow, StatementRow, StoredRow};
use interlock_engine::ledger::{
    Column, Ledger as _, LedgerFault, feed_key, feed_of_key, index_key, sequence_of_key,
};
use interlock_engine::replica::{record_at, signed_charters};
use interlock_record::{FeedId, MemberId};
use interlock_wire::v1::governance_server::Governance;
use interlock_wire::{charter_signature, refusal, v1};
use prost::Message as _;
use tokio_stream::Stream;
use tonic::{Code, Request as Call, Response, Status};

use super::{Services, blocking, gone, requests};

/// The most held records of one listing.
const MAX_LISTED: u32 = 1_000;
/// How many a listing has unless asked otherwise.
const DEFAULT_LISTED: u32 = 100;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Governance for Services {
    async fn apply_charter(
        &self,
        call: Call<v1::ApplyCharterRequest>,
    ) -> Answer<v1::ApplyCharterResponse> {
        let charter = signed(call.into_inner())?;
        let applied = self.writer.apply_charter(charter).await.map_err(|_| gone())?;
        let version = applied.map_err(|error| refused(&error))?;
        Ok(Response::new(v1::ApplyCharterResponse { version }))
    }

    type ListChartersStream = Pin<Box<dyn Stream<Item = Result<v1::SignedCharter, Status>> + Send>>;

    async fn list_charters(
        &self,
        call: Call<v1::ListChartersRequest>,
    ) -> Answer<Self::ListChartersStream> {
        let from = call.into_inner().from_version;
        let this = self.clone();
        let charters = blocking(move || this.charters_from(from)).await?;
        Ok(Response::new(Box::pin(tokio_stream::iter(charters.into_iter().map(Ok)))))
    }

    async fn release(&self, call: Call<v1::ReleaseRequest>) -> Answer<v1::PublishResponse> {
        let mut request = call.into_inner();
        let statement = requests::release(&request).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("Release", key, &request, vec![statement], None).await
    }

    async fn list_held(&self, call: Call<v1::ListHeldRequest>) -> Answer<v1::ListHeldResponse> {
        let request = call.into_inner();
        let member = match request.member.as_str() {
            "" => None,
            member => Some(member.parse::<MemberId>().map_err(|error| {
                refusal(Code::InvalidArgument, "BAD_REQUEST", format!("member: {error}"))
            })?),
        };
        let limit = if request.limit == 0 { DEFAULT_LISTED } else { request.limit };
        if limit > MAX_LISTED {
            let detail = format!("limit: expected 1 to {MAX_LISTED}, got {limit}");
            return Err(refusal(Code::InvalidArgument, "BAD_REQUEST", detail));
        }
        let this = self.clone();
        Ok(Response::new(blocking(move || this.held(member, limit as usize)).await?))
    }

    async fn erase(&self, call: Call<v1::EraseRequest>) -> Answer<v1::PublishResponse> {
        let mut request = call.into_inner();
        let statement = requests::erase(&request).map_err(|e| *e)?;
        let key = std::mem::take(&mut request.idempotency_key);
        self.publish("Erase", key, &request, vec![statement], None).await
    }

    async fn list_forks(&self, _: Call<v1::ListForksRequest>) -> Answer<v1::ListForksResponse> {
        let this = self.clone();
        let forks = blocking(move || this.forks()).await?;
        Ok(Response::new(v1::ListForksResponse { forks }))
    }
}

/// The charter version of a request.
fn signed(request: v1::ApplyCharterRequest) -> Result<SignedCharter, Status> {
    let bad = |detail: String| refusal(Code::InvalidArgument, "BAD_REQUEST", detail);
    let document = String::from_utf8(request.document)
        .map_err(|_| bad("document: expected a charter in UTF-8".into()))?;
    let signatures = request
        .signatures
        .iter()
        .enumerate()
        .map(|(index, signed)| {
            charter_signature(&signed.member, &signed.role, &signed.key, &signed.signature)
                .map_err(|error| bad(format!("signatures[{index}]: {error}")))
        })
        .collect::<Result<_, _>>()?;
    Ok(SignedCharter { document, signatures })
}

fn refused(error: &BadCharter) -> Status {
    let code = match error {
        BadCharter::Document(_) => Code::InvalidArgument,
        _ => Code::FailedPrecondition,
    };
    refusal(code, error.code(), error)
}

fn wire_signature(signed: &CharterSignature) -> v1::CharterSignature {
    v1::CharterSignature {
        member: signed.member.to_string(),
        role: signed.role.name().to_owned(),
        key: signed.key.as_bytes().to_vec(),
        signature: signed.signature.0.to_vec(),
    }
}

impl Services {
    fn charters_from(&self, version: u32) -> Result<Vec<v1::SignedCharter>, LedgerFault> {
        let charters = self.charters.now();
        let first = charters.chain()[0].clone();
        let first = SignedCharter { document: first.text.clone(), signatures: Vec::new() };
        let later = signed_charters(&self.store, version.max(2))?;
        let all = (version <= 1).then_some(first).into_iter().chain(later);
        let named = all.filter_map(|signed| {
            let charter = charters.known().find(|charter| charter.text == signed.document)?;
            Some(v1::SignedCharter {
                signatures: signed.signatures.iter().map(wire_signature).collect(),
                document: signed.document.into_bytes(),
                version: charter.version,
                hash: charter.id().0.to_vec(),
                holds: charters.chain().iter().any(|held| held.id() == charter.id()),
            })
        });
        Ok(named.collect())
    }

    fn held(
        &self,
        member: Option<MemberId>,
        limit: usize,
    ) -> Result<v1::ListHeldResponse, LedgerFault> {
        let charters = self.charters.now();
        let mut listed = v1::ListHeldResponse::default();
        let members = &charters.newest().members;
        let wanted = members.iter().filter(|(id, _)| member.is_none_or(|only| only == **id));
        let feeds = wanted.flat_map(|(member, state)| {
            state.feeds.keys().map(|number| FeedId { member: *member, number: *number })
        });
        for feed in feeds.filter(|feed| charters.longest_reach(*feed).is_some()) {
            let Some(head) = self.store.get(Column::Heads, &feed_key(feed))? else { continue };
            let head = <HeadRow as StoredRow>::decode(&head)?.head;
            let head =
                interlock_record::FeedHead::from_bytes(&head).map_or(0, |head| head.sequence);
            for sequence in (1..=head).rev() {
                let Some(row) = record_at(&self.store, feed, sequence)? else { break };
                if !row.held {
                    continue;
                }
                if listed.records.len() == limit {
                    listed.more = true;
                    return Ok(listed);
                }
                listed.records.push(self.held_record(feed, sequence, &row)?);
            }
        }
        Ok(listed)
    }

    fn held_record(
        &self,
        feed: FeedId,
        sequence: u64,
        row: &LogRow,
    ) -> Result<v1::HeldRecord, LedgerFault> {
        let header = row.verified()?.header().clone();
        let (from, to) = (index_key(feed, sequence), index_key(feed, sequence + 1));
        let releases = self.store.range(Column::Releases, &from, &to, usize::MAX)?;
        let mut released_by: Vec<String> = releases
            .iter()
            .filter_map(|(_, value)| StatementRow::decode(value.as_slice()).ok())
            .map(|release| release.member)
            .collect();
        released_by.sort_unstable();
        released_by.dedup();
        Ok(v1::HeldRecord {
            member: feed.member.to_string(),
            feed: feed.number.0,
            sequence,
            flags: header.flags,
            released_by,
            needed: self.charters.now().policy_at(header.time).release_k,
        })
    }

    fn forks(&self) -> Result<Vec<v1::Fork>, LedgerFault> {
        let mut forks = Vec::new();
        for (key, value) in self.store.range(Column::Forks, &[], &[0xff; 64], usize::MAX)? {
            let (Some(feed), Some(sequence)) = (feed_of_key(&key), sequence_of_key(&key)) else {
                continue;
            };
            let head = self.store.get(Column::Heads, &feed_key(feed))?;
            let head = head.map(|head| <HeadRow as StoredRow>::decode(&head)).transpose()?;
            forks.push(v1::Fork {
                member: feed.member.to_string(),
                feed: feed.number.0,
                sequence,
                void_from: head.and_then(|head| head.void_from).unwrap_or(0),
                proof: <ForkRow as StoredRow>::decode(&value)?.proof,
            });
        }
        Ok(forks)
    }
}
