//! What an operator asks.

use std::pin::Pin;

use interlock_engine::ledger::rows::{DecisionRow, StoredRow};
use interlock_engine::ledger::{Column, LedgerFault};
use interlock_record::{FeedHead, FeedId, Measure, RecordId};
use interlock_wire::v1::operator_server::Operator;
use interlock_wire::{timestamp, v1};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::{Cursor, Services, blocking, flag_times, gone, others, watch};
use crate::clock::now;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Operator for Services {
    async fn get_status(&self, _: Request<v1::GetStatusRequest>) -> Answer<v1::GetStatusResponse> {
        let report = self.writer.report().await.map_err(|_| gone())?;
        let charters = self.charters.now();
        let this = self.clone();
        let subjects = blocking(move || this.subjects_by_measure()).await?;
        Ok(Response::new(v1::GetStatusResponse {
            member: self.me.to_string(),
            feed: self.feed.number.0,
            consortium_name: charters.newest().name.clone(),
            consortium: charters.consortium().0.to_vec(),
            charter_version: charters.newest().version,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Some(timestamp(self.started_at)),
            records: report.counters.arrivals,
            journal: report.counters.journal,
            subjects,
            held_records: report.counters.held,
            equivocations: report.counters.equivocations,
            frontier: report.heads.iter().map(head).collect(),
            frontier_digest: self.writer.freshness().frontier.0.to_vec(),
            not_signing: report.not_signing.unwrap_or_default(),
            cursor: Cursor::new(&self.store, report.counters.journal).to_string(),
            late_records: report.counters.late_records,
            late_bursts: report.counters.late_bursts,
            late_feeds: report.late_feeds.iter().map(ToString::to_string).collect(),
            charter_rivals: charters
                .rivals()
                .map(|rivals| rivals.ids.iter().map(|id| id.0.to_vec()).collect())
                .unwrap_or_default(),
            missing_pepper: self.peppers.missing(&charters).unwrap_or_default(),
        }))
    }

    async fn list_peers(&self, _: Request<v1::ListPeersRequest>) -> Answer<v1::ListPeersResponse> {
        let report = self.writer.report().await.map_err(|_| gone())?;
        Ok(Response::new(v1::ListPeersResponse {
            peers: self.others(&report, now()),
            refusals: others::refusals(self.links.refusals()),
        }))
    }

    type WatchJournalStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchJournalResponse, Status>> + Send>>;

    async fn watch_journal(
        &self,
        call: Request<v1::WatchJournalRequest>,
    ) -> Answer<Self::WatchJournalStream> {
        Ok(Response::new(Box::pin(watch::journal(self, call.get_ref())?)))
    }

    type ListFlagTimesStream =
        Pin<Box<dyn Stream<Item = Result<v1::ListFlagTimesResponse, Status>> + Send>>;

    async fn list_flag_times(
        &self,
        _: Request<v1::ListFlagTimesRequest>,
    ) -> Answer<Self::ListFlagTimesStream> {
        let report = self.writer.report().await.map_err(|_| gone())?;
        let charters = self.charters.now();
        let issuers = charters.newest().members.iter().map(|(id, member)| v1::Issuer {
            member: id.to_string(),
            name: member.name.clone(),
            group: member.group.clone(),
            feeds: report.heads.iter().filter(|(feed, _)| feed.member == *id).map(head).collect(),
        });
        Ok(Response::new(Box::pin(flag_times::list(self, issuers.collect()))))
    }
}

fn head((feed, head): &(FeedId, FeedHead)) -> v1::FeedHead {
    v1::FeedHead {
        member: feed.member.to_string(),
        feed: feed.number.0,
        sequence: head.sequence,
        head: head.id.map(|RecordId(id)| id.to_vec()).unwrap_or_default(),
        time: head.time.map(timestamp),
    }
}

impl Services {
    fn subjects_by_measure(&self) -> Result<Vec<u64>, LedgerFault> {
        let mut counts = vec![0; Measure::ALL.len()];
        let at = now();
        let mut broken = None;
        self.store.scan(Column::Decisions, |_, value| match <DecisionRow as StoredRow>::decode(
            value,
        ) {
            Ok(row) => {
                if let Some(scope) = row.consortium.filter(|scope| !scope.transitions.is_empty()) {
                    counts[usize::from(scope.announced(at).number())] += 1;
                }
                true
            }
            Err(error) => {
                broken = Some(error);
                false
            }
        })?;
        broken.map_or(Ok(counts), Err)
    }
}
