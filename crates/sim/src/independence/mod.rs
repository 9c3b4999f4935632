//! Whether members are independent: an advisory statistic over who flagged whom when.
//!
//! For each ordered pair of members it asks how often the one had flagged a subject shortly before
//! the other, and how often chance would have brought that about. It decides nothing: who is found to
//! follow another is for people to look at, who may put both into one group. What it means, where
//! the formulas come from, how often it errs and what it cannot tell is in `docs/independence.md`.
//!
//! Counts and shares are whole numbers; floats are only where probabilities are made.

mod chance;
mod findings;
mod observed;
mod pair;
mod usual;
pub mod witnesses;

use interlock_record::Span;

pub use findings::{Chance, Finding, Report, Verdict};
pub use observed::{Member, Observed};
pub use pair::Lags;

/// How long after another's flag a member's flag may have come from it.
pub const LAG_LIMIT: Span = Span::from_days(30);
/// Within spans of this length a member's flags are shuffled, to see what chance would bring about.
pub const SHUFFLE_SPAN: Span = Span::from_days(180);
/// What a member flags within one such span is one occasion: it may all come from one source.
pub const OCCASION: Span = Span::from_secs(3_600);
/// A member that flags more subjects than this on one occasion imports a list; when it came to know
/// of each of them cannot be told.
pub const MAX_OCCASION_FLAGS: u64 = 1_000;
/// Of fewer flags that can be compared nothing is said.
pub const MIN_FLAGS: u64 = 50;
/// Of flags on fewer occasions nothing is said.
pub const MIN_OCCASIONS: u64 = 20;
/// What others make of a source counts as chance if so many of them can be compared with it.
pub const MIN_OTHERS: usize = 3;
/// Who follows has at least this share of its flags explained, of those that chance leaves, in
/// thousandths.
pub const MIN_EXPLAINED_PERMILLE: u64 = 250;
/// Of the flags that both raised within [`LAG_LIMIT`], the source was first in at least this share,
/// in thousandths.
pub const MIN_FIRST_PERMILLE: u64 = 800;
/// The chance that a report names a pair whose times are unrelated is at most this.
pub const SIGNIFICANCE: f64 = 0.01;
/// Sources that precede about as many flags as the best, this many in a thousand of them, are told
/// apart by how steady the lag is.
pub const ALIKE_PERMILLE: u64 = 950;
