//! Who knows what: frontiers, and the pull of what is missing.
//!
//! A member pushes its own records to every peer that it reaches. Everything else is repair: peers
//! tell each other the heads they know, and who is behind pulls. Heads carry the record's id, since
//! height alone cannot see a fork.

mod exchange;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedHead, FeedId, MemberId, RecordId, Span, Time};

use super::withholding::{Milestones, Relaying};
use super::{OWN_FEED_PATIENCE, PeerView, PullEnd};
use crate::charter::Charter;

/// How long a head that a third member tells of may take to come from its issuer, before it is
/// pulled: the issuer's own push is nearly always on its way.
pub const PULL_GRACE: Span = Span::from_millis(300);
/// How long a peer whose pull failed is left alone.
const PULL_REST: Span = Span::from_secs(1);
/// Heads are told at least so often: the sign of life.
const HEARTBEAT: Span = Span::from_secs(1);
/// So many heads that tell nothing weigh as much as one record that was known.
const HEADS_A_FRAME: usize = 64;
/// The most ranges of one pull.
const MAX_RANGES: usize = 1_024;
/// How many records below a forked place are looked at at once for where the fork began.
const LOOK_BELOW: u64 = 64;

/// A head that somebody says it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadClaim {
    /// The feed.
    pub feed: FeedId,
    /// The sequence number.
    pub sequence: u64,
    /// The record's id.
    pub id: RecordId,
}

/// How much of what it knows a peer has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every head that it knows: a feed that it does not name, it does not know.
    Complete,
    /// Heads that have changed.
    Changes,
}

/// Records of one feed that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullRange {
    /// The feed.
    pub feed: FeedId,
    /// From this sequence number.
    pub first: u64,
    /// To this one, inclusive.
    pub last: u64,
    /// Of the branch that ends in this record, which is number `last`; none: of whichever branch the
    /// peer follows.
    pub head: Option<RecordId>,
}

/// What is known of the peers.
#[derive(Debug)]
pub(super) struct Gossip {
    /// This node's own feed.
    own: FeedId,
    pub(super) peers: BTreeMap<MemberId, Peer>,
    /// Feeds whose head moved since the last announcement.
    moved: BTreeSet<FeedId>,
    announced_at: Option<Time>,
    /// Since when a feed is known to be behind.
    behind_since: BTreeMap<FeedId, Time>,
    /// Ranges in which a peer knows other records than this node.
    disputed: BTreeMap<(FeedId, MemberId), (u64, u64)>,
    /// Whether the charters are to be told of at the next tick.
    announce: bool,
    /// When this node last asked anybody for content that is missing, and whom.
    last_asked: Option<MemberId>,
    pub(super) milestones: Milestones,
    /// Feeds with two branches: heads of different branches cannot be compared by their height.
    pub(super) forked: BTreeSet<FeedId>,
}

#[derive(Debug, Default)]
pub(super) struct Peer {
    /// How many streams it has to this node: a new one may come before the end of an old one.
    heard: u32,
    dialled: bool,
    heard_at: Option<Time>,
    pub(super) claims: BTreeMap<FeedId, (u64, RecordId)>,
    /// Since when it has claimed more of this node's own feed than there is, and nothing came.
    own_ahead_since: Option<Time>,
    /// What is being pulled from it, and the head that this node had then.
    pulling: BTreeMap<FeedId, u64>,
    rests_until: Option<Time>,
    refused: u64,
    /// When it was last asked for its charters.
    fetched_at: Option<Time>,
    pub(super) relaying: Relaying,
}

impl Peer {
    /// Whether it may be asked for records.
    fn is_ready(&self, now: Time) -> bool {
        self.dialled && self.pulling.is_empty() && self.rests_until.is_none_or(|until| until <= now)
    }
}

