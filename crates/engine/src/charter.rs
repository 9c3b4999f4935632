//! The charter: who the members are, under which keys they sign, and by which policy all decide.
//!
//! A charter is a TOML document. Its id is the hash of its bytes, so it is kept and passed around
//! as the text that was written, never written anew from what was read.

mod chain;
pub mod file;
mod read;
mod sign;
mod succession;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    Digest, Domain, FeedId, FeedNumber, MemberId, PublicKey, RecordId, Span, Time,
};
use sha2::{Digest as _, Sha256};

pub use chain::{Charters, MAX_RIVALS, Rivals};
pub use sign::{
    BadCharter, CharterSignature, MAX_SIGNATURES, Role, SignedCharter, Unsigned, missing_groups,
};
pub use succession::NotASuccessor;

use crate::policy::Policy;
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
/// How long evidence is kept after it ended, unless the charter says otherwise: five years, as the
/// 征信业管理条例 (State Council decree 631, 2013), art. 16, says of negative records.
pub const DEFAULT_RETENTION: Span = Span::from_days(5 * 365);
/// How many statements a feed may make in a day, unless the charter says otherwise.
pub const DEFAULT_STATEMENTS_A_DAY: u64 = 1_000_000;
/// How many disputes a member may open in a day, unless the charter says otherwise.
pub const DEFAULT_DISPUTES_A_DAY: u64 = 1_000;

/// The length of a day, µs.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// The day (UTC) of an instant, counted from 1970-01-01.
pub const fn day_of(at: Time) -> i64 {
    at.micros().div_euclid(DAY_MICROS)
}

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
    /// When it was written down, by its author's clock; not said of the first.
    pub issued_at: Option<Time>,
    /// From which record time its policy and limits hold, never before it was issued; the first
    /// charter's hold always.
    pub effective_from: Option<Time>,
    /// The successors of the version before it that it takes the place of: it ends a charter fork.
    pub resolves: BTreeSet<Digest>,
    /// What members may do how often, and how long what is kept.
    pub limits: Limits,
    /// The members, by id; those that are gone stay, so that no id is used twice.
    pub members: BTreeMap<MemberId, Member>,
    /// Its policy, with the members' groups.
    pub policy: Policy,
}

/// What members may do how often, and how long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How far ahead of a node's clock a record may be; one further ahead waits.
    pub max_clock_skew: Span,
    /// How long evidence is kept before its issuer may erase it.
    pub min_keep: Span,
    /// How long evidence is kept after it ended.
    pub retention: Span,
    /// How many statements of one feed and day of record time (UTC) mean something.
    pub statements_a_day: u64,
    /// How many disputes of one member and day of record time (UTC) mean something.
    pub disputes_a_day: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_clock_skew: DEFAULT_MAX_CLOCK_SKEW,
            min_keep: DEFAULT_MIN_KEEP,
            retention: DEFAULT_RETENTION,
            statements_a_day: DEFAULT_STATEMENTS_A_DAY,
            disputes_a_day: DEFAULT_DISPUTES_A_DAY,
        }
    }
}

/// Whether a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Active,
    /// It does not for now: its feeds have ended, it needs new ones to come back.
    Suspended,
    /// It is gone for good.
    Removed,
}

impl Status {
    /// The status as the document has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Removed => "removed",
        }
    }
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
    /// Whether it takes part.
    pub status: Status,
    /// The key with which its group signs charters; kept off the node.
    pub governance_key: Option<PublicKey>,
    /// The key that can sign nothing but the version in which the governance key is replaced.
    pub recovery_key: Option<PublicKey>,
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
    /// Flags beside the quota, once.
    pub allowance: Option<Allowance>,
    /// The last record that counts, where the feed has ended; later ones are kept and inert.
    pub last: Option<LastHead>,
    /// The member that signs in it for one that is gone; it may only withdraw, recall and resolve.
    pub trustee: Option<MemberId>,
}

/// The last record of a feed that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastHead {
    /// Its sequence number; 0: none counts.
    pub sequence: u64,
    /// Its id; none only where no record counts.
    pub id: Option<RecordId>,
}

/// Flags that a feed may raise once beside its quota: joining with a backlog, a new tag epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many.
    pub flags: u64,
    /// From this record time on.
    pub from: Time,
    /// Before this record time.
    pub until: Time,
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

    /// The members that take part.
    pub fn active(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        let active = self.members.iter().filter(|(_, member)| member.status == Status::Active);
        active.map(|(id, member)| (*id, member))
    }

    /// Checks that this version may follow `previous`, whoever has signed it.
    ///
    /// # Errors
    /// [`NotASuccessor`] with the first thing that keeps it from that.
    pub fn may_follow(&self, previous: &Self) -> Result<(), NotASuccessor> {
        succession::check(previous, self)
    }

    /// The groups that take part.
    pub fn groups(&self) -> BTreeSet<&str> {
        self.active().map(|(_, member)| member.group.as_str()).collect()
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
