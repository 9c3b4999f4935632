//! One node watched during a replay: when it put which lock in force.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interlock_record::Measure;
use interlock_wire::v1::watch_decisions_response::Kind;
use interlock_wire::v1::{self, DecisionEvent, WatchDecisionsResponse};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::{Follower, Node, Start, operator};
use crate::exit::{Exit, Failure};
use crate::term::wire;
use crate::view;

/// From this measure on it is a lock.
pub(super) const LOCKED: Measure = Measure::Lock;
/// How long a node may take to tell its state.
const STATE_LIMIT: Duration = Duration::from_secs(60);

/// A lock by subject and by the instant from which it is in force, in µs since the epoch.
pub(super) type LockKey = (Vec<u8>, i64);
/// When a node wrote down that each lock is in force, in µs since the epoch.
pub(super) type Locks = BTreeMap<LockKey, i64>;

/// A node that is watched.
#[derive(Debug)]
pub(super) struct Observer {
    pub node: Node,
    /// Which member's node it is.
    pub member: String,
    /// The consortium's id.
    pub consortium: Vec<u8>,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What came over the watch so far.
#[derive(Debug)]
struct Seen {
    locks: Locks,
    last_message_at: Instant,
    caught_up_at: Instant,
    refused: Option<String>,
}

impl Observer {
    /// Starts to watch; returns when everything from now on will be seen.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses, is gone, or does not tell its state in time.
    pub(super) async fn start(node: Node) -> Result<Self, Failure> {
        let status = status(&node).await?;
        let mut follower =
            Follower::open(node.clone(), Start::State, wire(LOCKED), Vec::new()).await?;
        let address = node.address.clone();
        let caught_up = async {
            while !matches!(follower.next().await?.kind, Some(Kind::CaughtUp(_))) {}
            Ok::<(), Failure>(())
        };
        tokio::time::timeout(STATE_LIMIT, caught_up).await.map_err(|_| {
            let message =
                format!("the node at {address} did not tell its state within {STATE_LIMIT:?}");
            Failure::new(Exit::Unreachable, message)
        })??;
        let now = Instant::now();
        let seen =
            Seen { locks: Locks::new(), last_message_at: now, caught_up_at: now, refused: None };
        let seen = Arc::new(Mutex::new(seen));
        let task = tokio::spawn(observe(follower, Arc::clone(&seen)));
        Ok(Self { node, member: status.member, consortium: status.consortium, seen, task })
    }

    /// Whether everything that the node wrote before `since` has come: it said so, or was quiet
    /// for so long.
    ///
    /// # Errors
    /// [`Failure`] when the node ended the watch for good.
    pub(super) fn has_all(&self, since: Instant, quiet: Duration) -> Result<bool, Failure> {
        let seen = lock(&self.seen);
        if let Some(refused) = &seen.refused {
            return Err(Failure::new(Exit::Refused, refused.clone()));
        }
        Ok(seen.caught_up_at > since || seen.last_message_at.max(since).elapsed() >= quiet)
    }

    /// The locks that the node put in force since the watch began.
    pub(super) fn locks(&self) -> Locks {
        lock(&self.seen).locks.clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How the node is.
///
/// # Errors
/// [`Failure`] when it refuses or is gone.
pub(super) async fn status(node: &Node) -> Result<v1::GetStatusResponse, Failure> {
    node.call(&v1::GetStatusRequest {}, |channel, request| async move {
        operator(channel).get_status(request).await
    })
    .await
}

async fn observe(mut follower: Follower, seen: Arc<Mutex<Seen>>) {
    loop {
        match follower.next().await {
            Ok(message) => lock(&seen).take(message, Instant::now()),
            Err(failure) => {
                lock(&seen).refused = Some(failure.to_string());
                return;
            }
        }
    }
}

/// Nothing panics while it holds the lock; if it did, what was seen is still right.
fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn take(&mut self, message: WatchDecisionsResponse, now: Instant) {
        self.last_message_at = now;
        match message.kind {
            Some(Kind::CaughtUp(_)) => self.caught_up_at = now,
            Some(Kind::Event(event)) => {
                if let Some((key, recorded_at)) = lock_of(event) {
                    // The same message may come twice, and a revision may say it again.
                    self.locks.entry(key).or_insert(recorded_at);
                }
            }
            Some(Kind::State(_)) | None => {}
        }
    }
}

/// The lock that an event puts in force, if it does.
fn lock_of(event: DecisionEvent) -> Option<(LockKey, i64)> {
    let puts_in_force = event.change() == v1::DecisionChange::Effective
        && event.scope() == v1::Scope::Consortium
        && event.to >= wire(LOCKED)
        && event.to > event.from;
    let (at, recorded_at) = (view::time(event.at)?, view::time(event.recorded_at)?);
    puts_in_force.then(|| ((event.subject, at.micros()), recorded_at.micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(change: v1::DecisionChange, from: v1::Measure, to: v1::Measure) -> DecisionEvent {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        DecisionEvent {
            change: change.into(),
            scope: v1::Scope::Consortium.into(),
            from: from.into(),
            to: to.into(),
            subject: vec![7; 32],
            at: at(1),
            recorded_at: at(2),
            ..Default::default()
        }
    }

    #[test]
    fn only_a_lock_that_comes_into_force_counts() {
        use v1::{DecisionChange as Change, Measure as To};
        let lock = lock_of(event(Change::Effective, To::Review, To::Lock));
        assert_eq!(lock, Some(((vec![7; 32], 1_000_000), 2_000_000)));
        for (change, from, to) in [
            (Change::Announced, To::None, To::Lock),
            (Change::Effective, To::None, To::Freeze),
            (Change::Effective, To::Close, To::Lock),
            (Change::Revised, To::None, To::Lock),
        ] {
            assert_eq!(lock_of(event(change, from, to)), None);
        }
        let own = DecisionEvent {
            scope: v1::Scope::Own.into(),
            ..event(Change::Effective, To::None, To::Lock)
        };
        assert_eq!(lock_of(own), None);
    }
}
