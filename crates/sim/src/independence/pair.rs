//! One ordered pair of members: how often the one's flag came shortly after the other's, and how
//! often it would have if the one's flags had been shuffled in time.

use std::collections::BTreeMap;

use interlock_record::Span;

use super::observed::{Dated, First, Member, occasion};
use super::{LAG_LIMIT, SHUFFLE_SPAN};

/// Shares of one occasion are counted in these: one is a whole.
pub(super) const WHOLE: u64 = 1_000_000_000;

/// When a member first flagged each subject, by the subject's number.
pub(super) struct Source {
    firsts: Vec<Option<(i64, Dated)>>,
    /// From its first flag to its last.
    active: Option<(i64, i64)>,
}

impl Source {
    pub(super) fn new(member: &Member, subjects: usize) -> Self {
        let mut firsts = vec![None; subjects];
        for first in &member.firsts {
            firsts[first.subject as usize] = Some((first.at, first.dated));
        }
        let ends = member.firsts.first().zip(member.firsts.last());
        Self { firsts, active: ends.map(|(first, last)| (first.at, last.at)) }
    }

    fn first(&self, subject: u32) -> Option<(i64, Dated)> {
        self.firsts.get(subject as usize).copied().flatten()
    }

    /// Whether the source's flag came before this one, and not too long before.
    pub(super) fn leads(&self, flag: &First) -> bool {
        self.first(flag.subject)
            .is_some_and(|(before, dated)| dated == Dated::Yes && leads(before, flag.at))
    }

    /// Whether the source's flag came after this one, and not too long after.
    fn trails(&self, flag: &First) -> bool {
        self.first(flag.subject)
            .is_some_and(|(after, dated)| dated == Dated::Yes && leads(flag.at, after))
    }

    /// Whether the flag can be compared: it is no import, came while the source was active, and its
    /// subject is not one that the source imported.
    fn comparable(&self, flag: &First) -> bool {
        let imported = self.first(flag.subject).is_some_and(|(_, dated)| dated != Dated::Yes);
        flag.dated == Dated::Yes
            && !imported
            && self.active.is_some_and(|(from, to)| {
                from <= flag.at && flag.at <= to.saturating_add(LAG_LIMIT.micros())
            })
    }
}

fn leads(before: i64, after: i64) -> bool {
    before < after && after - before <= LAG_LIMIT.micros()
}

/// What comparing a member's flags with a source's gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The member's flags that can be compared.
    pub flags: u64,
    /// On how many occasions it raised them.
    pub occasions: u64,
    /// Flags before which the source had one on the same subject, within the limit.
    pub led: u64,
    /// Flags after which the source had one, within the limit.
    pub trailed: u64,
    /// How many would be led if the flags were shuffled, on average, in [`WHOLE`].
    pub led_by_chance: u64,
    /// Each occasion's share of flags that were led, added up, in [`WHOLE`].
    pub led_occasions: u64,
    /// What that would be on average if the occasions were shuffled, in [`WHOLE`].
    pub led_occasions_by_chance: u64,
    /// How long after the source's flag the led ones came.
    pub lags: Option<Lags>,
}

/// How long after the source's flags a member's came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lags {
    /// A quarter came sooner.
    pub lower_quartile: Span,
    /// Half came sooner.
    pub median: Span,
    /// A quarter came later.
    pub upper_quartile: Span,
}

impl Lags {
    fn of(mut lags: Vec<i64>) -> Option<Self> {
        lags.sort_unstable();
        let at = |quarter: usize| Span::from_micros(*lags.get(lags.len() * quarter / 4)?);
        Some(Self { lower_quartile: at(1)?, median: at(2)?, upper_quartile: at(3)? })
    }

    /// How much the middle half differs.
    pub(super) fn spread_micros(self) -> i64 {
        self.upper_quartile.micros() - self.lower_quartile.micros()
    }
}

/// Compares a member's flags, in order of time, with a source's.
pub(super) fn compare<'a>(flags: impl Iterator<Item = &'a First>, source: &Source) -> Comparison {
    let mut spans: BTreeMap<i64, BTreeMap<i64, Vec<First>>> = BTreeMap::new();
    let mut comparison = Comparison::default();
    let mut lags = Vec::new();
    for flag in flags.filter(|flag| source.comparable(flag)) {
        comparison.flags += 1;
        comparison.trailed += u64::from(source.trails(flag));
        if source.leads(flag) {
            comparison.led += 1;
            lags.extend(source.first(flag.subject).map(|(before, _)| flag.at - before));
        }
        let occasion = occasion(flag.at);
        let span = flag.at.div_euclid(SHUFFLE_SPAN.micros());
        spans.entry(span).or_default().entry(occasion).or_default().push(*flag);
    }
    comparison.lags = Lags::of(lags);
    comparison.occasions = spans.values().map(|occasions| occasions.len() as u64).sum();
    if comparison.led > 0 {
        for occasions in spans.values() {
            shuffle(occasions, source, &mut comparison);
        }
    }
    comparison
}

/// Adds what one span gives: what was, and the average over all orders of its occasions. That is
/// exact, so nothing is drawn: each occasion is as often in the place of any other.
fn shuffle(occasions: &BTreeMap<i64, Vec<First>>, source: &Source, sum: &mut Comparison) {
    let starts: Vec<i64> =
        occasions.values().filter_map(|flags| flags.first()).map(|flag| flag.at).collect();
    let places = starts.len() as u64;
    for flags in occasions.values() {
        let Some(start) = flags.first().map(|flag| flag.at) else { continue };
        let (mut led, mut led_places) = (0, 0);
        for flag in flags {
            let Some((before, Dated::Yes)) = source.first(flag.subject) else { continue };
            led += u64::from(leads(before, flag.at));
            // Places at which this flag, as long after the occasion's start as it was, is led.
            let offset = flag.at - start;
            let until = before.saturating_add(LAG_LIMIT.micros()) - offset;
            let too_soon = starts.partition_point(|start| *start <= before - offset);
            let in_time = starts.partition_point(|start| *start <= until);
            led_places += (in_time - too_soon) as u64;
        }
        let size = flags.len() as u64;
        sum.led_by_chance += led_places * WHOLE / places;
        sum.led_occasions += led * WHOLE / size;
        sum.led_occasions_by_chance += led_places * WHOLE / places / size;
    }
}

#[cfg(test)]
mod tests;
