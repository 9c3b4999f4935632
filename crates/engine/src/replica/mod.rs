//! One replica of the consortium as a pure state machine: `step(ledger, now, inputs) -> Step`.
//!
//! Inputs are values, and so is what comes out: [`Changes`] to commit, all or none, and
//! [`Effect`]s to run *after* they are committed. The node commits to RocksDB and runs effects on
//! sockets; the simulator applies the same step to a map. A replica whose changes could not be
//! committed must not be used again: it remembers what the ledger does not.

mod accept;
mod acting;
mod amend;
mod attempt;
mod branches;
mod caution;
mod destroy;
mod erase;
mod finality;
mod gossip;
mod happening;
mod late;
mod local;
mod local_happening;
mod meaning;
mod opening;
mod publish;
mod rebuild;
mod retention;
mod retract;
mod settle;
mod simulated;
mod statements;
mod view;
mod withholding;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use interlock_record::{
    Digest, FeedHead, FeedId, MemberId, Signer, Span, StatementId, SubjectTag, Time, VerifiedFork,
    VerifiedRecord,
};

pub use amend::{CharterClaim, signed_charters};
pub use branches::{MAX_BRANCH_RECORDS, MAX_FORKS_A_FEED, branch_records};
pub use caution::{SignedHead, Start};
pub use destroy::{Destruction, begun as destruction_begun};
pub use finality::{SEEN_EVERY, final_heights};
pub use gossip::{Extent, HeadClaim, PULL_GRACE, PullRange};
pub use happening::{Decided as DecidedMeasure, Event, Happening};
pub use late::{LATE_AFTER, LATE_BURST_FLAGS, LATE_BURST_WINDOW};
pub use local::MAX_RESETTLED_A_STEP;
pub use local_happening::{DisputeEnd, LocalHappening};
pub use meaning::Unmeant;
pub(crate) use meaning::{judged, of_disputes};
pub use opening::{OpenError, Opening};
pub use publish::{Drafted, PublishRefused, Published, Repeated, Request};
pub use retention::{Retained, past_retention};
pub(crate) use settle::scope_row;
pub use settle::{Known, MAX_REVISITS_A_STEP, known, own_may_differ};
pub use simulated::MAX_SIMULATED_FLAGS;
pub(crate) use view::frontier_digest;
pub use view::{PeerView, head_of, record_at};
pub use withholding::{
    ASKED_LAST, HIDDEN_TELLERS, UNDELIVERED_IN_A_ROW, WITHHOLDING_AFTER, Withholding,
    WithholdingSign,
};

use crate::breaker::Window;
use crate::charter::{BadCharter, Charters, SignedCharter};
use crate::ledger::rows::CountersRow;
use crate::ledger::{Changes, Draft, Ledger, LedgerFault, MetaKey};
use crate::local::{Act, LocalDone, LocalRefused, LocalSettings, Person};

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
        /// The charter versions that it knows, where it says so.
        charters: Option<CharterClaim>,
        /// Whether the heads are all.
        extent: Extent,
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
    /// As [`Input::Publish`], by a person whose act goes into the audit log.
    Attested {
        /// Names the caller; comes back in [`Effect::Published`].
        ticket: u64,
        /// The statements, with fresh salts.
        statements: Vec<Drafted>,
        /// What makes a second try the same write.
        request: Option<Request>,
        /// Who and why.
        person: Person,
    },
    /// A person does something about a subject at this node.
    Local {
        /// Names the caller; comes back in [`Effect::LocalDone`].
        ticket: u64,
        /// About whom.
        subject: SubjectTag,
        /// What.
        act: Act,
        /// Who and why.
        person: Person,
        /// What makes a second try the same act.
        request: Option<Request>,
    },
    /// Proofs of equivocation came, checked.
    Forks {
        /// The peer that sent them.
        from: MemberId,
        /// The proofs.
        forks: Vec<VerifiedFork>,
    },
    /// Charter versions came from another member.
    Charters {
        /// The peer that sent them.
        from: MemberId,
        /// The versions, lower ones first.
        charters: Vec<SignedCharter>,
    },
    /// An operator brings a charter version.
    ApplyCharter {
        /// Names the caller; comes back in [`Effect::CharterApplied`].
        ticket: u64,
        /// The version.
        charter: SignedCharter,
    },
    /// A destruction, and all before it, was done.
    Destroyed(u64),
    /// A backup was made.
    BackedUp {
        /// SHA-256 of its file.
        backup: Digest,
        /// How many records it has.
        records: u64,
    },
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
    /// Tell the caller what became of an act.
    LocalDone {
        /// The caller.
        ticket: u64,
        /// What became of it.
        result: Result<LocalDone, LocalRefused>,
    },
    /// Push a record of this node's own feed to every peer that it has reached.
    Push(Arc<Vec<u8>>),
    /// Tell peers which heads this node knows.
    Announce {
        /// The peer, or every peer.
        to: Option<MemberId>,
        /// The heads.
        heads: Vec<HeadClaim>,
        /// The charter versions that this node knows.
        charters: CharterClaim,
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
    /// Tell the caller what became of its charter version.
    CharterApplied {
        /// The caller.
        ticket: u64,
        /// The version that holds now, or why the one that came is refused.
        result: Result<u32, BadCharter>,
    },
    /// Ask a peer for its charter versions, from this one on.
    FetchCharters {
        /// The peer.
        from: MemberId,
        /// The lowest version that may be missing.
        version: u32,
    },
    /// Another charter holds from now on: who the members are, with which keys, and where.
    CharterChanged(Arc<Charters>),
    /// See that what was overwritten is gone from the disk, then say so ([`Input::Destroyed`]).
    Destroyed(Destruction),
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
    /// The last record that was signed in this step: to be remembered outside the ledger before
    /// any effect runs.
    pub signed: Option<SignedHead>,
}

