//! Erasure: once an `Erase` that may do so is known, a statement is as if it had never been, at
//! every instant; once the `Erase` is final, its content is destroyed.
//!
//! Its issuer may, when the charter's `min_keep` is over, or a quorum of groups at any time. A
//! record that came with content missing keeps a *hole*: others are asked for it, until an erasure
//! accounts for it. Else whoever passes records on could quietly leave things out.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    Entry, FeedId, FeedNumber, MemberId, SignedRecord, Span, StatementId, SubjectTag, Time,
    VerifiedRecord,
};

use super::happening::Happening;
use super::meaning::Meaning;
use super::{Destruction, Effect, PullRange, Replica, Work, record_at};
use crate::ledger::rows::{
    ErasureRow, EvidenceRow, HoleRow, IndexRow, JournalRow, LogRow, StatementRow, StoredRow as _,
    TargetRow,
};
use crate::ledger::{
    Column, Ledger, LedgerFault, dispute_day_key, hole_key, hole_of_key, index_key, number_key,
    number_of_key,
};

/// The most erasures that are carried out in one step.
const MAX_ERASED_A_STEP: usize = 64;
/// How many journal entries are looked through at once. The right one is nearly always the first.
const ENTRIES_AT_ONCE: usize = 256;
/// How long to wait before somebody is asked for missing content again.
const HOLE_REST: Span = Span::from_secs(10);
/// The most holes that are asked for at once.
const MAX_HOLES_A_TICK: usize = 64;

/// Statements whose erasure is not carried out yet.
pub(super) fn pending(ledger: &dyn Ledger) -> Result<BTreeSet<StatementId>, LedgerFault> {
    let rows = ledger.range(Column::Erasures, &[], &[0xff; 33], usize::MAX)?;
    let mut pending = BTreeSet::new();
    for (key, value) in rows {
        if !ErasureRow::decode(&value)?.done
            && let Some(id) = StatementId::from_slice(&key)
        {
            pending.insert(id);
        }
    }
    Ok(pending)
}

impl TargetRow {
    fn place(&self) -> Option<(FeedId, u64, u32)> {
        let member: MemberId = self.issuer.parse().ok()?;
        Some((FeedId { member, number: FeedNumber(self.feed) }, self.sequence, self.index))
    }
}

impl Replica {
    /// Somebody wants a statement erased.
    pub(super) fn erase(
        &mut self,
        target: StatementId,
        row: &StatementRow,
        work: &mut Work<'_>,
    ) -> Result<Option<SubjectTag>, LedgerFault> {
        let key = target.0.to_vec();
        let mut erasure = work.draft.row::<ErasureRow>(&key)?.unwrap_or_default();
        if !erasure.erases.iter().any(|known| known.id == row.id) {
            erasure.erases.push(row.clone());
            work.draft.put(key.clone(), &erasure);
        }
        if !erasure.done {
            self.erasing.insert(target);
        }
        self.judge_erasure(target, work)?;
        Ok(work.draft.row::<TargetRow>(&key)?.and_then(|row| row.subject()))
    }

    /// The erases that make a statement as if it had never been; none where they do not suffice.
    fn sufficient(
        &self,
        target: &TargetRow,
        erasure: &ErasureRow,
        work: &Work<'_>,
    ) -> Result<Vec<(FeedId, u64)>, LedgerFault> {
        let mut meaning = Meaning::new(&work.draft, &self.charters);
        let mut groups: BTreeMap<&str, (FeedId, u64)> = BTreeMap::new();
        let mut quorum = usize::MAX;
        for row in &erasure.erases {
            let (placed, unmeant) = meaning.of(row)?;
            if unmeant.is_some() {
                continue;
            }
            let place = (row.feed_id()?, row.sequence);
            let (at, by) = (placed.position.time, placed.position.member);
            let keep = self.charters.limits_at(at).min_keep;
            let kept = Time::from_micros(target.time).is_some_and(|time| at >= time.plus(keep));
            if by.as_str() == target.issuer && kept {
                return Ok(vec![place]);
            }
            let charter = self.charters.newest();
            let active = charter.active().find(|(id, _)| *id == by);
            if let Some((_, member)) = active {
                groups.entry(member.group.as_str()).or_insert(place);
            }
            quorum = charter.quorum as usize;
        }
        Ok(if groups.len() >= quorum { groups.into_values().collect() } else { Vec::new() })
    }

    /// Looks again at every erasure that is not carried out: another charter may let it, or not.
    pub(super) fn judge_erasures(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        self.finality.rose |= !self.erasing.is_empty();
        self.erasing.iter().try_for_each(|target| self.judge_erasure(*target, work))
    }

