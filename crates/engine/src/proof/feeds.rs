//! The records of a bundle, feed by feed: headers, signatures, links and inclusion. Nothing of what
//! statements say is looked at here.

use std::collections::BTreeMap;

use interlock_record::{
    ConsortiumId, Digest, Entry, FeedId, FeedNumber, Header, RecordId, Signature, leaf_hash,
    record_id, verify_header, verify_inclusion,
};

use super::NotVerified;
use super::proto;
use crate::charter::Charters;

/// A record whose header was checked.
#[derive(Debug)]
pub(super) struct Placement<'a> {
    pub id: RecordId,
    pub header: Header,
    /// Whether it is shown to be on the line of the feed's last record here.
    pub linked: bool,
    /// Whether its own signature is here.
    pub signed: bool,
    pub record: &'a proto::Record,
}

/// The records of one feed.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub feed: FeedId,
    pub records: BTreeMap<u64, Placement<'a>>,
    pub void_from: Option<u64>,
}

/// A feed by its member and number, as messages name it.
pub(super) fn feed_id(member: &str, number: u32) -> Option<FeedId> {
    Some(FeedId { member: member.parse().ok()?, number: FeedNumber(number) })
}

/// The hashes of an audit path.
pub(super) fn digests(path: &[Vec<u8>]) -> Option<Vec<Digest>> {
    path.iter().map(|hash| Digest::from_slice(hash)).collect()
}

/// Checks the records of one feed; adds the signatures that were checked to `signatures`.
pub(super) fn line<'a>(
    feed: &'a proto::Feed,
    consortium: &ConsortiumId,
    charters: &Charters,
    signatures: &mut u32,
) -> Result<Line<'a>, NotVerified> {
    let id = feed_id(&feed.member, feed.feed)
        .ok_or_else(|| NotVerified::at("feeds", "a feed of a member that cannot be"))?;
    let Some(named) = charters.feed(id) else {
        return Err(NotVerified::at(id, "the charter names no such feed"));
    };
    let mut records: BTreeMap<u64, Placement<'a>> = BTreeMap::new();
    for record in &feed.records {
        let placement = placement(record, id, consortium, &named.key)?;
        *signatures += u32::from(placement.signed);
        let sequence = placement.header.sequence;
        let place = format!("{id} #{sequence}");
        if placement.header.charter_version > charters.newest().version {
            return Err(NotVerified::at(place, "it names a charter version that is not here"));
        }
        if let Some((last, before)) = records.last_key_value() {
            if *last >= sequence {
                return Err(NotVerified::at(place, "records are not in their order"));
            }
            if before.header.time >= placement.header.time {
                return Err(NotVerified::at(place, "it is not later than a record before it"));
            }
        }
        records.insert(sequence, placement);
    }
    link(id, &mut records)?;
    let void_from = (feed.void_from > 0).then_some(feed.void_from);
    Ok(Line { feed: id, records, void_from })
}

fn placement<'a>(
    record: &'a proto::Record,
    feed: FeedId,
    consortium: &ConsortiumId,
    key: &interlock_record::PublicKey,
) -> Result<Placement<'a>, NotVerified> {
    let refuse = |why: &dyn std::fmt::Display| NotVerified::at(feed, why);
    let signed = !record.signature.is_empty();
    let header = if signed {
        let signature = Signature::from_slice(&record.signature)
            .ok_or_else(|| refuse(&"a signature of the wrong length"))?;
        verify_header(&record.header, &signature, consortium, key)
    } else {
        Header::decode(&record.header)
    };
    let header = header.map_err(|error| refuse(&error))?;
    if header.feed != feed || header.consortium != *consortium {
        return Err(refuse(&"a header of another feed or consortium"));
    }
    if !signed && !record.statements.is_empty() {
        return Err(refuse(&"statements of a record without its signature"));
    }
    let placement =
        Placement { id: record_id(&record.header), header, linked: false, signed, record };
    included(&placement)?;
    Ok(placement)
}

/// Whether the statements are in the record's body.
fn included(placement: &Placement<'_>) -> Result<(), NotVerified> {
    let Placement { header, record, .. } = placement;
    let mut next = 0;
    for statement in &record.statements {
        let place = format!("{} #{}[{}]", header.feed, header.sequence, statement.index);
        if statement.index < next {
            return Err(NotVerified::at(place, "statements are not in their order"));
        }
        next = statement.index.saturating_add(1);
        let salt = statement.salt.as_slice().try_into();
        let salt = salt.map_err(|_| NotVerified::at(&place, "a salt of the wrong length"))?;
        let leaf = Entry::Kept { salt, statement: statement.statement.clone() }.leaf();
        let path = digests(&statement.path);
        let (index, size) = (u64::from(statement.index), u64::from(header.statements));
        let shown =
            path.is_some_and(|path| verify_inclusion(&header.body_root, &leaf, index, size, &path));
        if !shown {
            return Err(NotVerified::at(place, "it is not in the record's body"));
        }
    }
    Ok(())
}

/// Sees which records are on the line of the last: those before it by name, and those in its tree.
fn link(feed: FeedId, records: &mut BTreeMap<u64, Placement<'_>>) -> Result<(), NotVerified> {
    let Some((last, anchor)) = records.last_key_value() else {
        return Err(NotVerified::at(feed, "a feed without records"));
    };
    if !anchor.signed || !anchor.record.feed_path.is_empty() {
        return Err(NotVerified::at(feed, "its last record here is not signed, or has a path"));
    }
    let (last, root) = (*last, anchor.header.feed_root);
    let mut next: Option<(u64, Option<RecordId>, bool)> = None;
    for (sequence, placement) in records.iter_mut().rev() {
        let place = format!("{feed} #{sequence}");
        let mut linked = *sequence == last;
        if let Some((_, previous, next_linked)) = next.filter(|(next, ..)| *next - 1 == *sequence) {
            if previous != Some(placement.id) {
                return Err(NotVerified::at(place, "the record after it follows another"));
            }
            linked |= next_linked;
        }
        if !placement.record.feed_path.is_empty() {
            let leaf = leaf_hash(placement.id.as_bytes());
            let path = digests(&placement.record.feed_path);
            let shown = path
                .is_some_and(|path| verify_inclusion(&root, &leaf, sequence - 1, last - 1, &path));
            if !shown {
                return Err(NotVerified::at(place, "it is not where its path leads"));
            }
            linked = true;
        }
        if !linked && !placement.signed {
            return Err(NotVerified::at(place, "neither signed nor named by a later record"));
        }
        placement.linked = linked;
        next = Some((*sequence, placement.header.previous, linked));
    }
    Ok(())
}
