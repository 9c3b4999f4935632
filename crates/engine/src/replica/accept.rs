//! Taking records in. Accepting looks at the chain and never into statements; what they mean is
//! looked at afterwards, in [`super::statements`].

use interlock_record::{
    ChainError, FeedHead, FeedId, ForkProof, MemberId, SignedRecord, Time, VerifiedFork,
    VerifiedRecord,
};

use super::branches::{MAX_FORKS_A_FEED, are_siblings};
use super::happening::Happening;
use super::{Effect, MAX_DEFERRED_A_FEED, Replica, Work, record_at};
use crate::breaker;
use crate::charter::day_of;
use crate::ledger::rows::{ForkRow, IndexRow, LogRow};
use crate::ledger::{LedgerFault, fork_key, index_key, number_key};

/// What becomes of a record that came.
enum Verdict {
    Accepted,
    /// Kept until its time comes, or its charter.
    Waits,
    /// Known already.
    Known,
    Refused(&'static str, String),
}

impl Replica {
    pub(super) fn records(
        &mut self,
        from: MemberId,
        records: Vec<VerifiedRecord>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        self.gossip.sign_of_life(from, work.now);
        let (mut new, mut stale) = (0, 0);
        for record in records {
            let feed = record.header().feed;
            match self.take(from, record, work)? {
                Verdict::Accepted => {
                    new += 1;
                    self.take_deferred(feed, work)?;
                }
                Verdict::Waits => new += 1,
                Verdict::Known => stale += 1,
                Verdict::Refused(code, detail) => {
                    self.gossip.refused(from);
                    work.effects.push(Effect::Refuse { peer: from, feed, code, detail });
                }
            }
        }
        if new + stale > 0 {
            work.effects.push(Effect::Weighed { peer: from, new, stale });
        }
        Ok(())
    }

    fn take(
        &mut self,
        from: MemberId,
        record: VerifiedRecord,
        work: &mut Work<'_>,
    ) -> Result<Verdict, LedgerFault> {
        let header = record.header();
        let feed = header.feed;
        let sequence = header.sequence;
        self.gossip.claimed(from, feed, sequence, record.id());
        match self.head(feed).next(&record) {
            Ok(_) if self.must_wait(&record, work.now) => self.defer(from, record, work),
            Ok(head) => {
                self.accept(&record, head, work)?;
                if feed == self.feed {
                    self.gossip.own_feed_came(work.now);
                }
                Ok(Verdict::Accepted)
            }
            Err(ChainError::Known { .. }) => {
                self.compare(from, &record, work)?;
                Ok(Verdict::Known)
            }
            // What stands before it waits for its time: it waits behind it.
            Err(ChainError::Gap { .. }) if self.waits_behind(feed, sequence) => {
                self.defer(from, record, work)
            }
            Err(error) => {
                if matches!(error, ChainError::Gap { .. }) {
                    // What is missing before it must be somewhere.
                    self.gossip.ahead(from, feed, work.now);
                }
                let other_branch =
                    matches!(error, ChainError::WrongPrevious | ChainError::WrongFeedRoot);
                if self.wants_branch(feed)
                    && (other_branch || matches!(error, ChainError::Gap { .. }))
                {
                    self.keep_branch(&record, work)?;
                    return Ok(Verdict::Waits);
                }
                if other_branch {
                    // Its sender follows another branch: the record at this head is the proof.
                    self.dispute(from, feed, self.head(feed).sequence, work)?;
                }
                Ok(Verdict::Refused(error.code(), format!("{feed} #{sequence}: {error}")))
            }
        }
    }

    fn head(&self, feed: FeedId) -> FeedHead {
        self.heads.get(&feed).cloned().unwrap_or_default()
    }

    /// From the future, or by a charter that is not known yet.
    fn must_wait(&self, record: &VerifiedRecord, now: Time) -> bool {
        let header = record.header();
        header.time > now.plus(self.charters.limits_at(now).max_clock_skew)
            || header.charter_version > self.charters.newest().version
    }

    fn waits_behind(&self, feed: FeedId, sequence: u64) -> bool {
        self.deferred.get(&feed).is_some_and(|waiting| waiting.contains_key(&(sequence - 1)))
    }

    /// Keeps a record until its time comes. Two for one place are a fork, whatever their time.
    fn defer(
        &mut self,
        from: MemberId,
        record: VerifiedRecord,
        work: &mut Work<'_>,
    ) -> Result<Verdict, LedgerFault> {
        let (feed, sequence) = (record.header().feed, record.header().sequence);
        let newer_charter = record.header().charter_version > self.charters.newest().version;
        let waiting = self.deferred.entry(feed).or_default();
        if let Some((_, other)) = waiting.get(&sequence) {
            if other.id() != record.id() {
                let proof = proof_of(other.signed(), record.signed());
                self.note_fork(None, feed, sequence, &proof, work)?;
            }
            return Ok(Verdict::Known);
        }
        if waiting.len() < MAX_DEFERRED_A_FEED {
            waiting.insert(sequence, (from, record));
        } else if !newer_charter {
            let detail = format!(
                "{feed} #{sequence}: {MAX_DEFERRED_A_FEED} of its records wait for their time already"
            );
            return Ok(Verdict::Refused("TOO_MANY_WAITING", detail));
        }
        Ok(Verdict::Waits)
    }

