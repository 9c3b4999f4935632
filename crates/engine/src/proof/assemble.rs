//! Making a bundle from a ledger. What was made is checked as any verifier would before it is handed
//! out, so that no file leaves that proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    Digest, Entry, FeedId, Position, Statement, SubjectTag, Time, VerifiedRecord, inclusion_proof,
    inclusion_proofs, leaf_hash,
};

use super::check;
use super::countersign;
use super::evaluate::claim_of;
use super::file;
use super::moment::{self, Known};
use super::verdict::{NotVerified, verify};
use super::{Room, proto};
use crate::breaker;
use crate::charter::Charters;
use crate::ledger::rows::{DecisionRow, EvidenceRow, ForkRow, IndexRow, StoredRow as _};
use crate::ledger::{Column, Ledger, LedgerFault, fork_key, index_key, row};
use crate::replica::{of_disputes, record_at};

/// Which decision on a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// As it is, asked for this instant.
    AsOf(Time),
    /// As it was taken when this journal entry was written.
    Entry(u64),
}

/// Why no bundle is made. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// Nothing is known on the subject.
    #[error("nothing is known on this subject")]
    NothingKnown,
    /// The entry tells of no decision on the subject.
    #[error("journal entry {entry} tells of no decision on this subject")]
    NoSuchEntry {
        /// The entry.
        entry: u64,
    },
    /// The entry tells of this member's own decision.
    #[error(
        "journal entry {entry} tells of this member's own decision; a bundle proves the consortium's"
    )]
    OwnDecision {
        /// The entry.
        entry: u64,
    },
    /// The entry was written by a program that did not note which records had come.
    #[error(
        "journal entry {entry} was written before entries noted up to which record they were taken: \
         what was known then cannot be told; export the decision as it is now"
    )]
    NotNoted {
        /// The entry.
        entry: u64,
    },
    /// The journal no longer tells what went before the entry.
    #[error("the journal begins at entry {first}: what held at entry {entry} cannot be told")]
    JournalCut {
        /// The entry.
        entry: u64,
        /// The first that is there.
        first: u64,
    },
    /// A forked feed's line was exchanged since.
    #[error(
        "the line of a forked feed was exchanged since journal entry {entry}: what was known then is \
         no longer there in its order"
    )]
    LineExchanged {
        /// The entry.
        entry: u64,
    },
    /// What is there does not prove the decision: something was erased since, or is being written.
    #[error("what is known here does not prove the decision: {0}")]
    Unprovable(#[from] NotVerified),
}

/// A record that is to go in.
#[derive(Debug, Default)]
struct Place {
    statements: BTreeSet<u32>,
    concerned: bool,
}

type Places = BTreeMap<FeedId, BTreeMap<u64, Place>>;

/// Makes the bundle that proves a decision.
///
/// # Errors
/// [`ExportError`]. Where it is `Unprovable` and a writer was at work meanwhile, try again.
pub fn export(
    ledger: &dyn Ledger,
    charters: &Charters,
    subject: SubjectTag,
    wanted: Wanted,
) -> Result<Vec<u8>, ExportError> {
    export_within(&Room::LIMITS, ledger, charters, subject, wanted)
}

/// [`export`] with this much room.
pub(super) fn export_within(
    room: &Room,
    ledger: &dyn Ledger,
    charters: &Charters,
    subject: SubjectTag,
    wanted: Wanted,
) -> Result<Vec<u8>, ExportError> {
    let evidence: Option<EvidenceRow> = row(ledger, subject.as_bytes())?;
    let evidence = evidence.ok_or(ExportError::NothingKnown)?;
    let known = moment::known(ledger, charters, subject, wanted)?;
    let mut places = Places::new();
    let mut concerned: BTreeMap<FeedId, (u64, u64)> = BTreeMap::new();
    for row in &evidence.statements {
        let feed = row.feed_id()?;
        if row.erased || !known.had(feed, row.sequence) {
            continue;
        }
        let place = places.entry(feed).or_default().entry(row.sequence).or_default();
        place.statements.insert(row.index);
        place.concerned = true;
        let (low, high) = concerned.entry(feed).or_insert((row.sequence, row.sequence));
        (*low, *high) = (row.sequence.min(*low), row.sequence.max(*high));
    }
    for seen in countersign::pick(room, ledger, &known, &concerned)? {
        let place = places.entry(seen.source).or_default().entry(seen.sequence).or_default();
        place.statements.insert(seen.index);
        for (feed, sequence) in seen.names {
            places.entry(feed).or_default().entry(sequence).or_default();
        }
    }
    show_ends(ledger, &known, &concerned, &mut places)?;
    show_windows(room, ledger, &known, &mut places)?;
    let mut feeds = Vec::with_capacity(places.len());
    for (feed, places) in &places {
        feeds.push(feed_of(room, ledger, &known, *feed, places)?);
    }
    let mut bundle = proto::Bundle {
        version: file::BUNDLE_VERSION,
        consortium: charters.consortium().0.to_vec(),
        subject: subject.0.to_vec(),
        charters: known.signed.iter().map(charter).collect(),
        forks: forks_of(ledger, &known, &concerned)?,
        feeds,
        claim: None,
        moment: Some(known.moment),
    };
    let checked = check::check(&bundle, None)?;
    bundle.claim = Some(claim_of(&checked.decided, checked.taken.at));
    if let Wanted::AsOf(_) = wanted {
        as_stored(ledger, subject, &bundle)?;
    }
    let bytes = file::seal(&bundle);
    verify(&bytes, Some(charters.consortium()))?;
    Ok(bytes)
}

