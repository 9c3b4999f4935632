//! What each platform did about a borrower: its own action on its own flags, and what it made of
//! decisions, whichever is graver.

use std::collections::BTreeSet;

use interlock_record::{Measure, Time};

use super::feedback;
use super::hands::{Change, greater, measure_at, puts};
use super::live::{in_force, own, viewers};
use super::plan::Plan;
use super::world::World;

/// What was done about a borrower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stories {
    /// What each platform did, of those of which it matters, by number.
    pub platforms: Vec<Story>,
    /// The gravest measure that came into force for those of which it does not.
    pub others: Measure,
    /// The decisions, for the log: the first of the platforms concerned, how many, and changes.
    pub decisions: Vec<(u32, usize, Vec<Change>)>,
}

impl Stories {
    /// Nothing was done.
    pub(super) const fn nothing() -> Self {
        Self { platforms: Vec::new(), others: Measure::None, decisions: Vec::new() }
    }
}

/// What one platform did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Story {
    pub platform: u32,
    /// What was in force there over time.
    pub done: Vec<Change>,
    /// What would have been in force if receipts counted for nothing; nothing where they do.
    pub alone: Option<Vec<Change>>,
}

impl Story {
    /// Whether the receipts of others brought about what was in force at `at`.
    pub(super) fn is_triggered(&self, at: Time, watch: Measure) -> bool {
        self.alone.as_ref().is_some_and(|alone| measure_at(alone, at) < watch)
    }
}

/// What was done about the borrower of a plan.
///
/// # Errors
/// [`feedback::Restless`] where receipts go to and fro without an end.
pub(super) fn of(world: &World<'_>, plan: &Plan) -> Result<Stories, feedback::Restless> {
    if plan.acts.is_empty() {
        return Ok(Stories::nothing());
    }
    let viewers = viewers(world, plan);
    let decided = in_force(world, plan, &viewers);
    let own = own(world, plan);
    let own_of = |platform: u32| {
        let found = own.binary_search_by_key(&platform, |(whose, _)| *whose);
        found.map_or(&[][..], |index| own[index].1.as_slice())
    };
    if let Some(eyes) = &world.eyes {
        return feedback::stories(world, eyes, plan, &own, &viewers, &decided);
    }
    let mut stories = Stories::nothing();
    let lone: BTreeSet<u32> = viewers.iter().filter_map(|viewer| viewer.alone).collect();
    for (viewer, changes) in viewers.iter().zip(decided) {
        let kind = &world.kinds[viewer.kind];
        let platforms: &[u32] = match &viewer.alone {
            Some(platform) => std::slice::from_ref(platform),
            None => &kind.platforms,
        };
        let gravest = gravest(&changes);
        for platform in platforms {
            if viewer.alone.is_none() && lone.contains(platform) {
                continue;
            }
            let own = own_of(*platform);
            if gravest < kind.floor && own.is_empty() {
                continue;
            }
            let put = puts(world, plan, *platform, &changes);
            let done = greater(&put, own);
            stories.platforms.push(Story { platform: *platform, done, alone: None });
        }
        if gravest < kind.floor {
            stories.others = stories.others.max(gravest);
        }
        let count = viewer.alone.map_or(kind.platforms.len(), |_| 1);
        stories.decisions.push((platforms[0], count, changes));
    }
    stories.platforms.sort_by_key(|story| story.platform);
    Ok(stories)
}

/// The gravest of all measures.
pub(super) fn gravest(changes: &[Change]) -> Measure {
    changes.iter().map(|change| change.measure).max().unwrap_or(Measure::None)
}