    /// Makes the evidence say whether a statement is erased.
    pub(super) fn judge_erasure(
        &self,
        target: StatementId,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let key = target.0.to_vec();
        let Some(erasure) = work.draft.row::<ErasureRow>(&key)? else { return Ok(()) };
        let Some(row) = work.draft.row::<TargetRow>(&key)? else { return Ok(()) };
        let Some(subject) = row.subject() else { return Ok(()) };
        let erased = !self.sufficient(&row, &erasure, work)?.is_empty();
        let key = subject.0.to_vec();
        let Some(mut evidence) = work.draft.row::<EvidenceRow>(&key)? else { return Ok(()) };
        let mut changed = false;
        for statement in evidence.statements.iter_mut().filter(|row| row.id == target.0) {
            changed |= std::mem::replace(&mut statement.erased, erased) != erased;
        }
        if changed {
            work.draft.put(key, &evidence);
            work.touched.insert(subject);
        }
        Ok(())
    }

    /// Destroys the content of what is erased for good.
    pub(super) fn erase_what_is_final(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if self.erasing.is_empty() || !std::mem::take(&mut self.finality.rose) {
            return Ok(());
        }
        let mut destruction = Destruction::default();
        for target in self.erasing.clone() {
            let key = target.0.to_vec();
            let Some(mut erasure) = work.draft.row::<ErasureRow>(&key)? else { continue };
            let Some(row) = work.draft.row::<TargetRow>(&key)? else { continue };
            let by = self.sufficient(&row, &erasure, work)?;
            let is_final =
                by.iter().all(|(feed, sequence)| self.finality.height(*feed) >= *sequence);
            if by.is_empty() || !is_final {
                continue;
            }
            if destruction.statements.len() == MAX_ERASED_A_STEP {
                self.finality.rose = true;
                break;
            }
            Self::destroy(target, row, &mut destruction, work)?;
            erasure.done = true;
            work.draft.put(key, &erasure);
            self.erasing.remove(&target);
        }
        if !destruction.statements.is_empty() {
            work.effects.push(Effect::Destroyed(destruction));
        }
        Ok(())
    }

    fn destroy(
        id: StatementId,
        mut target: TargetRow,
        destruction: &mut Destruction,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        destruction.statements.push(id);
        let mut overwritten = |column: Column, key: &[u8]| {
            destruction.rows.push((column, key.to_vec()));
        };
        let Some((feed, sequence, index)) = target.place() else { return Ok(()) };
        if let Some(mut row) = record_at(&work.draft, feed, sequence)? {
            let mut record = row.verified()?;
            let position = record.position(index);
            record.erase(index);
            row.record = record.signed().encode();
            if let Some(key) = put_log(feed, sequence, &row, work)? {
                overwritten(Column::Log, &key);
            }
            if let Some(key) = scrub(id, row.journaled, work)? {
                overwritten(Column::Journal, &key);
            }
            overwritten(Column::DisputeDays, &dispute_day_key(position));
            work.draft.remove(Column::DisputeDays, dispute_day_key(position));
        }
        work.draft.remove(Column::Holes, hole_key(feed, sequence, index));
        if let Some(subject) = target.subject() {
            overwritten(Column::Evidence, subject.as_bytes());
            forget(id, subject, work)?;
        }
        overwritten(Column::Targets, id.as_bytes());
        target.subject.clear();
        target.waiting.clear();
        target.erased = true;
        work.draft.put(id.0.to_vec(), &target);
        work.events.push(Happening::Erased { id, feed, sequence });
        Ok(())
    }

    /// Notes which content of an accepted record is missing.
    pub(super) fn note_holes(&mut self, record: &VerifiedRecord, work: &mut Work<'_>) {
        let header = record.header();
        for (index, entry) in (0..).zip(&record.signed().body) {
            if matches!(entry, Entry::Kept { .. }) {
                continue;
            }
            let key = hole_key(header.feed, header.sequence, index);
            work.draft.put(key, &HoleRow { asked_at: i64::MIN });
            let id = interlock_record::statement_id(&record.id(), index);
            let target = TargetRow {
                issuer: header.feed.member.to_string(),
                time: header.time.micros(),
                feed: header.feed.number.0,
                sequence: header.sequence,
                index,
                ..TargetRow::default()
            };
            work.draft.put(id.0.to_vec(), &target);
            self.finality.rose = true;
        }
    }

