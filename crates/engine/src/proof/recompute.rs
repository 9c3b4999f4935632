//! What no bundle can show: every decision, made anew from the whole log and compared with what is
//! kept. Every record is verified again, as if it came from a stranger.
//!
//! It is done in memory, which takes about as much as the data on disk. A node that goes on writing
//! meanwhile is followed until it is caught up with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use interlock_record::{FeedHead, FeedId, SignedRecord, SubjectTag, Time, VerifiedRecord};

use crate::charter::Charter;
use crate::ledger::rows::{
    DecisionRow, EvidenceRow, ForkRow, HeadRow, LogRow, ScopeRow, StoredRow, measure,
};
use crate::ledger::{
    Column, Ledger, LedgerFault, MemoryLedger, feed_of_key, number_key, number_of_key,
};
use crate::replica::{Input, Replica, signed_charters};

/// How many records one step takes.
const MAX_RECORDS_A_STEP: usize = 64;
/// How often the log is gone through for feeds whose line was exchanged: a branch may be wanted only
/// after it came.
const MAX_PASSES: usize = 4;
/// How often a node that goes on writing is caught up with.
const MAX_ROUNDS: usize = 8;
/// The most differences that are told apart.
pub(super) const MAX_DIFFERENCES: usize = 1_000;
/// How many rows are read at once.
const MAX_ROWS_AT_ONCE: usize = 1_024;

/// Something that is not what follows from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A record of the log is not what was signed.
    Record {
        /// Its arrival number.
        arrival: u64,
        /// What is wrong.
        why: String,
    },
    /// A feed's head.
    Head {
        /// The feed.
        feed: FeedId,
        /// The sequence number kept.
        kept: u64,
        /// What follows from the log.
        recomputed: u64,
    },
    /// The statements on a subject.
    Evidence {
        /// The subject.
        subject: SubjectTag,
    },
    /// The consortium's decision on a subject.
    Decision {
        /// The subject.
        subject: SubjectTag,
        /// What is kept.
        kept: String,
        /// What follows from the log.
        recomputed: String,
    },
}

impl Difference {
    /// On whom the decision or the statements differ; none: it is about a record or a feed.
    pub const fn subject(&self) -> Option<SubjectTag> {
        match self {
            Self::Decision { subject, .. } | Self::Evidence { subject } => Some(*subject),
            Self::Record { .. } | Self::Head { .. } => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { arrival, why } => {
                write!(f, "record with arrival number {arrival}: {why}")
            }
            Self::Head { feed, kept, recomputed } => {
                write!(
                    f,
                    "feed {feed}: #{kept} is kept as its head, the log leads to #{recomputed}"
                )
            }
            Self::Evidence { subject } => {
                write!(f, "subject {subject}: other statements are kept than the log has")
            }
            Self::Decision { subject, kept, recomputed } => {
                write!(f, "subject {subject}: kept is {kept}; the log makes {recomputed}")
            }
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recomputed {
    /// How many records the log has.
    pub records: u64,
    /// How many subjects were compared.
    pub subjects: u64,
    /// What differs.
    pub differences: Vec<Difference>,
    /// How many differences there are, those that are not listed among them.
    pub differ: u64,
}

impl Recomputed {
    pub(super) fn differs(&mut self, difference: Difference) {
        self.differ += 1;
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(difference);
        }
    }
}

/// Decides on every subject anew from the log of `ledger`, whose consortium has this first charter,
/// and compares. `now` only says how late it is: records of the log are not too early for having come.
///
/// # Errors
/// [`LedgerFault`].
pub fn recompute(
    ledger: &dyn Ledger,
    first: Charter,
    now: Time,
) -> Result<Recomputed, LedgerFault> {
    let feeds = first.members.iter().filter_map(|(member, state)| {
        let number = state.feeds.keys().next()?;
        Some(FeedId { member: *member, number: *number })
    });
    // Whose eyes it is seen with does not matter; without any feed there is no record.
    let Some(feed) = feeds.into_iter().next() else { return Ok(Recomputed::default()) };
    let fresh = MemoryLedger::default();
    let replica = Replica::reader(&fresh, first, feed)?;
    let mut again = Again { ledger, replica, fresh, now, taken: 0, damaged: BTreeMap::new() };
    again.begin()?;
    let mut result = Recomputed::default();
    for _ in 0..MAX_ROUNDS {
        again.catch_up()?;
        let taken = again.taken;
        result = again.compare()?;
        if result.differ == 0 || again.last_arrival(taken)? == taken {
            break;
        }
    }
    Ok(result)
}

/// A replica that takes everything in again.
struct Again<'a> {
    ledger: &'a dyn Ledger,
    replica: Replica,
    fresh: MemoryLedger,
    now: Time,
    /// The arrival number up to which it has.
    taken: u64,
    damaged: BTreeMap<u64, String>,
}

impl Again<'_> {
    fn step(&mut self, inputs: Vec<Input>) -> Result<(), LedgerFault> {
        let mut inputs = inputs;
        loop {
            let step = self.replica.step(&self.fresh, self.now, std::mem::take(&mut inputs))?;
            self.fresh.commit_but(&step.changes, &[Column::Journal, Column::Timers]);
            if !self.replica.is_revisiting() {
                return Ok(());
            }
        }
    }

