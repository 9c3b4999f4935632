//! Statements: the things a member can say, and the limits of each. Who may say them, and what
//! they do, is not known here.
//!
//! A statement's bytes have one spelling. Bytes that parse but are spelt otherwise mean nothing
//! ([`Inert::NotCanonical`]): a field that this node does not know could mean something on a newer
//! one, and the two would decide differently.

mod codec;
mod error;

pub use error::{Inert, StatementError};

use crate::{
    CureKind, Digest, EraseGround, FeedId, IdType, Measure, Outcome, Reason, RecordId, Severity,
    StatementId, SubjectTag, Time, WithdrawCause, limits,
};

/// One thing a member says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Evidence against a subject.
    Flag(Flag),
    /// A flag or cure of one's own counts for nothing from here on.
    Withdraw(Withdraw),
    /// Withdraws many flags of one's own at once.
    Recall(Recall),
    /// A borrower objects to a flag.
    Dispute(Dispute),
    /// The flag's issuer answers the objection.
    Resolve(Resolve),
    /// Something got better.
    Cure(Cure),
    /// What this member really did.
    Receipt(Receipt),
    /// Which heads this member knows.
    Seen(Seen),
    /// Ends the hold of a record.
    Release(Release),
    /// A statement is to be as if it had never been.
    Erase(Erase),
}

/// Evidence against a subject. A later flag of the same issuer, subject and reason replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flag {
    /// Whom it is about.
    pub subject: SubjectTag,
    /// Which kind of identifier the tag was made from.
    pub id_type: IdType,
    /// Why it was raised.
    pub reason: Reason,
    /// How grave it is within its reason.
    pub severity: Severity,
    /// How sure the issuer is, in percent, 1 to 100.
    pub confidence: u8,
    /// What the issuer itself does about the subject.
    pub applied_measure: Measure,
    /// When it was observed; not after the record's time.
    pub observed_at: Time,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// Digest of the evidence, which stays with the issuer.
    pub evidence_digest: Option<Digest>,
    /// The issuer's rule or model that raised it: 1 to 64 bytes, no control characters.
    pub rule_version: Option<String>,
    /// The issuer's own reference: 1 to 128 bytes, no control characters.
    pub case_ref: Option<String>,
    /// The flags this one merely repeats, at most 16; with any, it is no witness.
    pub derived_from: Vec<StatementId>,
}

/// A flag or cure of one's own counts for nothing from here on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Withdraw {
    /// The flag or cure.
    pub statement: StatementId,
    /// Why.
    pub cause: WithdrawCause,
}

/// Withdraws every earlier flag of the issuer's own that all given selectors name; with none
/// given, every earlier flag of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recall {
    /// Flags not before this time.
    pub from: Option<Time>,
    /// Flags before this time; later than `from`.
    pub to: Option<Time>,
    /// Flags raised by this rule version.
    pub rule_version: Option<String>,
    /// Flags for this reason.
    pub reason: Option<Reason>,
    /// Why.
    pub cause: WithdrawCause,
}

/// A borrower objects to a flag, and with it to every flag of the same identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dispute {
    /// The flag.
    pub flag: StatementId,
}

/// The flag's issuer answers the objection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resolve {
    /// The flag.
    pub flag: StatementId,
    /// The answer.
    pub outcome: Outcome,
}

/// Something got better.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cure {
    /// Whom it is about.
    pub subject: SubjectTag,
    /// What got better.
    pub kind: CureKind,
}

/// What this member really did, and on what ground.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Whom it is about.
    pub subject: SubjectTag,
    /// What was done.
    pub measure: Measure,
    /// The flags it was done for, at most 16.
    pub caused_by: Vec<StatementId>,
}

/// The last record known of one feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeenHead {
    /// The feed.
    pub feed: FeedId,
    /// The record's sequence number, from 1.
    pub sequence: u64,
    /// The record.
    pub id: RecordId,
}

/// Which heads this member knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The heads, 1 to 16.
    pub heads: Vec<SeenHead>,
}

/// Ends the hold of a record that exceeded its feed's quota.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Release {
    /// The record's feed.
    pub feed: FeedId,
    /// The record's sequence number, from 1.
    pub sequence: u64,
}

/// A statement is to be as if it had never been, and its content destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Erase {
    /// The flag, dispute, cure or receipt.
    pub statement: StatementId,
    /// On what ground.
    pub ground: EraseGround,
}

