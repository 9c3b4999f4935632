//! Proof of a decision to somebody who has no node: a *bundle* is made from a ledger ([`export`]) and
//! checked with nothing but the consortium's id ([`verify`]), by the same engine that decides.
//!
//! What a bundle shows and what it cannot is in `docs/proof.md`. What it cannot, [`recompute`] does
//! for whoever has the whole log.

mod assemble;
mod check;
mod countersign;
mod evaluate;
mod feeds;
mod file;
mod moment;
mod recompute;
mod standing;
mod verdict;

pub use assemble::{ExportError, Wanted, export};
pub use file::{DIGEST_BYTES, MAGIC, MAX_BUNDLE_BYTES};
pub use recompute::{Difference, Recomputed, recompute};
pub use verdict::{
    CANNOT_SHOW, Countersigned, DecidedAs, NotVerified, Said, Taken, Told, Verdict, verify,
};

#[cfg(test)]
mod tests;

/// The generated protobuf types. They stay inside this module.
#[allow(missing_docs, unreachable_pub, clippy::pedantic)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/interlock.proof.v1.rs"));
}

/// The most headers of one feed's window that are included to show that a record is not held.
pub const MAX_RUN: u64 = 32;
/// The most bytes that such headers may take in one bundle.
pub const MAX_RUN_BYTES: usize = 12 * 1024;
/// The most bytes of `Seen` statements in one bundle, those that settle a fork not counted.
pub const MAX_SEEN_BYTES: usize = 16 * 1024;
/// The longest feed in which a record's position is proven: the tree over all ids is computed anew.
pub const MAX_PROVEN_FEED: u64 = 1 << 20;
/// How many records of a feed, from its head at that time down, are looked through for what its member
/// had seen at an earlier entry.
pub const MAX_SEEN_LOOKBACK: u64 = 256;

/// How much goes into a bundle beside what it must have.
#[derive(Debug, Clone, Copy)]
struct Room {
    run: u64,
    run_bytes: usize,
    seen_bytes: usize,
    seen_lookback: u64,
    proven_feed: u64,
}

impl Room {
    /// As much as every bundle has.
    const LIMITS: Self = Self {
        run: MAX_RUN,
        run_bytes: MAX_RUN_BYTES,
        seen_bytes: MAX_SEEN_BYTES,
        seen_lookback: MAX_SEEN_LOOKBACK,
        proven_feed: MAX_PROVEN_FEED,
    };
}
