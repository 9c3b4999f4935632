//! What one member may cost this node: a budget as a pure state machine, with time as an argument.
//!
//! There are two kinds of buckets. *Volume* (bytes, records) is honest, and only paced: who sends
//! faster than its bucket fills is read more slowly, and that is all. *Harm* (what is refused, what
//! was known already, too many pulls) is not: a member that overdraws such a bucket is not read for a
//! while, each time twice as long, and in the end it is shut out. What is charged for which frame is
//! in `cost`; who has which budget in [`super::porter`].

use std::time::Duration;

/// Bytes that a member may push at once.
pub const BYTES_BURST: u64 = 64 << 20;
/// Bytes that it may push a second.
pub const BYTES_A_SECOND: u64 = 16 << 20;
/// Records (and frames, and sixteen heads each) that a member may push at once.
pub const RECORDS_BURST: u64 = 20_000;
/// Records that it may push a second.
pub const RECORDS_A_SECOND: u64 = 4_000;
/// What refused frames may cost at once.
pub const REFUSALS_BURST: u64 = 200;
/// What refused frames may cost a second.
pub const REFUSALS_A_SECOND: u64 = 2;
/// Records that were known, and frames that told nothing, at once. Each record that was new gives one
/// back.
pub const STALE_BURST: u64 = 10_000;
/// Those a second.
pub const STALE_A_SECOND: u64 = 100;
/// Pulls that a member may ask for at once.
pub const PULLS_BURST: u64 = 64;
/// Pulls that it may ask for a second.
pub const PULLS_A_SECOND: u64 = 16;

/// How long a member that has overdrawn its budget is not read, the first time.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Each further pause is twice as long, up to this.
pub const MAX_PAUSE: Duration = Duration::from_secs(4);
/// So many pauses in a row are borne; the next overdraft shuts the member out.
pub const MAX_PAUSES: u32 = 6;
/// Pauses are in a row while there is less than this between them.
pub const CALM_AFTER: Duration = Duration::from_secs(60);
/// How long a member is shut out.
pub const SHUT_OUT: Duration = Duration::from_secs(300);

/// A bucket of tokens that fills with time. Charges are always taken, so that it can be overdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bucket {
    burst: u64,
    a_second: u64,
    /// Millionths of a token; below zero it is overdrawn.
    level: i64,
    filled_at: Duration,
}

const MILLION: i64 = 1_000_000;

impl Bucket {
    fn full(burst: u64, a_second: u64, now: Duration) -> Self {
        Self { burst, a_second, level: millionths(burst), filled_at: now }
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        // So many tokens a second are as many millionths a microsecond.
        let a_microsecond = i64::try_from(self.a_second).unwrap_or(i64::MAX);
        let filled = self.level.saturating_add(passed.saturating_mul(a_microsecond));
        self.level = filled.min(millionths(self.burst));
        self.filled_at = self.filled_at.max(now);
    }

    /// Takes tokens; whether it is overdrawn then.
    fn charge(&mut self, tokens: u64, now: Duration) -> bool {
        self.fill(now);
        // A debt is bounded too: what was under way together need not be paid for ever.
        let least = -millionths(self.burst);
        self.level = self.level.saturating_sub(millionths(tokens)).max(least);
        self.level < 0
    }

    fn give_back(&mut self, tokens: u64, now: Duration) {
        self.fill(now);
        self.level = self.level.saturating_add(millionths(tokens)).min(millionths(self.burst));
    }

    /// How long until it is no longer overdrawn.
    fn debt(&self, now: Duration) -> Duration {
        let mut bucket = self.clone();
        bucket.fill(now);
        let missing = u64::try_from(bucket.level.saturating_neg()).unwrap_or(0);
        Duration::from_micros(missing.div_ceil(self.a_second.max(1)))
    }
}

fn millionths(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(MILLION)
}

/// A bucket whose overdraft is paid for with a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Frames and records that were refused.
    Refusals,
    /// Records that were known already, and frames that told nothing.
    Stale,
}

impl Harm {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refusals => "REFUSED_FRAMES",
            Self::Stale => "NOTHING_NEW",
        }
    }
}

/// How a member stands with this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its frames are read.
    Open,
    /// Its frames are not read until then.
    Paused {
        /// Until when.
        until: Duration,
    },
    /// It is not let in until then.
    Shut {
        /// Until when.
        until: Duration,
    },
}

