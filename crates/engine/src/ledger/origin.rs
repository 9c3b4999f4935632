//! Where a backup's copy of each column comes from. The matches here have no wildcard: whoever
//! adds a column or a key of `meta` must say what a backup does with it.

use super::{Column, MetaKey};

/// Where the rows of a column come from when a ledger is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The records themselves: a backup keeps each statement's content under a key of its own.
    Log,
    /// What follows from the records alone: no backup has it, a restore makes it anew.
    Rebuilt,
    /// Copied row by row, as it is. Such a row must hold nothing that an erasure has to destroy:
    /// no statement's bytes and no salt.
    Copied,
}

impl Column {
    /// Where the column's rows come from when a ledger is restored.
    pub const fn origin(self) -> Origin {
        match self {
            Self::Log => Origin::Log,
            Self::Evidence
            | Self::Targets
            | Self::Recalls
            | Self::Releases
            | Self::Seen
            | Self::Erasures
            | Self::DisputeDays
            | Self::Holes => Origin::Rebuilt,
            Self::Index
            | Self::Heads
            | Self::Decisions
            | Self::Timers
            | Self::Journal
            | Self::Requests
            | Self::Forks
            | Self::Branches
            | Self::Charters
            | Self::Revisits
            | Self::Local
            | Self::Queue
            | Self::Disputes
            | Self::Audit
            | Self::Retention
            | Self::Meta => Origin::Copied,
        }
    }

    /// Whether rows of the column may hold a statement's bytes or salt, so that erasing one must
    /// reach them.
    pub const fn holds_content(self) -> bool {
        match self.origin() {
            Origin::Log | Origin::Rebuilt => true,
            Origin::Copied => false,
        }
    }
}

impl MetaKey {
    /// Whether the row goes into a backup; else it is about this one copy on this one disk.
    pub const fn travels(self) -> bool {
        match self {
            Self::Counters
            | Self::Consortium
            | Self::Revisit
            | Self::AuditHead
            | Self::LocalSettings => true,
            Self::StoreId | Self::Format | Self::Restore | Self::Destroying => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_meta_is_listed_once() {
        let mut keys: Vec<&[u8]> = MetaKey::ALL.iter().map(|key| key.bytes()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), MetaKey::ALL.len());
        for key in MetaKey::ALL {
            assert_eq!(MetaKey::from_bytes(key.bytes()), Some(*key));
        }
        assert_eq!(MetaKey::from_bytes(b"nothing"), None);
    }
}
