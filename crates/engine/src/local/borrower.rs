//! What a borrower is told first: the principal reasons.

use std::collections::BTreeMap;

use interlock_record::{Measure, Reason, Time};

use crate::evidence::Evidence;
use crate::timeline::{Explanation, Standing};

/// A borrower is told so many reasons at most.
pub const MAX_PRINCIPAL_REASONS: usize = 4;

/// A reason that weighs in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrincipalReason {
    /// The reason.
    pub reason: Reason,
    /// The points of its flags together.
    pub points: u64,
    /// When the earliest ground was observed.
    pub since: Time,
}

/// The reasons whose flags count and support `measure`, the weightiest first, at most four.
pub fn principal_reasons(
    evidence: &Evidence,
    explanation: &Explanation,
    measure: Measure,
) -> Vec<PrincipalReason> {
    let mut by_reason: BTreeMap<Reason, PrincipalReason> = BTreeMap::new();
    for (flag, account) in evidence.flags.iter().zip(&explanation.flags) {
        if account.standing != Standing::Counts || account.points == 0 || account.supports < measure
        {
            continue;
        }
        let (reason, since) = (flag.reason, flag.observed_at);
        let found = by_reason.entry(reason).or_insert(PrincipalReason { reason, points: 0, since });
        found.points += account.points;
        found.since = found.since.min(since);
    }
    let mut reasons: Vec<_> = by_reason.into_values().collect();
    reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.points), reason.reason));
    reasons.truncate(MAX_PRINCIPAL_REASONS);
    reasons
}

#[cfg(test)]
mod tests;
