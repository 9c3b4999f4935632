//! What comes of checking a bundle.

use interlock_record::{
    ConsortiumId, Digest, FeedId, Measure, Position, Statement, StatementId, SubjectTag, Time,
};

use super::evaluate::{claim_of, decided_as};
use super::{check, file};
use crate::replica::Unmeant;
use crate::timeline::Explanation;

/// What such a file cannot show, whatever it holds.
pub const CANNOT_SHOW: [&str; 4] = [
    "that nothing is missing: a withdrawal, a later flag, a dispute, a proof that a feed forked, or a \
     Seen to the contrary may have been left out; `interlock audit replay` at a node checks the whole log",
    "that the node had not received more than it says it had at that moment",
    "that a record's count of flags fits statements of it that are not revealed here",
    "that its charter chain is the newest: a later version may have ended a feed",
];

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// It is no bundle, or one of a newer program.
    #[error("unreadable: expected a bundle, got {what}")]
    Unreadable {
        /// What it is.
        what: &'static str,
    },
    /// Its digest is not that of its bytes.
    #[error("the file is not as it was made: its digest does not fit")]
    Damaged,
    /// It is not in the one spelling.
    #[error("the bundle is not in its one spelling: something in it is not known or written twice")]
    NotCanonical,
    /// It is another consortium's.
    #[error("the bundle is of consortium {found}, not of {expected}")]
    OtherConsortium {
        /// Whose it is.
        found: ConsortiumId,
        /// Whose it was taken for.
        expected: ConsortiumId,
    },
    /// Something in it does not hold.
    #[error("{place}: {why}")]
    Refused {
        /// Where.
        place: String,
        /// What does not hold.
        why: String,
    },
}

impl NotVerified {
    // Whatever says where, without a `&` at each of its many callers.
    #[allow(clippy::needless_pass_by_value)]
    pub(super) fn at(place: impl ToString, why: impl ToString) -> Self {
        Self::Refused { place: place.to_string(), why: why.to_string() }
    }

    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "UNREADABLE",
            Self::Damaged => "DAMAGED",
            Self::NotCanonical => "NOT_CANONICAL",
            Self::OtherConsortium { .. } => "OTHER_CONSORTIUM",
            Self::Refused { .. } => "REFUSED",
        }
    }
}

/// The entry of the maker's journal that tells of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub entry: u64,
    /// `ANNOUNCED`, `EFFECTIVE` or `REVISED`.
    pub kind: &'static str,
    /// The measure before.
    pub from: Measure,
    /// The measure from then on.
    pub to: Measure,
    /// When, by the timeline.
    pub changed_at: Time,
}

/// When the decision was taken, by the word of the node that made the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The instant for which it is asked.
    pub at: Time,
    /// How many records had come.
    pub arrivals: u64,
    /// The digest of the frontier.
    pub frontier: Digest,
    /// The journal entry; none: as it was when the bundle was made.
    pub told: Option<Told>,
}

/// How well a record's place in its feed is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countersigned {
    /// How many groups, its issuer's aside, have named it or a later record of its line.
    pub groups: u64,
    /// How many groups there are beside its issuer's.
    pub of: u64,
}

/// A statement of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its id.
    pub id: StatementId,
    /// Where it stands.
    pub position: Position,
    /// What it says.
    pub statement: Statement,
    /// Why it means nothing, if so.
    pub unmeant: Option<Unmeant>,
    /// Whether the breaker held its record.
    pub held: bool,
    /// Who has seen its record.
    pub seen_by: Countersigned,
}

/// The decision that the statements make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedAs {
    /// Changes of the announced measure: when, from, to, because of which flags.
    pub transitions: Vec<(Time, Measure, Measure, Vec<StatementId>)>,
    /// Changes of the measure in force.
    pub effective: Vec<(Time, Measure)>,
    /// Announced at the instant.
    pub announced_now: Measure,
    /// In force at the instant.
    pub effective_now: Measure,
}

/// A bundle that was checked.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The consortium.
    pub consortium: ConsortiumId,
    /// Whether whoever checked had brought its id along.
    pub consortium_checked: bool,
    /// The consortium's name, by its newest charter here.
    pub consortium_name: String,
    /// The newest charter version here.
    pub charter_version: u32,
    /// On whom.
    pub subject: SubjectTag,
    /// When.
    pub taken: Taken,
    /// Every statement, in their order.
    pub said: Vec<Said>,
    /// The arithmetic at the instant: one account for each flag that means something, in order.
    pub explanation: Explanation,
    /// The decision.
    pub decided: DecidedAs,
    /// Forked places with a proof here.
    pub forks: Vec<(FeedId, u64)>,
    /// From where on feeds were void, by the maker's word.
    pub voids: Vec<(FeedId, u64)>,
    /// How many signatures were checked.
    pub signatures: u32,
    /// What was taken on the word of the node that made the bundle.
    pub on_its_word: Vec<String>,
}

/// Checks a bundle. `expected` is the consortium that it must be of; without it, the bundle could be
/// of any that somebody made up.
///
/// # Errors
/// [`NotVerified`] with the first thing that does not hold.
pub fn verify(bytes: &[u8], expected: Option<ConsortiumId>) -> Result<Verdict, NotVerified> {
    let bundle = file::open(bytes)?;
    let checked = check::check(&bundle, expected)?;
    let decided = &checked.decided;
    let Some(claim) = &bundle.claim else {
        return Err(NotVerified::at("claim", "it is missing"));
    };
    if *claim != claim_of(decided, checked.taken.at) {
        return Err(NotVerified::at(
            "claim",
            "what was decided is not what the engine makes of the statements",
        ));
    }
    checked.told_is_so()?;
    let newest = checked.charters.newest();
    Ok(Verdict {
        consortium: checked.charters.consortium(),
        consortium_checked: expected.is_some(),
        consortium_name: newest.name.clone(),
        charter_version: newest.version,
        subject: checked.subject,
        decided: decided_as(decided, checked.taken.at),
        taken: checked.taken,
        said: checked.said,
        explanation: checked.explanation,
        forks: checked.forks,
        voids: checked.voids,
        signatures: checked.signatures,
        on_its_word: checked.on_its_word,
    })
}
