//! What is known about one subject, with every reference resolved: the engine's input. Built from
//! an evidence file ([`jsonl`]) or from records ([`assemble`]); weighed in [`crate::timeline`].

mod assemble;
pub mod jsonl;

pub use assemble::assemble;
use interlock_record::{
    CureKind, IdType, Measure, MemberId, Outcome, Position, Reason, Recall, Severity, Time,
};

/// Everything known about one subject. Every list is in the order of statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Flags against the subject.
    pub flags: Vec<Flag>,
    /// Cures of the subject.
    pub cures: Vec<Cure>,
    /// Disputes of the subject's flags.
    pub disputes: Vec<Dispute>,
    /// Answers to disputes.
    pub resolves: Vec<Resolve>,
    /// What members really did.
    pub receipts: Vec<Receipt>,
}

/// A flag, and what befell it by name. Its issuer is its position's member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Where it stands among statements.
    pub position: Position,
    /// What kind of identifier its subject is.
    pub id_type: IdType,
    /// Why it was raised.
    pub reason: Reason,
    /// How grave it is.
    pub severity: Severity,
    /// How sure its issuer is, 1 to 100 percent.
    pub confidence: u8,
    /// What its issuer did itself.
    pub applied_measure: Measure,
    /// When its ground was observed, at most its time.
    pub observed_at: Time,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
    /// Whether it was derived from other flags: kept for the record, never a witness.
    pub origin: Origin,
    /// Whether its record is held by the breaker.
    pub hold: Hold,
    /// When its issuer first withdrew or recalled it.
    pub withdrawn_at: Option<Time>,
}

/// Where a flag comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its issuer saw the ground itself.
    FirstHand,
    /// Its issuer derived it from other flags.
    Echo,
}

/// Whether the breaker holds a flag's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// It does not.
    Free,
    /// It does, until members of enough groups have released it: who said so and when, in the order
    /// of statements.
    Held(Vec<(Time, MemberId)>),
}

/// A cure. The curing member is its position's member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cure {
    /// Where it stands among statements.
    pub position: Position,
    /// What got better.
    pub kind: CureKind,
    /// When the curing member withdrew it.
    pub withdrawn_at: Option<Time>,
}

/// A dispute of the flags of one issuer and reason. The disputing member is its position's member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Where it stands among statements.
    pub position: Position,
    /// The issuer of the disputed flag.
    pub issuer: MemberId,
    /// The reason of the disputed flag.
    pub reason: Reason,
}

/// An issuer's answer to a dispute of its flags of one reason. The issuer is its position's member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// Where it stands among statements.
    pub position: Position,
    /// The reason of the disputed flag.
    pub reason: Reason,
    /// Who was right.
    pub outcome: Outcome,
}

/// What a member really did. The member is its position's member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where it stands among statements.
    pub position: Position,
    /// What the member did.
    pub measure: Measure,
    /// On what ground.
    pub ground: Ground,
}

/// On what ground a member acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// It named none: the receipt counts until the member's next.
    Unnamed,
    /// It named flags: the receipt counts while one of them is live. Indices into
    /// [`Evidence::flags`] of those that are known.
    Flags(Vec<usize>),
}

/// Whether `recall` names a flag of its issuer with this time, reason and rule version. That the
/// flag is earlier than the recall is for the caller to see.
pub fn recalls(recall: &Recall, time: Time, reason: Reason, rule_version: Option<&str>) -> bool {
    recall.from.is_none_or(|from| from <= time)
        && recall.to.is_none_or(|to| time < to)
        && recall.reason.is_none_or(|wanted| wanted == reason)
        && recall.rule_version.as_deref().is_none_or(|wanted| rule_version == Some(wanted))
}
