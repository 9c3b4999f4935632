//! Where receipts count: platforms see what others did, and do it too. The world goes from instant to
//! instant; whenever a platform learns something, the engine decides anew for it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use interlock_engine::evidence::{Evidence, Ground, Receipt, assemble};
use interlock_engine::timeline::{Setting, Timeline, View, timeline};
use interlock_record::{Measure, Position, StatementId, Time, limits::MAX_LIST};

use super::crowd::{self, Asked, Crowd};
use super::draw::{Stream, dice};
use super::hands::{Change, Hands, greater, measure_after, measure_at, push};
use super::live::{Known, Viewer};
use super::plan::{FEED, Plan};
use super::scenario::Receipts;
use super::stories::{Stories, Story};
use super::world::{Eyes, World};
use crate::dice::Dice;

/// The most receipts about one borrower for each platform: a world that needs more does not settle.
pub const MAX_RECEIPTS_PER_PLATFORM: usize = 512;
/// Receipts are numbered from here in their platform's feed, behind everything in the plan.
const FIRST_RECEIPT: u64 = 1 << 32;

/// Receipts go to and fro without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "borrower {borrower}: expected at most {MAX_RECEIPTS_PER_PLATFORM} receipts a platform, there were more by {at}: the policies and delays do not let platforms settle"
)]
pub struct Restless {
    /// The borrower.
    pub borrower: u32,
    /// When there were too many.
    pub at: Time,
}

/// What happens next, in order of time, kind and platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A receipt has reached everybody.
    Arrives(usize),
    /// A platform's decision changes by itself.
    Turns(u32),
    /// A platform does what it has to do.
    Acts(u32),
    /// What a platform does on the ground of its own flags changes.
    Own(u32),
    /// A flag may end, and with it what rests on it.
    Ends,
}

/// One platform and the borrower.
struct Seat<'a> {
    hands: Hands,
    /// The measure in force by its decision.
    decided: Measure,
    /// The flags that its decision named last.
    ground: Vec<StatementId>,
    /// What it put in force by decisions.
    put: Vec<Change>,
    own: &'a [Change],
    /// What its last receipt said.
    receipted: Measure,
    /// Which parts of rules others' receipts met when it decided last.
    met: Vec<bool>,
    /// Until when what it announced last may not be in force: a receipt that is a little older than
    /// those it knew moves that instant.
    settles: Time,
    dice: Dice,
}

/// When a platform that hears a receipt asks the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// Where the receipt can change its decision.
    WhereItMatters,
    /// Always: what the former is held against.
    #[cfg(test)]
    Always,
}

struct Table<'a> {
    asking: Asking,
    world: &'a World<'a>,
    eyes: &'a Eyes,
    plan: &'a Plan,
    known: Known,
    /// What is known of the plan, with the receipts that have arrived.
    evidence: Evidence,
    flag_ids: Vec<StatementId>,
    receipts: Vec<(Position, Measure, Vec<StatementId>)>,
    seats: Vec<Seat<'a>>,
    queue: BinaryHeap<Reverse<(Time, Event)>>,
}

/// What each platform did about the borrower of a plan.
///
/// # Errors
/// [`Restless`].
pub(super) fn stories(
    world: &World<'_>,
    eyes: &Eyes,
    plan: &Plan,
    own: &[(u32, Vec<Change>)],
    viewers: &[Viewer],
    alone: &[Vec<Change>],
) -> Result<Stories, Restless> {
    let table = Table::new(Asking::WhereItMatters, world, eyes, plan, own);
    told(table, viewers, alone)
}

/// Plays, and tells what each platform did.
fn told(
    mut table: Table<'_>,
    viewers: &[Viewer],
    alone: &[Vec<Change>],
) -> Result<Stories, Restless> {
    table.play()?;
    let world = table.world;
    let mut stories = Stories::nothing();
    for (platform, seat) in (0u32..).zip(&table.seats) {
        let mine = |viewer: &Viewer| {
            viewer.alone == Some(platform)
                || (viewer.alone.is_none() && viewer.kind == world.kind_of[platform as usize])
        };
        let index = viewers.iter().rposition(mine);
        let alone = index.map_or(&[][..], |index| &alone[index]);
        let done = greater(&seat.put, seat.own);
        if done.is_empty() {
            continue;
        }
        let alone = Some(greater(alone, seat.own));
        stories.platforms.push(Story { platform, done, alone });
    }
    for (viewer, changes) in viewers.iter().zip(alone) {
        let kind = &world.kinds[viewer.kind];
        let first = viewer.alone.unwrap_or(kind.platforms[0]);
        let count = viewer.alone.map_or(kind.platforms.len(), |_| 1);
        stories.decisions.push((first, count, changes.clone()));
    }
    Ok(stories)
}

