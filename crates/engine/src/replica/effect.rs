//! What comes out of a step: changes to commit, and what is to be done after that.

use std::sync::Arc;

use interlock_record::{FeedId, MemberId};

use super::{
    CharterClaim, Destruction, HeadClaim, PublishRefused, Published, PullRange, SignedHead,
};
use crate::charter::{BadCharter, Charters};
use crate::ledger::Changes;
use crate::local::{LocalDone, LocalRefused};

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
    /// See that what was overwritten is gone from the disk, then say so ([`Input::Destroyed`](super::Input::Destroyed)).
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
