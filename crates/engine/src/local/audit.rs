//! The audit log: who did what and why, each entry chained to the one before.
//!
//! An entry is kept as its exact bytes with their hash, SHA-256 over a domain and the bytes, and
//! names the hash of the entry before it. The last number and hash are kept apart, so that an end
//! that was cut off is noticed too. Whoever can write the whole store can write a whole new chain:
//! note the head elsewhere from time to time.

use interlock_record::{Digest, SubjectTag, Time};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::Person;
use crate::ledger::rows::{AuditHeadRow, AuditRow, SealedRow};
use crate::ledger::{Draft, LedgerFault, MetaKey, number_key};

const DOMAIN: &[u8] = b"interlock/audit/v1\0";

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Who and why.
    pub person: &'a Person,
    /// What: a stable name.
    pub act: &'a str,
    /// About whom.
    pub subject: Option<SubjectTag>,
    /// More about it.
    pub detail: String,
}

/// The last entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0: there is none.
    pub number: u64,
    /// Its hash; zeros where there is none.
    pub hash: Digest,
}

impl AuditHead {
    /// The head of an empty log.
    pub const EMPTY: Self = Self { number: 0, hash: Digest([0; 32]) };

    /// The head of a row.
    pub fn of_row(row: Option<&AuditHeadRow>) -> Self {
        row.map_or(Self::EMPTY, |row| Self {
            number: row.number,
            hash: Digest::from_slice(&row.hash).unwrap_or(Self::EMPTY.hash),
        })
    }
}

fn hash_of(entry: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(entry);
    Digest(hash.finalize().into())
}

/// Writes an entry behind the last one; says its number.
///
/// # Errors
/// [`LedgerFault`].
pub fn append(draft: &mut Draft<'_>, now: Time, entry: Entry<'_>) -> Result<u64, LedgerFault> {
    let key = MetaKey::AuditHead.bytes();
    let head = AuditHead::of_row(draft.row::<AuditHeadRow>(key)?.as_ref());
    let Entry { person, act, subject, detail } = entry;
    let row = AuditRow {
        number: head.number + 1,
        at: now.micros(),
        by: person.by().to_owned(),
        uid: person.uid(),
        act: act.to_owned(),
        subject: subject.map(|tag| tag.0.to_vec()).unwrap_or_default(),
        detail,
        why: person.why().to_owned(),
        previous: head.hash.0.to_vec(),
    };
    let bytes = row.encode_to_vec();
    let sealed = SealedRow { hash: hash_of(&bytes), entry: bytes };
    let head = AuditHeadRow { number: row.number, hash: sealed.hash.0.to_vec() };
    draft.put(number_key(row.number), &sealed);
    draft.put(key.to_vec(), &head);
    Ok(row.number)
}

/// Why a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditBroken {
    /// An entry's bytes are not those that were hashed.
    #[error("entry {0} is not what was written: its bytes do not have its hash")]
    Changed(u64),
    /// An entry is not where it should be.
    #[error("entry {expected} is missing")]
    Missing {
        /// The number that should be there.
        expected: u64,
    },
    /// An entry does not follow the one before it.
    #[error("entry {0} does not follow the one before it: it names another hash")]
    Unchained(u64),
    /// The log does not end where it should.
    #[error("the log ends at entry {found}, but its head is entry {head}")]
    OtherEnd {
        /// The last entry that is there.
        found: u64,
        /// The last entry that there was.
        head: u64,
    },
    /// The last entry is not the one that the head names.
    #[error("entry {0} is not the one that the log's head names")]
    OtherHead(u64),
}

/// Follows a log from its first entry and notices the first that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditChain {
    last: AuditHead,
}

impl Default for AuditChain {
    fn default() -> Self {
        Self { last: AuditHead::EMPTY }
    }
}

impl AuditChain {
    /// Takes the next entry, kept under `number` with `hash`.
    ///
    /// # Errors
    /// [`AuditBroken`], naming the first entry that is broken.
    pub fn next(
        &mut self,
        number: u64,
        hash: &[u8],
        entry: &[u8],
    ) -> Result<AuditRow, AuditBroken> {
        let expected = self.last.number + 1;
        if number != expected {
            return Err(AuditBroken::Missing { expected });
        }
        if hash_of(entry).0 != hash {
            return Err(AuditBroken::Changed(number));
        }
        let row = AuditRow::decode(entry).map_err(|_| AuditBroken::Changed(number))?;
        if row.number != number || row.previous != self.last.hash.0 {
            return Err(AuditBroken::Unchained(number));
        }
        self.last = AuditHead { number, hash: hash_of(entry) };
        Ok(row)
    }

    /// Ends at the log's head.
    ///
    /// # Errors
    /// [`AuditBroken`] where the log goes on, or ended elsewhere.
    pub fn finish(&self, head: AuditHead) -> Result<u64, AuditBroken> {
        if self.last.number != head.number {
            return Err(AuditBroken::OtherEnd { found: self.last.number, head: head.number });
        }
        if self.last.hash != head.hash {
            return Err(AuditBroken::OtherHead(head.number));
        }
        Ok(head.number)
    }

    /// The number of the last entry taken.
    pub const fn number(&self) -> u64 {
        self.last.number
    }
}

#[cfg(test)]
mod tests;
