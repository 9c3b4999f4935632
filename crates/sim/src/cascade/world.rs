//! The platforms of one run: their names, by which policy each decides, and whose receipts it counts.

use std::collections::BTreeSet;

use interlock_engine::policy::{
    Confirm, MeasurePolicy, PeerReceipts, Policy, ReasonPolicy, Rule, Schedule,
};
use interlock_record::{Measure, MemberId, Reason, Span};

use super::crowd::Asked;
use super::graphs;
use super::scenario::Scenario;
use crate::graph::GraphError;

/// The base points of every severity in [`own_schedule`]: any confidence leaves one at least.
const OWN_POINTS: u64 = 100;

/// The platforms of one run.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub scenario: &'a Scenario,
    pub seed: u64,
    pub members: Vec<MemberId>,
    /// All of them, as the engine wants them.
    pub all: BTreeSet<MemberId>,
    /// The policies by which platforms decide, each different.
    pub kinds: Vec<Kind>,
    /// By which of them each platform does.
    pub kind_of: Vec<usize>,
    /// What a platform does on the ground of its own flags.
    pub own: Schedule,
    /// Where receipts count: how each platform sees the others.
    pub eyes: Option<Eyes>,
}

/// A policy by which some platforms decide.
#[derive(Debug)]
pub(super) struct Kind {
    pub schedule: Schedule,
    pub platforms: Vec<u32>,
    /// Reasons that count only at their own issuer's.
    pub private: BTreeSet<Reason>,
    /// The gravest measures matter, and those that wait for a person: from this one on it matters
    /// which platform does what when.
    pub floor: Measure,
}

/// How each platform sees the others' receipts.
#[derive(Debug)]
pub(super) struct Eyes {
    /// The policies of a platform with its peers in them; one for all of a kind that sees everybody.
    pub schedules: Vec<Schedule>,
    /// Which one is each platform's.
    pub schedule_of: Vec<usize>,
    /// The members that each of them counts, for the engine.
    pub members: Vec<BTreeSet<MemberId>>,
    /// What the policies of each of them ask of peers.
    pub asked: Vec<Vec<Asked>>,
    /// Who sees each platform's receipts.
    pub followers: Vec<Vec<u32>>,
}

impl<'a> World<'a> {
    /// # Errors
    /// [`GraphError`] where there is no such graph of who follows whom.
    pub(super) fn new(scenario: &'a Scenario, seed: u64) -> Result<Self, GraphError> {
        let members: Vec<MemberId> =
            (0..scenario.platforms.count).map(|platform| scenario.member(platform)).collect();
        let all: BTreeSet<MemberId> = members.iter().copied().collect();
        let mut kind_of = vec![0; members.len()];
        let mut schedules = vec![scenario.policies.clone()];
        for some in &scenario.platforms.overlays {
            for platform in &some.members {
                kind_of[*platform as usize] = schedules.len();
            }
            schedules.push(scenario.policies.map(|policy| some.overlay.over(policy)));
        }
        let kinds: Vec<Kind> = schedules
            .into_iter()
            .enumerate()
            .map(|(index, schedule)| {
                let its = |platform: &u32| kind_of[*platform as usize] == index;
                let platforms = (0..scenario.platforms.count).filter(its).collect();
                Kind::new(schedule, platforms, scenario.watch)
            })
            .collect();
        let own = own_schedule(&scenario.policies);
        let mut world = Self { scenario, seed, members, all, kinds, kind_of, own, eyes: None };
        if scenario.counts_receipts() {
            world.eyes = Some(world.eyes()?);
        }
        Ok(world)
    }

