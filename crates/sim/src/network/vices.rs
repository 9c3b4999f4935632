//! Members that hold back what they know.

use interlock_engine::replica::{HeadClaim, PullRange};
use interlock_record::{FeedId, MemberId};

/// How a member holds back what it knows. Its own feed it serves well, and it takes all it can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vice {
    /// It tells of its own feed only, and hands out nothing else. From then on what it told of others
    /// is stale.
    RelaysNothing,
    /// It neither tells of this feed nor hands it out.
    Hides(FeedId),
    /// It tells of everything and hands out nothing.
    DeliversNothing,
}

impl Vice {
    /// What such a member tells of what it knows.
    pub(super) fn told(self, member: MemberId, mut heads: Vec<HeadClaim>) -> Vec<HeadClaim> {
        heads.retain(|claim| match self {
            Self::RelaysNothing => claim.feed.member == member,
            Self::Hides(feed) => claim.feed != feed,
            Self::DeliversNothing => true,
        });
        heads
    }

    /// What it hands out of what is asked for.
    pub(super) fn handed_out(self, member: MemberId, mut ranges: Vec<PullRange>) -> Vec<PullRange> {
        ranges.retain(|range| match self {
            Self::RelaysNothing | Self::DeliversNothing => range.feed.member == member,
            Self::Hides(feed) => range.feed != feed,
        });
        ranges
    }
}
