//! The ways to the peers: what waits to be pushed to each, and whom refusals go to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use interlock_engine::charter::Charters;
use interlock_engine::replica::{Effect, Input};
use interlock_record::MemberId;
use interlock_wire::peer::{self, push_frame, reply_frame};
use tokio::sync::{Notify, mpsc, watch};

use super::Asked;
use super::cost::{self, Cost};
use super::porter::Porter;
use crate::writer::{Outbox, WriterHandle};

/// The ways to the peers, as they come and go.
#[derive(Debug, Default)]
pub struct Links {
    state: Mutex<State>,
    heard: Notify,
    /// Who is let in, and what each has cost.
    pub porter: Arc<Porter>,
}

#[derive(Debug, Default)]
struct State {
    pushes: BTreeMap<MemberId, Link>,
    replies: BTreeMap<MemberId, mpsc::Sender<peer::ReplyFrame>>,
    errors: BTreeMap<MemberId, String>,
    refusals: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Link {
    frames: mpsc::Sender<peer::PushFrame>,
    /// Whether a frame was dropped, so that the peer must be told everything anew.
    lost: AtomicBool,
}

impl Links {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A peer was reached: frames for it go here.
    pub(super) fn dialled(&self, peer: MemberId, frames: mpsc::Sender<peer::PushFrame>) {
        let mut state = self.state();
        state.pushes.insert(peer, Link { frames, lost: AtomicBool::new(false) });
        state.errors.remove(&peer);
    }

    /// The stream to a peer has ended, or it could not be reached.
    pub(super) fn dial_lost(&self, peer: MemberId, error: String) {
        let mut state = self.state();
        state.pushes.remove(&peer);
        state.errors.insert(peer, error);
    }

    /// A peer has come in: refusals for it go here.
    pub(super) fn heard(&self, peer: MemberId, replies: mpsc::Sender<peer::ReplyFrame>) {
        self.state().replies.insert(peer, replies);
        self.heard.notify_waiters();
    }

    /// Waits until some peer comes in. Who comes in can be reached, so that whoever waits to dial
    /// a peer again need wait no longer.
    pub(super) async fn somebody_heard(&self) {
        self.heard.notified().await;
    }

    /// Counts a refusal.
    pub fn count_refusal(&self, reason: &'static str) {
        *self.state().refusals.entry(reason).or_default() += 1;
    }

    /// The last error in reaching a peer.
    pub fn error(&self, peer: MemberId) -> Option<String> {
        self.state().errors.get(&peer).cloned()
    }

    /// How many frames wait to be pushed to each peer that is reached.
    pub fn waiting(&self) -> Vec<(MemberId, usize)> {
        let state = self.state();
        let waiting = |link: &Link| link.frames.max_capacity() - link.frames.capacity();
        state.pushes.iter().map(|(peer, link)| (*peer, waiting(link))).collect()
    }

    /// How often something was refused, by reason.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.state().refusals.iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    /// Tells a peer that something is refused, if it is still there to hear it.
    pub(super) fn refuse(&self, peer: MemberId, code: &'static str, detail: String, cost: Cost) {
        self.porter.refused(peer, code, cost);
        let mut state = self.state();
        *state.refusals.entry(code).or_default() += 1;
        let refused = peer::Refused { reason: code.to_owned(), detail };
        let frame = peer::ReplyFrame { kind: Some(reply_frame::Kind::Refused(refused)) };
        if let Some(replies) = state.replies.get(&peer) {
            // A peer that sends rubbish faster than it reads answers need not hear of all of it.
            let _ = replies.try_send(frame);
        }
    }
}

/// Runs the replica's effects: on the links, and by starting pulls.
pub struct PeerOutbox {
    links: Arc<Links>,
    writer: WriterHandle,
    pulls: mpsc::Sender<Asked>,
    charters: watch::Sender<Arc<Charters>>,
}

impl PeerOutbox {
    /// An outbox; what is to be asked for goes to `pulls`, charters that change to `charters`.
    pub fn new(
        links: Arc<Links>,
        writer: WriterHandle,
        pulls: mpsc::Sender<Asked>,
        charters: watch::Sender<Arc<Charters>>,
    ) -> Self {
        Self { links, writer, pulls, charters }
    }

    fn send(&self, to: Option<MemberId>, kind: &push_frame::Kind) {
        let state = self.links.state();
        for (peer, link) in &state.pushes {
            if to.is_none_or(|to| to == *peer) {
                let frame = peer::PushFrame { kind: Some(kind.clone()) };
                if link.frames.try_send(frame).is_err() {
                    link.lost.store(true, Ordering::Relaxed);
                } else if link.lost.swap(false, Ordering::Relaxed) {
                    // There is room again: have everything announced anew.
                    self.writer.try_input(Input::Dialled(*peer));
                }
            }
        }
    }
}

impl Outbox for PeerOutbox {
    fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Push(record) => {
                let records = peer::Records { records: vec![record.to_vec()] };
                self.send(None, &push_frame::Kind::Records(records));
            }
            Effect::Announce { to, heads, charters } => {
                let frontier = peer::Frontier {
                    heads: heads.iter().map(Into::into).collect(),
                    complete: to.is_some(),
                    charter_version: charters.version,
                    charters: charters.known.0.to_vec(),
                };
                self.send(to, &push_frame::Kind::Frontier(frontier));
            }
            Effect::SpreadForks(proofs) => {
                let proofs = proofs.iter().map(|proof| proof.to_vec()).collect();
                self.send(None, &push_frame::Kind::Forks(peer::Forks { proofs }));
            }
            Effect::Pull { from, ranges } => {
                if self.pulls.try_send(Asked::Records(from, ranges)).is_err() {
                    let ended = interlock_engine::replica::PullEnd::Failed;
                    self.writer.try_input(Input::PullEnded { from, ended });
                }
            }
            Effect::Refuse { peer, feed, code, detail } => {
                tracing::debug!(%peer, code, detail, "refused what a peer sent");
                // What another member signed, its deliverer has not forged: it may have been told apart.
                let own = feed.member == peer;
                let cost = if own { cost::of(code) } else { Cost::Nothing };
                self.links.refuse(peer, code, detail, cost);
            }
            Effect::FetchCharters { from, version } => {
                // What cannot be asked now is asked at the next claim.
                let _ = self.pulls.try_send(Asked::Charters(from, version));
            }
            Effect::CharterChanged(charters) => {
                let version = charters.newest().version;
                tracing::info!(version, "another charter version is known");
                if let Some(rivals) = charters.rivals() {
                    tracing::error!(
                        version = rivals.of + 1,
                        "the charter forked: two versions have a quorum, none holds until one that names both is signed"
                    );
                }
                self.charters.send_replace(charters);
            }
            // Not for peers.
            Effect::Published { .. }
            | Effect::CharterApplied { .. }
            | Effect::LocalDone { .. }
            | Effect::Destroyed(_) => {}
            Effect::Weighed { peer, new, stale } => self.links.porter.weighed(peer, new, stale),
        }
    }
}
