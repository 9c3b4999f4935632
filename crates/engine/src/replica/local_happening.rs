//! What the journal tells of this node alone: what it applies, what its people did, what waits for
//! them, and the clock of disputes.

use std::ops::RangeInclusive;

use interlock_record::{Measure, MemberId, Reason, StatementId, SubjectTag, Time};

use crate::ledger::rows::{JournalRow, measure};
use crate::local::{Act, ActKind, Because};

/// The kinds of these entries in the journal.
pub(super) const KINDS: RangeInclusive<u32> = 30..=39;
const APPLIED: u32 = 30;
const SIMULATED: u32 = 31;
const ACTED: u32 = 32;
const EXPIRED: u32 = 33;
const PROPOSED: u32 = 34;
const DISPUTE_OPENED: u32 = 35;
const DISPUTE_CLOSED: u32 = 36;
const SIMULATED_FLAG: u32 = 37;

/// One thing that happened at this node alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalHappening {
    /// What this member applies to a subject has changed.
    Applied {
        /// To whom.
        subject: SubjectTag,
        /// The measure before.
        from: Measure,
        /// The measure from then on.
        to: Measure,
        /// When.
        at: Time,
        /// Why it is that.
        because: Because,
    },
    /// What this member would apply, if nothing were simulated, has changed.
    Simulated {
        /// To whom.
        subject: SubjectTag,
        /// The measure before.
        from: Measure,
        /// The measure from then on.
        to: Measure,
        /// When.
        at: Time,
    },
    /// A person did something.
    Acted {
        /// What: a stable name.
        act: &'static str,
        /// About whom.
        subject: SubjectTag,
        /// Which measure it is about.
        measure: Measure,
        /// Until when it holds, if time ends it.
        until: Option<Time>,
        /// Its entry in the audit log.
        audit: u64,
    },
    /// An act has come to its end.
    Expired {
        /// What kind of act.
        kind: ActKind,
        /// About whom.
        subject: SubjectTag,
        /// Which measure it was about.
        measure: Measure,
        /// When.
        at: Time,
    },
    /// A measure waits for a person.
    Proposed {
        /// About whom.
        subject: SubjectTag,
        /// The measure.
        measure: Measure,
        /// Since when it is announced.
        at: Time,
    },
    /// A dispute is open, and its clock runs.
    DisputeOpened {
        /// About whom.
        subject: SubjectTag,
        /// Who must answer.
        issuer: MemberId,
        /// The reason of the disputed flags.
        reason: Reason,
        /// Since when.
        at: Time,
        /// When the flags lapse unless it is answered before.
        deadline: Time,
    },
    /// A dispute is not open any longer.
    DisputeClosed {
        /// About whom.
        subject: SubjectTag,
        /// Who had to answer.
        issuer: MemberId,
        /// The reason of the disputed flags.
        reason: Reason,
        /// When.
        at: Time,
        /// How.
        end: DisputeEnd,
    },
    /// A flag was raised that is only simulated: it was not signed, and stays here.
    SimulatedFlag {
        /// The name by which it may be withdrawn here.
        id: StatementId,
        /// About whom.
        subject: SubjectTag,
    },
}

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeEnd {
    /// Its issuer answered.
    Answered,
    /// Nobody answered in time: the flags have lapsed.
    Lapsed,
}

impl DisputeEnd {
    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "ANSWERED",
            Self::Lapsed => "LAPSED",
        }
    }
}

