//! What a platform's backend asks, and what it reads in the answers.

use interlock_record::{StatementId, SubjectTag, Time};
use interlock_wire::v1::{self, subject::By, watch_decisions_response::Kind};
use tonic::Streaming;

use crate::node::Node;
use crate::{eventually, soon};

/// A subject of our own by number.
pub(crate) fn tag(number: u8) -> SubjectTag {
    SubjectTag([number; 32])
}

/// The subject as requests name it.
pub(crate) fn subject(tag: SubjectTag) -> v1::Subject {
    v1::Subject { by: Some(By::Tag(tag.0.to_vec())) }
}

/// A flag of this severity for being overdue, whose member would lock.
pub(crate) fn flag(tag: SubjectTag, severity: v1::Severity) -> v1::FlagDraft {
    v1::FlagDraft {
        subject: Some(subject(tag)),
        id_type: v1::IdType::IdNumber.into(),
        reason: v1::Reason::Overdue.into(),
        severity: severity.into(),
        confidence: 100,
        applied_measure: v1::Measure::Lock.into(),
        ..Default::default()
    }
}

/// A request that raises this one flag.
pub(crate) fn raising(flag: v1::FlagDraft) -> v1::RaiseFlagsRequest {
    v1::RaiseFlagsRequest { flags: vec![flag], idempotency_key: String::new() }
}

/// The instant of a timestamp that must be there.
pub(crate) fn instant(timestamp: Option<prost_types::Timestamp>) -> Time {
    interlock_wire::time(&timestamp.expect("it is given")).expect("the node gave it")
}

impl Node {
    /// Raises one flag; its id and its record's time.
    pub(crate) async fn raise(&self, flag: v1::FlagDraft) -> (StatementId, Time) {
        let raised = self.platform().await.raise_flags(raising(flag)).await;
        let raised = raised.expect("a good flag is raised").into_inner();
        let id = StatementId::from_slice(&raised.statements[0]).expect("an id");
        (id, instant(raised.time))
    }

    /// Withdraws one of its flags; the time at which that takes effect.
    pub(crate) async fn withdraw(&self, flag: StatementId) -> Time {
        let request = v1::WithdrawRequest {
            statement: flag.0.to_vec(),
            cause: v1::WithdrawCause::Error.into(),
            ..Default::default()
        };
        let withdrawn = self.platform().await.withdraw(request).await;
        instant(withdrawn.expect("it is its own flag").into_inner().time)
    }

    /// The consortium's decision as this node has it.
    pub(crate) async fn decision(&self, tag: SubjectTag) -> v1::Decision {
        let request = v1::LookupRequest { subjects: vec![subject(tag)] };
        let answer = self.platform().await.lookup(request).await.expect("it answers").into_inner();
        answer.decisions[0].consortium.clone().expect("it is always given")
    }

    /// All that its journal has after a cursor; asserts that the numbers go on without a gap.
    pub(crate) async fn journal_after(&self, cursor: &str) -> Vec<v1::WatchJournalResponse> {
        let end = self.status().await.journal;
        let first = match cursor {
            "" => 1,
            cursor => cursor.rsplit_once('.').expect("a cursor").1.parse::<u64>().expect("one") + 1,
        };
        let request = v1::WatchJournalRequest { cursor: cursor.to_owned() };
        let mut watch = self.operator().await.watch_journal(request).await.expect("it answers");
        let mut entries = Vec::new();
        for number in first..=end {
            let entry = soon("a journal entry", watch.get_mut().message()).await;
            let entry = entry.expect("the stream goes on").expect("the stream goes on");
            assert_eq!(entry.number, number, "neither a gap nor a repeat");
            entries.push(entry);
        }
        entries
    }

    /// Waits until its journal tells this change of this subject's decision to `to`.
    pub(crate) async fn told(
        &self,
        tag: SubjectTag,
        change: v1::DecisionChange,
        to: v1::Measure,
    ) -> v1::DecisionEvent {
        let what = format!("{} tells {change:?} {to:?}", self.name);
        eventually(&what, async || {
            let events = self.all_events(tag).await;
            let found =
                events.iter().rev().find(|event| event.change() == change && event.to() == to);
            found.cloned().ok_or_else(|| format!("{events:?}"))
        })
        .await
    }