impl<'a> Table<'a> {
    fn new(
        asking: Asking,
        world: &'a World<'a>,
        eyes: &'a Eyes,
        plan: &'a Plan,
        own: &'a [(u32, Vec<Change>)],
    ) -> Self {
        let mut queue = BinaryHeap::new();
        let mut seats: Vec<Seat<'a>> = (0..world.scenario.platforms.count)
            .map(|platform| Seat {
                hands: Hands::new(world.seed, plan.borrower, platform),
                decided: Measure::None,
                ground: Vec::new(),
                put: Vec::new(),
                own: &[],
                receipted: Measure::None,
                met: Vec::new(),
                settles: Time::MIN,
                dice: dice(
                    world.seed,
                    Stream::Receipts,
                    u64::from(plan.borrower),
                    u64::from(platform),
                ),
            })
            .collect();
        for (platform, changes) in own {
            seats[*platform as usize].own = changes;
            for change in changes {
                queue.push(Reverse((change.at, Event::Own(*platform))));
            }
        }
        for at in crowd::ends(world, plan) {
            queue.push(Reverse((at, Event::Ends)));
        }
        Self {
            asking,
            world,
            eyes,
            plan,
            known: Known::nothing(plan),
            evidence: Evidence::default(),
            flag_ids: Vec::new(),
            receipts: Vec::new(),
            seats,
            queue,
        }
    }

    fn play(&mut self) -> Result<(), Restless> {
        let end = self.world.scenario.end();
        loop {
            let planned = self.known.next(self.plan);
            let queued = self.queue.peek().map(|Reverse((at, _))| *at);
            let Some(now) = planned.into_iter().chain(queued).min() else { break };
            if now > end {
                break;
            }
            self.instant(now)?;
        }
        Ok(())
    }

    /// Everything that happens at one instant: first all that platforms learn, then what they decide,
    /// then what they do.
    fn instant(&mut self, now: Time) -> Result<(), Restless> {
        let mut deciding: BTreeSet<u32> = BTreeSet::new();
        let mut acting: BTreeSet<u32> = BTreeSet::new();
        let mut hearing: BTreeSet<u32> = BTreeSet::new();
        let all = 0..self.world.scenario.platforms.count;
        if self.known.advance(self.plan, now) {
            self.learn();
            deciding.extend(all.clone());
        }
        while let Some(Reverse((at, event))) = self.queue.peek().copied() {
            if at > now {
                break;
            }
            self.queue.pop();
            match event {
                Event::Arrives(index) => {
                    let whose = self.arrive(index);
                    hearing.extend(
                        self.eyes.followers[whose as usize].iter().filter(|p| **p != whose),
                    );
                }
                Event::Turns(platform) => {
                    deciding.insert(platform);
                }
                Event::Ends => deciding.extend(all.clone()),
                Event::Acts(platform) | Event::Own(platform) => {
                    acting.insert(platform);
                }
            }
        }
        if !deciding.is_empty() || !hearing.is_empty() {
            let crowd = Crowd::at(self.world, &self.evidence, now);
            self.crossed(&crowd, now, &hearing, &mut deciding);
            acting.extend(self.decide(now, &deciding));
        }
        for platform in acting {
            self.act(platform, now)?;
        }
        Ok(())
    }

    /// Takes in what has arrived of the plan.
    fn learn(&mut self) {
        let (evidence, ids) = assemble(&self.known.placed);
        let mut receipts = std::mem::take(&mut self.evidence.receipts);
        // Flags were put in between: what receipts name has other indices now.
        for receipt in &mut receipts {
            let index = usize::try_from(receipt.position.sequence - FIRST_RECEIPT);
            if let Some((_, _, flags)) = index.ok().and_then(|index| self.receipts.get(index)) {
                receipt.ground = ground(flags, &ids);
            }
        }
        self.flag_ids = ids;
        self.evidence = Evidence { receipts, ..evidence };
    }

    /// A receipt has reached everybody; returns whose it is.
    fn arrive(&mut self, index: usize) -> u32 {
        let (position, measure, flags) = &self.receipts[index];
        let receipt = Receipt {
            position: *position,
            measure: *measure,
            ground: ground(flags, &self.flag_ids),
        };
        let all = &mut self.evidence.receipts;
        let place = all.partition_point(|other| other.position < *position);
        all.insert(place, receipt);
        let member = position.member;
        let whose = self.world.members.binary_search(&member).unwrap_or(0);
        u32::try_from(whose).unwrap_or(0)
    }

    /// Adds those that hear something to those that decide, where it can change their decision.
    fn crossed(
        &mut self,
        crowd: &Crowd,
        now: Time,
        hearing: &BTreeSet<u32>,
        deciding: &mut BTreeSet<u32>,
    ) {
        let mut counts: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        let all: BTreeSet<u32> = hearing.union(deciding).copied().collect();
        for platform in all {
            let schedule = self.eyes.schedule_of[platform as usize];
            let asked = Asked::at(&self.eyes.asked[schedule], now);
            let counts = counts.entry(schedule).or_insert_with(|| crowd.counts(asked));
            let met = crowd.met(asked, counts, platform);
            let seat = &mut self.seats[platform as usize];
            let always = self.asking != Asking::WhereItMatters;
            if seat.met != met || now <= seat.settles || always {
                seat.met = met;
                deciding.insert(platform);
            }
        }
    }

