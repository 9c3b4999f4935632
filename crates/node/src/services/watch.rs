//! Following: state first, then the journal from a cursor on, for ever. One reader serves what is
//! long past and what happens now, so there is no hand-over at which an event could get lost; a
//! slow follower is served from disk and costs the node no memory.

use std::collections::BTreeSet;
use std::time::Duration;

use interlock_engine::ledger::rows::{DecisionRow, JournalRow, LocalRow, StoredRow, measure};
use interlock_engine::ledger::{Column, Ledger as _, LedgerFault, number_key, number_of_key};
use interlock_engine::replica::{DecidedMeasure, Event, Happening, LocalHappening};
use interlock_record::{Measure, SubjectTag};
use interlock_wire::{Violations, timestamp, v1};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Cursor, Services, answers, blocking, people, requests};
use crate::clock::now;

/// How many messages wait for a follower.
const MAX_WAITING: usize = 64;
/// How many journal entries are read at once.
const CHUNK: usize = 256;
/// How long nothing happens before a follower is told so.
const QUIET: Duration = Duration::from_secs(5);

type Sent<T> = mpsc::Sender<Result<T, Status>>;

/// Which decisions a follower wants.
struct Filter {
    at_least: Measure,
    subjects: BTreeSet<SubjectTag>,
}

impl Filter {
    fn wants(&self, subject: SubjectTag, measures: &[Measure]) -> bool {
        (self.subjects.is_empty() || self.subjects.contains(&subject))
            && measures.iter().any(|measure| *measure >= self.at_least)
    }
}

/// Follows decisions.
///
/// # Errors
/// For a cursor that is of no use, and a measure that is none.
pub(super) fn decisions(
    services: &Services,
    request: &v1::WatchDecisionsRequest,
    subjects: Vec<SubjectTag>,
) -> Result<impl Stream<Item = Result<v1::WatchDecisionsResponse, Status>> + Send + use<>, Status> {
    let mut violations = Violations::default();
    let at_least = requests::measure("at_least".into(), request.at_least, &mut violations);
    let start = v1::WatchStart::try_from(request.start).map_err(|_| "expected a start");
    let start = violations.check("start", start);
    let (at_least, begins) = violations.finish(at_least.zip(start)).map_err(|e| *e)?;
    let filter = Filter { at_least, subjects: subjects.into_iter().collect() };
    let end = *services.writer.journal().borrow();
    let (start, with_state) = if request.cursor.is_empty() {
        (end, begins != v1::WatchStart::Tail)
    } else {
        (Cursor::read(&request.cursor, &services.store, end)?.number, false)
    };
    let (sender, events) = mpsc::channel(MAX_WAITING);
    let services = services.clone();
    tokio::spawn(async move {
        if let Some(status) = follow_decisions(&services, filter, start, with_state, &sender).await
        {
            let _ = sender.send(Err(status)).await;
        }
    });
    Ok(ReceiverStream::new(events))
}

async fn follow_decisions(
    services: &Services,
    filter: Filter,
    start: u64,
    with_state: bool,
    sender: &Sent<v1::WatchDecisionsResponse>,
) -> Option<Status> {
    let store = services.store.clone();
    let mut count = 0;
    if with_state {
        // The state may already hold what happened since `start`; the tail tells it again.
        let sent = {
            let (this, sender) = (services.clone(), sender.clone());
            let (at_least, subjects) = (filter.at_least, filter.subjects.clone());
            blocking(move || state(&this, &Filter { at_least, subjects }, &sender)).await
        };
        match sent {
            Ok(sent) => count = sent,
            Err(status) => return Some(status),
        }
    }
    let caught_up = |number, subjects| v1::WatchDecisionsResponse {
        kind: Some(v1::watch_decisions_response::Kind::CaughtUp(v1::StateEnd { subjects })),
        cursor: Cursor::new(&store, number).to_string(),
    };
    if sender.send(Ok(caught_up(start, count))).await.is_err() {
        return None;
    }
    tail(
        services,
        start,
        sender,
        |event| decision_event(&event, &filter),
        |number, event| v1::WatchDecisionsResponse {
            kind: Some(v1::watch_decisions_response::Kind::Event(event)),
            cursor: Cursor::new(&store, number).to_string(),
        },
        |number| Some(caught_up(number, 0)),
    )
    .await
}

