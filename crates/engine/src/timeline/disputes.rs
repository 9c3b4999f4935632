//! Disputes as people must see them: which are open, who must answer, and until when.

use interlock_record::{MemberId, Reason, Time};

use super::Setting;
use super::fate::{Quarrel, identity, quarrels};
use crate::evidence::Evidence;

/// An open dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenDispute {
    /// Whose flags are disputed: who must answer.
    pub issuer: MemberId,
    /// For which reason they were raised.
    pub reason: Reason,
    /// Since when it is open.
    pub since: Time,
    /// When the flags lapse unless it is answered before.
    pub deadline: Time,
    /// The latest flag of that issuer and reason up to then, as index into [`Evidence::flags`].
    pub flag: Option<usize>,
}

/// How it stands with disputes of one issuer's flags of one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// A dispute would open.
    Quiet,
    /// One is open.
    Open {
        /// Since when.
        since: Time,
        /// When the flags lapse unless it is answered before.
        deadline: Time,
    },
    /// One was rejected, and others rest.
    Resting {
        /// Until when, exclusive.
        until: Time,
    },
}

/// Every dispute that is open at `at`.
pub fn open_disputes(setting: &Setting<'_>, evidence: &Evidence, at: Time) -> Vec<OpenDispute> {
    if evidence.disputes.is_empty() {
        return Vec::new();
    }
    let quarrels = quarrels(setting.policies, evidence);
    let open = quarrels.into_iter().filter_map(|((issuer, reason), quarrel)| {
        let DisputeState::Open { since, deadline } = state(&quarrel, at) else { return None };
        let flag = evidence
            .flags
            .iter()
            .rposition(|flag| identity(flag) == (issuer, reason) && flag.position.time <= at);
        Some(OpenDispute { issuer, reason, since, deadline, flag })
    });
    open.collect()
}

/// How it stands at `at` with disputes of `issuer`'s flags for `reason`.
pub fn dispute_state(
    setting: &Setting<'_>,
    evidence: &Evidence,
    (issuer, reason): (MemberId, Reason),
    at: Time,
) -> DisputeState {
    let quarrels = quarrels(setting.policies, evidence);
    quarrels.get(&(issuer, reason)).map_or(DisputeState::Quiet, |quarrel| state(quarrel, at))
}

fn state(quarrel: &Quarrel, at: Time) -> DisputeState {
    let within = |(from, until): &&(Time, Time)| *from <= at && at < *until;
    if let Some((since, deadline)) = quarrel.open.iter().find(within) {
        return DisputeState::Open { since: *since, deadline: *deadline };
    }
    match quarrel.rests.iter().find(within) {
        Some((_, until)) => DisputeState::Resting { until: *until },
        None => DisputeState::Quiet,
    }
}
