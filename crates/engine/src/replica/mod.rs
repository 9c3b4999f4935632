//! One replica of the consortium as a pure state machine: `step(ledger, now, inputs) -> Step`.
//!
//! Inputs are values, and so is what comes out: [`Changes`] to commit, all or none, and
//! [`Effect`]s to run *after* they are committed. The node commits to RocksDB and runs effects on
//! sockets; the simulator applies the same step to a map. A replica whose changes could not be
//! committed must not be used again: it remembers what the ledger does not.

mod accept;
mod gossip;
mod happening;
mod late;
mod publish;
mod settle;
mod statements;
mod withholding;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use interlock_record::{
    Digest, FeedHead, FeedId, MemberId, SigningKey, Span, SubjectTag, Time, VerifiedFork,
    VerifiedRecord,
};
use sha2::{Digest as _, Sha256};

pub use gossip::{HeadClaim, PULL_GRACE, PullRange};
pub use happening::{Decided as DecidedMeasure, Event, Happening};
pub use late::{LATE_AFTER, LATE_BURST_FLAGS, LATE_BURST_WINDOW};
pub use publish::{Drafted, PublishRefused, Published, Repeated, Request};
pub use settle::{Known, known, own_may_differ};
pub use withholding::{
    ASKED_LAST, HIDDEN_TELLERS, UNDELIVERED_IN_A_ROW, WITHHOLDING_AFTER, Withholding,
    WithholdingSign,
};

use crate::charter::Charter;
use crate::ledger::rows::{CountersRow, HeadRow, LogRow};
use crate::ledger::{
    Changes, Column, Draft, Ledger, LedgerFault, MetaKey, feed_key, feed_of_key, index_key,
    timer_key, timer_of_key,
};

/// At most so many timers fire in one step; the rest in the next.
pub const MAX_TIMERS_A_STEP: usize = 1_024;
/// At most so many records of one feed wait in memory for their time or their charter. More are
/// not lost: the peer that has them still has them.
pub const MAX_DEFERRED_A_FEED: usize = 256;

/// How long the replica waits for records of its own feed that somebody says exist.
pub const OWN_FEED_PATIENCE: Span = Span::from_secs(10);

/// Something that reaches the replica.
#[derive(Debug)]
pub enum Input {
    /// The platform wants statements published.
    Publish {
        /// Names the caller; comes back in [`Effect::Published`].
        ticket: u64,
        /// The statements, with fresh salts.
        statements: Vec<Drafted>,
        /// What makes a second try the same write.
        request: Option<Request>,
    },
    /// A peer has reached this node, and said who it is.
    Heard(MemberId),
    /// A peer's stream to this node has ended.
    Unheard(MemberId),
    /// This node has reached a peer.
    Dialled(MemberId),
    /// This node's stream to a peer has ended.
    DialLost(MemberId),
    /// A peer says which heads it knows.
    Frontier {
        /// The peer.
        from: MemberId,
        /// The heads.
        heads: Vec<HeadClaim>,
    },
    /// Records came, their signatures checked.
    Records {
        /// The peer that sent them.
        from: MemberId,
        /// The records, in the order they came.
        records: Vec<VerifiedRecord>,
    },
    /// A pull that [`Effect::Pull`] asked for has ended.
    PullEnded {
        /// The peer.
        from: MemberId,
        /// How.
        ended: PullEnd,
    },
    /// Proofs of equivocation came, checked.
    Forks(Vec<VerifiedFork>),
    /// Time has passed.
    Tick,
}

/// How a pull ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullEnd {
    /// Everything that was asked for came.
    Complete,
    /// It broke off.
    Failed,
}

/// Something to be done after a step's changes are committed.
#[derive(Debug)]
pub enum Effect {
    /// Tell the caller what became of its statements.
    Published {
        /// The caller.
        ticket: u64,
        /// What became of them.
        result: Result<Published, PublishRefused>,
    },
    /// Push a record of this node's own feed to every peer that it has reached.
    Push(Arc<Vec<u8>>),
    /// Tell peers which heads this node knows.
    Announce {
        /// The peer, or every peer.
        to: Option<MemberId>,
        /// The heads.
        heads: Vec<HeadClaim>,
    },
    /// Ask a peer for records.
    Pull {
        /// The peer.
        from: MemberId,
        /// Which.
        ranges: Vec<PullRange>,
    },
    /// Tell a peer that something it sent is refused.
    Refuse {
        /// The peer.
        peer: MemberId,
        /// The feed that it is of: what another member signed is not the peer's fault.
        feed: FeedId,
        /// A stable name.
        code: &'static str,
        /// More, for people.
        detail: String,
    },
    /// Send proofs of equivocation to every peer, before anything else.
    SpreadForks(Vec<Arc<Vec<u8>>>),
    /// What a peer sent was worth so much.
    Weighed {
        /// The peer.
        peer: MemberId,
        /// Records that were accepted, or wait for their time.
        new: u64,
        /// What it need not have sent: records that were known, heads that tell nothing.
        stale: u64,
    },
}

