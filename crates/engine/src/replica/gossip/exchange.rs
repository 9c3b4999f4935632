//! What a replica tells its peers, what it takes from what they tell, and what it pulls.

use std::collections::BTreeMap;
use std::sync::Arc;

use interlock_record::{FeedId, MemberId, RecordId, Time};

use super::{Extent, HEADS_A_FRAME, HEARTBEAT, HeadClaim, MAX_RANGES, PullRange};
use crate::ledger::rows::{ForkRow, IndexRow, StoredRow as _};
use crate::ledger::{Column, Ledger as _, LedgerFault, fork_key, index_key};
use crate::replica::{CharterClaim, Effect, Replica, Work};

impl Replica {
    /// A peer was reached: tell it everything.
    pub(in crate::replica) fn dialled(
        &mut self,
        peer: MemberId,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        if let Some(state) = self.gossip.peers.get_mut(&peer) {
            state.dialled = true;
            state.relaying.dialled(work.now);
            state.rests_until = None;
            state.pulling.clear();
        }
        let heads = self.claims(self.heads.keys().copied());
        let charters = CharterClaim::of(&self.charters);
        work.effects.push(Effect::Announce { to: Some(peer), heads, charters });
        let proofs = fork_proofs(work)?;
        if !proofs.is_empty() {
            work.effects.push(Effect::SpreadForks(proofs));
        }
        Ok(())
    }

    fn claims(&self, feeds: impl Iterator<Item = FeedId>) -> Vec<HeadClaim> {
        feeds
            .filter_map(|feed| {
                let head = self.heads.get(&feed)?;
                Some(HeadClaim { feed, sequence: head.sequence, id: head.id? })
            })
            .collect()
    }

    pub(in crate::replica) fn frontier(
        &mut self,
        from: MemberId,
        heads: Vec<HeadClaim>,
        extent: Extent,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        self.gossip.sign_of_life(from, work.now);
        if extent == Extent::Complete {
            self.caution.answered(self.charters.newest(), from);
        }
        let told = heads.len() / HEADS_A_FRAME;
        let mut news = false;
        for claim in heads {
            // A feed that the charter does not name is nothing that could be pulled.
            if self.charters.feed(claim.feed).is_none() {
                continue;
            }
            let rose = self.gossip.claimed(from, claim.feed, claim.sequence, claim.id);
            news |= rose;
            let own = self.heads.get(&claim.feed).map_or(0, |head| head.sequence);
            if claim.sequence > own {
                self.gossip.ahead(from, claim.feed, work.now);
            } else {
                if rose && claim.sequence < own {
                    self.gossip.rose(from, claim.feed, claim.sequence, work.now);
                }
                let row = work.draft.row::<IndexRow>(&index_key(claim.feed, claim.sequence))?;
                if row.is_some_and(|row| row.id != claim.id.0) {
                    self.dispute(from, claim.feed, claim.sequence, work)?;
                }
            }
        }
        self.note_level(from, work.now);
        if !news {
            let stale = 1 + u64::try_from(told).unwrap_or(u64::MAX - 1);
            work.effects.push(Effect::Weighed { peer: from, new: 0, stale });
        }
        Ok(())
    }

    /// A peer knows another record at a place: have it shown, unless there is a proof already.
    pub(in crate::replica) fn dispute(
        &mut self,
        peer: MemberId,
        feed: FeedId,
        sequence: u64,
        work: &Work<'_>,
    ) -> Result<(), LedgerFault> {
        let feed_forks = (fork_key(feed, 0), fork_key(feed, u64::MAX));
        let known = work.draft.range(Column::Forks, &feed_forks.0, &feed_forks.1, 1)?;
        if known.is_empty() && sequence > 0 {
            self.gossip.disputed.insert((feed, peer), (sequence, sequence));
        }
        Ok(())
    }

    pub(in crate::replica) fn tick(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        self.take_all_deferred(work)?;
        self.ask_for_holes(work)?;
        let silent = self
            .gossip
            .announced_at
            .is_none_or(|last| work.now >= last.plus(HEARTBEAT) || work.now < last);
        if silent || !self.gossip.moved.is_empty() || self.gossip.announce {
            self.gossip.announce = false;
            let moved = std::mem::take(&mut self.gossip.moved);
            let heads = self.claims(moved.into_iter());
            let charters = CharterClaim::of(&self.charters);
            work.effects.push(Effect::Announce { to: None, heads, charters });
            self.gossip.announced_at = Some(work.now);
        }
        Ok(())
    }