impl LocalHappening {
    /// A stable name of what happened.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "DECISION_APPLIED",
            Self::Simulated { .. } => "DECISION_SIMULATED",
            Self::Acted { act, .. } => act,
            Self::Expired { .. } => "LOCAL_EXPIRED",
            Self::Proposed { .. } => "PROPOSED",
            Self::DisputeOpened { .. } => "DISPUTE_OPENED",
            Self::DisputeClosed { .. } => "DISPUTE_CLOSED",
            Self::SimulatedFlag { .. } => "FLAG_SIMULATED",
        }
    }

    pub(super) fn fill(&self, row: &mut JournalRow) {
        let number = |measure: &Measure| u32::from(measure.number());
        match self {
            Self::Applied { subject, from, to, at, because } => {
                (row.kind, row.subject) = (APPLIED, subject.0.to_vec());
                (row.from, row.to, row.at) = (number(from), number(to), at.micros());
                because.name().clone_into(&mut row.code);
            }
            Self::Simulated { subject, from, to, at } => {
                (row.kind, row.subject) = (SIMULATED, subject.0.to_vec());
                (row.from, row.to, row.at) = (number(from), number(to), at.micros());
            }
            Self::Acted { act, subject, measure, until, audit } => {
                (row.kind, row.subject) = (ACTED, subject.0.to_vec());
                (row.to, row.until) = (number(measure), until.map(Time::micros));
                row.sequence = *audit;
                (*act).clone_into(&mut row.code);
            }
            Self::Expired { kind, subject, measure, at } => {
                (row.kind, row.subject) = (EXPIRED, subject.0.to_vec());
                (row.to, row.at) = (number(measure), at.micros());
                kind.name().clone_into(&mut row.code);
            }
            Self::Proposed { subject, measure, at } => {
                (row.kind, row.subject) = (PROPOSED, subject.0.to_vec());
                (row.to, row.at) = (number(measure), at.micros());
            }
            Self::DisputeOpened { subject, issuer, reason, at, deadline } => {
                (row.kind, row.subject) = (DISPUTE_OPENED, subject.0.to_vec());
                (row.member, row.reason) = (issuer.to_string(), u32::from(reason.number()));
                (row.at, row.until) = (at.micros(), Some(deadline.micros()));
            }
            Self::DisputeClosed { subject, issuer, reason, at, end } => {
                (row.kind, row.subject) = (DISPUTE_CLOSED, subject.0.to_vec());
                (row.member, row.reason) = (issuer.to_string(), u32::from(reason.number()));
                row.at = at.micros();
                end.name().clone_into(&mut row.code);
            }
            Self::SimulatedFlag { id, subject } => {
                (row.kind, row.subject) = (SIMULATED_FLAG, subject.0.to_vec());
                row.statement = id.0.to_vec();
            }
        }
    }

    pub(super) fn of(row: &JournalRow) -> Option<Self> {
        let subject = SubjectTag::from_slice(&row.subject)?;
        let at = || Time::from_micros(row.at);
        let (from, to) = (measure(row.from), measure(row.to));
        let reason = || Reason::from_number(row.reason);
        Some(match row.kind {
            APPLIED => {
                let mut grounds = Because::ALL.iter().copied();
                let because = grounds.find(|because| because.name() == row.code)?;
                Self::Applied { subject, from, to, at: at()?, because }
            }
            SIMULATED => Self::Simulated { subject, from, to, at: at()? },
            ACTED => Self::Acted {
                act: Act::NAMES.into_iter().find(|name| *name == row.code)?,
                subject,
                measure: to,
                until: row.until.and_then(Time::from_micros),
                audit: row.sequence,
            },
            EXPIRED => {
                let kind = ActKind::ALL.iter().copied().find(|kind| kind.name() == row.code)?;
                Self::Expired { kind, subject, measure: to, at: at()? }
            }
            PROPOSED => Self::Proposed { subject, measure: to, at: at()? },
            DISPUTE_OPENED => Self::DisputeOpened {
                subject,
                issuer: row.member.parse().ok()?,
                reason: reason()?,
                at: at()?,
                deadline: row.until.and_then(Time::from_micros)?,
            },
            DISPUTE_CLOSED => {
                let ends = [DisputeEnd::Answered, DisputeEnd::Lapsed];
                Self::DisputeClosed {
                    subject,
                    issuer: row.member.parse().ok()?,
                    reason: reason()?,
                    at: at()?,
                    end: ends.into_iter().find(|end| end.name() == row.code)?,
                }
            }
            SIMULATED_FLAG => {
                Self::SimulatedFlag { id: StatementId::from_slice(&row.statement)?, subject }
            }
            _ => return None,
        })
    }
}