    /// Takes the records of a feed whose time has come.
    fn take_deferred(&mut self, feed: FeedId, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        loop {
            let next = self.head(feed).sequence + 1;
            let Some(mut passed) = self.deferred.remove(&feed) else { return Ok(()) };
            let mut waiting = passed.split_off(&next);
            let due = waiting.remove(&next);
            if !waiting.is_empty() {
                self.deferred.insert(feed, waiting);
            }
            // Another one came in the place of one that waited.
            passed.values().try_for_each(|(from, record)| self.compare(*from, record, work))?;
            let Some((from, record)) = due else { return Ok(()) };
            if !matches!(self.take(from, record, work)?, Verdict::Accepted) {
                return Ok(());
            }
        }
    }

    pub(super) fn take_all_deferred(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let feeds: Vec<FeedId> = self.deferred.keys().copied().collect();
        feeds.into_iter().try_for_each(|feed| self.take_deferred(feed, work))
    }

    /// Writes a record that follows its feed's head, and looks at what it says.
    pub(super) fn accept(
        &mut self,
        record: &VerifiedRecord,
        head: FeedHead,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let header = record.header();
        let feed = header.feed;
        let held = self.hold(record);
        if held {
            self.counters.held += 1;
            work.events.push(Happening::Tripped { feed, sequence: header.sequence });
        }
        self.counters.arrivals += 1;
        self.counters.statements += u64::from(header.statements);
        let arrival = self.counters.arrivals;
        let day_before = self.count_day(record);
        let received_at = work.now.micros();
        let journaled = self.next_entry(work);
        let record_bytes = record.signed().encode();
        let row = LogRow { record: record_bytes, received_at, held, day_before, journaled };
        work.draft.put(number_key(arrival), &row);
        let id = record.id().0.to_vec();
        work.draft.put(index_key(feed, header.sequence), &IndexRow { arrival, id });
        self.heads.insert(feed, head);
        self.put_head(feed, work);
        self.gossip.moved(feed);
        self.gossip.milestones.moved(feed, header.sequence, work.now);
        self.note_late(header, work);
        self.note_holes(record, work);
        let all: Vec<u32> = (0..header.statements).collect();
        self.statements(record, &row, &all, work)?;
        if self.was_awaited(feed, header.sequence) {
            self.reckon(feed, work)?;
        }
        Ok(())
    }

    /// Counts a record's statements to its day (UTC, record time); says how many the feed had made
    /// that day before it.
    fn count_day(&mut self, record: &VerifiedRecord) -> u64 {
        let header = record.header();
        let day = day_of(header.time);
        let state = self.days.entry(header.feed).or_insert((day, 0));
        if state.0 != day {
            *state = (day, 0);
        }
        let before = state.1;
        state.1 += u64::from(header.statements);
        before
    }

    /// Whether the breaker holds the record; counts its flags either way.
    fn hold(&mut self, record: &VerifiedRecord) -> bool {
        let header = record.header();
        let feed = header.feed;
        let Some(keep) = self.charters.longest_reach(feed) else { return false };
        let quota = self.charters.quota_at(feed, header.time);
        let window = self.windows.entry(feed).or_default();
        let flags = u64::from(header.flags);
        let Some(quota) = quota else {
            // A later version may look back at it.
            window.push_back((header.time, flags));
            return false;
        };
        breaker::holds(quota, keep, window, header.time, flags)
    }

    /// Compares a record with the one known at its place.
    fn compare(
        &mut self,
        from: MemberId,
        record: &VerifiedRecord,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let header = record.header();
        let (feed, sequence) = (header.feed, header.sequence);
        let Some(known) = work.draft.row::<IndexRow>(&index_key(feed, sequence))? else {
            return Ok(());
        };
        if known.id == record.id().0 {
            return self.fill_holes(record, work);
        }
        let Some(row) = record_at(&work.draft, feed, sequence)? else { return Ok(()) };
        let known = row.verified()?.into_signed();
        let proof = proof_of(&known, record.signed());
        self.note_fork(Some(from), feed, sequence, &proof, work)?;
        self.keep_branch(record, work)
    }

    pub(super) fn forks(
        &mut self,
        from: MemberId,
        forks: &[VerifiedFork],
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        forks.iter().try_for_each(|fork| {
            self.note_fork(Some(from), fork.feed(), fork.sequence(), fork.proof(), work)
        })
    }

    /// Keeps the first proof for a place, and passes it on before anything else. Where the two
    /// records follow different ones, the feed forked lower: `from` is asked for what is there.
    fn note_fork(
        &mut self,
        from: Option<MemberId>,
        feed: FeedId,
        sequence: u64,
        proof: &ForkProof,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let key = fork_key(feed, sequence);
        if work.draft.row::<ForkRow>(&key)?.is_some() {
            return Ok(());
        }
        let siblings = are_siblings(proof);
        let lower = self.forks.lowest(feed).is_none_or(|lowest| sequence < lowest);
        // A fork further down accounts for two records here; else there would be one for each.
        let full = self.forks.count(feed) >= MAX_FORKS_A_FEED;
        if !lower && (!siblings || full) {
            return Ok(());
        }
        if !siblings && let Some(from) = from {
            self.gossip.look_below(feed, from, sequence);
        }
        let proof = proof.encode();
        work.draft.put(key, &ForkRow { proof: proof.clone() });
        self.counters.equivocations += 1;
        self.gossip.forked.insert(feed);
        work.events.push(Happening::Equivocation { feed, sequence });
        work.effects.insert(0, Effect::SpreadForks(vec![std::sync::Arc::new(proof)]));
        self.forked(feed, sequence, work)
    }
}

fn proof_of(a: &SignedRecord, b: &SignedRecord) -> ForkProof {
    ForkProof { a: (a.header.clone(), a.signature), b: (b.header.clone(), b.signature) }
}
