//! Frontiers and ranges between nodes.

use interlock_engine::replica::{HeadClaim, PullRange};
use interlock_record::{FeedId, FeedNumber, RecordId};

use crate::peer;

/// A frame that says something impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadFrame(pub &'static str);

fn feed(member: &str, number: u32) -> Result<FeedId, BadFrame> {
    let member = member.parse().map_err(|_| BadFrame("a member id"))?;
    Ok(FeedId { member, number: FeedNumber(number) })
}

impl From<&HeadClaim> for peer::Head {
    fn from(claim: &HeadClaim) -> Self {
        Self {
            member: claim.feed.member.to_string(),
            feed: claim.feed.number.0,
            sequence: claim.sequence,
            id: claim.id.0.to_vec(),
        }
    }
}

impl TryFrom<&peer::Head> for HeadClaim {
    type Error = BadFrame;

    fn try_from(head: &peer::Head) -> Result<Self, BadFrame> {
        if head.sequence == 0 {
            return Err(BadFrame("a sequence number from 1"));
        }
        Ok(Self {
            feed: feed(&head.member, head.feed)?,
            sequence: head.sequence,
            id: RecordId::from_slice(&head.id).ok_or(BadFrame("a record id of 32 bytes"))?,
        })
    }
}

impl From<&PullRange> for peer::Range {
    fn from(range: &PullRange) -> Self {
        Self {
            member: range.feed.member.to_string(),
            feed: range.feed.number.0,
            first: range.first,
            last: range.last,
        }
    }
}

impl TryFrom<&peer::Range> for PullRange {
    type Error = BadFrame;

    fn try_from(range: &peer::Range) -> Result<Self, BadFrame> {
        if range.first == 0 || range.first > range.last {
            return Err(BadFrame("a range with 1 <= first <= last"));
        }
        Ok(Self { feed: feed(&range.member, range.feed)?, first: range.first, last: range.last })
    }
}
