//! What a platform's people and systems make of a decision: they put it in force after a while, and
//! a measure that waits for a person only when one has confirmed it.

use interlock_engine::policy::{Confirm, Policy};
use interlock_record::{Measure, Time};

use super::draw::{Stream, dice, happens};
use super::plan::Plan;
use super::world::World;
use crate::dice::Dice;

/// From some instant on, a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// From when.
    pub at: Time,
    /// Which measure.
    pub measure: Measure,
}

/// What is going to be done, unless a later decision comes before it.
#[derive(Debug, Clone, Copy)]
struct Due {
    change: Change,
    task: Task,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    PutInForce,
    Confirm,
}

/// One platform's people and systems, and one borrower.
#[derive(Debug)]
pub(super) struct Hands {
    dice: Dice,
    /// What is in force, or will be when all that is due is done.
    intended: Measure,
    due: Vec<Due>,
}

impl Hands {
    pub(super) fn new(seed: u64, borrower: u32, platform: u32) -> Self {
        let dice = dice(seed, Stream::Hands, u64::from(borrower), u64::from(platform));
        Self { dice, intended: Measure::None, due: Vec::new() }
    }

    /// A decision takes effect. What was due before it has been done by then.
    pub(super) fn decided(&mut self, world: &World<'_>, plan: &Plan, platform: u32, new: Change) {
        let Change { at, measure } = new;
        let policy = world.kind(platform).schedule.at(at);
        let free = without_person(policy, measure);
        let delays = &world.scenario.delays;
        let delay = if free >= self.intended { delays.react } else { delays.reopen };
        let put = at.plus(delay.draw(&mut self.dice));
        self.due.retain(|due| due.task == Task::PutInForce && due.change.at < put);
        self.due.push(Due { change: Change { at: put, measure: free }, task: Task::PutInForce });
        self.intended = free;
        if measure > free {
            let review = &world.scenario.review;
            let deserved = plan.deserves(at) >= measure;
            let chance =
                if deserved { review.confirms_true_ppm } else { review.confirms_false_ppm };
            let answer = at.plus(review.after.draw(&mut self.dice)).max(put);
            if happens(&mut self.dice, chance) {
                let change = Change { at: answer, measure };
                self.due.push(Due { change, task: Task::Confirm });
            }
        }
    }

    /// When something is to be done next.
    pub(super) fn next(&self) -> Option<Time> {
        self.due.iter().map(|due| due.change.at).min()
    }

    /// Does the first thing that is due at `until` or before.
    pub(super) fn act(&mut self, until: Time) -> Option<Change> {
        let first = self.due.iter().enumerate().min_by_key(|(index, due)| (due.change.at, *index));
        let (index, due) = first?;
        if due.change.at > until {
            return None;
        }
        let change = due.change;
        self.due.remove(index);
        self.intended = change.measure;
        Some(change)
    }
}

/// The greatest measure up to `measure` that needs no person.
fn without_person(policy: &Policy, measure: Measure) -> Measure {
    let up_to = Measure::ALL.iter().copied().rev().filter(|lesser| *lesser <= measure);
    let mut free = up_to.filter(|lesser| policy.confirm_of(*lesser) == Confirm::Auto);
    free.next().unwrap_or(Measure::None)
}

/// What a platform does about a borrower on the ground of decisions, all of which are known.
pub(super) fn puts(
    world: &World<'_>,
    plan: &Plan,
    platform: u32,
    decided: &[Change],
) -> Vec<Change> {
    let mut hands = Hands::new(world.seed, plan.borrower, platform);
    let mut done = Vec::new();
    for change in decided {
        while let Some(act) = hands.act(change.at) {
            push(&mut done, act);
        }
        hands.decided(world, plan, platform, *change);
    }
    while let Some(act) = hands.act(Time::MAX) {
        push(&mut done, act);
    }
    done
}

/// Adds a change, unless it changes nothing.
pub(super) fn push(changes: &mut Vec<Change>, new: Change) {
    if measure_after(changes) != new.measure {
        match changes.last_mut() {
            Some(last) if last.at == new.at => last.measure = new.measure,
            _ => changes.push(new),
        }
    }
}

/// The measure after all changes.
pub(super) fn measure_after(changes: &[Change]) -> Measure {
    changes.last().map_or(Measure::None, |change| change.measure)
}

/// The measure at an instant.
pub(super) fn measure_at(changes: &[Change], at: Time) -> Measure {
    let next = changes.partition_point(|change| change.at <= at);
    measure_after(&changes[..next])
}

/// The greater of two at every instant.
pub(super) fn greater(one: &[Change], other: &[Change]) -> Vec<Change> {
    if one.is_empty() || other.is_empty() {
        return if one.is_empty() { other.to_vec() } else { one.to_vec() };
    }
    let mut instants: Vec<Time> = one.iter().chain(other).map(|change| change.at).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut both = Vec::new();
    for at in instants {
        let measure = measure_at(one, at).max(measure_at(other, at));
        push(&mut both, Change { at, measure });
    }
    both
}
