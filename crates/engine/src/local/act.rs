//! What people do about a subject at their own node.

use interlock_record::{Measure, Time};

/// Something that a person does about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Yes to a measure that waits for a person.
    Confirm {
        /// The measure.
        measure: Measure,
        /// Since when it waits, as whoever confirms has seen it; another proposal is refused.
        seen_since: Option<Time>,
    },
    /// No to it.
    Refuse {
        /// The measure.
        measure: Measure,
        /// As in [`Act::Confirm`].
        seen_since: Option<Time>,
    },
    /// Nothing above this measure until then.
    Exempt {
        /// The greatest measure.
        greatest: Measure,
        /// Until when, exclusive.
        until: Time,
    },
    /// Just this measure until then.
    Override {
        /// The measure.
        measure: Measure,
        /// Until when, exclusive.
        until: Time,
    },
    /// An earlier act holds no longer.
    Lift(ActKind),
}

/// A kind of act that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActKind {
    /// [`Act::Exempt`].
    Exemption,
    /// [`Act::Override`].
    Override,
    /// [`Act::Confirm`], all of the subject's.
    Confirmation,
    /// [`Act::Refuse`].
    Refusal,
}

impl ActKind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Exemption, Self::Override, Self::Confirmation, Self::Refusal];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exemption => "EXEMPTION",
            Self::Override => "OVERRIDE",
            Self::Confirmation => "CONFIRMATION",
            Self::Refusal => "REFUSAL",
        }
    }
}

impl Act {
    /// A stable name of what was done.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirm { .. } => "CONFIRMED",
            Self::Refuse { .. } => "REFUSED",
            Self::Exempt { .. } => "EXEMPTED",
            Self::Override { .. } => "OVERRIDDEN",
            Self::Lift(_) => "LIFTED",
        }
    }

    /// The names of all acts, by their number in the journal.
    pub(crate) const NAMES: [&'static str; 5] =
        ["CONFIRMED", "REFUSED", "EXEMPTED", "OVERRIDDEN", "LIFTED"];
}

/// An act that was done: in the ledger and in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDone {
    /// The number of its entry in the audit log.
    pub audit: u64,
    /// What is applied to the subject now.
    pub applied: Measure,
    /// Whether an earlier request with the same key had done it.
    pub repeated: crate::replica::Repeated,
}

/// Why nothing was done. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalRefused {
    /// The measure does not wait for a person.
    #[error("{measure} does not wait for a person here: {announced} is announced")]
    NotProposed {
        /// The measure that was to be answered.
        measure: Measure,
        /// What is announced.
        announced: Measure,
    },
    /// The measure waits, but not since when the caller saw it.
    #[error("{measure} is announced since {since}, not since {seen}: look at it again")]
    AnotherProposal {
        /// The measure.
        measure: Measure,
        /// Since when it is announced.
        since: Time,
        /// Since when the caller thought it was.
        seen: Time,
    },
    /// Nothing of that kind is in force.
    #[error("there is no {} to lift", .0.name())]
    NothingToLift(ActKind),
    /// An act would end before it begins.
    #[error("until: expected a time after now, {now}, got {until}")]
    UntilPast {
        /// The end that was asked for.
        until: Time,
        /// The node's time.
        now: Time,
    },
    /// An override to `CLOSE`.
    #[error("an override goes up to {}: CLOSE is only ever confirmed", super::MAX_OVERRIDE)]
    OverrideTooGrave,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
}
