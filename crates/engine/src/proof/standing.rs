//! What a bundle shows of its records' standing: held, within the limits of the day, on the branch of
//! a forked feed that is final, seen by others.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{FeedId, FeedNumber, MAX_STATEMENTS, Position, Span};

use super::check::{Heads, SeenAt};
use super::evaluate::Row;
use super::feeds::Line;
use super::verdict::{Countersigned, NotVerified};
use crate::breaker::{self, Window};
use crate::charter::{Charters, day_of};

/// The most statements that so many records can hold.
fn at_most(records: u64) -> u64 {
    records.saturating_mul(MAX_STATEMENTS as u64)
}

/// The headers from before the record `sequence` down, as long as none is missing and all are linked.
fn run<'a>(
    line: &'a Line<'_>,
    sequence: u64,
) -> impl Iterator<Item = &'a interlock_record::Header> {
    (1..sequence).rev().map_while(|below| Some(&line.records.get(&below)?.header))
}

/// Checks what is claimed of a record's hold and of its place in the day, as far as the headers here
/// go; what they do not show is noted.
pub(super) fn held_and_day(
    line: &Line<'_>,
    sequence: u64,
    charters: &Charters,
    on_its_word: &mut Vec<String>,
) -> Result<(), NotVerified> {
    let placement = &line.records[&sequence];
    let (header, record) = (&placement.header, placement.record);
    let place = format!("{} #{sequence}", line.feed);
    let mut window = Window::new();
    let mut day = 0;
    let (mut window_whole, mut day_whole) = (sequence == 1, sequence == 1);
    let quota = charters.quota_at(line.feed, header.time);
    let reach = quota.map(|(quota, allowance)| breaker::reach(&quota, allowance.as_ref()));
    let start = reach.map(|reach| header.time.minus(reach));
    for earlier in run(line, sequence) {
        let first = earlier.sequence == 1;
        let outside = start.is_none_or(|start| earlier.time <= start);
        if !outside && !window_whole {
            window.push_front((earlier.time, u64::from(earlier.flags)));
        }
        window_whole |= outside || first;
        let same_day = day_of(earlier.time) == day_of(header.time);
        if same_day && !day_whole {
            day += u64::from(earlier.statements);
        }
        day_whole |= !same_day || first;
    }
    let held = match quota {
        None => Some(false),
        Some((quota, _)) if at_most(sequence) <= quota.flags => Some(false),
        Some(quota) => window_whole.then(|| {
            let flags = u64::from(header.flags);
            breaker::holds(quota, Span::ZERO, &mut window, header.time, flags)
        }),
    };
    match held {
        Some(held) if held != record.held => {
            return Err(NotVerified::at(place, "whether the breaker held it is not as claimed"));
        }
        Some(_) => {}
        None => on_its_word.push(format!(
            "{place}: {} by the breaker",
            if record.held { "held" } else { "not held" }
        )),
    }
    let most = charters.limits_at(header.time).statements_a_day;
    if record.day_before > at_most(sequence - 1) || (day_whole && record.day_before != day) {
        return Err(NotVerified::at(
            place,
            "how many statements stood before it that day is wrong",
        ));
    }
    if !day_whole && at_most(sequence) > most {
        on_its_word.push(format!(
            "{place}: {} statements of its feed before it that day, of {most} that count",
            record.day_before
        ));
    }
    Ok(())
}

/// What is shown of forks, ends and of who has seen what.
pub(super) struct Standings<'a> {
    charters: &'a Charters,
    lines: &'a BTreeMap<FeedId, Line<'a>>,
    forks: &'a BTreeMap<FeedId, BTreeSet<u64>>,
    /// The greatest height of a feed's line that each group has named.
    named: BTreeMap<FeedId, BTreeMap<&'a str, u64>>,
    /// The greatest height of a head that each group has named and that is not on the line here.
    against: BTreeMap<FeedId, BTreeMap<&'a str, u64>>,
}

impl<'a> Standings<'a> {
    pub(super) fn new(
        charters: &'a Charters,
        lines: &'a BTreeMap<FeedId, Line<'a>>,
        forks: &'a BTreeMap<FeedId, BTreeSet<u64>>,
        heads: &Heads,
        seen: Vec<SeenAt>,
    ) -> Self {
        let (named, against) = (BTreeMap::new(), BTreeMap::new());
        let mut standings = Self { charters, lines, forks, named, against };
        for SeenAt { source, sequence, seen } in seen {
            if !standings.counts(source, sequence) {
                continue;
            }
            let Some(group) = charters.newest().group_of(source.member) else { continue };
            for head in seen.heads {
                if charters.newest().group_of(head.feed.member) == Some(group) {
                    continue;
                }
                let Some(line) = lines.get(&head.feed) else { continue };
                let beyond = heads.get(&head.feed).is_none_or(|(last, _)| head.sequence > *last);
                let heights = match line.records.get(&head.sequence) {
                    Some(record) if record.id == head.id && record.linked => &mut standings.named,
                    Some(record) if record.id != head.id => &mut standings.against,
                    // Of a feed that is not void, it may be a record that had not come.
                    None if beyond && line.void_from.is_some() => &mut standings.against,
                    _ => continue,
                };
                let height = heights.entry(head.feed).or_default().entry(group).or_default();
                *height = head.sequence.max(*height);
            }
        }
        standings
    }

