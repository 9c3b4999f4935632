//! What a node knew at a moment: now, or when it wrote a journal entry. Arrival numbers tell which
//! records had come, the journal tells which charter held and which feeds were forked or void.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{Digest, FeedId, RecordId, SubjectTag, Time};

use super::assemble::{ExportError, Wanted};
use super::proto;
use crate::charter::{Charter, Charters, SignedCharter};
use crate::ledger::rows::{CharterRow, CountersRow, HeadRow, IndexRow, JournalRow, StoredRow as _};
use crate::ledger::{
    Column, Ledger, LedgerFault, MetaKey, charter_key, feed_of_key, index_key, number_key, row,
    sequence_of_key,
};
use crate::replica::{Event, Happening, frontier_digest};

/// How many journal entries are read at once.
const MAX_ENTRIES_AT_ONCE: usize = 1_024;

/// What was known at a moment.
#[derive(Debug)]
pub(super) struct Known {
    pub moment: proto::Moment,
    pub heads: BTreeMap<FeedId, (u64, RecordId)>,
    pub charters: Charters,
    pub signed: Vec<SignedCharter>,
    pub forks: BTreeMap<FeedId, BTreeSet<u64>>,
    pub voids: BTreeMap<FeedId, u64>,
}

pub(super) fn known(
    ledger: &dyn Ledger,
    charters: &Charters,
    subject: SubjectTag,
    wanted: Wanted,
) -> Result<Known, ExportError> {
    match wanted {
        Wanted::AsOf(at) => now(ledger, charters, at),
        Wanted::Entry(entry) => then(ledger, charters, subject, entry),
    }
}

fn now(ledger: &dyn Ledger, charters: &Charters, at: Time) -> Result<Known, ExportError> {
    let counters: Option<CountersRow> = row(ledger, MetaKey::Counters.bytes())?;
    let arrivals = counters.unwrap_or_default().arrivals;
    let heads = heads_at(ledger, arrivals)?;
    let forks = forks(ledger)?;
    let voids = voids(ledger)?;
    let moment = proto::Moment { at: at.micros(), arrivals, ..proto::Moment::default() };
    let signed = signed(ledger, charters)?;
    let charters = charters.clone();
    Ok(Known { moment, heads, charters, signed, forks, voids }.with_frontier())
}

fn then(
    ledger: &dyn Ledger,
    charters: &Charters,
    subject: SubjectTag,
    entry: u64,
) -> Result<Known, ExportError> {
    let row: JournalRow = row(ledger, &number_key(entry))?
        .filter(|row: &JournalRow| row.subject == subject.0)
        .ok_or(ExportError::NoSuchEntry { entry })?;
    let event = Event::from_row(entry, &row)?;
    let (Happening::Announced(decided)
    | Happening::Effective(decided)
    | Happening::Revised { decided, .. }) = &event.happening
    else {
        return Err(ExportError::NoSuchEntry { entry });
    };
    if decided.own {
        return Err(ExportError::OwnDecision { entry });
    }
    if decided.arrivals == 0 {
        return Err(ExportError::NotNoted { entry });
    }
    let past = Past::read(ledger, charters, entry)?;
    let charters = chain_up_to(ledger, charters, past.version)?;
    let moment = proto::Moment {
        entry,
        at: event.recorded_at.micros(),
        arrivals: decided.arrivals,
        kind: row.kind,
        from: row.from,
        to: row.to,
        changed_at: row.at,
        ..proto::Moment::default()
    };
    let known = Known {
        moment,
        heads: heads_at(ledger, decided.arrivals)?,
        signed: signed(ledger, &charters)?,
        charters,
        forks: past.forks,
        voids: past.voids,
    }
    .with_frontier();
    // Both were written by the same step. They part where a feed's line was exchanged since.
    if Digest::from_slice(&known.moment.frontier) != Some(decided.frontier) {
        return Err(ExportError::LineExchanged { entry });
    }
    Ok(known)
}

impl Known {
    fn with_frontier(mut self) -> Self {
        let heads = self.heads.iter();
        let heads = heads.map(|(feed, (sequence, id))| (*feed, *sequence, Some(*id)));
        self.moment.frontier = frontier_digest(heads.clone()).0.to_vec();
        self.moment.heads = self
            .heads
            .iter()
            .map(|(feed, (sequence, id))| proto::Head {
                member: feed.member.to_string(),
                feed: feed.number.0,
                sequence: *sequence,
                id: id.0.to_vec(),
            })
            .collect();
        self
    }

    /// Whether a record had come.
    pub(super) fn had(&self, feed: FeedId, sequence: u64) -> bool {
        self.heads.get(&feed).is_some_and(|(head, _)| sequence <= *head)
    }
}

/// Place and id of a record on the line of its feed.
pub(super) fn index(
    ledger: &dyn Ledger,
    feed: FeedId,
    sequence: u64,
) -> Result<Option<(u64, RecordId)>, LedgerFault> {
    let index: Option<IndexRow> = row(ledger, &index_key(feed, sequence))?;
    Ok(index.and_then(|index| Some((index.arrival, RecordId::from_slice(&index.id)?))))
}