/// Sends the decision of every subject that has one and passes the filter; says how many.
fn state(
    services: &Services,
    filter: &Filter,
    sender: &Sent<v1::WatchDecisionsResponse>,
) -> Result<u64, LedgerFault> {
    let mut count = 0;
    let mut broken = None;
    let at = now();
    let view = services.own_view();
    services.store.scan(Column::Decisions, |key, value| {
        let row = match <DecisionRow as StoredRow>::decode(value) {
            Ok(row) => row,
            Err(error) => {
                broken = Some(error);
                return false;
            }
        };
        let (Some(subject), Some(consortium)) = (SubjectTag::from_slice(key), &row.consortium)
        else {
            return true;
        };
        let local = match services.row::<LocalRow>(subject) {
            Ok(local) => local,
            Err(error) => {
                broken = Some(error);
                return false;
            }
        };
        let state = answers::subject_decision(&view, subject, Some(&row), local.as_ref(), at);
        let apply = measure(u32::try_from(state.apply).unwrap_or(0));
        let (announced, in_force) = (consortium.announced(at), consortium.in_force(at));
        let nothing = consortium.transitions.is_empty() && apply == Measure::None;
        if nothing || !filter.wants(subject, &[announced, in_force, apply]) {
            return true;
        }
        count += 1;
        let message = v1::WatchDecisionsResponse {
            kind: Some(v1::watch_decisions_response::Kind::State(state)),
            cursor: String::new(),
        };
        sender.blocking_send(Ok(message)).is_ok()
    })?;
    broken.map_or(Ok(count), Err)
}

fn decision_event(event: &Event, filter: &Filter) -> Option<v1::DecisionEvent> {
    let told = match &event.happening {
        Happening::Announced(decided) => of_decided(v1::DecisionChange::Announced, decided, 0),
        Happening::Effective(decided) => of_decided(v1::DecisionChange::Effective, decided, 0),
        Happening::Revised { decided, corrects } => {
            of_decided(v1::DecisionChange::Revised, decided, *corrects)
        }
        Happening::Local(happening) => of_local(happening)?,
        _ => return None,
    };
    let (subject, measures, told) = told;
    filter.wants(subject, &measures).then(|| v1::DecisionEvent {
        number: event.number,
        recorded_at: Some(timestamp(event.recorded_at)),
        simulated: event.simulated,
        ..told
    })
}

/// Subject, measures before and after, and what of the event is in its decision.
type Told = (SubjectTag, [Measure; 2], v1::DecisionEvent);

fn of_decided(change: v1::DecisionChange, decided: &DecidedMeasure, corrects: u64) -> Told {
    let scope = if decided.own { v1::Scope::Own } else { v1::Scope::Consortium };
    let told = v1::DecisionEvent {
        change: change.into(),
        subject: decided.subject.0.to_vec(),
        scope: scope.into(),
        from: answers::wire(decided.from),
        to: answers::wire(decided.to),
        at: Some(timestamp(decided.at)),
        because: decided.because.iter().map(|id| id.0.to_vec()).collect(),
        frontier_digest: decided.frontier.0.to_vec(),
        corrects,
        arrivals: decided.arrivals,
        ..v1::DecisionEvent::default()
    };
    (decided.subject, [decided.from, decided.to], told)
}

fn of_local(happening: &LocalHappening) -> Option<Told> {
    let (change, subject, from, to, at, because) = match happening {
        LocalHappening::Applied { subject, from, to, at, because } => {
            (v1::DecisionChange::Applied, subject, from, to, at, answers::because(*because))
        }
        LocalHappening::Simulated { subject, from, to, at } => {
            let because = v1::AppliedBecause::Unspecified;
            (v1::DecisionChange::Simulated, subject, from, to, at, because)
        }
        _ => return None,
    };
    let told = v1::DecisionEvent {
        change: change.into(),
        subject: subject.0.to_vec(),
        scope: v1::Scope::Local.into(),
        from: answers::wire(*from),
        to: answers::wire(*to),
        at: Some(timestamp(*at)),
        applied_because: because.into(),
        ..v1::DecisionEvent::default()
    };
    Some((*subject, [*from, *to], told))
}

/// Follows the whole journal.
///
/// # Errors
/// For a cursor that is of no use.
pub(super) fn journal(
    services: &Services,
    request: &v1::WatchJournalRequest,
) -> Result<impl Stream<Item = Result<v1::WatchJournalResponse, Status>> + Send + use<>, Status> {
    let end = *services.writer.journal().borrow();
    let start = match request.cursor.as_str() {
        "" => 0,
        cursor => Cursor::read(cursor, &services.store, end)?.number,
    };
    let (sender, events) = mpsc::channel(MAX_WAITING);
    let services = services.clone();
    tokio::spawn(async move {
        let store = services.store.clone();
        let status = tail(
            &services,
            start,
            &sender,
            |event| Some((event.recorded_at, event.happening)),
            |number, (recorded_at, happening)| v1::WatchJournalResponse {
                cursor: Cursor::new(&store, number).to_string(),
                number,
                recorded_at: Some(timestamp(recorded_at)),
                kind: happening.name(),
                detail: detail(&happening).to_string(),
            },
            |_| None,
        )
        .await;
        if let Some(status) = status {
            let _ = sender.send(Err(status)).await;
        }
    });
    Ok(ReceiverStream::new(events))
}

