//! When each flag begins to count, when it ends and why, and when it is disputed: everything about
//! a flag that does not depend on the policy of the moment.

use std::collections::BTreeMap;

use interlock_record::{MemberId, Outcome, Position, Reason, Time};

use super::Setting;
use crate::evidence::{Dispute, Evidence, Flag, Hold, Origin, Resolve};
use crate::policy::Schedule;

/// What becomes of one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    /// From when it has points, where anything lets it.
    pub counts_from: Option<Time>,
    /// When it ends, leaving aside the policy's `max_life`.
    pub end: Option<Time>,
    /// When it was first taken back: withdrawn, recalled, upheld against or lapsed.
    pub annulled_at: Option<Time>,
    /// When a later flag of its identity took its place.
    pub replaced_at: Option<Time>,
    /// Whether it means nothing, because it repeats what a dispute has settled.
    pub settled: bool,
}

/// The disputes of one identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Quarrel {
    /// When a dispute was open: from, and until, exclusive.
    pub open: Vec<(Time, Time)>,
    /// When further disputes rest: from, and until, exclusive.
    pub rests: Vec<(Time, Time)>,
    upheld: Vec<Position>,
    lapsed: Vec<Time>,
}

/// A flag's identity within its subject.
pub(super) type Identity = (MemberId, Reason);

/// What becomes of every flag of a subject.
#[derive(Debug)]
pub(super) struct Fates {
    /// One for each of the evidence's flags.
    pub flags: Vec<Fate>,
    /// The disputes, by identity.
    pub quarrels: BTreeMap<Identity, Quarrel>,
}

pub(super) fn identity(flag: &Flag) -> Identity {
    (flag.position.member, flag.reason)
}

impl Fates {
    pub(super) fn of(setting: &Setting<'_>, evidence: &Evidence) -> Self {
        let quarrels = quarrels(setting.policies, evidence);
        let mut flags: Vec<Fate> = evidence
            .flags
            .iter()
            .map(|flag| before_replacement(setting, flag, quarrels.get(&identity(flag))))
            .collect();
        replace(setting.policies, &evidence.flags, &mut flags);
        Self { flags, quarrels }
    }
}

impl Quarrel {
    /// Whether a dispute is open at `at`.
    pub(super) fn is_open(&self, at: Time) -> bool {
        self.open.iter().any(|(from, until)| *from <= at && at < *until)
    }

    /// Whether a dispute opens at just `at`.
    pub(super) fn opens(&self, at: Time) -> bool {
        self.open.iter().any(|(from, until)| *from == at && at < *until)
    }

    /// When the flag is ended by a dispute that was upheld or never answered.
    fn ends(&self, flag: &Flag) -> Option<Time> {
        let upheld = self.upheld.iter().filter(|at| **at > flag.position).map(|at| at.time);
        let lapsed = self.lapsed.iter().copied().filter(|at| *at >= flag.position.time);
        upheld.chain(lapsed).min()
    }

    /// Whether the flag came after a dispute was upheld, with a ground from before.
    fn settles(&self, flag: &Flag) -> bool {
        self.upheld.iter().any(|at| *at < flag.position && flag.observed_at <= at.time)
    }
}

/// The flag is live from its time to its end; a held one has points only from its release.
fn before_replacement(setting: &Setting<'_>, flag: &Flag, quarrel: Option<&Quarrel>) -> Fate {
    let annulled_at =
        flag.withdrawn_at.into_iter().chain(quarrel.and_then(|quarrel| quarrel.ends(flag))).min();
    let counts_from = match &flag.hold {
        Hold::Free => Some(flag.position.time),
        Hold::Held(releases) => {
            released_at(setting, flag, releases).map(|at| at.max(flag.position.time))
        }
    };
    Fate {
        counts_from,
        end: flag.expires_at.into_iter().chain(annulled_at).min(),
        annulled_at,
        replaced_at: None,
        settled: quarrel.is_some_and(|quarrel| quarrel.settles(flag)),
    }
}

