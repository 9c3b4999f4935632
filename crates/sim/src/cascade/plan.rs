//! What is said about a borrower whatever anybody decides: the plan of a scenario and a seed.
//!
//! Flags, withdrawals, recalls, cures, objections and answers do not depend on decisions; receipts
//! do, and are no part of it. The same plan can be played through real nodes.

mod cause;

use interlock_engine::ledger::rows::Placed;
use interlock_record::{
    FeedId, FeedNumber, Measure, MemberId, Position, Release, Statement, StatementId, SubjectTag,
    Time,
};

use super::draw::{Stream, dice, happens};
use super::held::Held;
use super::scenario::{Cause, Releases, Scenario, Seers, Sizes};
use crate::dice::Dice;

/// Every platform signs in one feed.
pub(super) const FEED: FeedNumber = FeedNumber(1);
/// So often a lender that is there already is drawn again before its next neighbour is taken.
const MOST_REDRAWS: u32 = 32;

/// What is said about one borrower, and what is true of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The borrower's number.
    pub borrower: u32,
    /// Its lenders, the first drawn first.
    pub lenders: Vec<u32>,
    /// What is said, in the order of statements.
    pub acts: Vec<Act>,
    /// What the borrower deserves, and when.
    pub truths: Vec<Truth>,
    /// When it draws money that is lost unless a platform has frozen it.
    pub draws: Vec<Draw>,
}

/// One statement of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The statement, where it stands, and whether the breaker holds it. Its id is made up; the
    /// statements of the plan name each other by these.
    pub placed: Placed,
    /// Which platform says it.
    pub platform: u32,
    /// When everybody else has it.
    pub arrives: Time,
    /// What it is, where it is a flag.
    pub flag: Option<FlagTruth>,
}

/// What is true of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagTruth {
    /// Which of the scenario's causes it comes from.
    pub cause: u32,
    /// Whether its platform did no more than the borrower deserved.
    pub rightness: Rightness,
    /// When its platform takes it back: withdraws or recalls it, or says that an objection is right.
    pub taken_back: Option<Time>,
}

/// Whether a flag says no more than the borrower deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rightness {
    /// It does not.
    Right,
    /// It does.
    Mistaken,
}

/// For a time, a borrower deserves a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// From when.
    pub from: Time,
    /// Until when, exclusive.
    pub until: Time,
    /// The greatest measure that it deserves.
    pub deserves: Measure,
}

/// A borrower draws money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// When.
    pub at: Time,
    /// At which platform.
    pub platform: u32,
    /// How much.
    pub amount: u64,
}

impl Plan {
    /// The plan for one borrower. `members` are the platforms' names, `held` says what the breaker
    /// holds.
    pub(super) fn of(
        scenario: &Scenario,
        members: &[MemberId],
        seed: u64,
        borrower: u32,
        held: &Held,
    ) -> Self {
        let lenders = lenders(scenario, seed, borrower);
        let mut script = Script { scenario, members, borrower, plan: Self::new(borrower, lenders) };
        for (number, cause) in (0u32..).zip(&scenario.causes) {
            let mut dice = dice(seed, Stream::Cause, u64::from(borrower), u64::from(number));
            script.play(number, cause, &mut dice);
        }
        held.mark(borrower, &mut script.plan.acts);
        if let Some(breaker) = &scenario.platforms.breaker
            && breaker.releases != Releases::None
        {
            let mut dice = dice(seed, Stream::Releases, u64::from(borrower), 0);
            script.release(breaker.releases, &mut dice);
        }
        let end = scenario.end();
        let mut plan = script.plan;
        plan.acts.retain(|act| act.placed.position.time <= end);
        plan.acts.sort_by_key(|act| act.placed.position);
        plan
    }

    const fn new(borrower: u32, lenders: Vec<u32>) -> Self {
        Self { borrower, lenders, acts: Vec::new(), truths: Vec::new(), draws: Vec::new() }
    }

    /// What the borrower deserves at `at`.
    pub fn deserves(&self, at: Time) -> Measure {
        let then = self.truths.iter().filter(|truth| truth.from <= at && at < truth.until);
        then.map(|truth| truth.deserves).max().unwrap_or(Measure::None)
    }

    /// The flags, with what is true of them.
    pub fn flags(&self) -> impl Iterator<Item = (&Act, FlagTruth)> {
        self.acts.iter().filter_map(|act| act.flag.map(|truth| (act, truth)))
    }
}

/// The tag of a borrower of a scenario: its number. No pepper and no identifier is behind it.
pub fn tag(borrower: u32) -> SubjectTag {
    let mut bytes = [0; 32];
    bytes[28..].copy_from_slice(&borrower.to_be_bytes());
    SubjectTag(bytes)
}