fn detail(happening: &Happening) -> serde_json::Value {
    use serde_json::json;
    match happening {
        Happening::Statement { kind, id, subject, feed, sequence } => json!({
            "kind": kind, "statement": id, "subject": subject,
            "feed": feed.to_string(), "sequence": sequence,
        }),
        Happening::Inert { code, id, feed, sequence } => json!({
            "code": code, "statement": id, "feed": feed.to_string(), "sequence": sequence,
        }),
        Happening::Announced(decided) | Happening::Effective(decided) => decided_json(decided, 0),
        Happening::Revised { decided, corrects } => decided_json(decided, *corrects),
        Happening::Tripped { feed, sequence }
        | Happening::Equivocation { feed, sequence }
        | Happening::BranchTaken { feed, sequence } => {
            json!({ "feed": feed.to_string(), "sequence": sequence })
        }
        Happening::Void { feed, from } => json!({ "feed": feed.to_string(), "from": from }),
        Happening::CharterChanged { version, id, from } => {
            json!({ "version": version, "hash": id, "before": from })
        }
        Happening::CharterForked { version, ids } => json!({ "version": version, "rivals": ids }),
        Happening::Erased { id, feed, sequence } => json!({
            "statement": id, "feed": feed.to_string(), "sequence": sequence,
        }),
        Happening::Local(happening) => people::detail(happening),
        Happening::SigningForced { reason } => json!({ "reason": reason }),
        Happening::BackupMade { backup, records } => {
            json!({ "backup": backup, "records": records })
        }
        Happening::Restored { backup, made_at, erased } => {
            json!({ "backup": backup, "made_at": made_at, "erased": erased })
        }
        Happening::Late { feed, sequence, time } => {
            json!({ "feed": feed.to_string(), "sequence": sequence, "time": time })
        }
        Happening::LateBurst { feed, sequence, flags } => {
            json!({ "feed": feed.to_string(), "sequence": sequence, "flags": flags })
        }
    }
}

fn decided_json(decided: &DecidedMeasure, corrects: u64) -> serde_json::Value {
    serde_json::json!({
        "subject": decided.subject, "scope": if decided.own { "OWN" } else { "CONSORTIUM" },
        "from": decided.from, "to": decided.to, "at": decided.at, "because": decided.because,
        "frontier_digest": decided.frontier, "corrects": corrects, "arrivals": decided.arrivals,
    })
}

/// Sends what `pick` makes of each journal entry after `start`, for ever; gives back the status to
/// end with, or nothing when the follower has gone.
async fn tail<T: Send, M: Send + 'static>(
    services: &Services,
    start: u64,
    sender: &Sent<M>,
    pick: impl Fn(Event) -> Option<T> + Send + Sync,
    message: impl Fn(u64, T) -> M + Send + Sync,
    quiet: impl Fn(u64) -> Option<M> + Send + Sync,
) -> Option<Status> {
    let mut journal = services.writer.journal();
    let mut shutdown = services.shutdown.clone();
    let mut seen = start;
    loop {
        let end = *journal.borrow_and_update();
        while seen < end {
            let store = services.store.clone();
            let from = seen + 1;
            let events = match blocking(move || entries(&store, from)).await {
                Ok(events) => events,
                Err(status) => return Some(status),
            };
            let Some(last) = events.last().map(|event| event.number) else { break };
            for event in events {
                let number = event.number;
                if let Some(picked) = pick(event)
                    && sender.send(Ok(message(number, picked))).await.is_err()
                {
                    return None;
                }
            }
            seen = last;
        }
        tokio::select! {
            changed = journal.changed() => {
                if changed.is_err() {
                    return Some(super::gone());
                }
            }
            () = sender.closed() => return None,
            () = over(&mut shutdown) => return Some(super::gone()),
            () = tokio::time::sleep(QUIET) => {
                if let Some(quiet) = quiet(seen)
                    && sender.send(Ok(quiet)).await.is_err()
                {
                    return None;
                }
            }
        }
    }
}

/// Waits until the node shuts down.
async fn over(shutdown: &mut tokio::sync::watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|over| *over).await;
}

fn entries(store: &interlock_store::Store, from: u64) -> Result<Vec<Event>, LedgerFault> {
    let to = number_key(from + CHUNK as u64);
    store
        .range(Column::Journal, &number_key(from), &to, CHUNK)?
        .iter()
        .map(|(key, value)| {
            let number = number_of_key(key).unwrap_or_default();
            Event::from_row(number, &<JournalRow as StoredRow>::decode(value)?)
        })
        .collect()
}
