//! One replica of the consortium as a pure state machine: `step(ledger, now, inputs) -> Step`.
//!
//! Inputs are values, and so is what comes out: [`Changes`](crate::ledger::Changes) to commit, all
//! or none, and [`Effect`]s to run *after* they are committed. The node commits to RocksDB and runs
//! effects on sockets; the simulator applies the same step to a map. A replica whose changes could
//! not be committed must not be used again: it remembers what the ledger does not.

mod accept;
mod acting;
mod amend;
mod attempt;
mod branches;
mod caution;
mod destroy;
mod effect;
mod erase;
mod finality;
mod gossip;
mod happening;
mod input;
mod late;
mod local;
mod local_happening;
mod meaning;
mod opening;
mod publish;
mod rebuild;
mod retention;
mod retract;
mod revisit;
mod settle;
mod simulated;
mod statements;
mod telling;
mod view;
mod withholding;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use interlock_record::{
    FeedHead, FeedId, MemberId, Signer, Span, StatementId, SubjectTag, Time, VerifiedRecord,
};

pub use amend::{CharterClaim, signed_charters};
pub use branches::{MAX_BRANCH_RECORDS, MAX_FORKS_A_FEED, branch_records};
pub use caution::{SignedHead, Start};
pub use destroy::{Destruction, begun as destruction_begun};
pub use effect::{Effect, Step};
pub use finality::{SEEN_EVERY, final_heights};
pub use gossip::{Extent, HeadClaim, PULL_GRACE, PullRange};
pub use happening::{Decided as DecidedMeasure, Event, Happening};
pub use input::{Input, PullEnd};
pub use late::{LATE_AFTER, LATE_BURST_FLAGS, LATE_BURST_WINDOW};
pub use local_happening::{DisputeEnd, LocalHappening};
pub use meaning::Unmeant;
pub(crate) use meaning::{judged, of_disputes};
pub use opening::{OpenError, Opening};
pub use publish::{Drafted, PublishRefused, Published, Repeated, Request};
pub use retention::{
    MAX_OPEN_BEHIND, ROUNDS_TO_A_DAYS_LIMIT, Retained, RetentionMark, RetentionRound,
};
pub use revisit::MAX_REVISITS_A_STEP;
pub(crate) use settle::scope_row;
pub use settle::{Known, known, own_may_differ};
pub use simulated::MAX_SIMULATED_FLAGS;
pub use view::frontier_digest;
pub use view::{PeerView, head_of, record_at};
pub use withholding::{
    ASKED_LAST, HIDDEN_TELLERS, UNDELIVERED_IN_A_ROW, WITHHOLDING_AFTER, Withholding,
    WithholdingSign,
};

use crate::breaker::Window;
use crate::charter::{Charters, SignedCharter};
use crate::ledger::rows::CountersRow;
use crate::ledger::{Draft, Ledger, LedgerFault, MetaKey};
use crate::local::LocalSettings;

/// At most so many timers fire in one step; the rest in the next.
pub const MAX_TIMERS_A_STEP: usize = 1_024;
/// At most so many records of one feed wait in memory for their time or their charter. More are
/// not lost: the peer that has them still has them.
pub const MAX_DEFERRED_A_FEED: usize = 256;

/// How long the replica waits for records of its own feed that somebody says exist.
pub const OWN_FEED_PATIENCE: Span = Span::from_secs(10);

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
    /// Whether everybody was decided under other settings, and the ledger does not say so yet.
    other_settings: bool,
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
        self.note_settings(&mut work)?;
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
                Input::Retained(mark) => retention::mark(&mark, &mut work)?,
                Input::BackedUp { backup, records } => {
                    work.events.push(Happening::BackupMade { backup, records });
                }
                Input::Tick => {
                    ticks = true;
                    self.tick(&mut work)?;
                }
            }
        }
        let publish = self.keep_simulated(publish, &mut work)?;
        self.caution.review(&work.draft, self.heads.get(&self.feed))?;
        self.publish(publish, &mut work)?;
        self.erase_what_is_final(&mut work)?;
        revisit::revisit(&mut work)?;
        simulated::attest(&mut work)?;
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