/// The id of the `ordinal`-th statement about a borrower.
pub(super) fn statement_id(borrower: u32, ordinal: u32) -> StatementId {
    let mut bytes = [0; 32];
    bytes[24..28].copy_from_slice(&borrower.to_be_bytes());
    bytes[28..].copy_from_slice(&ordinal.to_be_bytes());
    StatementId(bytes)
}

/// The lenders of a borrower, all different.
fn lenders(scenario: &Scenario, seed: u64, borrower: u32) -> Vec<u32> {
    let mut dice = dice(seed, Stream::Lenders, u64::from(borrower), 0);
    let count = dice.weighted(&scenario.borrowers.lenders);
    let platforms = scenario.platforms.count;
    let mut lenders: Vec<u32> = Vec::new();
    for _ in 0..count {
        let mut lender = lender(scenario.platforms.sizes, platforms, &mut dice);
        let mut redraws = 0;
        while lenders.contains(&lender) {
            redraws += 1;
            lender = if redraws < MOST_REDRAWS {
                self::lender(scenario.platforms.sizes, platforms, &mut dice)
            } else {
                (lender + 1) % platforms
            };
        }
        lenders.push(lender);
    }
    lenders
}

fn lender(sizes: Sizes, platforms: u32, dice: &mut Dice) -> u32 {
    let platforms = u64::from(platforms);
    let even = dice.below(platforms);
    let drawn = match sizes {
        Sizes::Equal => even,
        Sizes::Zipf => {
            // Refused with a chance of k in k + 1: what is left has the weight 1 / (k + 1).
            let mut drawn = even;
            while dice.below(drawn + 1) != 0 {
                drawn = dice.below(platforms);
            }
            drawn
        }
    };
    u32::try_from(drawn).unwrap_or(0)
}

/// The plan while it is written.
struct Script<'a> {
    scenario: &'a Scenario,
    members: &'a [MemberId],
    borrower: u32,
    plan: Plan,
}

impl Script<'_> {
    /// Adds what a platform says; returns its index and id.
    fn say(
        &mut self,
        platform: u32,
        time: Time,
        statement: Statement,
        dice: &mut Dice,
    ) -> (usize, StatementId) {
        let index = self.plan.acts.len();
        let ordinal = u32::try_from(index).expect("a scenario's statements are bounded");
        let id = statement_id(self.borrower, ordinal);
        let position = Position {
            time,
            member: self.members[platform as usize],
            feed: FEED,
            sequence: u64::from(ordinal) + 1,
            index: 0,
        };
        let arrives = time.plus(self.scenario.delays.gossip.draw(dice));
        let placed = Placed { position, id, statement, held: false };
        self.plan.acts.push(Act { placed, platform, arrives, flag: None });
        (index, id)
    }

    /// The platforms that may see something.
    fn candidates(&self, seers: Seers, dice: &mut Dice) -> Vec<u32> {
        match seers {
            Seers::Lenders => self.plan.lenders.clone(),
            Seers::OneLender => {
                let pick = dice.below(self.plan.lenders.len() as u64);
                self.plan
                    .lenders
                    .get(usize::try_from(pick).unwrap_or(0))
                    .copied()
                    .into_iter()
                    .collect()
            }
            Seers::Platforms => (0..self.scenario.platforms.count).collect(),
            Seers::One(platform) => vec![platform],
        }
    }

    /// Releases held records, as other groups do.
    fn release(&mut self, which: Releases, dice: &mut Dice) {
        let Some(breaker) = &self.scenario.platforms.breaker else { return };
        let held: Vec<(Position, u32)> = self
            .plan
            .flags()
            .filter(|(act, _)| act.placed.held)
            .filter(|(_, truth)| which == Releases::All || truth.rightness == Rightness::Right)
            .map(|(act, _)| (act.placed.position, act.platform))
            .collect();
        for (position, platform) in held {
            let time = position.time.plus(breaker.released_after.draw(dice));
            let feed = FeedId { member: position.member, number: FEED };
            let policy = self.scenario.policies.at(time);
            let mut groups = vec![policy.group_of(position.member)];
            for step in 1..self.scenario.platforms.count {
                if groups.len() > breaker.release_k as usize {
                    break;
                }
                let other = (platform + step) % self.scenario.platforms.count;
                let group = policy.group_of(self.members[other as usize]);
                if !groups.contains(&group) {
                    groups.push(group);
                    let release = Release { feed, sequence: position.sequence };
                    self.say(other, time, Statement::Release(release), dice);
                }
            }
        }
    }
}

impl Cause {
    /// Whether it befalls a borrower with these lenders.
    fn befalls(&self, lenders: &[u32], dice: &mut Dice) -> bool {
        self.customers_of.is_none_or(|platform| lenders.contains(&platform))
            && happens(dice, self.share_ppm)
    }
}