    /// A record that is known came again: it may have content that is missing here.
    pub(super) fn fill_holes(
        &mut self,
        record: &VerifiedRecord,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let header = record.header();
        let (feed, sequence) = (header.feed, header.sequence);
        let from = hole_key(feed, sequence, 0);
        let holes =
            work.draft.range(Column::Holes, &from, &hole_key(feed, sequence + 1, 0), 256)?;
        if holes.is_empty() {
            return Ok(());
        }
        let Some(mut row) = record_at(&work.draft, feed, sequence)? else { return Ok(()) };
        let mut signed: SignedRecord = row.verified()?.into_signed();
        let mut filled = Vec::new();
        for (key, _) in holes {
            let Some((_, _, index)) = hole_of_key(&key) else { continue };
            let Some(entry @ Entry::Kept { .. }) = record.signed().body.get(index as usize) else {
                continue;
            };
            signed.body[index as usize] = entry.clone();
            work.draft.remove(Column::Holes, key);
            let id = interlock_record::statement_id(&record.id(), index);
            // As if it came only now: what named it before waits for it.
            if let Some(target) = work.draft.row::<TargetRow>(&id.0)? {
                let waiting = TargetRow { waiting: target.waiting, ..TargetRow::default() };
                work.draft.put(id.0.to_vec(), &waiting);
            }
            filled.push(index);
        }
        if filled.is_empty() {
            return Ok(());
        }
        row.record = signed.encode();
        row.journaled = self.next_entry(work);
        put_log(feed, sequence, &row, work)?;
        self.statements(record, &row, &filled, work)
    }

    /// Asks others for content that is missing.
    pub(super) fn ask_for_holes(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let holes = work.draft.range(Column::Holes, &[], &[0xff; 64], MAX_HOLES_A_TICK)?;
        let mut ranges = Vec::new();
        for (key, value) in holes {
            let rested = HoleRow::decode(&value)?.asked_at;
            let rested = Time::from_micros(rested).is_none_or(|at| at.plus(HOLE_REST) <= work.now);
            let Some((feed, sequence, _)) = hole_of_key(&key).filter(|_| rested) else { continue };
            ranges.push(PullRange { feed, first: sequence, last: sequence, head: None });
            work.draft.put(key, &HoleRow { asked_at: work.now.micros() });
        }
        ranges.dedup();
        if !ranges.is_empty()
            && let Some(from) = self.gossip.another_peer(work.now)
        {
            work.effects.push(Effect::Pull { from, ranges });
        }
        Ok(())
    }
}

/// Replaces the log row of a record of the line; its key, if there is one.
fn put_log(
    feed: FeedId,
    sequence: u64,
    row: &LogRow,
    work: &mut Work<'_>,
) -> Result<Option<Vec<u8>>, LedgerFault> {
    let index = work.draft.row::<IndexRow>(&index_key(feed, sequence))?;
    let key = index.map(|index| number_key(index.arrival));
    if let Some(key) = &key {
        work.draft.put(key.clone(), row);
    }
    Ok(key)
}

/// Takes the subject out of the journal entry that tells of a statement.
fn scrub(id: StatementId, from: u64, work: &mut Work<'_>) -> Result<Option<Vec<u8>>, LedgerFault> {
    let mut from = from;
    loop {
        let (first, end) = (number_key(from), number_key(u64::MAX));
        let rows = work.draft.range(Column::Journal, &first, &end, ENTRIES_AT_ONCE)?;
        for (key, value) in &rows {
            let mut entry = JournalRow::decode(value)?;
            if entry.statement == id.0 && !entry.subject.is_empty() {
                entry.subject.clear();
                work.draft.put(key.clone(), &entry);
                return Ok(Some(key.clone()));
            }
        }
        match rows.last().and_then(|(key, _)| number_of_key(key)) {
            Some(last) if rows.len() == ENTRIES_AT_ONCE => from = last + 1,
            _ => return Ok(None),
        }
    }
}

/// Takes a statement out of a subject's evidence. A subject of which nothing is left is settled once
/// more, and then forgotten.
fn forget(id: StatementId, subject: SubjectTag, work: &mut Work<'_>) -> Result<(), LedgerFault> {
    let key = subject.0.to_vec();
    let Some(mut evidence) = work.draft.row::<EvidenceRow>(&key)? else { return Ok(()) };
    evidence.statements.retain(|row| row.id != id.0);
    if !evidence.statements.is_empty() {
        work.draft.put(key, &evidence);
        return Ok(());
    }
    work.draft.remove(Column::Evidence, key);
    work.touched.insert(subject);
    Ok(())
}
