//! Taking records in. Accepting looks at the chain and never into statements; what they mean is
//! looked at afterwards, in [`super::statements`].

use interlock_record::{
    ChainError, FeedHead, FeedId, ForkProof, MemberId, SignedRecord, Time, VerifiedFork,
    VerifiedRecord,
};

use super::happening::Happening;
use super::{Effect, MAX_DEFERRED_A_FEED, Replica, Work, record_at};
use crate::breaker;
use crate::ledger::rows::{ForkRow, HeadRow, IndexRow, LogRow};
use crate::ledger::{LedgerFault, feed_key, fork_key, index_key, number_key};

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
                self.compare(&record, work)?;
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
                if matches!(error, ChainError::WrongPrevious | ChainError::WrongFeedRoot) {
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
        header.time > now.plus(self.charter.max_clock_skew)
            || header.charter_version > self.charter.version
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
        let newer_charter = record.header().charter_version > self.charter.version;
        let waiting = self.deferred.entry(feed).or_default();
        if let Some((_, other)) = waiting.get(&sequence) {
            if other.id() != record.id() {
                let proof = proof_of(other.signed(), record.signed());
                self.note_fork(feed, sequence, &proof, work)?;
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
            passed.values().try_for_each(|(_, record)| self.compare(record, work))?;
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
        let row = LogRow { record: record.signed().encode(), received_at: work.now.micros(), held };
        work.draft.put(number_key(arrival), &row);
        let id = record.id().0.to_vec();
        work.draft.put(index_key(feed, header.sequence), &IndexRow { arrival, id });
        work.draft.put(feed_key(feed), &HeadRow { head: head.to_bytes() });
        self.heads.insert(feed, head);
        self.gossip.moved(feed);
        self.gossip.milestones.moved(feed, header.sequence, work.now);
        self.note_late(header, work);
        self.statements(record, held, work)
    }

    /// Whether the breaker holds the record; counts its flags either way.
    fn hold(&mut self, record: &VerifiedRecord) -> bool {
        let header = record.header();
        let Some(quota) = self.charter.feed(header.feed).and_then(|feed| feed.quota) else {
            return false;
        };
        let window = self.windows.entry(header.feed).or_default();
        breaker::holds(quota, window, header.time, u64::from(header.flags))
    }

    /// Compares a record with the one known at its place.
    fn compare(&mut self, record: &VerifiedRecord, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let header = record.header();
        let key = index_key(header.feed, header.sequence);
        let Some(known) = work.draft.row::<IndexRow>(&key)? else { return Ok(()) };
        if known.id == record.id().0 {
            return Ok(());
        }
        let Some(row) = record_at(&work.draft, header.feed, header.sequence)? else {
            return Ok(());
        };
        let known = row.verified()?.into_signed();
        let proof = proof_of(&known, record.signed());
        self.note_fork(header.feed, header.sequence, &proof, work)
    }

    pub(super) fn forks(
        &mut self,
        forks: &[VerifiedFork],
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        forks
            .iter()
            .try_for_each(|fork| self.note_fork(fork.feed(), fork.sequence(), fork.proof(), work))
    }

    /// Keeps the first proof for a place, and passes it on before anything else.
    fn note_fork(
        &mut self,
        feed: FeedId,
        sequence: u64,
        proof: &ForkProof,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let key = fork_key(feed, sequence);
        if work.draft.row::<ForkRow>(&key)?.is_some() {
            return Ok(());
        }
        let proof = proof.encode();
        work.draft.put(key, &ForkRow { proof: proof.clone() });
        self.counters.equivocations += 1;
        self.gossip.forked.insert(feed);
        work.events.push(Happening::Equivocation { feed, sequence });
        work.effects.insert(0, Effect::SpreadForks(vec![std::sync::Arc::new(proof)]));
        Ok(())
    }
}

fn proof_of(a: &SignedRecord, b: &SignedRecord) -> ForkProof {
    ForkProof { a: (a.header.clone(), a.signature), b: (b.header.clone(), b.signature) }
}