    /// Charters and proofs of equivocation come first: what they change does not depend on when.
    fn begin(&mut self) -> Result<(), LedgerFault> {
        let charters = signed_charters(self.ledger, 0)?;
        for (ticket, charter) in (0..).zip(charters) {
            self.step(vec![Input::ApplyCharter { ticket, charter }])?;
        }
        let consortium = self.replica.charters().consortium();
        for (_, value) in self.ledger.range(Column::Forks, &[], &[0xff; 64], usize::MAX)? {
            let proof = interlock_record::ForkProof::decode(&ForkRow::decode(&value)?.proof);
            let Ok(proof) = proof else { continue };
            let key = proof.feed().ok().and_then(|feed| self.replica.charters().feed(feed));
            let Some(key) = key.map(|named| named.key) else { continue };
            if let Ok(fork) = proof.verify(&consortium, &key) {
                let from = fork.feed().member;
                self.step(vec![Input::Forks { from, forks: vec![fork] }])?;
            }
        }
        Ok(())
    }

    /// Takes in what the log has beyond what was taken; then, where a feed's line turns out to be
    /// another, the whole log once more.
    fn catch_up(&mut self) -> Result<(), LedgerFault> {
        let new = self.taken;
        self.take_from(new)?;
        for _ in 1..MAX_PASSES {
            if self.heads_differ()?.is_empty() {
                return Ok(());
            }
            self.take_from(0)?;
        }
        Ok(())
    }

    fn take_from(&mut self, after: u64) -> Result<(), LedgerFault> {
        let mut from = number_key(after + 1);
        loop {
            let rows = self.ledger.range(Column::Log, &from, &[0xff; 9], MAX_RECORDS_A_STEP)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from.clone_from(last);
            from.push(0);
            let mut inputs = Vec::with_capacity(rows.len());
            for (key, value) in &rows {
                let arrival = number_of_key(key).unwrap_or(0);
                match self.verified(&LogRow::decode(value)?) {
                    Ok(record) => {
                        self.now = self.now.max(record.header().time);
                        let from = record.header().feed.member;
                        inputs.push(Input::Records { from, records: vec![record] });
                    }
                    Err(why) => {
                        self.damaged.insert(arrival, why);
                    }
                }
                self.taken = self.taken.max(arrival);
            }
            self.step(inputs)?;
        }
    }

    fn verified(&self, row: &LogRow) -> Result<VerifiedRecord, String> {
        let signed = SignedRecord::decode(&row.record).map_err(|error| error.to_string())?;
        let header = interlock_record::peek_header(&signed).map_err(|error| error.to_string())?;
        let charters = self.replica.charters();
        let named = charters.feed(header.feed).ok_or("the charter names no such feed")?;
        interlock_record::verify(signed, &charters.consortium(), &named.key)
            .map_err(|error| error.to_string())
    }