/// The last record of each feed among the first `arrivals` that came. Those of one line came in
/// their order, so it is searched for by halves.
fn heads_at(
    ledger: &dyn Ledger,
    arrivals: u64,
) -> Result<BTreeMap<FeedId, (u64, RecordId)>, LedgerFault> {
    let mut heads = BTreeMap::new();
    for (key, value) in ledger.range(Column::Heads, &[], &[0xff; 64], usize::MAX)? {
        let Some(feed) = feed_of_key(&key) else { continue };
        let head = interlock_record::FeedHead::from_bytes(&HeadRow::decode(&value)?.head);
        let head = head.map_or(0, |head| head.sequence);
        // All up to `come` had come, none from `later` on.
        let (mut come, mut later) = (0, head + 1);
        let mut id = None;
        while come + 1 < later {
            let middle =
                if later == head + 1 && come == 0 { head } else { come + (later - come) / 2 };
            match index(ledger, feed, middle)? {
                Some((arrival, middle_id)) if arrival <= arrivals => {
                    (come, id) = (middle, Some(middle_id));
                }
                _ => later = middle,
            }
        }
        if let Some(id) = id {
            heads.insert(feed, (come, id));
        }
    }
    Ok(heads)
}

fn forks(ledger: &dyn Ledger) -> Result<BTreeMap<FeedId, BTreeSet<u64>>, LedgerFault> {
    let mut forks: BTreeMap<FeedId, BTreeSet<u64>> = BTreeMap::new();
    for (key, _) in ledger.range(Column::Forks, &[], &[0xff; 64], usize::MAX)? {
        if let (Some(feed), Some(sequence)) = (feed_of_key(&key), sequence_of_key(&key)) {
            forks.entry(feed).or_default().insert(sequence);
        }
    }
    Ok(forks)
}

fn voids(ledger: &dyn Ledger) -> Result<BTreeMap<FeedId, u64>, LedgerFault> {
    let mut voids = BTreeMap::new();
    for (key, value) in ledger.range(Column::Heads, &[], &[0xff; 64], usize::MAX)? {
        if let (Some(feed), Some(from)) = (feed_of_key(&key), HeadRow::decode(&value)?.void_from) {
            voids.insert(feed, from);
        }
    }
    Ok(voids)
}

/// What the journal tells of charters and forks up to an entry.
#[derive(Debug, Default)]
struct Past {
    version: u32,
    forks: BTreeMap<FeedId, BTreeSet<u64>>,
    voids: BTreeMap<FeedId, u64>,
}

impl Past {
    fn read(ledger: &dyn Ledger, charters: &Charters, entry: u64) -> Result<Self, ExportError> {
        let mut past = Self { version: 1, ..Self::default() };
        let nothing = charters.known().count() == 1 && forks(ledger)?.is_empty();
        if nothing && voids(ledger)?.is_empty() {
            return Ok(past);
        }
        let mut from = 1;
        while from <= entry {
            let (first, end) = (number_key(from), number_key(entry + 1));
            let rows = ledger.range(Column::Journal, &first, &end, MAX_ENTRIES_AT_ONCE)?;
            if rows.is_empty() {
                break;
            }
            for (key, value) in &rows {
                let number = crate::ledger::number_of_key(key).unwrap_or(entry);
                if from == 1 && number > 1 {
                    return Err(ExportError::JournalCut { entry, first: number });
                }
                from = number + 1;
                match Event::from_row(number, &JournalRow::decode(value)?) {
                    Ok(event) => past.note(&event.happening),
                    // A kind that this program does not know changes none of this.
                    Err(LedgerFault::Corrupt { .. }) => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
        }
        Ok(past)
    }

    fn note(&mut self, happening: &Happening) {
        match happening {
            Happening::CharterChanged { version, .. } => self.version = *version,
            Happening::Equivocation { feed, sequence } => {
                self.forks.entry(*feed).or_default().insert(*sequence);
            }
            Happening::Void { feed, from: 0 } => {
                self.voids.remove(feed);
            }
            Happening::Void { feed, from } => {
                self.voids.insert(*feed, *from);
            }
            _ => {}
        }
    }
}

/// The chain as it was when `version` was its newest.
fn chain_up_to(
    ledger: &dyn Ledger,
    charters: &Charters,
    version: u32,
) -> Result<Charters, LedgerFault> {
    let first = Charter::clone(&charters.chain()[0]);
    let mut then = Charters::first(first);
    for signed in signed(ledger, charters)?.into_iter().skip(1) {
        if then.newest().version >= version {
            break;
        }
        let next = then.with("charter", &signed).map_err(|error| LedgerFault::Corrupt {
            column: Column::Charters.name(),
            what: error.to_string(),
        })?;
        then = next.unwrap_or(then);
    }
    Ok(then)
}

/// The chain's documents and signatures, the first without any.
fn signed(ledger: &dyn Ledger, charters: &Charters) -> Result<Vec<SignedCharter>, LedgerFault> {
    let mut all = Vec::with_capacity(charters.chain().len());
    for (index, charter) in charters.chain().iter().enumerate() {
        if index == 0 {
            all.push(SignedCharter { document: charter.text.clone(), signatures: Vec::new() });
            continue;
        }
        let row: Option<CharterRow> = row(ledger, &charter_key(charter.version, charter.id()))?;
        let row = row.ok_or_else(|| LedgerFault::Corrupt {
            column: Column::Charters.name(),
            what: format!("version {} is not there", charter.version),
        })?;
        let mut signed = row.signed()?;
        signed.signatures.retain(|signature| signature.is_valid(&signed.document));
        all.push(signed);
    }
    Ok(all)
}
