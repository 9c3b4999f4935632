//! How rows are keyed: big-endian, so that bytes order as numbers do.

use interlock_record::{FeedId, FeedNumber, MemberId, Position, SubjectTag, Time};

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
