//! What the breaker holds: a pass over all flags before anything is decided. Flags do not depend on
//! decisions, so what is held is known beforehand.

use interlock_engine::breaker::{Window, holds};
use interlock_record::{Span, Time};

use super::plan::{Act, Plan};
use super::scenario::Breaker;

/// Which statements the breaker holds: borrower and ordinal, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held(Vec<(u32, u32)>);

/// A flag as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    platform: u32,
    time: Time,
    borrower: u32,
    ordinal: u32,
}

impl Held {
    /// Nothing is held.
    pub(super) const fn nothing() -> Self {
        Self(Vec::new())
    }

    /// What a breaker holds of these flags.
    pub(super) fn of(breaker: &Breaker, mut flags: Vec<Seen>) -> Self {
        flags.sort_unstable();
        let mut held = Vec::new();
        let mut window = Window::new();
        let mut platform = None;
        for flag in flags {
            if platform != Some(flag.platform) {
                platform = Some(flag.platform);
                window.clear();
            }
            if holds((breaker.quota, None), Span::ZERO, &mut window, flag.time, 1) {
                held.push((flag.borrower, flag.ordinal));
            }
        }
        held.sort_unstable();
        Self(held)
    }

    /// Marks the statements about a borrower that are held. `acts` are in the order in which they
    /// were written.
    pub(super) fn mark(&self, borrower: u32, acts: &mut [Act]) {
        let first = self.0.partition_point(|(earlier, _)| *earlier < borrower);
        for (_, ordinal) in self.0[first..].iter().take_while(|(whose, _)| *whose == borrower) {
            if let Some(act) = acts.get_mut(*ordinal as usize) {
                act.placed.held = true;
            }
        }
    }
}

/// The flags of a plan as the breaker sees them.
pub(super) fn seen(plan: &Plan) -> impl Iterator<Item = Seen> {
    plan.flags().map(|(act, _)| Seen {
        platform: act.platform,
        time: act.placed.position.time,
        borrower: plan.borrower,
        ordinal: u32::try_from(act.placed.position.sequence - 1).unwrap_or(u32::MAX),
    })
}
