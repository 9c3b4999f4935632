//! One issuer's events, in their order, through its node.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use interlock_record::{CureKind, IdType, Reason, Time, WithdrawCause};
use interlock_sim::events::{Event, Op};
use interlock_wire::v1;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::speed::Pace;
use crate::client::{Node, identifier, is_transient, platform, refusal};
use crate::term::wire;
use crate::view::timestamp;

/// The most flags of one call: one record takes as many.
const MAX_FLAGS_A_CALL: usize = 256;
/// The most withdrawals or cures under way at once.
const MAX_CALLS_AT_ONCE: usize = 64;
/// How long a node may be away before its issuer gives up.
const OUTAGE_LIMIT: Duration = Duration::from_secs(30);
/// The wait between two attempts while it is away.
const OUTAGE_RETRY: Duration = Duration::from_millis(500);

/// When a flag's ground is said to have been observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ObservedAt {
    /// When the flag is sent: the whole file happens now.
    Now,
    /// At the event's own time, which may be years ago and so much decayed.
    Event,
}

/// What all players share.
#[derive(Debug, Clone)]
pub(super) struct Score {
    /// The file's name, for errors.
    pub file: String,
    /// What makes this run's idempotency keys its own.
    pub run: String,
    pub id_type: IdType,
    pub observed_at: ObservedAt,
    /// Why flags are withdrawn.
    pub cause: WithdrawCause,
    pub pace: Pace,
    pub progress: ProgressBar,
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub flags: u64,
    pub withdrawals: u64,
    pub cures: u64,
    /// Withdrawals of flags that were not raised in this file.
    pub ignored: u64,
}

impl Sent {
    /// Adds what somebody else sent.
    pub(super) fn add(&mut self, other: Self) {
        self.flags += other.flags;
        self.withdrawals += other.withdrawals;
        self.cures += other.cures;
        self.ignored += other.ignored;
    }
}

/// One issuer on its way through its events.
#[derive(Debug)]
pub(super) struct Player {
    score: Arc<Score>,
    node: Node,
    /// The flags that the issuer has on each subject, by reason.
    flags: BTreeMap<String, BTreeMap<Reason, Vec<u8>>>,
    sent: Sent,
}

impl Player {
    pub(super) fn new(score: Arc<Score>, node: Node) -> Self {
        Self { score, node, flags: BTreeMap::new(), sent: Sent::default() }
    }

    /// Plays the events: a batch goes out when the one before it is acknowledged.
    ///
    /// # Errors
    /// With the line of the first event of the batch that the node refused.
    pub(super) async fn play(mut self, events: Vec<Event>) -> anyhow::Result<Sent> {
        let mut rest = &events[..];
        while let Some(first) = rest.first() {
            self.score.pace.wait_for(first.at).await;
            let (batch, later) = rest.split_at(batch_len(rest, self.score.pace.due()));
            let line = first.line;
            let done = match first.op {
                Op::Add => self.raise(batch).await,
                Op::Del => self.withdraw(batch).await,
                Op::Repay => self.cure(batch).await,
            };
            done.map_err(|status| {
                let refusal = anyhow::Error::from(refusal(&self.node.address, &status));
                let file = &self.score.file;
                refusal.context(format!(
                    "{file}:{line}: not taken, nor what comes with it and after it"
                ))
            })?;
            self.score.progress.inc(batch.len() as u64);
            rest = later;
        }
        Ok(self.sent)
    }

    async fn raise(&mut self, batch: &[Event]) -> Result<(), Status> {
        let flags: Vec<v1::FlagDraft> = batch.iter().map(|event| self.draft(event)).collect();
        let idempotency_key = self.key(batch[0].line, "");
        let request = v1::RaiseFlagsRequest { flags, idempotency_key };
        let response = send(&self.node, &request, |channel, request| async move {
            platform(channel).raise_flags(request).await
        })
        .await?;
        if response.statements.len() != batch.len() {
            return Err(Status::internal("it acknowledged another number of flags than were sent"));
        }
        for (event, statement) in batch.iter().zip(response.statements) {
            let of_subject = self.flags.entry(event.subject.clone()).or_default();
            of_subject.insert(event.said.reason, statement);
        }
        self.sent.flags += batch.len() as u64;
        Ok(())
    }

    async fn withdraw(&mut self, batch: &[Event]) -> Result<(), Status> {
        let mut requests = Vec::new();
        for event in batch {
            let flags = self.flags.remove(&event.subject).unwrap_or_default();
            self.sent.ignored += u64::from(flags.is_empty());
            for (reason, statement) in flags {
                requests.push(v1::WithdrawRequest {
                    statement,
                    cause: wire(self.score.cause),
                    idempotency_key: self.key(event.line, reason.name()),
                    ..Default::default()
                });
            }
        }
        self.sent.withdrawals += requests.len() as u64;
        self.send_all(requests, |channel, request| async move {
            platform(channel).withdraw(request).await
        })
        .await
    }