/// The decision must be the one that the node tells its platform.
fn as_stored(
    ledger: &dyn Ledger,
    subject: SubjectTag,
    bundle: &proto::Bundle,
) -> Result<(), ExportError> {
    let stored: Option<DecisionRow> = row(ledger, subject.as_bytes())?;
    let stored = stored.and_then(|row| row.consortium).unwrap_or_default();
    let at = bundle.moment.as_ref().and_then(|moment| Time::from_micros(moment.at));
    if bundle.claim.as_ref() == at.map(|at| claim_of(&stored, at)).as_ref() {
        return Ok(());
    }
    let why =
        "the decision kept here is another: it is being decided anew, or the store is damaged";
    Err(NotVerified::at("claim", why).into())
}

/// Adds the last record that counts of feeds that have ended: its id is the charter's.
fn show_ends(
    ledger: &dyn Ledger,
    known: &Known,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
    places: &mut Places,
) -> Result<(), LedgerFault> {
    for (feed, (low, _)) in concerned {
        let last = known.charters.feed(*feed).and_then(|feed| feed.last);
        let Some(last) = last.filter(|last| last.sequence >= *low) else { continue };
        if known.had(*feed, last.sequence) && moment::index(ledger, *feed, last.sequence)?.is_some()
        {
            places.entry(*feed).or_default().entry(last.sequence).or_default();
        }
    }
    Ok(())
}

/// Adds the headers that show whether the breaker held a record, where they are few.
fn show_windows(
    room: &Room,
    ledger: &dyn Ledger,
    known: &Known,
    places: &mut Places,
) -> Result<(), LedgerFault> {
    let mut left = room.run_bytes;
    for (feed, records) in places.iter_mut() {
        let concerned: Vec<u64> =
            records.iter().filter(|(_, place)| place.concerned).map(|(at, _)| *at).collect();
        for sequence in concerned {
            let Some(record) = record_at(ledger, *feed, sequence)? else { continue };
            let header = record.verified()?.header().clone();
            let Some((quota, allowance)) = known.charters.quota_at(*feed, header.time) else {
                continue;
            };
            let start = header.time.minus(breaker::reach(&quota, allowance.as_ref()));
            let mut run = Vec::new();
            let mut bytes = 0;
            let mut whole = sequence == 1;
            for below in (1..sequence).rev().take(usize::try_from(room.run).unwrap_or(usize::MAX)) {
                let Some(earlier) = record_at(ledger, *feed, below)? else { break };
                let earlier = earlier.verified()?;
                if !records.contains_key(&below) {
                    bytes += earlier.signed().header.len() + 8;
                }
                run.push(below);
                if earlier.header().time <= start || below == 1 {
                    whole = true;
                    break;
                }
            }
            if whole && bytes <= left {
                left -= bytes;
                for below in run {
                    records.entry(below).or_default();
                }
            }
        }
    }
    Ok(())
}

