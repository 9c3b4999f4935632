//! Runs that are repeated, each from a seed of its own, over several threads.

use std::convert::Infallible;

use super::{Effort, Means};
use crate::dice::Dice;
use crate::ordered::in_order;

/// How often, and in how many threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeat {
    pub runs: u32,
    jobs: usize,
}

impl Repeat {
    pub(super) fn of(means: &Means<'_>, full: u32, quick: u32) -> Self {
        let runs = if means.effort == Effort::Full { full } else { quick };
        Self { runs, jobs: means.jobs.max(1) }
    }

    /// What each run comes to, in the order of runs. `stream` tells one row's seeds from another's,
    /// `memory` is what a thread's runs share.
    pub(super) fn each<M, T: Send>(
        self,
        stream: u64,
        memory: impl Fn() -> M + Sync,
        run: impl Fn(&mut M, &mut Dice) -> T + Sync,
    ) -> Vec<T> {
        let mut done = Vec::with_capacity(self.runs as usize);
        let work = |memory: &mut M, number| run(memory, &mut dice(stream, number as u64));
        let taken: Result<(), Infallible> =
            in_order(self.jobs, self.runs as usize, memory, work, |result| {
                done.push(result);
                Ok(())
            });
        let Ok(()) = taken;
        done
    }

    /// How many runs something came about in.
    pub(super) fn count<M>(
        self,
        stream: u64,
        memory: impl Fn() -> M + Sync,
        run: impl Fn(&mut M, &mut Dice) -> bool + Sync,
    ) -> u64 {
        self.each(stream, memory, run).into_iter().map(u64::from).sum()
    }
}

/// The dice of one run. Seeds are mixed, so that runs with neighbouring numbers share nothing.
fn dice(stream: u64, run: u64) -> Dice {
    let mixed = Dice::new(stream).next().wrapping_add(run);
    Dice::new(Dice::new(mixed).next())
}
