//! When others' receipts can change a platform's decision: where they cross what a rule asks for, or
//! where a flag that they name may end. At all other times the engine need not be asked again.
//!
//! The engine adds what receipts bring about to a decision in one way only: a rule is met from a
//! share of peers on. As long as no rule's answer changes, neither does the decision.

use interlock_engine::evidence::{Evidence, Ground};
use interlock_engine::policy::{PeerReceipts, Policy, Schedule};
use interlock_engine::timeline::{Setting, Standing, View, explain};
use interlock_record::{Measure, MemberId, Time};

use super::plan::Plan;
use super::world::World;

/// What every platform says that it does, by the receipts that everybody has.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The measure of each platform whose latest receipt counts.
    measures: Vec<Option<Measure>>,
}

/// The peers of a policy, and what it asks of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// From when the policy holds.
    from: Time,
    /// The platforms whose receipts count, the one that evaluates included if it is one of them.
    peers: Vec<u32>,
    /// From which measure on, and from how many of a thousand on, receipts meet a part of a rule.
    thresholds: Vec<(Measure, u64)>,
}

impl Crowd {
    /// What receipts say at `now`.
    pub(super) fn at(world: &World<'_>, evidence: &Evidence, now: Time) -> Self {
        let setting = Setting {
            policies: &world.scenario.policies,
            members: &world.all,
            view: View::Consortium,
        };
        let explained = explain(&setting, evidence, now);
        let live = |flag: &usize| {
            let standing = explained.flags.get(*flag).map(|account| account.standing);
            !matches!(
                standing,
                None | Some(
                    Standing::NotYet
                        | Standing::Settled
                        | Standing::TakenBack
                        | Standing::Replaced
                        | Standing::Expired
                )
            )
        };
        let mut measures = vec![None; world.members.len()];
        for receipt in evidence.receipts.iter().filter(|receipt| receipt.position.time <= now) {
            let counts = match &receipt.ground {
                Ground::Unnamed => true,
                Ground::Flags(flags) => flags.iter().any(live),
            };
            if let Ok(platform) = world.members.binary_search(&receipt.position.member) {
                measures[platform] = counts.then_some(receipt.measure);
            }
        }
        Self { measures }
    }

    /// How many of these peers do at least so much.
    fn acting(&self, peers: &[u32], measure: Measure) -> u64 {
        let acts = |peer: &&u32| self.measures[**peer as usize] >= Some(measure);
        peers.iter().filter(acts).count() as u64
    }

    /// The answers to what `asked` asks, over all its peers and without regard to who evaluates.
    pub(super) fn counts(&self, asked: &Asked) -> Vec<u64> {
        asked.thresholds.iter().map(|(measure, _)| self.acting(&asked.peers, *measure)).collect()
    }

    /// Which thresholds are met for a platform, given the counts over all peers.
    pub(super) fn met(&self, asked: &Asked, counts: &[u64], platform: u32) -> Vec<bool> {
        let is_peer = asked.peers.binary_search(&platform).is_ok();
        let peers = asked.peers.len() as u64 - u64::from(is_peer);
        let own = self.measures[platform as usize];
        asked
            .thresholds
            .iter()
            .zip(counts)
            .map(|((measure, permille), count)| {
                let acting = count - u64::from(is_peer && own >= Some(*measure));
                peers > 0 && 1_000 * acting / peers >= *permille
            })
            .collect()
    }
}

impl Asked {
    /// What the policies of a schedule ask, one after another.
    pub(super) fn of(schedule: &Schedule, members: &[MemberId]) -> Vec<Self> {
        let from = std::iter::once(Time::MIN).chain(schedule.switches());
        from.zip(schedule.all()).map(|(from, policy)| Self::policy(from, policy, members)).collect()
    }

    fn policy(from: Time, policy: &Policy, members: &[MemberId]) -> Self {
        let counts = policy.peer_receipts == PeerReceipts::Count;
        let peers = (0u32..)
            .zip(members)
            .filter(|(_, member)| policy.peers.is_empty() || policy.peers.contains(member))
            .map(|(platform, _)| platform);
        let rules = policy.measures.iter().flat_map(|(measure, some)| {
            some.rules.iter().map(move |rule| (*measure, rule.peer_permille))
        });
        let mut thresholds: Vec<(Measure, u64)> =
            rules.filter(|(_, permille)| counts && *permille > 0).collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        Self { from, peers: peers.collect(), thresholds }
    }

    /// The one that holds at `now`.
    pub(super) fn at(all: &[Self], now: Time) -> &Self {
        let next = all.partition_point(|asked| asked.from <= now);
        &all[next.max(1) - 1]
    }
}

/// Every instant at which a flag may end that nobody says anything at: a receipt that names it may
/// count for nothing from then on.
pub(super) fn ends(world: &World<'_>, plan: &Plan) -> Vec<Time> {
    use interlock_record::Statement;
    let policies = &world.scenario.policies;
    let mut ends: Vec<Time> = policies.switches().collect();
    for act in &plan.acts {
        match &act.placed.statement {
            Statement::Flag(flag) => {
                ends.extend(flag.expires_at);
                let lives = policies.all().filter_map(|policy| policy.reasons.get(&flag.reason));
                ends.extend(lives.map(|reason| flag.observed_at.plus(reason.max_life)));
            }
            Statement::Dispute(_) => {
                let at = act.placed.position.time;
                ends.extend(policies.all().map(|policy| at.plus(policy.dispute_deadline)));
            }
            _ => {}
        }
    }
    ends.sort_unstable();
    ends.dedup();
    ends
}