/// One replica of the consortium.
#[derive(Debug)]
pub struct Replica {
    me: MemberId,
    feed: FeedId,
    signer: Arc<dyn Signer>,
    charters: Arc<Charters>,
    /// Versions that came with the configuration and are not in the ledger yet.
    unsaved: Vec<SignedCharter>,
    heads: BTreeMap<FeedId, FeedHead>,
    /// Times and flag counts of the records within each feed's window.
    windows: BTreeMap<FeedId, Window>,
    /// The day of each feed's last record, and how many statements the feed made that day.
    days: BTreeMap<FeedId, (i64, u64)>,
    deferred: BTreeMap<FeedId, BTreeMap<u64, (MemberId, VerifiedRecord)>>,
    forks: branches::Forks,
    finality: finality::Finality,
    /// Erasures that are not carried out yet.
    erasing: BTreeSet<StatementId>,
    /// Whether subjects wait to be decided anew.
    revisiting: bool,
    counters: CountersRow,
    /// No timer is due before this.
    fired_through: Time,
    gossip: gossip::Gossip,
    settings: LocalSettings,
    own_policies: local::OwnPolicies,
    resettling: Option<local::Resettling>,
    caution: caution::Caution,
    lateness: late::Lateness,
    /// What the signer was asked for last, where no signature came of it.
    unanswered: Option<attempt::Unanswered>,
}

/// What a step gathers on its way.
struct Work<'a> {
    draft: Draft<'a>,
    now: Time,
    effects: Vec<Effect>,
    touched: BTreeSet<SubjectTag>,
    events: Vec<Happening>,
    /// Whether subjects wait to be decided anew.
    revisits: bool,
    local: local::LocalWork,
    signed: Option<SignedHead>,
}

impl<'a> Work<'a> {
    fn new(ledger: &'a dyn Ledger, now: Time, revisits: bool) -> Self {
        Self {
            draft: Draft::new(ledger),
            now,
            effects: Vec::new(),
            touched: BTreeSet::new(),
            events: Vec::new(),
            revisits,
            local: local::LocalWork::default(),
            signed: None,
        }
    }
}

impl Replica {
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
        let mut work = Work::new(ledger, now, self.revisiting);
        work.events.extend(self.caution.take_forced());
        let mut publish = Vec::new();
        let mut acts = Vec::new();
        let mut ticks = false;
        self.save_charters(&mut work)?;
        for input in inputs {
            match input {
                Input::Publish { ticket, statements, request } => {
                    publish.push((ticket, statements, request));
                }
                Input::Attested { ticket, statements, request, person } => {
                    simulated::attested(ticket, &statements, person, &mut work)?;
                    publish.push((ticket, statements, request));
                }
                Input::Local { ticket, subject, act, person, request } => {
                    acts.push(acting::Asked { ticket, subject, act, person, request });
                }
                Input::Heard(peer) => self.gossip.heard(peer, now),
                Input::Unheard(peer) => self.gossip.unheard(peer),
                Input::Dialled(peer) => self.dialled(peer, &mut work)?,
                Input::DialLost(peer) => self.gossip.dial_lost(peer),
                Input::Frontier { from, heads, charters, extent } => {
                    self.frontier(from, heads, extent, &mut work)?;
                    self.compare_charters(from, charters, &mut work);
                }
                Input::Records { from, records } => self.records(from, records, &mut work)?,
                Input::PullEnded { from, ended } => {
                    self.gossip.pull_ended(from, ended, &self.heads, now);
                }
                Input::Forks { from, forks } => self.forks(from, &forks, &mut work)?,
                Input::Charters { from, charters } => {
                    self.charters_came(from, charters, &mut work)?;
                }
                Input::ApplyCharter { ticket, charter } => {
                    let result = self.apply_charter(&charter, &mut work)?;
                    work.effects.push(Effect::CharterApplied { ticket, result });
                }
                Input::Destroyed(number) => Self::destroyed(number, &mut work)?,
                Input::BackedUp { backup, records } => {
                    work.events.push(Happening::BackupMade { backup, records });
                }
                Input::Tick => {
                    ticks = true;
                    self.tick(&mut work)?;
                }
            }
        }
        self.note_resettling(&mut work);
        let publish = self.keep_simulated(publish, &mut work)?;
        self.caution.review(&work.draft, self.heads.get(&self.feed))?;
        self.publish(publish, &mut work)?;
        self.erase_what_is_final(&mut work)?;
        Self::revisit(&mut work)?;
        simulated::attest(&mut work)?;
        if ticks {
            self.resettle_some(&mut work)?;
        }
        self.settle_all(&mut work)?;
        self.act_all(acts, &mut work)?;
        // Only now: what came in this very step may take back what a timer would put in force.
        if ticks {
            self.fire_timers(&mut work)?;
        }
        self.pull_what_is_missing(&mut work);
        Self::number_destructions(&mut work)?;
        if self.counters != before {
            work.draft.put(MetaKey::Counters.bytes().to_vec(), &self.counters);
        }
        let Work { draft, effects, revisits, signed, .. } = work;
        self.revisiting = revisits;
        let changes = draft.into_changes();
        Ok(Step { changes, effects, journal: self.counters.journal, signed })
    }
}