impl Gossip {
    pub(super) fn new(charter: &Charter, own: FeedId) -> Self {
        let others = charter.members.keys().filter(|member| **member != own.member);
        Self {
            own,
            peers: others.map(|member| (*member, Peer::default())).collect(),
            moved: BTreeSet::new(),
            announced_at: None,
            behind_since: BTreeMap::new(),
            disputed: BTreeMap::new(),
            announce: false,
            last_asked: None,
            milestones: Milestones::default(),
            forked: BTreeSet::new(),
        }
    }

    /// Another charter holds: there are other members.
    pub(super) fn members(&mut self, charter: &Charter) {
        let own = self.own.member;
        self.peers.retain(|member, _| charter.members.contains_key(member));
        for member in charter.members.keys().filter(|member| **member != own) {
            self.peers.entry(*member).or_default();
        }
    }

    /// Heads and charters are told at the next tick.
    pub(super) fn announce_soon(&mut self) {
        self.announce = true;
    }

    /// Whether a peer may be asked for its charters now; if so, it counts as asked.
    pub(super) fn may_fetch(&mut self, peer: MemberId, now: Time, rest: Span) -> bool {
        let Some(peer) = self.peers.get_mut(&peer) else { return false };
        let rested = peer.fetched_at.is_none_or(|at| at.plus(rest) <= now || now < at);
        if peer.dialled && rested {
            peer.fetched_at = Some(now);
            return true;
        }
        false
    }

    /// A peer follows another branch, which parts from this node's below `sequence`.
    pub(super) fn look_below(&mut self, feed: FeedId, peer: MemberId, sequence: u64) {
        if sequence > 1 {
            let first = sequence.saturating_sub(LOOK_BELOW).max(1);
            self.disputed.insert((feed, peer), (first, sequence - 1));
        }
    }