    /// Asks for what is missing.
    pub(in crate::replica) fn pull_what_is_missing(&mut self, work: &mut Work<'_>) {
        let mut pulls: BTreeMap<MemberId, Vec<PullRange>> = BTreeMap::new();
        for ((feed, peer), (first, last)) in std::mem::take(&mut self.gossip.disputed) {
            if !self.gossip.peers.get(&peer).is_some_and(|peer| peer.is_ready(work.now)) {
                self.gossip.disputed.insert((feed, peer), (first, last));
                continue;
            }
            // The other record of this place is the proof.
            let range = PullRange { feed, first, last, head: None };
            pulls.entry(peer).or_default().push(range);
        }
        self.pull_branches(work.now, &mut pulls);
        let waiting: Vec<FeedId> = self.gossip.behind_since.keys().copied().collect();
        for feed in waiting {
            let own = self.heads.get(&feed).map_or(0, |head| head.sequence);
            if self.gossip.greatest_claim(feed).is_none_or(|known| known <= own) {
                self.gossip.behind_since.remove(&feed);
                continue;
            }
            if self.gossip.is_pulled(feed) || !self.gossip.need_not_wait(feed, own, work.now) {
                continue;
            }
            // What waits for its time is here already, if it is what the peer speaks of: a record
            // of a far future must not stand in the way of the one that others have there.
            let deferred = self.deferred.get(&feed);
            let waits = |sequence: u64, id: RecordId| {
                let waiting = deferred.and_then(|waiting| waiting.get(&sequence));
                waiting.is_some_and(|(_, record)| record.id() == id)
            };
            let wanted = |sequence, id| sequence > own && !waits(sequence, id);
            let Some((peer, last)) = self.gossip.source(feed, work.now, wanted) else { continue };
            let ranges = pulls.entry(peer).or_default();
            if ranges.len() < MAX_RANGES {
                ranges.push(PullRange { feed, first: own + 1, last, head: None });
            }
        }
        for (from, ranges) in pulls {
            if let Some(peer) = self.gossip.peers.get_mut(&from) {
                let head = |feed| self.heads.get(&feed).map_or(0, |head| head.sequence);
                // A branch that does not follow this node's own cannot be taken: that is no failure.
                let forked = &self.gossip.forked;
                let more = |range: &PullRange| {
                    range.last > head(range.feed) && !forked.contains(&range.feed)
                };
                peer.relaying.asked(ranges.iter().any(more));
                peer.pulling.extend(ranges.iter().map(|range| (range.feed, head(range.feed))));
            }
            work.effects.push(Effect::Pull { from, ranges });
        }
    }

    /// Asks for the records of branches that turned out to be final, of whoever follows them.
    fn pull_branches(&mut self, now: Time, pulls: &mut BTreeMap<MemberId, Vec<PullRange>>) {
        let wanted: Vec<(FeedId, u64, RecordId)> = self.forks.wanted().collect();
        for (feed, last, head) in wanted {
            if self.gossip.is_pulled(feed) {
                continue;
            }
            let first = self.forks.lowest(feed).unwrap_or(1).min(last);
            let line = self.heads.get(&feed).and_then(|head| Some((head.sequence, head.id?)));
            let elsewhere = |sequence, id| sequence >= last && Some((sequence, id)) != line;
            if let Some((peer, _)) = self.gossip.source(feed, now, elsewhere) {
                let range = PullRange { feed, first, last, head: Some(head) };
                pulls.entry(peer).or_default().push(range);
            }
        }
    }
}

/// Every proof of equivocation that is known.
fn fork_proofs(work: &Work<'_>) -> Result<Vec<Arc<Vec<u8>>>, LedgerFault> {
    let rows = work.draft.range(Column::Forks, &[], &[0xff; 64], usize::MAX)?;
    rows.iter().map(|(_, value)| Ok(Arc::new(ForkRow::decode(value)?.proof))).collect()
}