    fn last_arrival(&self, after: u64) -> Result<u64, LedgerFault> {
        let rows = self.ledger.range(Column::Log, &number_key(after + 1), &[0xff; 9], 1)?;
        Ok(rows.first().and_then(|(key, _)| number_of_key(key)).unwrap_or(after))
    }

    fn heads_differ(&self) -> Result<Vec<Difference>, LedgerFault> {
        let mut differ = Vec::new();
        for (key, value) in self.ledger.range(Column::Heads, &[], &[0xff; 64], usize::MAX)? {
            let Some(feed) = feed_of_key(&key) else { continue };
            let head = FeedHead::from_bytes(&HeadRow::decode(&value)?.head);
            let kept = head.ok().unwrap_or_default();
            let recomputed = self.replica.heads().get(&feed).cloned().unwrap_or_default();
            if kept != recomputed {
                let (kept, recomputed) = (kept.sequence, recomputed.sequence);
                differ.push(Difference::Head { feed, kept, recomputed });
            }
        }
        Ok(differ)
    }

    fn compare(&self) -> Result<Recomputed, LedgerFault> {
        let mut result = Recomputed { records: self.taken, ..Recomputed::default() };
        for (arrival, why) in &self.damaged {
            result.differs(Difference::Record { arrival: *arrival, why: why.clone() });
        }
        for difference in self.heads_differ()? {
            result.differs(difference);
        }
        let mut subjects = BTreeSet::new();
        for ledger in [self.ledger, &self.fresh] {
            for column in [Column::Decisions, Column::Evidence] {
                subjects_of(ledger, column, &mut subjects)?;
            }
        }
        for subject in subjects {
            result.subjects += 1;
            let evidence = (evidence(self.ledger, subject)?, evidence(&self.fresh, subject)?);
            if evidence.0 != evidence.1 {
                result.differs(Difference::Evidence { subject });
            }
            let (kept, recomputed) = (plan(self.ledger, subject)?, plan(&self.fresh, subject)?);
            if kept != recomputed {
                let (kept, recomputed) = (told(&kept), told(&recomputed));
                result.differs(Difference::Decision { subject, kept, recomputed });
            }
        }
        Ok(result)
    }
}

fn subjects_of(
    ledger: &dyn Ledger,
    column: Column,
    subjects: &mut BTreeSet<SubjectTag>,
) -> Result<(), LedgerFault> {
    let mut from = Vec::new();
    loop {
        let rows = ledger.range(column, &from, &[0xff; 33], MAX_ROWS_AT_ONCE)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from.clone_from(last);
        from.push(0);
        subjects.extend(rows.iter().filter_map(|(key, _)| SubjectTag::from_slice(key)));
    }
}

/// The statements that were not erased: when content is destroyed is each node's own affair.
fn evidence(ledger: &dyn Ledger, subject: SubjectTag) -> Result<EvidenceRow, LedgerFault> {
    let mut row: EvidenceRow = crate::ledger::row(ledger, subject.as_bytes())?.unwrap_or_default();
    row.statements.retain(|statement| !statement.erased);
    Ok(row)
}

/// The consortium's decision, without what the journal has told of it.
fn plan(ledger: &dyn Ledger, subject: SubjectTag) -> Result<ScopeRow, LedgerFault> {
    let row: Option<DecisionRow> = crate::ledger::row(ledger, subject.as_bytes())?;
    let mut scope = row.and_then(|row| row.consortium).unwrap_or_default();
    (scope.told, scope.settled_at) = (0, 0);
    for step in &mut scope.transitions {
        step.number = 0;
    }
    Ok(scope)
}

fn told(scope: &ScopeRow) -> String {
    let time = |micros| Time::from_micros(micros).unwrap_or(Time::MAX);
    let steps = scope.transitions.iter();
    let steps: Vec<String> =
        steps.map(|step| format!("{} from {}", measure(step.to), time(step.at))).collect();
    if steps.is_empty() { "NONE always".to_owned() } else { steps.join(", ") }
}