    /// A peer to ask for missing content: each in turn.
    pub(super) fn another_peer(&mut self, now: Time) -> Option<MemberId> {
        let ready: Vec<MemberId> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.is_ready(now))
            .map(|(member, _)| *member)
            .collect();
        let after = |member: &&MemberId| self.last_asked.is_none_or(|last| **member > last);
        let next = ready.iter().find(after).or(ready.first()).copied();
        self.last_asked = next.or(self.last_asked);
        next
    }

    pub(super) fn heard(&mut self, peer: MemberId, now: Time) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.heard += 1;
            peer.heard_at = Some(now);
            peer.relaying.heard(now);
        }
    }

    pub(super) fn unheard(&mut self, peer: MemberId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.heard = peer.heard.saturating_sub(1);
            if peer.heard == 0 {
                peer.relaying.unheard();
            }
        }
    }

    pub(super) fn dial_lost(&mut self, peer: MemberId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.dialled = false;
            peer.relaying.dial_lost();
        }
    }

    pub(super) fn sign_of_life(&mut self, peer: MemberId, now: Time) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.heard_at = Some(now);
        }
    }

    pub(super) fn refused(&mut self, peer: MemberId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.refused += 1;
        }
    }

    /// A peer knows a record. Whether that was news of it.
    pub(super) fn claimed(
        &mut self,
        peer: MemberId,
        feed: FeedId,
        sequence: u64,
        id: RecordId,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&peer) else { return false };
        let rose = peer.claims.get(&feed).is_none_or(|(known, _)| *known < sequence);
        if rose {
            peer.claims.insert(feed, (sequence, id));
        }
        rose
    }

    /// A feed's head moved on.
    pub(super) fn moved(&mut self, feed: FeedId) {
        self.moved.insert(feed);
    }

    pub(super) fn pull_ended(
        &mut self,
        from: MemberId,
        ended: PullEnd,
        heads: &BTreeMap<FeedId, FeedHead>,
        now: Time,
    ) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let pulled = std::mem::take(&mut peer.pulling);
        let moved = pulled
            .iter()
            .any(|(feed, before)| heads.get(feed).map_or(0, |head| head.sequence) > *before);
        peer.relaying.pull_ended(moved, now);
        // A peer that does not deliver what it says it has is left alone for a while.
        if ended == PullEnd::Failed || !moved {
            peer.rests_until = Some(now.plus(PULL_REST));
        }
    }

    /// A peer has more of a feed than this node.
    pub(super) fn ahead(&mut self, peer: MemberId, feed: FeedId, now: Time) {
        self.behind_since.entry(feed).or_insert(now);
        if feed == self.own
            && let Some(peer) = self.peers.get_mut(&peer)
        {
            peer.own_ahead_since.get_or_insert(now);
        }
    }

    /// A record of this node's own feed came from elsewhere: there may well be more.
    pub(super) fn own_feed_came(&mut self, now: Time) {
        for since in self.peers.values_mut().filter_map(|peer| peer.own_ahead_since.as_mut()) {
            *since = now;
        }
    }

    /// The greatest sequence number above `head` of this node's own feed that is claimed by a peer
    /// who may yet make it good.
    pub(super) fn believed_own_head(&self, head: u64, now: Time) -> Option<u64> {
        let patient = |since: Time| now < since.plus(OWN_FEED_PATIENCE);
        self.peers
            .values()
            .filter(|peer| peer.own_ahead_since.is_some_and(patient))
            .filter_map(|peer| Some(peer.claims.get(&self.own)?.0))
            .filter(|claimed| *claimed > head)
            .max()
    }

    /// The greatest sequence number of a feed that any peer knows.
    fn greatest_claim(&self, feed: FeedId) -> Option<u64> {
        self.peers.values().filter_map(|peer| Some(peer.claims.get(&feed)?.0)).max()
    }

    pub(super) fn views(&self, heads: &BTreeMap<FeedId, FeedHead>) -> Vec<PeerView> {
        let missing = |(feed, (sequence, _)): (&FeedId, &(u64, RecordId))| {
            sequence.saturating_sub(heads.get(feed).map_or(0, |head| head.sequence))
        };
        self.peers
            .iter()
            .map(|(member, peer)| PeerView {
                member: *member,
                dialled: peer.dialled,
                heard: peer.heard > 0,
                heard_at: peer.heard_at,
                // A claim may be anything.
                behind: peer.claims.iter().map(missing).fold(0, u64::saturating_add),
                refused: peer.refused,
            })
            .collect()
    }

    /// The peer from which to pull a feed: its issuer where that has it, else anyone who knows a
    /// head that is wanted; whoever did not deliver lately comes last.
    fn source(
        &self,
        feed: FeedId,
        now: Time,
        wanted: impl Fn(u64, RecordId) -> bool,
    ) -> Option<(MemberId, u64)> {
        let has = |peer: &Peer| {
            let claim = peer.claims.get(&feed).filter(|(sequence, id)| wanted(*sequence, *id));
            claim.map(|(sequence, _)| *sequence)
        };
        let candidates = self.peers.iter().filter(|(_, peer)| peer.is_ready(now)).filter_map(
            |(member, peer)| Some((*member, has(peer)?, !peer.relaying.comes_last(now))),
        );
        candidates
            .max_by_key(|(member, sequence, delivers)| {
                (*delivers, *member == feed.member, *sequence)
            })
            .map(|(member, sequence, _)| (member, sequence))
    }

    fn is_pulled(&self, feed: FeedId) -> bool {
        self.peers.values().any(|peer| peer.pulling.contains_key(&feed))
    }

    /// Whether the issuer itself has said that it has more, or cannot say so.
    fn need_not_wait(&self, feed: FeedId, above: u64, now: Time) -> bool {
        let issuer = self.peers.get(&feed.member);
        let told =
            issuer.and_then(|peer| peer.claims.get(&feed)).is_some_and(|claim| claim.0 > above);
        let heard = issuer.is_some_and(|peer| peer.heard > 0);
        let since = self.behind_since.get(&feed).copied().unwrap_or(now);
        told || !heard || now >= since.plus(PULL_GRACE)
    }
}
