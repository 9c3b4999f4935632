//! What is decided about a borrower as time goes on: at each instant by what had arrived until then,
//! by the engine, with the platform's policy.

use std::collections::BTreeSet;

use interlock_engine::evidence::{Evidence, Hold, assemble};
use interlock_engine::ledger::rows::Placed;
use interlock_engine::policy::Schedule;
use interlock_engine::timeline::{Setting, Timeline, View, timeline};
use interlock_record::{Statement, StatementId, Time};

use super::hands::{Change, push};
use super::plan::{Act, Plan};
use super::world::World;

/// Some platforms that see a borrower alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Viewer {
    /// Their kind of policy.
    pub kind: usize,
    /// How they ask the engine.
    pub view: View,
    /// Which platform it is, where it stands alone.
    pub alone: Option<u32>,
}

/// What is known at some instant, in the order of statements.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub placed: Vec<Placed>,
    /// The acts of the plan that have not arrived, the next one last.
    waiting: Vec<usize>,
}

impl Known {
    /// Nothing has arrived.
    pub(super) fn nothing(plan: &Plan) -> Self {
        let mut waiting: Vec<usize> = (0..plan.acts.len()).collect();
        waiting.sort_by_key(|index| std::cmp::Reverse((plan.acts[*index].arrives, *index)));
        Self { placed: Vec::with_capacity(plan.acts.len()), waiting }
    }

    /// When something arrives next.
    pub(super) fn next(&self, plan: &Plan) -> Option<Time> {
        self.waiting.last().map(|index| plan.acts[*index].arrives)
    }

    /// Takes in what has arrived at `now`; says whether anything has.
    pub(super) fn advance(&mut self, plan: &Plan, now: Time) -> bool {
        let before = self.waiting.len();
        while let Some(index) = self.waiting.last().copied() {
            let act = &plan.acts[index];
            if act.arrives > now {
                break;
            }
            self.waiting.pop();
            let place = self.placed.partition_point(|other| other.position < act.placed.position);
            self.placed.insert(place, act.placed.clone());
        }
        self.waiting.len() < before
    }
}

/// The viewers of a plan: one for each kind of policy, and one for each platform whose own flags
/// count for itself alone.
pub(super) fn viewers(world: &World<'_>, plan: &Plan) -> Vec<Viewer> {
    let kinds = world.kinds.iter().enumerate();
    let mut viewers: Vec<Viewer> = kinds
        .filter(|(_, kind)| !kind.platforms.is_empty())
        .map(|(kind, _)| Viewer { kind, view: View::Consortium, alone: None })
        .collect();
    let private: BTreeSet<u32> = plan
        .acts
        .iter()
        .filter(|act| match &act.placed.statement {
            Statement::Flag(flag) => world.kind(act.platform).private.contains(&flag.reason),
            _ => false,
        })
        .map(|act| act.platform)
        .collect();
    for platform in private {
        let view = View::Member(world.members[platform as usize]);
        let kind = world.kind_of[platform as usize];
        viewers.push(Viewer { kind, view, alone: Some(platform) });
    }
    viewers
}

/// The measures in force for each viewer over time, if receipts count for nothing.
pub(super) fn in_force(world: &World<'_>, plan: &Plan, viewers: &[Viewer]) -> Vec<Vec<Change>> {
    let end = world.scenario.end();
    let mut changes = vec![Vec::new(); viewers.len()];
    let mut known = Known::nothing(plan);
    while let Some(now) = known.next(plan).filter(|now| *now <= end) {
        known.advance(plan, now);
        let until = known.next(plan).unwrap_or(Time::MAX);
        let (evidence, _) = assemble(&known.placed);
        for (viewer, changes) in viewers.iter().zip(&mut changes) {
            let schedule = &world.kinds[viewer.kind].schedule;
            let setting = Setting { policies: schedule, members: &world.all, view: viewer.view };
            let timeline = timeline(&setting, &evidence);
            within(&timeline, schedule, (now, until.min(end)), changes);
        }
    }
    changes
}

/// Adds what is in force from `now` until the other instant, exclusive.
fn within(
    timeline: &Timeline,
    schedule: &Schedule,
    (now, until): (Time, Time),
    changes: &mut Vec<Change>,
) {
    if timeline.transitions.is_empty() {
        push(changes, Change { at: now, measure: interlock_record::Measure::None });
        return;
    }
    push(changes, Change { at: now, measure: timeline.effective(schedule, now) });
    for (at, measure) in timeline.effective_changes(schedule) {
        if now < at && at < until {
            push(changes, Change { at, measure });
        }
    }
}

/// What each platform that flagged the borrower does on the ground of its own flags, held or not.
pub(super) fn own(world: &World<'_>, plan: &Plan) -> Vec<(u32, Vec<Change>)> {
    let mut platforms: Vec<u32> =
        plan.acts.iter().filter(|act| is_first_hand(act)).map(|act| act.platform).collect();
    platforms.sort_unstable();
    platforms.dedup();
    platforms
        .into_iter()
        .map(|platform| {
            let acts: Vec<Placed> = plan
                .acts
                .iter()
                .filter(|act| act.platform == platform || act.flag.is_none())
                .map(|act| act.placed.clone())
                .collect();
            let (mut evidence, _) = assemble(&acts);
            for flag in &mut evidence.flags {
                flag.hold = Hold::Free;
            }
            let view = View::Member(world.members[platform as usize]);
            let setting = Setting { policies: &world.own, members: &world.all, view };
            let timeline = timeline(&setting, &evidence);
            let end = world.scenario.end();
            let changes = timeline.transitions.iter().filter(|step| step.at <= end);
            (platform, changes.map(|step| Change { at: step.at, measure: step.to }).collect())
        })
        .collect()
}

fn is_first_hand(act: &Act) -> bool {
    matches!(&act.placed.statement, Statement::Flag(flag) if flag.derived_from.is_empty())
}

/// What was announced about a borrower in the end, to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The platforms that decided so.
    pub platforms: Vec<u32>,
    /// The timeline, by all that was said.
    pub timeline: Timeline,
    /// The ids of the flags that its transitions name.
    pub flags: Vec<StatementId>,
}

/// What platforms decide in the end about the borrower of a plan, by all that is in it. Receipts are
/// not.
pub(super) fn decided(world: &World<'_>, plan: &Plan) -> Vec<Decided> {
    let acts: Vec<Placed> = plan.acts.iter().map(|act| act.placed.clone()).collect();
    let (evidence, flags): (Evidence, Vec<StatementId>) = assemble(&acts);
    let viewers = viewers(world, plan);
    let lone: BTreeSet<u32> = viewers.iter().filter_map(|viewer| viewer.alone).collect();
    viewers
        .iter()
        .map(|viewer| {
            let kind = &world.kinds[viewer.kind];
            let setting =
                Setting { policies: &kind.schedule, members: &world.all, view: viewer.view };
            let platforms = match viewer.alone {
                Some(platform) => vec![platform],
                None => kind.platforms.iter().copied().filter(|p| !lone.contains(p)).collect(),
            };
            let timeline = timeline(&setting, &evidence);
            Decided { platforms, timeline, flags: flags.clone() }
        })
        .collect()
}