/// Something that a charge has brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The member's frames are not read for so long.
    Paused(Duration),
    /// The member is shut out for [`SHUT_OUT`].
    ShutOut,
}

/// One member's budget. All times are since the same instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    bytes: Bucket,
    records: Bucket,
    refusals: Bucket,
    stale: Bucket,
    pulls: Bucket,
    standing: Standing,
    because: Option<Harm>,
    /// Pauses in a row, and when the last of them ended or will end.
    in_a_row: u32,
    last_pause: Duration,
    pauses: u64,
    shut_outs: u64,
}

impl Budget {
    /// A full budget.
    pub fn new(now: Duration) -> Self {
        Self {
            bytes: Bucket::full(BYTES_BURST, BYTES_A_SECOND, now),
            records: Bucket::full(RECORDS_BURST, RECORDS_A_SECOND, now),
            refusals: Bucket::full(REFUSALS_BURST, REFUSALS_A_SECOND, now),
            stale: Bucket::full(STALE_BURST, STALE_A_SECOND, now),
            pulls: Bucket::full(PULLS_BURST, PULLS_A_SECOND, now),
            standing: Standing::Open,
            because: None,
            in_a_row: 0,
            last_pause: now,
            pauses: 0,
            shut_outs: 0,
        }
    }

    /// Charges what a pushed frame weighs, whatever is in it.
    pub fn volume(&mut self, bytes: u64, records: u64, now: Duration) {
        self.bytes.charge(bytes, now);
        self.records.charge(records, now);
    }

    /// Charges harm.
    pub fn harm(&mut self, harm: Harm, cost: u64, now: Duration) -> Option<Consequence> {
        if cost == 0 {
            return None;
        }
        let bucket = match harm {
            Harm::Refusals => &mut self.refusals,
            Harm::Stale => &mut self.stale,
        };
        let overdrawn = bucket.charge(cost, now);
        // What was under way when the pause began is no second offence.
        (overdrawn && self.standing(now) == Standing::Open).then(|| self.overdrawn(harm, now))
    }

    /// A member brought records that were new.
    pub fn brought(&mut self, records: u64, now: Duration) {
        self.stale.give_back(records, now);
    }

    /// A member asks for a pull: whether there are tokens for it.
    pub fn pull(&mut self, now: Duration) -> bool {
        let granted = !self.pulls.charge(1, now);
        if !granted {
            self.pulls.give_back(1, now);
        }
        granted
    }

    fn overdrawn(&mut self, harm: Harm, now: Duration) -> Consequence {
        if now >= self.last_pause.saturating_add(CALM_AFTER) {
            self.in_a_row = 0;
        }
        self.because = Some(harm);
        if self.in_a_row >= MAX_PAUSES {
            self.in_a_row = 0;
            self.shut_outs += 1;
            self.last_pause = now.saturating_add(SHUT_OUT);
            self.standing = Standing::Shut { until: self.last_pause };
            return Consequence::ShutOut;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.in_a_row.min(16)).min(MAX_PAUSE);
        self.in_a_row += 1;
        self.pauses += 1;
        self.last_pause = now.saturating_add(pause);
        self.standing = Standing::Paused { until: self.last_pause };
        Consequence::Paused(pause)
    }

    /// How the member stands. That it is only paced does not show here.
    pub fn standing(&self, now: Duration) -> Standing {
        match self.standing {
            Standing::Paused { until } | Standing::Shut { until } if until <= now => Standing::Open,
            standing => standing,
        }
    }

    /// How long to wait until the member has not brought more than it may.
    pub fn paced(&self, now: Duration) -> Duration {
        self.bytes.debt(now).max(self.records.debt(now))
    }

    /// How long to wait before its next frame is read; none: until it is let in again.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let paced = self.paced(now);
        match self.standing(now) {
            Standing::Open => Some(paced),
            Standing::Paused { until } => Some(paced.max(until.saturating_sub(now))),
            Standing::Shut { .. } => None,
        }
    }

    /// Which bucket was overdrawn last.
    pub const fn because(&self) -> Option<Harm> {
        self.because
    }

    /// How often it was paused.
    pub const fn pauses(&self) -> u64 {
        self.pauses
    }

    /// How often it was shut out.
    pub const fn shut_outs(&self) -> u64 {
        self.shut_outs
    }
}

#[cfg(test)]
mod tests;
