//! Dice of their own for everything that is drawn: what one thing draws changes nothing of what
//! another does, so that two policies are tried on the same borrowers with the same luck.

use super::scenario::PPM;
use crate::dice::Dice;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Who follows whom.
    Graph = 1,
    /// The lenders of a borrower.
    Lenders = 2,
    /// What one cause does to a borrower.
    Cause = 3,
    /// When held records are released.
    Releases = 4,
    /// How long a platform takes with a borrower.
    Hands = 5,
    /// How long a platform's receipts take.
    Receipts = 6,
    /// The seed of one of several runs.
    Run = 7,
}

/// The dice of one thing: of the stream, say, of borrower `one` and cause `two`.
pub(super) fn dice(seed: u64, stream: Stream, one: u64, two: u64) -> Dice {
    let mut mixed = seed;
    for part in [stream as u64, one, two] {
        mixed = Dice::new(mixed ^ Dice::new(part).next()).next();
    }
    Dice::new(mixed)
}

/// The seed of the `run`-th of several runs: the first has the seed that was given.
pub fn seed_of_run(seed: u64, run: u32) -> u64 {
    if run == 0 { seed } else { dice(seed, Stream::Run, u64::from(run), 0).next() }
}

/// Whether something happens that happens so many times in a million.
pub(super) fn happens(dice: &mut Dice, ppm: u64) -> bool {
    dice.below(PPM) < ppm
}
