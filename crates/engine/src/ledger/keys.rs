//! How rows are keyed: big-endian, so that bytes order as numbers do.

use interlock_record::{
    Digest, FeedId, FeedNumber, MemberId, Position, Reason, RecordId, SubjectTag, Time,
};

/// What the column `meta` keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaKey {
    /// Records accepted, entries journaled and the like: one row of counters.
    Counters,
    /// The store's own random name.
    StoreId,
    /// The version of the format on disk.
    Format,
    /// The consortium whose records these are.
    Consortium,
    /// How far deciding every subject anew has come.
    Revisit,
    /// The last entry of the audit log.
    AuditHead,
    /// The member's own settings under which every subject was decided.
    LocalSettings,
    /// How far the ledger is made whole again after it was restored from a backup.
    Restore,
    /// The last destruction that was begun and is not known to be done.
    Destroying,
}

impl MetaKey {
    /// Every key.
    pub const ALL: &'static [Self] = &[
        Self::Counters,
        Self::StoreId,
        Self::Format,
        Self::Consortium,
        Self::Revisit,
        Self::AuditHead,
        Self::LocalSettings,
        Self::Restore,
        Self::Destroying,
    ];

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.bytes() == bytes)
    }

    /// The key's bytes.
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Counters => b"counters",
            Self::StoreId => b"store-id",
            Self::Format => b"format",
            Self::Consortium => b"consortium",
            Self::Revisit => b"revisit",
            Self::AuditHead => b"audit-head",
            Self::LocalSettings => b"local-settings",
            Self::Restore => b"restore",
            Self::Destroying => b"destroying",
        }
    }
}

/// Arrival and journal numbers.
pub fn number_key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The number of such a key.
pub fn number_of_key(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// A member, padded with zeros.
fn member_bytes(member: MemberId) -> [u8; MemberId::MAX_LEN] {
    let mut bytes = [0; MemberId::MAX_LEN];
    let text = member.as_str().as_bytes();
    bytes[..text.len()].copy_from_slice(text);
    bytes
}

/// A feed.
pub fn feed_key(feed: FeedId) -> Vec<u8> {
    let mut key = member_bytes(feed.member).to_vec();
    key.extend(feed.number.0.to_be_bytes());
    key
}

/// The feed with which a key begins.
pub fn feed_of_key(key: &[u8]) -> Option<FeedId> {
    let (member, rest) = key.split_at_checked(MemberId::MAX_LEN)?;
    let end = member.iter().position(|byte| *byte == 0).unwrap_or(member.len());
    let member = std::str::from_utf8(&member[..end]).ok()?.parse().ok()?;
    let number = rest.get(..4)?.try_into().ok()?;
    Some(FeedId { member, number: FeedNumber(u32::from_be_bytes(number)) })
}

/// A record, by issuer and sequence.
pub fn index_key(feed: FeedId, sequence: u64) -> Vec<u8> {
    let mut key = feed_key(feed);
    key.extend(sequence.to_be_bytes());
    key
}

/// A release, by the record that it names and where it stands.
pub fn release_key(feed: FeedId, sequence: u64, position: Position) -> Vec<u8> {
    let mut key = index_key(feed, sequence);
    key.extend(position_bytes(position));
    key
}

/// A recall, by issuer and where it stands.
pub fn recall_key(position: Position) -> Vec<u8> {
    let mut key = member_bytes(position.member).to_vec();
    key.extend(position_bytes(position));
    key
}

/// A proof of equivocation.
pub fn fork_key(feed: FeedId, sequence: u64) -> Vec<u8> {
    index_key(feed, sequence)
}

/// The sequence number in the key of a record, a proof or a branch's record.
pub fn sequence_of_key(key: &[u8]) -> Option<u64> {
    let sequence = key.get(MemberId::MAX_LEN + 4..MemberId::MAX_LEN + 12)?;
    Some(u64::from_be_bytes(sequence.try_into().ok()?))
}

/// A record of another branch.
pub fn branch_key(feed: FeedId, sequence: u64, id: RecordId) -> Vec<u8> {
    let mut key = index_key(feed, sequence);
    key.extend(id.0);
    key
}

/// A charter version.
pub fn charter_key(version: u32, id: Digest) -> Vec<u8> {
    let mut key = version.to_be_bytes().to_vec();
    key.extend(id.0);
    key
}

/// What a member has seen of a feed.
pub fn seen_key(feed: FeedId, by: MemberId) -> Vec<u8> {
    let mut key = feed_key(feed);
    key.extend(member_bytes(by));
    key
}

/// A dispute, by the member that opened it and where it stands.
pub fn dispute_day_key(position: Position) -> Vec<u8> {
    recall_key(position)
}

/// The keys of a member's disputes from the start of the day of `at` on, and up to its end.
pub fn dispute_day(member: MemberId, at: Time) -> (Vec<u8>, Vec<u8>) {
    let day = crate::charter::day_of(at);
    let key = |at: i64| {
        let mut key = member_bytes(member).to_vec();
        key.extend(ordered(Time::from_micros(at).unwrap_or(Time::MAX)));
        key
    };
    (key(day * crate::charter::DAY_MICROS), key((day + 1) * crate::charter::DAY_MICROS))
}

/// A statement whose content is missing.
pub fn hole_key(feed: FeedId, sequence: u64, index: u32) -> Vec<u8> {
    let mut key = index_key(feed, sequence);
    key.extend(index.to_be_bytes());
    key
}

/// Feed, sequence and index of such a key.
pub fn hole_of_key(key: &[u8]) -> Option<(FeedId, u64, u32)> {
    let index = key.get(MemberId::MAX_LEN + 12..)?;
    Some((feed_of_key(key)?, sequence_of_key(key)?, u32::from_be_bytes(index.try_into().ok()?)))
}

fn position_bytes(position: Position) -> Vec<u8> {
    let mut bytes = ordered(position.time).to_vec();
    bytes.extend(member_bytes(position.member));
    bytes.extend(position.feed.0.to_be_bytes());
    bytes.extend(position.sequence.to_be_bytes());
    bytes.extend(position.index.to_be_bytes());
    bytes
}

/// A time, with its sign bit turned so that earlier times come first.
fn ordered(time: Time) -> [u8; 8] {
    (time.micros().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// When to look at a subject again.
pub fn timer_key(due: Time, subject: SubjectTag) -> Vec<u8> {
    let mut key = ordered(due).to_vec();
    key.extend(subject.as_bytes());
    key
}

/// Time and subject of such a key.
pub fn timer_of_key(key: &[u8]) -> Option<(Time, SubjectTag)> {
    let (due, subject) = key.split_at_checked(8)?;
    let bits = u64::from_be_bytes(due.try_into().ok()?) ^ (1 << 63);
    Some((Time::from_micros(bits.cast_signed())?, SubjectTag::from_slice(subject)?))
}

/// An open dispute: those of flags that this node's member must answer for come first, and the
/// earliest deadline before the others.
pub fn dispute_key(
    whose: DisputeOf,
    deadline: Time,
    subject: SubjectTag,
    issuer: MemberId,
    reason: Reason,
) -> Vec<u8> {
    let mut key = vec![whose as u8];
    key.extend(timer_key(deadline, subject));
    key.extend(member_bytes(issuer));
    key.push(reason.number());
    key
}

/// Who must answer a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DisputeOf {
    /// This node's own member.
    Own = 0,
    /// Another member.
    Others = 1,
}