    /// Whether what this record says it has seen counts: its member takes part, and it stands before
    /// a fork and up to the end of its feed.
    fn counts(&self, source: FeedId, sequence: u64) -> bool {
        let takes_part = self.charters.newest().active().any(|(id, _)| id == source.member);
        let fork = self.forks.get(&source).and_then(BTreeSet::first);
        let last = self.charters.feed(source).and_then(|feed| feed.last);
        takes_part
            && fork.is_none_or(|fork| sequence < *fork)
            && last.is_none_or(|last| sequence <= last.sequence)
    }

    fn others(&self, feed: FeedId) -> u64 {
        let newest = self.charters.newest();
        let issuer = newest.group_of(feed.member);
        newest.groups().into_iter().filter(|group| Some(*group) != issuer).count() as u64
    }

    fn groups_at(&self, feed: FeedId, sequence: u64) -> u64 {
        at_or_above(self.named.get(&feed), sequence)
    }

    /// Whether so many of the other groups are more than half of them.
    fn are_most(&self, feed: FeedId, groups: u64) -> bool {
        groups > self.others(feed) / 2
    }

    /// Who has seen a record, where its place in its feed is shown.
    pub(super) fn seen_by(&self, position: &Position) -> Countersigned {
        let feed = FeedId { member: position.member, number: FeedNumber(position.feed.0) };
        let line = self.lines.get(&feed);
        let record = line.and_then(|line| line.records.get(&position.sequence));
        let linked = record.is_some_and(|record| record.linked);
        let groups = if linked { self.groups_at(feed, position.sequence) } else { 0 };
        Countersigned { groups, of: self.others(feed) }
    }

    /// Checks forks, ends and void places of the feeds that have statements here.
    pub(super) fn check(
        &self,
        rows: &[Row],
        on_its_word: &mut Vec<String>,
    ) -> Result<(), NotVerified> {
        let mut tops: BTreeMap<FeedId, u64> = BTreeMap::new();
        for row in rows {
            let top = tops.entry(row.feed).or_default();
            *top = row.sequence.max(*top);
        }
        for line in self.lines.values() {
            let top = tops.get(&line.feed).copied();
            self.check_line(line, top, rows, on_its_word)?;
        }
        for row in rows.iter().filter(|row| row.is_dispute) {
            let most = self.charters.limits_at(row.time).disputes_a_day;
            if at_most(row.sequence) > most {
                on_its_word.push(format!(
                    "{} #{}: {} disputes of its member before it that day, of {most} that count",
                    row.feed, row.sequence, row.disputes_before
                ));
            }
        }
        Ok(())
    }

    fn check_line(
        &self,
        line: &Line<'_>,
        top: Option<u64>,
        rows: &[Row],
        on_its_word: &mut Vec<String>,
    ) -> Result<(), NotVerified> {
        let feed = line.feed;
        let ended = self.charters.feed(feed).and_then(|named| named.last);
        let none = BTreeSet::new();
        let places = self.forks.get(&feed).unwrap_or(&none);
        if let Some(from) = line.void_from {
            if ended.is_none() && !places.contains(&from) {
                return Err(NotVerified::at(feed, "it is said to be void, and no fork is shown"));
            }
            if ended.is_none() && self.is_final(feed, from) {
                return Err(NotVerified::at(feed, "it is said to be void where it is final"));
            }
            let both = ended.is_none() && self.are_most(feed, self.groups_at(feed, from));
            on_its_word.push(if both {
                format!(
                    "{feed}: void from #{from} on, both branches being final: where the heads that \
                     others have named leave this one"
                )
            } else {
                format!("{feed}: void from #{from} on, neither branch being final")
            });
        }
        let Some(top) = top else { return Ok(()) };
        if let Some(last) = ended {
            let counts = rows.iter().any(|row| row.feed == feed && row.sequence <= last.sequence);
            let at_end = line.records.get(&last.sequence).filter(|record| record.linked);
            match at_end {
                Some(record) if line.void_from.is_none() && Some(record.id) != last.id => {
                    return Err(NotVerified::at(feed, "it ended with another record"));
                }
                None if line.void_from.is_none() && counts => on_its_word.push(format!(
                    "{feed}: its records here lead to #{}, the last that counts",
                    last.sequence
                )),
                _ => {}
            }
            return Ok(());
        }
        let counted = top.min(line.void_from.map_or(u64::MAX, |from| from - 1));
        for place in places.range(..=counted) {
            if !self.is_final(feed, *place) {
                let place = format!("{feed} #{place}");
                return Err(NotVerified::at(
                    place,
                    "the feed forked there, and it is not shown that this branch is final",
                ));
            }
            let of_line = |row: &&Row| row.feed == feed && row.sequence >= *place;
            if !rows.iter().filter(of_line).all(|row| line.records[&row.sequence].linked) {
                return Err(NotVerified::at(feed, "it forked, and a record's branch is not shown"));
            }
        }
        Ok(())
    }

    /// Whether more than half of the other groups have named this height of the line or a later one,
    /// and not as many a head off it.
    fn is_final(&self, feed: FeedId, place: u64) -> bool {
        let against = at_or_above(self.against.get(&feed), place);
        self.are_most(feed, self.groups_at(feed, place)) && !self.are_most(feed, against)
    }
}

/// How many groups have named a height or a greater one.
fn at_or_above(heights: Option<&BTreeMap<&str, u64>>, sequence: u64) -> u64 {
    heights.map_or(0, |heights| heights.values().filter(|at| **at >= sequence).count() as u64)
}
