//! A policy: what a flag weighs, and which weight makes which measure. How it is written is in
//! `read`, how it is applied in [`crate::timeline`].

mod read;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{CureKind, IdType, Measure, MemberId, Reason, Severity, Span};

pub(crate) use read::{members as read_members, rules as read_rules};
pub use schedule::{BadSchedule, Schedule};

use crate::text::{FileError, Table};

/// What a flag weighs, and which weight makes which measure. All numbers are whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long an announced measure waits before it is effective.
    pub notice_delay: Span,
    /// The most points that one group of issuers can bring together for one measure.
    pub issuer_cap: u64,
    /// The points from which a group is a witness.
    pub witness_points: u64,
    /// What percentage of a rule's points keeps a measure that was entered.
    pub exit_percent: u64,
    /// Whether a flag supports nothing above the measure that its own issuer applied.
    pub skin_in_game: bool,
    /// Whether other members' receipts count.
    pub peer_receipts: PeerReceipts,
    /// The members whose receipts count; empty means all.
    pub peers: BTreeSet<MemberId>,
    /// Groups of members that are not independent; anyone else is a group alone.
    pub groups: Vec<BTreeSet<MemberId>>,
    /// How long an issuer has to answer a dispute.
    pub dispute_deadline: Span,
    /// How long further disputes rest after one was rejected.
    pub dispute_rest: Span,
    /// Trust in an issuer that `trust` does not name, in percent.
    pub default_trust: u64,
    /// Trust in an issuer, in percent, at most 200.
    pub trust: BTreeMap<MemberId, u64>,
    /// The greatest measure that a flag on a subject of this kind supports.
    pub id_type_ceilings: BTreeMap<IdType, Measure>,
    /// What each reason weighs; a reason that is not here has no points.
    pub reasons: BTreeMap<Reason, ReasonPolicy>,
    /// What it takes to enter each measure.
    pub measures: BTreeMap<Measure, MeasurePolicy>,
    /// What each kind of cure does.
    pub cures: BTreeMap<CureKind, CurePolicy>,
    /// How many groups must release a held record. A policy file does not say: there, one line
    /// stands for the quorum's. A charter does.
    pub release_k: u32,
}

/// Whether other members' receipts count for a rule's `peer_permille`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerReceipts {
    /// They do not: an echo is no second witness.
    Ignore,
    /// They do.
    Count,
}

/// What flags of one reason weigh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonPolicy {
    /// Base points by severity, `LOW` first.
    pub points: [u64; 4],
    /// How long a flag lives from when its ground was observed.
    pub max_life: Span,
    /// The greatest measure that such a flag supports.
    pub ceiling: Measure,
    /// Whether such a flag counts for anyone but its issuer.
    pub propagates: bool,
    /// The greatest measure that such a flag supports while it is disputed.
    pub disputed_ceiling: Measure,
    /// What is left of its points with age; `after` rises and `percent` falls.
    pub decay: Vec<DecayStep>,
    /// What each severity means, for people.
    pub criteria: BTreeMap<Severity, String>,
}

/// One step of the decay of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecayStep {
    /// The age from which the step holds.
    pub after: Span,
    /// The percentage that is left.
    pub percent: u64,
}

/// What it takes to enter a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurePolicy {
    /// Whether a person must confirm the measure.
    pub confirm: Confirm,
    /// The measure is entered when any of these is met.
    pub rules: Vec<Rule>,
}

/// Whether a measure waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirm {
    /// It applies by itself.
    Auto,
    /// It is only proposed until an operator confirms it.
    Manual,
}

/// One way to enter a measure: all three must be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Points over all groups, each capped.
    pub points: u64,
    /// How many groups must be witnesses.
    pub issuers: u64,
    /// How many in a thousand peers must have acted.
    pub peer_permille: u64,
}

/// What a cure does to flags before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurePolicy {
    /// The reasons it touches.
    pub reasons: BTreeSet<Reason>,
    /// Whose flags it touches.
    pub scope: CureScope,
    /// The percentage of points that they keep.
    pub percent: u64,
}

/// Whose flags a cure touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CureScope {
    /// The curing member's own.
    Own,
    /// Anyone's.
    Any,
}

impl Policy {
    /// Reads a policy file. `file` is its name, for errors only.
    ///
    /// # Errors
    /// [`FileError`] with line and what was expected, for anything that is not understood.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, FileError> {
        if text.len() > crate::limits::MAX_POLICY_BYTES {
            return Err(FileError {
                file: file.to_owned(),
                line: 1,
                message: format!(
                    "expected at most {} bytes of policy, got {}",
                    crate::limits::MAX_POLICY_BYTES,
                    text.len()
                ),
            });
        }
        crate::text::parse_toml(file, text, Self::from_table)
    }

    /// Reads a policy out of a table of a larger file.
    ///
    /// # Errors
    /// As [`Policy::from_toml`].
    pub fn from_table(table: &mut Table<'_>) -> Result<Self, FileError> {
        read::policy(table)
    }

    /// Trust in an issuer, in percent.
    pub fn trust_in(&self, issuer: MemberId) -> u64 {
        self.trust.get(&issuer).copied().unwrap_or(self.default_trust)
    }

    /// The one that stands for the group of `member`: the same for all members of a group.
    pub fn group_of(&self, member: MemberId) -> MemberId {
        self.groups
            .iter()
            .find(|group| group.contains(&member))
            .and_then(|group| group.first().copied())
            .unwrap_or(member)
    }

    /// What it takes to enter `measure`, where the policy says anything of it.
    pub fn rules_of(&self, measure: Measure) -> &[Rule] {
        self.measures.get(&measure).map_or(&[], |policy| &policy.rules)
    }

    /// Whether `measure` waits for a person. `CLOSE` always does.
    pub fn confirm_of(&self, measure: Measure) -> Confirm {
        if measure == Measure::Close {
            return Confirm::Manual;
        }
        self.measures.get(&measure).map_or(Confirm::Auto, |policy| policy.confirm)
    }
}

impl ReasonPolicy {
    /// The percentage that is left at `age`.
    pub fn decay_at(&self, age: Span) -> u64 {
        self.decay.iter().rev().find(|step| step.after <= age).map_or(100, |step| step.percent)
    }

    /// Base points of a severity.
    pub fn base(&self, severity: Severity) -> u64 {
        self.points[usize::from(severity.number() - 1)]
    }
}

impl Rule {
    /// The points that keep a measure that was entered: `ceil(points × exit_percent / 100)`.
    pub fn exit_points(&self, exit_percent: u64) -> u64 {
        (self.points * exit_percent).div_ceil(100)
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