    /// All that its journal has told so far of a subject's decision, but not what is applied.
    pub(crate) async fn events(&self, tag: SubjectTag) -> Vec<v1::DecisionEvent> {
        let mut events = self.all_events(tag).await;
        events.retain(|event| event.scope() != v1::Scope::Local);
        events
    }

    /// All that its journal has told so far of a subject's decision and of what is applied.
    pub(crate) async fn all_events(&self, tag: SubjectTag) -> Vec<v1::DecisionEvent> {
        let status = self.status().await;
        let start = status.cursor.rsplit_once('.').expect("a cursor").0;
        let request = v1::WatchDecisionsRequest {
            cursor: format!("{start}.0"),
            subjects: vec![subject(tag)],
            ..Default::default()
        };
        let (mut watch, at) = self.watch(request).await;
        assert_eq!(at.number(), 0, "it begins where it was asked to");
        // Another subject's entry may be the journal's last: what was told before the status was
        // asked for is read without waiting for more, up to the last decision on this subject.
        let last = self.journal_after("").await.into_iter().rev().find(|entry| {
            entry.kind.starts_with("DECISION_") && entry.detail.contains(&tag.to_string())
        });
        let mut events = Vec::new();
        while last.as_ref().is_some_and(|last| {
            events.last().is_none_or(|event: &v1::DecisionEvent| event.number < last.number)
        }) {
            events.push(watch.event().await);
        }
        events
    }

    /// Follows decisions; gives back where the tail begins too, asserting that there is no state.
    pub(crate) async fn watch(&self, request: v1::WatchDecisionsRequest) -> (Watching, CaughtUp) {
        let (watching, state, caught_up) = self.watch_with_state(request).await;
        assert_eq!(state, [], "no state was asked for");
        (watching, caught_up)
    }

    /// Follows decisions: the tail, the state with which it began, and where the tail begins.
    pub(crate) async fn watch_with_state(
        &self,
        request: v1::WatchDecisionsRequest,
    ) -> (Watching, Vec<v1::SubjectDecision>, CaughtUp) {
        let answer = self.platform().await.watch_decisions(request).await.expect("it answers");
        let mut watching = Watching { stream: answer.into_inner() };
        let mut state = Vec::new();
        loop {
            let message = watching.message().await;
            match message.kind.expect("a kind") {
                Kind::State(decision) => {
                    assert_eq!(message.cursor, "", "no cursor within the state");
                    state.push(decision);
                }
                Kind::CaughtUp(end) => {
                    let caught_up = CaughtUp { subjects: end.subjects, cursor: message.cursor };
                    return (watching, state, caught_up);
                }
                Kind::Event(event) => panic!("an event before the tail: {event:?}"),
            }
        }
    }
}

/// The end of a watch's state.
#[derive(Debug)]
pub(crate) struct CaughtUp {
    pub(crate) subjects: u64,
    pub(crate) cursor: String,
}

impl CaughtUp {
    fn number(&self) -> u64 {
        self.cursor.rsplit_once('.').expect("a cursor").1.parse().expect("a cursor")
    }
}

/// A stream of decisions.
pub(crate) struct Watching {
    stream: Streaming<v1::WatchDecisionsResponse>,
}

impl Watching {
    async fn message(&mut self) -> v1::WatchDecisionsResponse {
        let message = soon("a message of a watch", self.stream.message()).await;
        message.expect("the stream goes on").expect("the stream goes on")
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> v1::DecisionEvent {
        self.event_and_cursor().await.0
    }

    /// The next event with its cursor.
    pub(crate) async fn event_and_cursor(&mut self) -> (v1::DecisionEvent, String) {
        loop {
            let message = self.message().await;
            match message.kind.expect("a kind") {
                Kind::Event(event) => return (event, message.cursor),
                // Nothing happened for a while.
                Kind::CaughtUp(_) => {}
                Kind::State(state) => panic!("state within the tail: {state:?}"),
            }
        }
    }

    /// How the stream ends, its events passed over.
    pub(crate) async fn ended(&mut self) -> Option<tonic::Status> {
        loop {
            match soon("the end of a watch", self.stream.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(status) => return Some(status),
            }
        }
    }
}