    async fn cure(&mut self, batch: &[Event]) -> Result<(), Status> {
        let request = |event: &Event| v1::RaiseCureRequest {
            subject: Some(identifier(self.score.id_type, event.subject.clone())),
            kind: wire(CureKind::Repaid),
            idempotency_key: self.key(event.line, ""),
        };
        let requests: Vec<v1::RaiseCureRequest> = batch.iter().map(request).collect();
        self.sent.cures += requests.len() as u64;
        self.send_all(requests, |channel, request| async move {
            platform(channel).raise_cure(request).await
        })
        .await
    }

    /// Sends statements that do not depend on each other's order, all at once.
    async fn send_all<Q, F, R>(&self, requests: Vec<Q>, rpc: R) -> Result<(), Status>
    where
        Q: Clone + Send + Sync + 'static,
        R: Fn(Channel, Request<Q>) -> F + Copy + Send + Sync + 'static,
        F: Future<Output = Result<Response<v1::PublishResponse>, Status>> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        for request in requests {
            let node = self.node.clone();
            calls.spawn(async move { send(&node, &request, rpc).await });
        }
        while let Some(done) = calls.join_next().await {
            done.map_err(|error| Status::internal(error.to_string()))??;
        }
        Ok(())
    }

    fn draft(&self, event: &Event) -> v1::FlagDraft {
        let Score { id_type, observed_at, .. } = *self.score;
        v1::FlagDraft {
            subject: Some(identifier(id_type, event.subject.clone())),
            id_type: wire(id_type),
            reason: wire(event.said.reason),
            severity: wire(event.said.severity),
            confidence: event.said.confidence.into(),
            applied_measure: wire(event.said.measure),
            observed_at: (observed_at == ObservedAt::Event).then(|| timestamp(event.at)),
            ..Default::default()
        }
    }

    /// The same for the same line of the same run, so that trying again cannot write twice.
    fn key(&self, line: u64, which: &str) -> String {
        format!("replay-{}-{line}-{which}", self.score.run)
    }
}

/// How many of the events go out together: of one kind, due, and not too many.
fn batch_len(events: &[Event], due: Time) -> usize {
    let Some(first) = events.first() else { return 0 };
    let most = if first.op == Op::Add { MAX_FLAGS_A_CALL } else { MAX_CALLS_AT_ONCE };
    let together = |event: &&Event| event.op == first.op && event.at <= due.max(first.at);
    events.iter().take(most).take_while(together).count()
}

/// Makes a call; waits for a node that is away or busy, up to [`OUTAGE_LIMIT`].
async fn send<Q, A, F>(
    node: &Node,
    request: &Q,
    rpc: impl Fn(Channel, Request<Q>) -> F,
) -> Result<A, Status>
where
    Q: Clone,
    F: Future<Output = Result<Response<A>, Status>>,
{
    let give_up = Instant::now() + OUTAGE_LIMIT;
    loop {
        match node.try_call(request, &rpc).await {
            Err(status) if waits(&status) && Instant::now() < give_up => {
                tokio::time::sleep(OUTAGE_RETRY).await;
            }
            done => return done,
        }
    }
}

fn waits(status: &Status) -> bool {
    is_transient(status)
        || matches!(status.code(), Code::DeadlineExceeded | Code::ResourceExhausted)
}

#[cfg(test)]
mod tests {
    use interlock_record::{Measure, Severity};

    use super::*;
    use interlock_sim::events::Said;

    fn event(second: i64, op: Op) -> Event {
        let said = Said {
            reason: Reason::Overdue,
            severity: Severity::Low,
            confidence: 1,
            measure: Measure::None,
        };
        let at = Time::from_micros(second * 1_000_000).expect("a time");
        Event { line: 2, at, op, subject: "s".to_owned(), said, batch: 1 }
    }

    #[test]
    fn a_batch_is_of_one_kind_due_and_not_too_long() {
        let mut events =
            vec![event(1, Op::Add), event(2, Op::Add), event(3, Op::Add), event(4, Op::Del)];
        assert_eq!(batch_len(&events, Time::MAX), 3);
        assert_eq!(batch_len(&events, events[1].at), 2);
        assert_eq!(batch_len(&events, Time::MIN), 1, "what was waited for is due");
        assert_eq!(batch_len(&events[3..], Time::MAX), 1);
        events = vec![event(1, Op::Add); 300];
        assert_eq!(batch_len(&events, Time::MAX), MAX_FLAGS_A_CALL);
        assert_eq!(batch_len(&vec![event(1, Op::Repay); 300], Time::MAX), MAX_CALLS_AT_ONCE);
    }
}