fn feed_of(
    room: &Room,
    ledger: &dyn Ledger,
    known: &Known,
    feed: FeedId,
    places: &BTreeMap<u64, Place>,
) -> Result<proto::Feed, LedgerFault> {
    let last = places.last_key_value().map_or(0, |(sequence, _)| *sequence);
    let provable = last <= room.proven_feed;
    let mut paths =
        if provable { feed_paths(ledger, feed, last, places)? } else { BTreeMap::new() };
    let mut records = Vec::with_capacity(places.len());
    let mut above = 0;
    for (sequence, place) in places.iter().rev() {
        let Some(row) = record_at(ledger, feed, *sequence)? else { continue };
        let record = row.verified()?;
        let linked = above == sequence + 1;
        let signed = !place.statements.is_empty() || *sequence == last;
        let feed_path = paths.remove(sequence).unwrap_or_default();
        if !signed && !linked && !provable {
            // Its place cannot be shown, and it says nothing by itself.
            continue;
        }
        let signature = if signed { record.signed().signature.0.to_vec() } else { Vec::new() };
        above = *sequence;
        let concerned = place.concerned;
        records.push(proto::Record {
            header: record.signed().header.clone(),
            signature,
            feed_path: feed_path.iter().map(|hash| hash.0.to_vec()).collect(),
            held: concerned && row.held,
            day_before: if concerned { row.day_before } else { 0 },
            statements: statements_of(ledger, known, &record, &place.statements)?,
        });
    }
    records.reverse();
    Ok(proto::Feed {
        member: feed.member.to_string(),
        feed: feed.number.0,
        records,
        void_from: known.voids.get(&feed).copied().unwrap_or(0),
    })
}

/// The paths that lead from records to the feed root of the last, where no later record names them.
fn feed_paths(
    ledger: &dyn Ledger,
    feed: FeedId,
    last: u64,
    places: &BTreeMap<u64, Place>,
) -> Result<BTreeMap<u64, Vec<Digest>>, LedgerFault> {
    let wanted: Vec<u64> = places
        .keys()
        .copied()
        .filter(|sequence| *sequence < last && !places.contains_key(&(sequence + 1)))
        .collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut leaves = Vec::new();
    let end = index_key(feed, last);
    let mut from = index_key(feed, 1);
    loop {
        let rows = ledger.range(Column::Index, &from, &end, 4_096)?;
        let Some((key, _)) = rows.last() else { break };
        from.clone_from(key);
        from.push(0);
        for (_, value) in &rows {
            leaves.push(leaf_hash(&IndexRow::decode(value)?.id));
        }
    }
    let indices: Vec<u64> = wanted.iter().map(|sequence| sequence - 1).collect();
    let paths = inclusion_proofs(&leaves, &indices).unwrap_or_default();
    Ok(wanted.into_iter().zip(paths).collect())
}

fn statements_of(
    ledger: &dyn Ledger,
    known: &Known,
    record: &VerifiedRecord,
    indices: &BTreeSet<u32>,
) -> Result<Vec<proto::Statement>, LedgerFault> {
    let body = &record.signed().body;
    let leaves: Vec<Digest> = body.iter().map(Entry::leaf).collect();
    let header = record.header();
    let mut statements = Vec::with_capacity(indices.len());
    for index in indices {
        let Some(Entry::Kept { salt, statement }) = body.get(*index as usize) else { continue };
        let path = inclusion_proof(&leaves, u64::from(*index)).unwrap_or_default();
        let rules = known.charters.rules_at(header.time);
        let disputes_before = match Statement::decode(statement, rules, header.time) {
            Ok(Statement::Dispute(_)) => disputes_before(ledger, known, record.position(*index))?,
            _ => 0,
        };
        statements.push(proto::Statement {
            index: *index,
            salt: salt.to_vec(),
            statement: statement.clone(),
            path: path.iter().map(|hash| hash.0.to_vec()).collect(),
            disputes_before,
        });
    }
    Ok(statements)
}

fn disputes_before(
    ledger: &dyn Ledger,
    known: &Known,
    position: Position,
) -> Result<u64, LedgerFault> {
    of_disputes(ledger, &known.charters, position)
}

/// The proofs for the feeds concerned, up to the highest record of each that is concerned.
fn forks_of(
    ledger: &dyn Ledger,
    known: &Known,
    concerned: &BTreeMap<FeedId, (u64, u64)>,
) -> Result<Vec<Vec<u8>>, LedgerFault> {
    let mut proofs = Vec::new();
    for (feed, (_, high)) in concerned {
        let Some(places) = known.forks.get(feed) else { continue };
        let void = known.voids.get(feed);
        for place in places.iter().filter(|place| *place <= high || Some(*place) == void) {
            if let Some(row) = row::<ForkRow>(ledger, &fork_key(*feed, *place))? {
                proofs.push(row.proof);
            }
        }
    }
    Ok(proofs)
}

fn charter(signed: &crate::charter::SignedCharter) -> proto::Charter {
    let signatures = signed.signatures.iter().map(|signature| proto::CharterSignature {
        member: signature.member.to_string(),
        role: signature.role.name().to_owned(),
        key: signature.key.as_bytes().to_vec(),
        signature: signature.signature.0.to_vec(),
    });
    proto::Charter { document: signed.document.clone(), signatures: signatures.collect() }
}
