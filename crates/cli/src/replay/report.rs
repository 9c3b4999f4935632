//! What came of a replay, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use interlock_record::Measure;
use serde::Serialize;

use super::observer::{LockKey, Locks};
use super::player::Sent;
use super::settle::Outcome;

/// What came of a replay.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub nodes: usize,
    pub issuers: usize,
    pub events: u64,
    pub flags: u64,
    pub withdrawals: u64,
    pub cures: u64,
    /// Withdrawals of flags that were not raised in this file.
    pub ignored: u64,
    pub subjects: usize,
    /// How many subjects are at each measure in the end, the gravest first.
    pub subjects_at: Vec<(Measure, u64)>,
    /// From the first event sent to the last acknowledged.
    pub sending_ms: u64,
    pub flags_per_second: u64,
    pub locks: LockReport,
    /// Whether all nodes decided alike.
    pub alike: bool,
    pub differing: u64,
    pub differences: Vec<String>,
}

/// How far apart the nodes put locks in force.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct LockReport {
    /// Locks that every node put in force.
    pub count: usize,
    /// Locks that only some nodes put in force: elsewhere they were taken back in time.
    pub not_everywhere: usize,
    /// Between the first and the last node to write a lock down.
    pub spread_us: Quantiles,
    /// Between the instant from which a lock is in force and the last node to write it down.
    pub lateness_us: Quantiles,
}

/// By nearest rank.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Quantiles {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl Report {
    pub(super) fn new(sent: Sent, sending: Duration, locks: &[Locks], outcome: Outcome) -> Self {
        let sending_ms = u64::try_from(sending.as_millis()).unwrap_or(u64::MAX);
        Self {
            nodes: locks.len(),
            issuers: 0,
            events: 0,
            flags: sent.flags,
            withdrawals: sent.withdrawals,
            cures: sent.cures,
            ignored: sent.ignored,
            subjects: 0,
            subjects_at: outcome.subjects_at.into_iter().rev().collect(),
            sending_ms,
            flags_per_second: sent.flags.saturating_mul(1_000) / sending_ms.max(1),
            locks: LockReport::of(locks),
            alike: outcome.differing == 0,
            differing: outcome.differing,
            differences: outcome.differences,
        }
    }
}

impl LockReport {
    /// Compares the locks of all nodes.
    fn of(nodes: &[Locks]) -> Self {
        let mut report = Self::default();
        let (mut spreads, mut latenesses) = (Vec::new(), Vec::new());
        let keys: std::collections::BTreeSet<&LockKey> =
            nodes.iter().flat_map(Locks::keys).collect();
        for key in keys {
            let times: Vec<i64> =
                nodes.iter().filter_map(|locks| locks.get(key).copied()).collect();
            let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
                continue;
            };
            if times.len() < nodes.len() {
                report.not_everywhere += 1;
                continue;
            }
            report.count += 1;
            spreads.push(last.abs_diff(*first));
            latenesses.push(u64::try_from(last - key.1).unwrap_or(0));
        }
        report.spread_us = Quantiles::of(spreads);
        report.lateness_us = Quantiles::of(latenesses);
        report
    }
}

impl Quantiles {
    fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or(0)
        };
        Self { p50: rank(50), p99: rank(99), max: rank(100) }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, max } = self;
        write!(f, "p50 {}, p99 {}, max {}", millis(*p50), millis(*p99), millis(*max))
    }
}

/// Milliseconds with three decimals.
fn millis(us: u64) -> String {
    format!("{}.{:03} ms", us / 1_000, us % 1_000)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "events             {} of {} issuers through {} nodes",
            self.events, self.issuers, self.nodes
        )?;
        writeln!(f, "flags              {}", self.flags)?;
        writeln!(f, "withdrawals        {}", self.withdrawals)?;
        if self.cures > 0 {
            writeln!(f, "cures              {}", self.cures)?;
        }
        if self.ignored > 0 {
            writeln!(f, "ignored            {} (del without a flag of this file)", self.ignored)?;
        }
        writeln!(f, "subjects           {}", self.subjects)?;
        for (measure, subjects) in &self.subjects_at {
            writeln!(f, "  at {measure:<14} {subjects}")?;
        }
        writeln!(
            f,
            "sending            {}.{:03} s",
            self.sending_ms / 1_000,
            self.sending_ms % 1_000
        )?;
        writeln!(f, "flags per second   {}", self.flags_per_second)?;
        let locks = &self.locks;
        writeln!(f, "locks              {} in force at every node", locks.count)?;
        if locks.count > 0 {
            writeln!(f, "  nodes apart by   {}", locks.spread_us)?;
            writeln!(f, "  last node after  {}", locks.lateness_us)?;
        }
        if locks.not_everywhere > 0 {
            writeln!(
                f,
                "  {} were in force at some nodes only, for a while",
                locks.not_everywhere
            )?;
        }
        if self.alike {
            return write!(f, "all nodes decided alike");
        }
        write!(f, "NODES DECIDED DIFFERENTLY on {} subjects", self.differing)?;
        for difference in &self.differences {
            write!(f, "\n  {difference}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        assert_eq!(Quantiles::of(Vec::new()), Quantiles::default());
        assert_eq!(Quantiles::of(vec![7]), Quantiles { p50: 7, p99: 7, max: 7 });
        let hundred = (1..=100).rev().collect();
        assert_eq!(Quantiles::of(hundred), Quantiles { p50: 50, p99: 99, max: 100 });
    }

    #[test]
    fn locks_are_compared_over_all_nodes() {
        let key = |subject: u8| (vec![subject; 32], 1_000);
        let one = Locks::from([(key(1), 1_010), (key(2), 1_000)]);
        let two = Locks::from([(key(1), 1_500)]);
        let report = LockReport::of(&[one, two]);
        assert_eq!((report.count, report.not_everywhere), (1, 1));
        assert_eq!((report.spread_us.max, report.lateness_us.max), (490, 500));
    }

    #[test]
    fn a_report_is_readable() {
        let sent = Sent { flags: 500, withdrawals: 3, ..Sent::default() };
        let outcome = Outcome { subjects_at: [(Measure::Lock, 7)].into(), ..Outcome::default() };
        let locks = Locks::from([((vec![1; 32], 0), 1_234)]);
        let report = Report::new(sent, Duration::from_millis(250), &[locks], outcome);
        let text = report.to_string();
        for expected in [
            "at LOCK           7",
            "flags per second   2000",
            "max 1.234 ms",
            "all nodes decided alike",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing from:\n{text}");
        }
    }
}
