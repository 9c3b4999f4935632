//! Which charter version may follow which: nothing that was promised about the past may change.

use interlock_record::{Digest, FeedId, FeedNumber, MemberId};

use super::{Charter, Status};

/// Why a charter version may not follow another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASuccessor {
    /// The version number is not the next one.
    #[error("expected version {expected}, got {got}: versions come without a gap")]
    Version {
        /// What comes next.
        expected: u32,
        /// What it says.
        got: u32,
    },
    /// It names another version as the one before it.
    #[error("expected previous = \"{expected}\"")]
    Previous {
        /// The hash of the version that it was held against.
        expected: Digest,
    },
    /// Its policy would hold from before that of the version before it.
    #[error("effective_from: expected a time later than that of version {of}")]
    EffectiveEarlier {
        /// The version before it.
        of: u32,
    },
    /// A number that only rises has fallen.
    #[error("{what}: expected at least {least}, got {got}")]
    Fell {
        /// The key.
        what: &'static str,
        /// What the version before it says.
        least: u32,
        /// What it says.
        got: u32,
    },
    /// The pepper changed without a new epoch, or the epoch without a new pepper.
    #[error("pepper_check: expected another pepper with another pepper_epoch, and only then")]
    Pepper,
    /// A member is no longer named. Ids are never used again, so those that are gone stay named.
    #[error("member {0} is missing: whoever leaves stays named, with status = \"removed\"")]
    MemberMissing(MemberId),
    /// A member that was removed is back.
    #[error("member {0} was removed, and an id is never used again")]
    MemberBack(MemberId),
    /// A feed is no longer named.
    #[error("feed {0} is missing: a feed that has ended stays named, with its last head")]
    FeedMissing(FeedId),
    /// A feed has another key.
    #[error("feed {0} has another key: a new key is a new feed, and the old one ends with `last`")]
    FeedKey(FeedId),
    /// The end of a feed was moved or taken back.
    #[error("feed {0} has ended: its last head stays what it is")]
    FeedReopened(FeedId),
    /// A feed became a trustee's, or ceased to be one.
    #[error("feed {0}: who signs in it for the member cannot change")]
    FeedTrustee(FeedId),
}

/// Checks that `next` may follow `previous`.
///
/// # Errors
/// [`NotASuccessor`] with the first thing that keeps it from that.
pub(super) fn check(previous: &Charter, next: &Charter) -> Result<(), NotASuccessor> {
    let expected = previous.version.saturating_add(1);
    if next.version != expected {
        return Err(NotASuccessor::Version { expected, got: next.version });
    }
    if next.previous != Some(previous.id()) {
        return Err(NotASuccessor::Previous { expected: previous.id() });
    }
    if next.effective_from <= previous.effective_from {
        return Err(NotASuccessor::EffectiveEarlier { of: previous.version });
    }
    let rising = [
        ("rules", previous.rules, next.rules),
        ("pepper_epoch", previous.pepper_epoch, next.pepper_epoch),
    ];
    for (what, least, got) in rising {
        if got < least {
            return Err(NotASuccessor::Fell { what, least, got });
        }
    }
    let same_epoch = next.pepper_epoch == previous.pepper_epoch;
    if same_epoch != (next.pepper_check == previous.pepper_check) {
        return Err(NotASuccessor::Pepper);
    }
    previous.members.keys().try_for_each(|id| check_member(*id, previous, next))
}

fn check_member(id: MemberId, previous: &Charter, next: &Charter) -> Result<(), NotASuccessor> {
    let before = &previous.members[&id];
    let after = next.members.get(&id).ok_or(NotASuccessor::MemberMissing(id))?;
    if before.status == Status::Removed && after.status != Status::Removed {
        return Err(NotASuccessor::MemberBack(id));
    }
    for (number, feed) in &before.feeds {
        let id = FeedId { member: id, number: FeedNumber(number.0) };
        let after = after.feeds.get(number).ok_or(NotASuccessor::FeedMissing(id))?;
        if after.key != feed.key {
            return Err(NotASuccessor::FeedKey(id));
        }
        if feed.last.is_some() && after.last != feed.last {
            return Err(NotASuccessor::FeedReopened(id));
        }
        if after.trustee != feed.trustee {
            return Err(NotASuccessor::FeedTrustee(id));
        }
    }
    Ok(())
}