impl Statement {
    /// The name of the statement's kind, as the documents write it in small letters.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Withdraw(_) => "withdraw",
            Self::Recall(_) => "recall",
            Self::Dispute(_) => "dispute",
            Self::Resolve(_) => "resolve",
            Self::Cure(_) => "cure",
            Self::Receipt(_) => "receipt",
            Self::Seen(_) => "seen",
            Self::Release(_) => "release",
            Self::Erase(_) => "erase",
        }
    }

    /// The subject that the statement itself names.
    pub const fn subject(&self) -> Option<SubjectTag> {
        match self {
            Self::Flag(flag) => Some(flag.subject),
            Self::Cure(cure) => Some(cure.subject),
            Self::Receipt(receipt) => Some(receipt.subject),
            Self::Withdraw(_)
            | Self::Recall(_)
            | Self::Dispute(_)
            | Self::Resolve(_)
            | Self::Seen(_)
            | Self::Release(_)
            | Self::Erase(_) => None,
        }
    }

    /// The one statement that this statement is about.
    pub const fn target(&self) -> Option<StatementId> {
        match self {
            Self::Withdraw(withdraw) => Some(withdraw.statement),
            Self::Dispute(dispute) => Some(dispute.flag),
            Self::Resolve(resolve) => Some(resolve.flag),
            Self::Erase(erase) => Some(erase.statement),
            Self::Flag(_)
            | Self::Recall(_)
            | Self::Cure(_)
            | Self::Receipt(_)
            | Self::Seen(_)
            | Self::Release(_) => None,
        }
    }

    /// The statement's bytes.
    ///
    /// # Errors
    /// When a field is out of range (the error names it) or the whole is too long. That a flag's
    /// `observed_at` is not after its record's time cannot be checked here.
    pub fn encode(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        let bytes = codec::to_bytes(self);
        if bytes.len() > limits::MAX_STATEMENT_BYTES {
            return Err(StatementError::TooLong { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// What the bytes say under these rules of the charter, in a record of this time.
    ///
    /// # Errors
    /// When they mean nothing, for good and at every node.
    pub fn decode(bytes: &[u8], rules: u32, record_time: Time) -> Result<Self, Inert> {
        if bytes.len() > limits::MAX_STATEMENT_BYTES {
            return Err(Inert::TooLong);
        }
        let statement = codec::from_bytes(bytes, rules)?;
        statement.check().map_err(|error| match error {
            StatementError::OutOfRange { field, .. } => Inert::OutOfRange { field },
            StatementError::TooLong { .. } => Inert::TooLong,
        })?;
        match &statement {
            Self::Flag(flag) if flag.observed_at > record_time => {
                Err(Inert::OutOfRange { field: "observed_at" })
            }
            _ => Ok(statement),
        }
    }

    /// Whether the bytes are a flag in its one spelling, whatever its length and the values of its
    /// fields: this is what a header's count of flags counts.
    pub fn is_flag_bytes(bytes: &[u8]) -> bool {
        codec::is_flag(bytes)
    }

    /// Checks every field against its range.
    fn check(&self) -> Result<(), StatementError> {
        match self {
            Self::Flag(flag) => {
                require(
                    (1..=limits::MAX_CONFIDENCE).contains(&flag.confidence),
                    "confidence",
                    "1 to 100",
                )?;
                check_rule_version(flag.rule_version.as_deref())?;
                require(
                    is_short_text(flag.case_ref.as_deref(), limits::MAX_CASE_REF_BYTES),
                    "case_ref",
                    "1 to 128 bytes without control characters",
                )?;
                check_list("derived_from", flag.derived_from.len())
            }
            Self::Recall(recall) => {
                check_rule_version(recall.rule_version.as_deref())?;
                let in_order = match (recall.from, recall.to) {
                    (Some(from), Some(to)) => from < to,
                    _ => true,
                };
                require(in_order, "to", "a time later than from")
            }
            Self::Receipt(receipt) => check_list("caused_by", receipt.caused_by.len()),
            Self::Seen(seen) => {
                check_list("heads", seen.heads.len())?;
                require(!seen.heads.is_empty(), "heads", "at least one head")?;
                seen.heads.iter().try_for_each(|head| check_place(head.feed, head.sequence))
            }
            Self::Release(release) => check_place(release.feed, release.sequence),
            Self::Withdraw(_)
            | Self::Dispute(_)
            | Self::Resolve(_)
            | Self::Cure(_)
            | Self::Erase(_) => Ok(()),
        }
    }
}

/// The error that names `field`, unless `holds`.
const fn require(
    holds: bool,
    field: &'static str,
    expected: &'static str,
) -> Result<(), StatementError> {
    if holds { Ok(()) } else { Err(StatementError::OutOfRange { field, expected }) }
}

fn check_list(field: &'static str, len: usize) -> Result<(), StatementError> {
    require(len <= limits::MAX_LIST, field, "at most 16 entries")
}

fn check_rule_version(text: Option<&str>) -> Result<(), StatementError> {
    require(
        is_short_text(text, limits::MAX_RULE_VERSION_BYTES),
        "rule_version",
        "1 to 64 bytes without control characters",
    )
}

fn check_place(feed: FeedId, sequence: u64) -> Result<(), StatementError> {
    require(feed.number.0 >= 1, "feed", "a feed number from 1")?;
    require(sequence >= 1, "sequence", "a sequence number from 1")
}

/// Whether a text is left out, or neither empty nor too long and fit to be shown on a terminal.
fn is_short_text(text: Option<&str>, max_bytes: usize) -> bool {
    text.is_none_or(|text| {
        !text.is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control)
    })
}

#[cfg(test)]
mod tests;