    fn eyes(&self) -> Result<Eyes, GraphError> {
        let count = self.members.len();
        let mut eyes = Eyes {
            schedules: Vec::new(),
            schedule_of: vec![0; count],
            members: Vec::new(),
            asked: Vec::new(),
            followers: vec![Vec::new(); count],
        };
        let platforms = &self.scenario.platforms;
        let Some(followed) = graphs::followed(&platforms.follows, platforms.count, self.seed)?
        else {
            for kind in &self.kinds {
                for platform in &kind.platforms {
                    eyes.schedule_of[*platform as usize] = eyes.schedules.len();
                }
                eyes.schedules.push(kind.schedule.clone());
                eyes.members.push(self.all.clone());
            }
            let everyone: Vec<u32> = (0..self.scenario.platforms.count).collect();
            eyes.followers = vec![everyone; count];
            eyes.ask(&self.members);
            return Ok(eyes);
        };
        for (platform, followed) in (0u32..).zip(&followed) {
            for other in followed {
                eyes.followers[*other as usize].push(platform);
            }
            let mut peers: BTreeSet<MemberId> =
                followed.iter().map(|other| self.members[*other as usize]).collect();
            // Its own receipts never count: alone in the list it stands for nobody, since an empty
            // one would mean everybody.
            peers.insert(self.members[platform as usize]);
            let kind = &self.kinds[self.kind_of[platform as usize]];
            eyes.schedule_of[platform as usize] = eyes.schedules.len();
            eyes.schedules.push(kind.schedule.map(|policy| with_peers(policy, &peers)));
            eyes.members.push(peers);
        }
        eyes.ask(&self.members);
        Ok(eyes)
    }

    /// Whether graver measures than `measure` put the platform's kind where it matters who does what.
    pub(super) fn kind(&self, platform: u32) -> &Kind {
        &self.kinds[self.kind_of[platform as usize]]
    }
}

impl Eyes {
    fn ask(&mut self, members: &[MemberId]) {
        self.asked = self.schedules.iter().map(|schedule| Asked::of(schedule, members)).collect();
    }
}

impl Kind {
    fn new(schedule: Schedule, platforms: Vec<u32>, watch: Measure) -> Self {
        let private = schedule
            .all()
            .flat_map(|policy| &policy.reasons)
            .filter(|(_, reason)| !reason.propagates)
            .map(|(reason, _)| *reason)
            .collect();
        let manual = |measure: &Measure| {
            schedule.all().any(|policy| policy.confirm_of(*measure) == Confirm::Manual)
        };
        let waits = Measure::ALL.iter().copied().find(manual).unwrap_or(Measure::Close);
        let floor = watch.min(Measure::Freeze).min(waits);
        Self { schedule, platforms, private, floor }
    }
}

fn with_peers(policy: &Policy, peers: &BTreeSet<MemberId>) -> Policy {
    let mut policy = policy.clone();
    if policy.peers.is_empty() {
        policy.peers.clone_from(peers);
    } else {
        policy.peers.retain(|peer| peers.contains(peer));
        if policy.peers.is_empty() {
            // Nobody is left, and an empty list would mean everybody. No member has this policy's
            // receipts counted.
            policy.peer_receipts = PeerReceipts::Ignore;
        }
    }
    policy
}

/// The policy by which a platform acts on its own flags alone: at once, any of them, and as it said
/// itself. How long a flag lives, what a dispute and a cure do to it is the consortium's policy.
fn own_schedule(policies: &Schedule) -> Schedule {
    let graver = Measure::ALL.iter().copied().filter(|measure| {
        // A platform's own people closed the account, if it says so.
        *measure > Measure::None
    });
    let rule = Rule { points: 1, issuers: 0, peer_permille: 0 };
    let measures: Vec<(Measure, MeasurePolicy)> = graver
        .map(|measure| (measure, MeasurePolicy { confirm: Confirm::Auto, rules: vec![rule] }))
        .collect();
    policies.map(|policy| {
        let mut own = policy.clone();
        own.notice_delay = Span::ZERO;
        own.issuer_cap = u64::from(u32::MAX);
        own.skin_in_game = true;
        own.peer_receipts = PeerReceipts::Ignore;
        own.default_trust = 100;
        own.trust.clear();
        own.id_type_ceilings.clear();
        own.measures = measures.iter().cloned().collect();
        own.reasons = Reason::ALL
            .iter()
            .map(|reason| (*reason, own_reason(policy.reasons.get(reason))))
            .collect();
        own
    })
}

fn own_reason(reason: Option<&ReasonPolicy>) -> ReasonPolicy {
    ReasonPolicy {
        points: [OWN_POINTS; 4],
        max_life: reason.map_or(Span::MAX, |reason| reason.max_life),
        ceiling: Measure::Close,
        propagates: true,
        disputed_ceiling: reason.map_or(Measure::Review, |reason| reason.disputed_ceiling),
        decay: Vec::new(),
        criteria: std::collections::BTreeMap::new(),
    }
}
