//! Records that come in much later than their time.
//!
//! The times of a feed rise, so whoever signs today cannot put a record before those that others
//! have. But an issuer that was silent can spread invented times over its own silence. The honest
//! measure against that is its own word: a node is *level* with a feed while it has every record that
//! the feed's member itself has told it of. What is signed after that must have a later time, give or
//! take [`LATE_AFTER`]. A record that has not is journaled as late, and a burst of late flags raises
//! an alarm at this node. Nothing is decided on it: other nodes may have been level at other times.
//!
//! A node that was away, or began anew, was not level meanwhile, so that what it catches up with is
//! never late.

use std::collections::{BTreeMap, VecDeque};

use interlock_record::{FeedId, Header, Span, Time};

use super::gossip::Gossip;
use super::happening::Happening;
use super::{Replica, Work};

/// A record is late if its time lies more than so long before the last instant at which this node
/// was level with its feed.
pub const LATE_AFTER: Span = Span::from_secs(3_600);
/// So many late flags of one feed within [`LATE_BURST_WINDOW`] raise an alarm.
pub const LATE_BURST_FLAGS: u64 = 20;
/// How long late flags count together, by the time at which they came; and how long an alarm lasts.
pub const LATE_BURST_WINDOW: Span = Span::from_secs(86_400);

/// What is remembered of lateness; begins anew at every start.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    level_at: BTreeMap<FeedId, Time>,
    bursts: BTreeMap<FeedId, Burst>,
}

#[derive(Debug, Default)]
struct Burst {
    /// When late flags came, and how many.
    came: VecDeque<(Time, u64)>,
    alarmed_at: Option<Time>,
}

impl Lateness {
    /// This node has all of a feed that its member says there is.
    fn level(&mut self, feed: FeedId, now: Time) {
        let at = self.level_at.entry(feed).or_insert(now);
        *at = (*at).max(now);
    }

    fn is_late(&self, feed: FeedId, time: Time) -> bool {
        self.level_at.get(&feed).is_some_and(|level| time.plus(LATE_AFTER) < *level)
    }

    /// Counts late flags: how many there are within the window, if that is the start of an alarm.
    fn count(&mut self, feed: FeedId, flags: u64, now: Time) -> Option<u64> {
        if flags == 0 {
            return None;
        }
        let burst = self.bursts.entry(feed).or_default();
        burst.came.push_back((now, flags));
        // Each has a flag at least, so that more of them can tell no more.
        let most = usize::try_from(LATE_BURST_FLAGS).unwrap_or(usize::MAX);
        while burst.came.len() > most
            || burst.came.front().is_some_and(|(at, _)| at.plus(LATE_BURST_WINDOW) <= now)
        {
            burst.came.pop_front();
        }
        let flags = burst.came.iter().fold(0, |sum: u64, (_, flags)| sum.saturating_add(*flags));
        if flags < LATE_BURST_FLAGS || burst.is_alarmed(now) {
            return None;
        }
        burst.alarmed_at = Some(now);
        Some(flags)
    }
}

impl Burst {
    fn is_alarmed(&self, now: Time) -> bool {
        self.alarmed_at.is_some_and(|at| now < at.plus(LATE_BURST_WINDOW))
    }
}

impl Gossip {
    /// Whether the member of a feed has told of nothing of it that is after `head`.
    fn is_level(&self, feed: FeedId, head: u64) -> bool {
        let told = self.peers.get(&feed.member).map(|peer| peer.claims.get(&feed));
        told.is_some_and(|claim| claim.is_none_or(|(sequence, _)| *sequence <= head))
    }
}

impl Replica {
    /// A member has told which heads it knows: notes with which of its own feeds this node is level.
    pub(super) fn note_level(&mut self, member: interlock_record::MemberId, now: Time) {
        let charters = self.charters.clone();
        let Some(named) = charters.newest().members.get(&member) else { return };
        for number in named.feeds.keys() {
            let feed = FeedId { member, number: *number };
            let head = self.heads.get(&feed).map_or(0, |head| head.sequence);
            if self.gossip.is_level(feed, head) {
                self.lateness.level(feed, now);
            }
        }
    }

    /// Journals a record that is late.
    pub(super) fn note_late(&mut self, header: &Header, work: &mut Work<'_>) {
        let feed = header.feed;
        if feed == self.feed || !self.lateness.is_late(feed, header.time) {
            return;
        }
        let sequence = header.sequence;
        self.counters.late_records += 1;
        work.events.push(Happening::Late { feed, sequence, time: header.time });
        if let Some(flags) = self.lateness.count(feed, u64::from(header.flags), work.now) {
            self.counters.late_bursts += 1;
            work.events.push(Happening::LateBurst { feed, sequence, flags });
        }
    }

    /// The feeds whose late flags raise an alarm at `now`; those since the start.
    pub fn late_feeds(&self, now: Time) -> Vec<FeedId> {
        let alarmed = self.lateness.bursts.iter().filter(|(_, burst)| burst.is_alarmed(now));
        alarmed.map(|(feed, _)| *feed).collect()
    }
}

#[cfg(test)]
mod tests {
    use interlock_record::FeedNumber;

    use super::*;

    fn at(secs: i64) -> Time {
        Time::from_micros(secs * 1_000_000).expect("in range")
    }

    fn feed(number: u32) -> FeedId {
        FeedId { member: "acme".parse().expect("a member id"), number: FeedNumber(number) }
    }

    #[test]
    fn late_is_more_than_an_hour_before_the_last_time_of_being_level() {
        let mut lateness = Lateness::default();
        assert!(!lateness.is_late(feed(1), at(0)));
        lateness.level(feed(1), at(10_000));
        assert!(lateness.is_late(feed(1), at(6_399)));
        assert!(!lateness.is_late(feed(1), at(6_400)));
        assert!(!lateness.is_late(feed(2), at(0)));
        // A clock that was set back takes nothing back.
        lateness.level(feed(1), at(9_000));
        assert!(lateness.is_late(feed(1), at(6_399)));
    }

    #[test]
    fn an_alarm_is_raised_at_the_limit_once_a_window() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.count(feed(1), LATE_BURST_FLAGS - 1, at(0)), None);
        assert_eq!(lateness.count(feed(2), 1, at(1)), None);
        assert_eq!(lateness.count(feed(1), 0, at(1)), None);
        assert_eq!(lateness.count(feed(1), 1, at(2)), Some(LATE_BURST_FLAGS));
        assert_eq!(lateness.count(feed(1), 500, at(3)), None);
        assert_eq!(lateness.count(feed(1), 1, at(86_401)), None);
        assert_eq!(lateness.count(feed(1), 1, at(86_402)), Some(502));
    }

    #[test]
    fn late_flags_count_together_within_the_window_only() {
        let mut lateness = Lateness::default();
        for day in 0..100 {
            let flags = LATE_BURST_FLAGS - 1;
            assert_eq!(lateness.count(feed(1), flags, at(day * 86_400)), None);
        }
        // One second less than a day after the one before.
        let last = at(99 * 86_400 + 86_399);
        assert_eq!(lateness.count(feed(1), 1, last), Some(LATE_BURST_FLAGS));
        for second in 0..1_000 {
            lateness.count(feed(1), 1, at(200 * 86_400 + second));
        }
        assert!(lateness.bursts[&feed(1)].came.len() <= 20);
    }
}