/// What comes out of a step.
#[derive(Debug)]
pub struct Step {
    /// To be committed first, all or none.
    pub changes: Changes,
    /// To be run then, in order.
    pub effects: Vec<Effect>,
    /// The number of the latest journal entry.
    pub journal: u64,
}

/// One replica of the consortium.
#[derive(Debug)]
pub struct Replica {
    me: MemberId,
    feed: FeedId,
    key: SigningKey,
    charter: Arc<Charter>,
    heads: BTreeMap<FeedId, FeedHead>,
    /// Times and flag counts of the records within each feed's window.
    windows: BTreeMap<FeedId, VecDeque<(Time, u64)>>,
    deferred: BTreeMap<FeedId, BTreeMap<u64, (MemberId, VerifiedRecord)>>,
    counters: CountersRow,
    /// No timer is due before this.
    fired_through: Time,
    gossip: gossip::Gossip,
    lateness: late::Lateness,
}

/// What a step gathers on its way.
struct Work<'a> {
    draft: Draft<'a>,
    now: Time,
    effects: Vec<Effect>,
    touched: BTreeSet<SubjectTag>,
    events: Vec<Happening>,
}

/// The replica cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The charter does not name the feed, or not with this key.
    #[error("the charter does not name feed {feed} with this node's key")]
    NotInCharter {
        /// The feed.
        feed: FeedId,
    },
}

impl Replica {
    /// Opens a replica on what its ledger remembers.
    ///
    /// # Errors
    /// [`OpenError`]; nothing has changed.
    pub fn open(
        ledger: &dyn Ledger,
        charter: Arc<Charter>,
        feed: FeedId,
        key: SigningKey,
    ) -> Result<Self, OpenError> {
        if charter.feed(feed).is_none_or(|named| named.key != key.public()) {
            return Err(OpenError::NotInCharter { feed });
        }
        let counters = crate::ledger::row(ledger, MetaKey::Counters.bytes())?.unwrap_or_default();
        let mut replica = Self {
            me: feed.member,
            feed,
            key,
            heads: heads(ledger)?,
            windows: BTreeMap::new(),
            deferred: BTreeMap::new(),
            counters,
            fired_through: Time::MIN,
            gossip: gossip::Gossip::new(&charter, feed),
            lateness: late::Lateness::default(),
            charter,
        };
        replica.fill_windows(ledger)?;
        replica.find_forks(ledger)?;
        Ok(replica)
    }

    /// Takes inputs, in order, at the instant `now`.
    ///
    /// # Errors
    /// [`LedgerFault`] when the ledger cannot be read. The replica must not be used again then.
    pub fn step(
        &mut self,
        ledger: &dyn Ledger,
        now: Time,
        inputs: Vec<Input>,
    ) -> Result<Step, LedgerFault> {
        let before = self.counters;
        let mut work = Work {
            draft: Draft::new(ledger),
            now,
            effects: Vec::new(),
            touched: BTreeSet::new(),
            events: Vec::new(),
        };
        let mut publish = Vec::new();
        let mut ticks = false;
        for input in inputs {
            match input {
                Input::Publish { ticket, statements, request } => {
                    publish.push((ticket, statements, request));
                }
                Input::Heard(peer) => self.gossip.heard(peer, now),
                Input::Unheard(peer) => self.gossip.unheard(peer),
                Input::Dialled(peer) => self.dialled(peer, &mut work)?,
                Input::DialLost(peer) => self.gossip.dial_lost(peer),
                Input::Frontier { from, heads } => self.frontier(from, heads, &mut work)?,
                Input::Records { from, records } => self.records(from, records, &mut work)?,
                Input::PullEnded { from, ended } => {
                    self.gossip.pull_ended(from, ended, &self.heads, now);
                }
                Input::Forks(forks) => self.forks(&forks, &mut work)?,
                Input::Tick => {
                    ticks = true;
                    self.tick(&mut work)?;
                }
            }
        }
        self.publish(publish, &mut work)?;
        self.settle_all(&mut work)?;
        // Only now: what came in this very step may take back what a timer would put in force.
        if ticks {
            self.fire_timers(&mut work)?;
        }
        self.pull_what_is_missing(&mut work);
        if self.counters != before {
            work.draft.put(MetaKey::Counters.bytes().to_vec(), &self.counters);
        }
        let Work { draft, effects, .. } = work;
        Ok(Step { changes: draft.into_changes(), effects, journal: self.counters.journal })
    }