    /// Lets platforms decide anew; returns those that have something to do now.
    fn decide(&mut self, now: Time, deciding: &BTreeSet<u32>) -> Vec<u32> {
        // Platforms whose receipts nobody has seen yet see the same where all see all.
        let spoken: BTreeSet<_> =
            self.evidence.receipts.iter().map(|receipt| receipt.position.member).collect();
        let mut shared: BTreeMap<usize, Timeline> = BTreeMap::new();
        let mut acting = Vec::new();
        for platform in deciding.iter().copied() {
            let member = self.world.members[platform as usize];
            let schedule = self.eyes.schedule_of[platform as usize];
            let private = &self.world.kind(platform).private;
            let own = |flag: &interlock_engine::evidence::Flag| {
                flag.position.member == member && private.contains(&flag.reason)
            };
            let evaluate = || {
                let setting = Setting {
                    policies: &self.eyes.schedules[schedule],
                    members: &self.eyes.members[schedule],
                    view: View::Member(member),
                };
                timeline(&setting, &self.evidence)
            };
            let alike = !spoken.contains(&member) && !self.evidence.flags.iter().any(own);
            let found = if alike {
                shared.entry(schedule).or_insert_with(evaluate).clone()
            } else {
                evaluate()
            };
            if self.decided(platform, &found, now) {
                acting.push(platform);
            }
        }
        acting
    }

    /// Takes in a platform's decision; says whether it has something to do now.
    fn decided(&mut self, platform: u32, timeline: &Timeline, now: Time) -> bool {
        let schedule = &self.eyes.schedules[self.eyes.schedule_of[platform as usize]];
        let measure = timeline.effective(schedule, now);
        let next = timeline.effective_changes(schedule).into_iter().find(|(at, _)| *at > now);
        if let Some((at, _)) = next {
            self.queue.push(Reverse((at, Event::Turns(platform))));
        }
        let seat = &mut self.seats[platform as usize];
        let steps = &timeline.transitions;
        if let Some(step) = steps.iter().rev().find(|step| step.at <= now && step.to > step.from) {
            let ids = step.because.iter().take(MAX_LIST).map(|index| self.flag_ids[*index]);
            seat.ground = ids.collect();
        }
        if let Some(step) = steps.iter().rev().find(|step| step.at <= now) {
            let notice = schedule.all().map(|policy| policy.notice_delay).max();
            seat.settles = step.at.plus(notice.unwrap_or_default());
        }
        if measure == seat.decided {
            return false;
        }
        seat.decided = measure;
        seat.hands.decided(self.world, self.plan, platform, Change { at: now, measure });
        let Some(at) = seat.hands.next() else { return false };
        if at > now {
            self.queue.push(Reverse((at, Event::Acts(platform))));
        }
        at <= now
    }

    /// A platform does what is due, and says so where it changed anything.
    fn act(&mut self, platform: u32, now: Time) -> Result<(), Restless> {
        let receipts = self.world.scenario.platforms.receipts;
        let delay = self.world.scenario.delays.gossip;
        let seat = &mut self.seats[platform as usize];
        while let Some(change) = seat.hands.act(now) {
            push(&mut seat.put, change);
        }
        if let Some(at) = seat.hands.next() {
            self.queue.push(Reverse((at, Event::Acts(platform))));
        }
        let by_decision = measure_after(&seat.put);
        let own = measure_at(seat.own, now);
        let measure = by_decision.max(own);
        if measure == seat.receipted {
            return Ok(());
        }
        seat.receipted = measure;
        let flags = match receipts {
            Receipts::Unnamed => Vec::new(),
            Receipts::Named if own >= by_decision => self.own_flags(platform, now),
            Receipts::Named => self.seats[platform as usize].ground.clone(),
        };
        let most = MAX_RECEIPTS_PER_PLATFORM * self.seats.len();
        if self.receipts.len() >= most {
            return Err(Restless { borrower: self.plan.borrower, at: now });
        }
        let position = Position {
            time: now,
            member: self.world.members[platform as usize],
            feed: FEED,
            sequence: FIRST_RECEIPT + self.receipts.len() as u64,
            index: 0,
        };
        let arrives = now.plus(delay.draw(&mut self.seats[platform as usize].dice));
        self.queue.push(Reverse((arrives, Event::Arrives(self.receipts.len()))));
        self.receipts.push((position, measure, flags));
        Ok(())
    }

    /// The platform's own flags up to `now`, the latest first.
    fn own_flags(&self, platform: u32, now: Time) -> Vec<StatementId> {
        let mine = self.plan.flags().filter(|(act, _)| act.platform == platform);
        let mut ids: Vec<StatementId> = mine
            .filter(|(act, _)| act.placed.position.time <= now)
            .map(|(act, _)| act.placed.id)
            .collect();
        ids.reverse();
        ids.truncate(MAX_LIST);
        ids
    }
}

/// What a receipt that names these flags rests on.
fn ground(named: &[StatementId], known: &[StatementId]) -> Ground {
    if named.is_empty() {
        return Ground::Unnamed;
    }
    let index = |id: &StatementId| known.iter().position(|other| other == id);
    Ground::Flags(named.iter().filter_map(index).collect())
}

#[cfg(test)]
mod tests;
