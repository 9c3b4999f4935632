//! What others may know of a replica, and read from its ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use interlock_record::{Digest, FeedHead, FeedId, MemberId, RecordId, SubjectTag, Time};
use sha2::{Digest as _, Sha256};

use super::{Replica, SignedHead, opening};
use crate::charter::Charters;
use crate::ledger::rows::{CountersRow, IndexRow, LogRow};
use crate::ledger::{
    Column, Ledger, LedgerFault, feed_key, index_key, number_key, row, timer_key, timer_of_key,
};

impl Replica {
    /// The charters that the replica goes by.
    pub fn charters(&self) -> &Arc<Charters> {
        &self.charters
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

    /// Why the replica does not sign at `now`, if it does not: it has lost what it signed last,
    /// somebody says that this node's own feed goes on, or the others have not been asked yet. A
    /// node that signs what it has signed before forks itself. A claim that nobody makes good stops
    /// mattering after [`OWN_FEED_PATIENCE`](super::OWN_FEED_PATIENCE), and so does whatever else its peer says of this feed:
    /// else a liar could silence it.
    pub fn not_signing(&self, now: Time) -> Option<String> {
        let named = self.charters.feed(self.feed);
        if named.is_none_or(|feed| feed.last.is_some()) {
            return Some(format!(
                "charter version {} has ended feed {}: it needs a new one",
                self.charters.newest().version,
                self.feed
            ));
        }
        if let Some(from) = self.forks.void_from(self.feed) {
            return Some(format!(
                "feed {} has two records {from} and neither is final: what it says means nothing, it needs a new feed",
                self.feed
            ));
        }
        let own = self.heads.get(&self.feed).map_or(0, |head| head.sequence);
        let told = || {
            let known = self.gossip.believed_own_head(own, now)?;
            Some(format!(
                "others know record {known} of this node's feed, it has only {own}: catching up"
            ))
        };
        self.caution.against_head(own).or_else(told).or_else(|| self.caution.unanswered())
    }

    /// A digest of the heads known of every feed: two replicas with the same digest know the same.
    pub fn frontier_digest(&self) -> Digest {
        frontier_digest(self.heads.iter().map(|(feed, head)| (*feed, head.sequence, head.id)))
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
}

/// The digest of heads, given in the order of their feeds.
pub fn frontier_digest(heads: impl Iterator<Item = (FeedId, u64, Option<RecordId>)>) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"interlock/frontier/v1\0");
    for (feed, sequence, id) in heads {
        hash.update(feed_key(feed));
        hash.update(sequence.to_be_bytes());
        hash.update(id.map_or([0; 32], |id| id.0));
    }
    Digest(hash.finalize().into())
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
    let Some(index) = row::<IndexRow>(ledger, &index_key(feed, sequence))? else {
        return Ok(None);
    };
    row(ledger, &number_key(index.arrival))
}

/// The head of a feed that a ledger remembers, if the feed has a record.
///
/// # Errors
/// [`LedgerFault`].
pub fn head_of(ledger: &dyn Ledger, feed: FeedId) -> Result<Option<SignedHead>, LedgerFault> {
    let head = opening::heads(ledger)?.0.remove(&feed);
    Ok(head.and_then(|head| Some(SignedHead { sequence: head.sequence, id: head.id? })))
}