    /// The charter that the replica goes by.
    pub fn charter(&self) -> &Arc<Charter> {
        &self.charter
    }

    /// The heads known of every feed that has a record.
    pub fn heads(&self) -> &BTreeMap<FeedId, FeedHead> {
        &self.heads
    }

    /// Counters.
    pub fn counters(&self) -> CountersRow {
        self.counters
    }

    /// What is known of the other members.
    pub fn peers(&self) -> Vec<PeerView> {
        self.gossip.views(&self.heads)
    }

    /// Why the replica does not sign at `now`, if it does not: somebody says that this node's own
    /// feed goes on, and a node that signs what it has signed before forks itself. A claim that
    /// nobody makes good stops mattering after [`OWN_FEED_PATIENCE`], and so does whatever else its
    /// peer says of this feed: else a liar could silence it.
    pub fn not_signing(&self, now: Time) -> Option<String> {
        let own = self.heads.get(&self.feed).map_or(0, |head| head.sequence);
        let known = self.gossip.believed_own_head(own, now)?;
        Some(format!(
            "others know record {known} of this node's feed, it has only {own}: catching up"
        ))
    }

    /// A digest of the heads known of every feed: two replicas with the same digest know the same.
    pub fn frontier_digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(b"interlock/frontier/v1\0");
        for (feed, head) in &self.heads {
            hash.update(feed_key(*feed));
            hash.update(head.sequence.to_be_bytes());
            hash.update(head.id.map_or([0; 32], |id| id.0));
        }
        Digest(hash.finalize().into())
    }

    /// When the earliest timer of `ledger` is due.
    ///
    /// # Errors
    /// [`LedgerFault`].
    pub fn next_due(&self, ledger: &dyn Ledger) -> Result<Option<Time>, LedgerFault> {
        let from = timer_key(self.fired_through, SubjectTag([0; 32]));
        let first = ledger.range(Column::Timers, &from, &[0xff; 41], 1)?;
        Ok(first.first().and_then(|(key, _)| timer_of_key(key)).map(|(due, _)| due))
    }

    /// Reads back the window of each feed that has a quota.
    fn fill_windows(&mut self, ledger: &dyn Ledger) -> Result<(), LedgerFault> {
        for (feed, head) in &self.heads {
            let Some(quota) = self.charter.feed(*feed).and_then(|feed| feed.quota) else {
                continue;
            };
            let Some(last) = head.time else { continue };
            let start = last.minus(quota.window);
            let mut window = VecDeque::new();
            for sequence in (1..=head.sequence).rev() {
                let Some(record) = record_at(ledger, *feed, sequence)? else { break };
                let header = record.verified()?.header().clone();
                if header.time <= start {
                    break;
                }
                window.push_front((header.time, u64::from(header.flags)));
            }
            self.windows.insert(*feed, window);
        }
        Ok(())
    }
}

/// What is known of another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Which member.
    pub member: MemberId,
    /// Whether this node reaches it.
    pub dialled: bool,
    /// Whether it reaches this node.
    pub heard: bool,
    /// When it was last heard.
    pub heard_at: Option<Time>,
    /// How many records it is known to have that this node has not.
    pub behind: u64,
    /// Frames from it that were refused.
    pub refused: u64,
}

/// The log row of a record, by feed and sequence.
///
/// # Errors
/// [`LedgerFault`].
pub fn record_at(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
) -> Result<Option<LogRow>, LedgerFault> {
    use crate::ledger::rows::IndexRow;
    let Some(index) = crate::ledger::row::<IndexRow>(ledger, &index_key(feed, sequence))? else {
        return Ok(None);
    };
    crate::ledger::row(ledger, &crate::ledger::number_key(index.arrival))
}

/// Every head that a ledger remembers.
fn heads(ledger: &dyn Ledger) -> Result<BTreeMap<FeedId, FeedHead>, LedgerFault> {
    use crate::ledger::rows::StoredRow as _;
    let corrupt = |what: String| LedgerFault::Corrupt { column: Column::Heads.name(), what };
    ledger
        .range(Column::Heads, &[], &[0xff; 64], usize::MAX)?
        .into_iter()
        .map(|(key, value)| {
            let feed = feed_of_key(&key).ok_or_else(|| corrupt("a key that is no feed".into()))?;
            let row = HeadRow::decode(&value)?;
            let head =
                FeedHead::from_bytes(&row.head).map_err(|error| corrupt(error.to_string()))?;
            Ok((feed, head))
        })
        .collect()
}
