//! Work on several threads whose results are taken in order, as if one thread had done it all.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A thread works at most so many pieces ahead of the last that was taken, for each thread.
const AHEAD: usize = 4;

struct Shelf<T> {
    /// The next piece that nobody works on.
    next: usize,
    /// The next piece to be taken.
    wanted: usize,
    done: BTreeMap<usize, T>,
    /// A worker has panicked: its piece never comes.
    broken: bool,
}

/// Tells the others where the worker that holds it panics.
struct Alarm<'a, T> {
    shelf: &'a Mutex<Shelf<T>>,
    changed: &'a Condvar,
}

impl<T> Drop for Alarm<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.shelf).broken = true;
            self.changed.notify_all();
        }
    }
}

/// Does `work` for every number below `pieces` on `jobs` threads, and gives the results to `take` in
/// the order of numbers. `memory` is what the pieces of one thread share. Stops early where `take` says
/// so.
///
/// # Errors
/// The first error of `take`.
///
/// # Panics
/// Where `work` does.
pub(crate) fn in_order<M, T: Send, E>(
    jobs: usize,
    pieces: usize,
    memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, usize) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    if jobs <= 1 || pieces <= 1 {
        let mut memory = memory();
        return (0..pieces).try_for_each(|piece| take(work(&mut memory, piece)));
    }
    let shelf = Mutex::new(Shelf { next: 0, wanted: 0, done: BTreeMap::new(), broken: false });
    let changed = Condvar::new();
    let room = jobs * AHEAD;
    let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    let worker = || {
        let _alarm = Alarm { shelf: &shelf, changed: &changed };
        let mut memory = memory();
        loop {
            let mut guard = lock(&shelf);
            while !guard.broken && guard.next < pieces && guard.next >= guard.wanted + room {
                guard = wait(guard);
            }
            let piece = guard.next;
            if guard.broken || piece >= pieces {
                return;
            }
            guard.next += 1;
            drop(guard);
            let result = work(&mut memory, piece);
            lock(&shelf).done.insert(piece, result);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(pieces) {
            scope.spawn(worker);
        }
        for piece in 0..pieces {
            let mut guard = lock(&shelf);
            let result = loop {
                if let Some(result) = guard.done.remove(&piece) {
                    break result;
                }
                assert!(!guard.broken, "a piece of work panicked");
                guard = wait(guard);
            };
            guard.wanted = piece + 1;
            drop(guard);
            changed.notify_all();
            if let Err(error) = take(result) {
                // Nobody begins anything more.
                lock(&shelf).next = pieces;
                changed.notify_all();
                return Err(error);
            }
        }
        Ok(())
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics is done under the lock, but for the taker's own word that work has.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_works() {
        for jobs in [1, 2, 7] {
            let mut taken = Vec::new();
            let done: Result<(), ()> = in_order(
                jobs,
                100,
                || (),
                |(), piece| piece * piece,
                |square| {
                    taken.push(square);
                    Ok(())
                },
            );
            assert_eq!(done, Ok(()));
            assert_eq!(taken, (0..100).map(|piece| piece * piece).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_it() {
        let mut taken = 0;
        let done = in_order(
            3,
            1_000,
            || (),
            |(), piece| piece,
            |piece| {
                taken += 1;
                if piece == 10 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((done, taken), (Err("enough"), 11));
    }

    #[test]
    fn pieces_of_a_thread_share_its_memory() {
        let mut greatest = 0;
        let work = |done: &mut usize, _| {
            *done += 1;
            *done
        };
        let taken: Result<(), ()> = in_order(
            3,
            100,
            || 0,
            work,
            |done| {
                greatest = greatest.max(done);
                Ok(())
            },
        );
        assert_eq!(taken, Ok(()));
        assert!((34..=100).contains(&greatest), "{greatest}");
    }

    #[test]
    #[should_panic(expected = "a piece of work panicked")]
    fn work_that_panics_ends_it() {
        let work = |(): &mut (), piece| assert!(piece != 10, "no tenth piece");
        let _: Result<(), ()> = in_order(2, 1_000, || (), work, |()| Ok(()));
    }
}
