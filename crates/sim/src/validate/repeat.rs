//! Runs that are repeated, each from a seed of its own, over several threads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::{Effort, Means};
use crate::dice::Dice;

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
        let next = AtomicU32::new(0);
        let work = || {
            let mut memory = memory();
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.runs {
                    return done;
                }
                done.push((number, run(&mut memory, &mut dice(stream, number))));
            }
        };
        let mut done = thread::scope(|scope| {
            let threads: Vec<_> = (1..self.jobs).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for thread in threads {
                done.extend(thread.join().expect("a run that panics ends the program"));
            }
            done
        });
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, result)| result).collect()
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
fn dice(stream: u64, run: u32) -> Dice {
    let mixed = Dice::new(stream).next().wrapping_add(u64::from(run));
    Dice::new(Dice::new(mixed).next())
}
