//! Feeds: the chain that a member's records form, reduced to what is needed to check the next one.

use prost::Message as _;

use crate::{CompactTree, Digest, RecordError, RecordId, Time, VerifiedRecord, leaf_hash, proto};

/// The state of a feed after `sequence` records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedHead {
    /// How many records there are.
    pub sequence: u64,
    /// The last record, if there is one.
    pub id: Option<RecordId>,
    /// The last record's time, if there is one.
    pub time: Option<Time>,
    /// The last record's charter version; 0 where there is none.
    pub charter_version: u32,
    /// The tree over the ids of all records.
    pub tree: CompactTree,
}

/// Why a record is not the next one of its feed. The head has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The feed has a record of this sequence number already: either this one, or its issuer has
    /// signed two. The record that is there says which.
    #[error("the feed has a record {sequence} already")]
    Known {
        /// The record's sequence number.
        sequence: u64,
    },
    /// Records before this one are missing.
    #[error("expected record {expected} of the feed, got {got}")]
    Gap {
        /// The sequence number that comes next.
        expected: u64,
        /// The record's.
        got: u64,
    },
    /// The record follows another record than the last one here: its issuer has signed two.
    #[error("the record does not follow the last record of the feed")]
    WrongPrevious,
    /// The record commits to another past than the one here.
    #[error("the record commits to another past of the feed")]
    WrongFeedRoot,
    /// The record's time is not later than the last one's.
    #[error("the record's time is not later than the last record's")]
    TimeNotLater,
    /// The record names a lower charter version than the last one.
    #[error("the record names a lower charter version than the last record")]
    CharterVersionLower,
}

impl ChainError {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Known { .. } => "KNOWN",
            Self::Gap { .. } => "GAP",
            Self::WrongPrevious => "WRONG_PREVIOUS",
            Self::WrongFeedRoot => "WRONG_FEED_ROOT",
            Self::TimeNotLater => "TIME_NOT_LATER",
            Self::CharterVersionLower => "CHARTER_VERSION_LOWER",
        }
    }
}

impl FeedHead {
    /// A feed without records.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The state after `record`, which must be of this feed.
    ///
    /// # Errors
    /// When the record is not the next one.
    pub fn next(&self, record: &VerifiedRecord) -> Result<Self, ChainError> {
        let header = record.header();
        if header.sequence <= self.sequence {
            return Err(ChainError::Known { sequence: header.sequence });
        }
        let expected = self.sequence + 1;
        if header.sequence != expected {
            return Err(ChainError::Gap { expected, got: header.sequence });
        }
        if header.previous != self.id {
            return Err(ChainError::WrongPrevious);
        }
        if header.feed_root != self.tree.root() {
            return Err(ChainError::WrongFeedRoot);
        }
        if self.time.is_some_and(|last| header.time <= last) {
            return Err(ChainError::TimeNotLater);
        }
        if header.charter_version < self.charter_version {
            return Err(ChainError::CharterVersionLower);
        }
        let mut tree = self.tree.clone();
        tree.append(leaf_hash(record.id().as_bytes()));
        Ok(Self {
            sequence: header.sequence,
            id: Some(record.id()),
            time: Some(header.time),
            charter_version: header.charter_version,
            tree,
        })
    }

    /// The head as bytes, for the node's own store.
    pub fn to_bytes(&self) -> Vec<u8> {
        proto::FeedHead {
            sequence: self.sequence,
            id: self.id.map(|id| id.0.to_vec()).unwrap_or_default(),
            time: self.time.map(Time::micros),
            charter_version: self.charter_version,
            subtrees: self.tree.subtrees().iter().map(|root| root.0.to_vec()).collect(),
        }
        .encode_to_vec()
    }

    /// The head that [`FeedHead::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        const WHAT: RecordError = RecordError::Undecodable { what: "feed head" };
        let message = proto::FeedHead::decode(bytes).map_err(|_| WHAT)?;
        let id = match message.id.as_slice() {
            [] => None,
            id => Some(RecordId::from_slice(id).ok_or(WHAT)?),
        };
        let time = match message.time {
            None => None,
            Some(micros) => Some(Time::from_micros(micros).ok_or(WHAT)?),
        };
        let roots: Option<Vec<Digest>> =
            message.subtrees.iter().map(|root| Digest::from_slice(root)).collect();
        let tree = roots.and_then(|roots| CompactTree::from_parts(message.sequence, roots));
        let started = message.sequence > 0;
        let consistent = id.is_some() == started
            && time.is_some() == started
            && (message.charter_version > 0) == started;
        match tree {
            Some(tree) if consistent => Ok(Self {
                sequence: message.sequence,
                id,
                time,
                charter_version: message.charter_version,
                tree,
            }),
            _ => Err(WHAT),
        }
    }
}

#[cfg(test)]
mod tests;