/// When enough groups, without the issuer's, have released the flag's record.
fn released_at(setting: &Setting<'_>, flag: &Flag, releases: &[(Time, MemberId)]) -> Option<Time> {
    let mut groups = std::collections::BTreeSet::new();
    for (at, member) in releases {
        let policy = setting.policies.at(*at);
        let group = policy.group_of(*member);
        if group != policy.group_of(flag.position.member) {
            groups.insert(group);
        }
        if groups.len() >= policy.release_k as usize {
            return Some(*at);
        }
    }
    None
}

/// Lets later flags of an identity take the place of earlier ones. Last flags first: whether a held
/// flag takes a place depends on what later flags did to it.
fn replace(policies: &Schedule, flags: &[Flag], fates: &mut [Fate]) {
    let mut taken: BTreeMap<Identity, Time> = BTreeMap::new();
    for (flag, fate) in flags.iter().zip(fates).rev() {
        let place = taken.get(&identity(flag)).copied();
        fate.replaced_at = place;
        fate.end = fate.end.into_iter().chain(place).min();
        let takes = match (&flag.hold, fate.counts_from) {
            _ if flag.origin == Origin::Echo || fate.settled => None,
            (Hold::Free, from) => from,
            (Hold::Held(_), Some(from)) if is_live(policies, flag, fate, from) => Some(from),
            (Hold::Held(_), _) => None,
        };
        if let Some(from) = takes {
            let earliest = taken.entry(identity(flag)).or_insert(from);
            *earliest = from.min(*earliest);
        }
    }
}

/// Whether the flag is live at `at`, held or not.
pub(super) fn is_live(policies: &Schedule, flag: &Flag, fate: &Fate, at: Time) -> bool {
    let outlived = || {
        let reason = policies.at(at).reasons.get(&flag.reason);
        reason.is_some_and(|reason| at.since(flag.observed_at) >= reason.max_life)
    };
    !fate.settled && flag.position.time <= at && fate.end.is_none_or(|end| at < end) && !outlived()
}

/// Follows the disputes of each identity through its statements.
pub(super) fn quarrels(policies: &Schedule, evidence: &Evidence) -> BTreeMap<Identity, Quarrel> {
    let mut steps: BTreeMap<Identity, Vec<(Position, Step)>> = BTreeMap::new();
    for Dispute { position, issuer, reason } in &evidence.disputes {
        let policy = policies.at(position.time);
        if policy.group_of(position.member) != policy.group_of(*issuer) {
            steps.entry((*issuer, *reason)).or_default().push((*position, Step::Dispute));
        }
    }
    for Resolve { position, reason, outcome } in &evidence.resolves {
        let identity = (position.member, *reason);
        steps.entry(identity).or_default().push((*position, Step::Resolve(*outcome)));
    }
    steps
        .into_iter()
        .map(|(identity, mut steps)| {
            steps.sort_unstable_by_key(|(position, _)| *position);
            (identity, quarrel(policies, &steps))
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Dispute,
    Resolve(Outcome),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Quiet,
    Open { since: Time, deadline: Time },
    Resting { until: Time },
}

fn quarrel(policies: &Schedule, steps: &[(Position, Step)]) -> Quarrel {
    let mut quarrel = Quarrel::default();
    let mut state = State::Quiet;
    for (position, step) in steps {
        let now = position.time;
        let policy = policies.at(now);
        if let State::Open { since, deadline } = state
            && now >= deadline
        {
            quarrel.open.push((since, deadline));
            quarrel.lapsed.push(deadline);
            state = State::Quiet;
        }
        state = match (state, step) {
            (State::Resting { until }, Step::Dispute) if now < until => state,
            (State::Open { .. }, Step::Dispute) => state,
            (_, Step::Dispute) => {
                State::Open { since: now, deadline: now.plus(policy.dispute_deadline) }
            }
            (State::Open { since, .. }, Step::Resolve(outcome)) => {
                quarrel.open.push((since, now));
                match outcome {
                    Outcome::Upheld => {
                        quarrel.upheld.push(*position);
                        State::Quiet
                    }
                    Outcome::Rejected => {
                        let until = now.plus(policy.dispute_rest);
                        quarrel.rests.push((now, until));
                        State::Resting { until }
                    }
                }
            }
            (_, Step::Resolve(_)) => state,
        };
    }
    if let State::Open { since, deadline } = state {
        quarrel.open.push((since, deadline));
        quarrel.lapsed.push(deadline);
    }
    quarrel
}
