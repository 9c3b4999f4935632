//! The charter: who the members are, under which keys they sign, and by which policy all decide.
//!
//! A charter is a TOML document. Its id is the hash of its bytes, so it is kept and passed around
//! as the text that was written, never written anew from what was read.

mod read;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    ConsortiumId, Digest, Domain, FeedId, FeedNumber, MemberId, PublicKey, Span, Time,
};
use sha2::{Digest as _, Sha256};

use crate::policy::{Policy, Schedule};
use crate::text::FileError;

/// The largest charter, in bytes.
pub const MAX_CHARTER_BYTES: usize = 1024 * 1024;
/// The version of the charter's format.
pub const CHARTER_FORMAT: u64 = 1;
/// How far ahead of this node's clock a record may be, unless the charter says otherwise.
pub const DEFAULT_MAX_CLOCK_SKEW: Span = Span::from_millis(500);
/// A policy's notice delay is at least the clock skew and this.
pub const NOTICE_MARGIN: Span = Span::from_secs(1);
/// How many groups release a held record, unless the charter says otherwise.
pub const DEFAULT_RELEASE_K: u32 = 2;
/// How long evidence is kept at least, unless the charter says otherwise: five years.
pub const DEFAULT_MIN_KEEP: Span = Span::from_days(5 * 365);

/// One version of the consortium's charter.
#[derive(Debug, Clone)]
pub struct Charter {
    id: Digest,
    /// The document as it was written.
    pub text: String,
    /// The consortium's name, for people.
    pub name: String,
    /// The version, from 1.
    pub version: u32,
    /// The version of the rules by which statements are read.
    pub rules: u32,
    /// The version before this one; none only for version 1.
    pub previous: Option<Digest>,
    /// How many groups sign a new version.
    pub quorum: u32,
    /// How many groups release a held record.
    pub release_k: u32,
    /// Which pepper tags are made with.
    pub pepper_epoch: u32,
    /// What [`interlock_record::Pepper::check`] gives for the right pepper.
    pub pepper_check: Digest,
    /// How far ahead of a node's clock a record may be; one further ahead waits.
    pub max_clock_skew: Span,
    /// How long evidence is kept before its issuer may erase it.
    pub min_keep: Span,
    /// The members, by id.
    pub members: BTreeMap<MemberId, Member>,
    /// The policies over time, with the members' groups.
    pub policies: Schedule,
}

/// A member of the consortium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, for people.
    pub name: String,
    /// The group of members that are not independent of each other.
    pub group: String,
    /// Whom to ask.
    pub contact: String,
    /// Where its node listens for other members, `host:port`.
    pub address: String,
    /// The key with which its group signs charters; kept off the node.
    pub governance_key: Option<PublicKey>,
    /// Its feeds, by number.
    pub feeds: BTreeMap<FeedNumber, Feed>,
}

/// A feed of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The key under which it is signed.
    pub key: PublicKey,
    /// How many flags it may raise before the breaker holds them; none: as many as it likes.
    pub quota: Option<Quota>,
}

/// At most so many flags in any window of record time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The flags.
    pub flags: u64,
    /// The window's length.
    pub window: Span,
}

impl Charter {
    /// Reads a charter. `file` is its name, for errors only.
    ///
    /// # Errors
    /// [`FileError`] with line and what was expected, for anything that is not understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        if text.len() > MAX_CHARTER_BYTES {
            let message = format!(
                "expected at most {MAX_CHARTER_BYTES} bytes of charter, got {}",
                text.len()
            );
            return Err(FileError { file: file.to_owned(), line: 1, message });
        }
        crate::text::parse_toml(file, text, |table| read::charter(table, text))
    }

    /// The hash of this document.
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// The consortium: the hash of its first charter.
    ///
    /// Until charters can follow one another there is only the first.
    pub fn consortium(&self) -> ConsortiumId {
        ConsortiumId(self.id().0)
    }

    /// The ids of all members.
    pub fn member_ids(&self) -> BTreeSet<MemberId> {
        self.members.keys().copied().collect()
    }

    /// A feed, if the charter names it.
    pub fn feed(&self, feed: FeedId) -> Option<&Feed> {
        self.members.get(&feed.member)?.feeds.get(&feed.number)
    }

    /// The group of a member, the same text for all members of a group.
    pub fn group_of(&self, member: MemberId) -> Option<&str> {
        self.members.get(&member).map(|member| member.group.as_str())
    }

    /// The policy that governs `at`.
    pub fn policy_at(&self, at: Time) -> &Policy {
        self.policies.at(at)
    }
}

/// The hash of a charter's document. Asked for with every record that is sealed, so a charter keeps
/// it.
fn id_of(text: &str) -> Digest {
    let mut hash = Sha256::new();
    hash.update(Domain::Charter.bytes());
    hash.update([0]);
    hash.update(text.as_bytes());
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests;
