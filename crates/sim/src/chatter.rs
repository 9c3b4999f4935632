//! What members say to each other in tests: statements of every kind about a few subjects, many of
//! them about each other, drawn from dice.

use interlock_record::{
    Cure, CureKind, Dispute, FeedId, Flag, IdType, Measure, Outcome, Reason, Recall, Receipt,
    Release, Resolve, Severity, Span, Statement, StatementId, SubjectTag, Time, Withdraw,
    WithdrawCause,
};

use crate::dice::Dice;

/// What can be said something about.
#[derive(Debug, Clone, Copy)]
pub struct Topics<'a> {
    /// How many subjects there are.
    pub subjects: u8,
    /// Statements that are known to have been made, flags or not.
    pub statements: &'a [StatementId],
    /// Feeds whose records could be held.
    pub feeds: &'a [FeedId],
}

/// The subject of a number.
pub const fn subject(number: u8) -> SubjectTag {
    SubjectTag([number; 32])
}

/// A flag that locks where two members raise it.
pub const fn hard_flag(subject: SubjectTag, observed_at: Time) -> Flag {
    Flag {
        subject,
        id_type: IdType::IdNumber,
        reason: Reason::Overdue,
        severity: Severity::High,
        confidence: 100,
        applied_measure: Measure::Lock,
        observed_at,
        expires_at: None,
        evidence_digest: None,
        rule_version: None,
        case_ref: None,
        derived_from: Vec::new(),
    }
}

/// One statement, about anything, made at `now`.
pub fn statement(dice: &mut Dice, topics: &Topics<'_>, now: Time) -> Statement {
    let about = pick(dice, topics.statements).copied();
    let Some(about) = about.filter(|_| dice.permille(550)) else {
        return fresh(dice, topics, now);
    };
    match dice.below(10) {
        0..=3 => Statement::Withdraw(Withdraw { statement: about, cause: WithdrawCause::Error }),
        4..=6 => Statement::Dispute(Dispute { flag: about }),
        7 | 8 => {
            let outcome = if dice.permille(500) { Outcome::Upheld } else { Outcome::Rejected };
            Statement::Resolve(Resolve { flag: about, outcome })
        }
        _ => Statement::Receipt(Receipt {
            subject: any_subject(dice, topics),
            measure: any_measure(dice),
            caused_by: vec![about],
        }),
    }
}

fn fresh(dice: &mut Dice, topics: &Topics<'_>, now: Time) -> Statement {
    match dice.below(20) {
        0 => Statement::Recall(Recall {
            from: None,
            to: dice.permille(500).then(|| now.minus(Span::from_secs(2))),
            rule_version: None,
            reason: dice.permille(500).then_some(Reason::Overdue),
            cause: WithdrawCause::SystemFault,
        }),
        1 | 2 => {
            Statement::Cure(Cure { subject: any_subject(dice, topics), kind: CureKind::Repaid })
        }
        3 => Statement::Receipt(Receipt {
            subject: any_subject(dice, topics),
            measure: any_measure(dice),
            caused_by: Vec::new(),
        }),
        4..=6 => match pick(dice, topics.feeds) {
            Some(feed) => {
                let sequence = 1 + dice.below(6);
                Statement::Release(Release { feed: *feed, sequence })
            }
            None => Statement::Flag(any_flag(dice, topics, now)),
        },
        _ => Statement::Flag(any_flag(dice, topics, now)),
    }
}

fn any_flag(dice: &mut Dice, topics: &Topics<'_>, now: Time) -> Flag {
    let reasons = [(Reason::Overdue, 6), (Reason::FraudSuspected, 3), (Reason::PolicyChange, 1)];
    let severities = [(Severity::Medium, 1), (Severity::High, 2), (Severity::Critical, 2)];
    let age = Span::from_millis(u32::try_from(dice.below(4_000)).unwrap_or(0));
    let life = Span::from_millis(u32::try_from(500 + dice.below(9_000)).unwrap_or(0));
    Flag {
        reason: dice.weighted(&reasons),
        severity: dice.weighted(&severities),
        applied_measure: dice.weighted(&[(Measure::Lock, 5), (Measure::Freeze, 1)]),
        observed_at: now.minus(age),
        expires_at: dice.permille(200).then(|| now.plus(life)),
        derived_from: if dice.permille(50) { vec![StatementId([1; 32])] } else { Vec::new() },
        ..hard_flag(any_subject(dice, topics), now)
    }
}

fn any_subject(dice: &mut Dice, topics: &Topics<'_>) -> SubjectTag {
    subject(u8::try_from(dice.below(u64::from(topics.subjects.max(1)))).unwrap_or(0))
}

fn any_measure(dice: &mut Dice) -> Measure {
    pick(dice, Measure::ALL).copied().unwrap_or(Measure::None)
}

fn pick<'a, T>(dice: &mut Dice, choices: &'a [T]) -> Option<&'a T> {
    let index = dice.below(u64::try_from(choices.len()).unwrap_or(0));
    choices.get(usize::try_from(index).unwrap_or(0))
}
