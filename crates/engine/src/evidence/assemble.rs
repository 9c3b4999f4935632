//! From the statements that concern a subject to the engine's evidence.

use std::collections::BTreeMap;

use interlock_record::{MemberId, Recall, Statement, StatementId, Time};

use super::{Cure, Dispute, Evidence, Flag, Ground, Hold, Origin, Receipt, Resolve, recalls};
use crate::ledger::rows::Placed;

/// The evidence that statements make, and the id of each of its flags. `statements` are those that
/// concern one subject, in their order; what their issuer may not say means nothing.
pub fn assemble(statements: &[Placed]) -> (Evidence, Vec<StatementId>) {
    let mut evidence = Evidence::default();
    let mut ids = Vec::new();
    let mut places: BTreeMap<StatementId, usize> = BTreeMap::new();
    for placed in statements {
        if let Statement::Flag(flag) = &placed.statement {
            places.insert(placed.id, ids.len());
            ids.push(placed.id);
            evidence.flags.push(Flag {
                position: placed.position,
                id_type: flag.id_type,
                reason: flag.reason,
                severity: flag.severity,
                confidence: flag.confidence,
                applied_measure: flag.applied_measure,
                observed_at: flag.observed_at,
                expires_at: flag.expires_at,
                origin: if flag.derived_from.is_empty() { Origin::FirstHand } else { Origin::Echo },
                hold: if placed.held {
                    Hold::Held(releases(statements, placed))
                } else {
                    Hold::Free
                },
                withdrawn_at: taken_back(statements, placed, Some(flag)),
            });
        }
    }
    for placed in statements {
        add(&mut evidence, placed, statements, &places);
    }
    (evidence, ids)
}

fn add(
    evidence: &mut Evidence,
    placed: &Placed,
    statements: &[Placed],
    places: &BTreeMap<StatementId, usize>,
) {
    let position = placed.position;
    let flag = |id: &StatementId, evidence: &Evidence| {
        places.get(id).map(|index| {
            let flag = &evidence.flags[*index];
            (flag.position.member, flag.reason)
        })
    };
    match &placed.statement {
        Statement::Cure(cure) => {
            let withdrawn_at = taken_back(statements, placed, None);
            evidence.cures.push(Cure { position, kind: cure.kind, withdrawn_at });
        }
        Statement::Dispute(dispute) => {
            if let Some((issuer, reason)) = flag(&dispute.flag, evidence) {
                evidence.disputes.push(Dispute { position, issuer, reason });
            }
        }
        Statement::Resolve(resolve) => {
            if let Some((issuer, reason)) = flag(&resolve.flag, evidence)
                && issuer == position.member
            {
                evidence.resolves.push(Resolve { position, reason, outcome: resolve.outcome });
            }
        }
        Statement::Receipt(receipt) => {
            let ground = if receipt.caused_by.is_empty() {
                Ground::Unnamed
            } else {
                let known = receipt.caused_by.iter().filter_map(|id| places.get(id).copied());
                Ground::Flags(known.collect())
            };
            evidence.receipts.push(Receipt { position, measure: receipt.measure, ground });
        }
        Statement::Flag(_)
        | Statement::Withdraw(_)
        | Statement::Recall(_)
        | Statement::Seen(_)
        | Statement::Release(_)
        | Statement::Erase(_) => {}
    }
}

/// When its issuer first withdrew the statement or, where it is a flag, recalled it.
fn taken_back(
    statements: &[Placed],
    target: &Placed,
    flag: Option<&interlock_record::Flag>,
) -> Option<Time> {
    let recalled = |recall: &Recall, placed: &Placed| {
        placed.position > target.position
            && flag.is_some_and(|flag| {
                recalls(recall, target.position.time, flag.reason, flag.rule_version.as_deref())
            })
    };
    statements
        .iter()
        .filter(|placed| placed.position.member == target.position.member)
        .filter(|placed| match &placed.statement {
            Statement::Withdraw(withdraw) => withdraw.statement == target.id,
            Statement::Recall(recall) => recalled(recall, placed),
            _ => false,
        })
        .map(|placed| placed.position.time)
        .min()
}

/// Who released the flag's record, and when.
fn releases(statements: &[Placed], target: &Placed) -> Vec<(Time, MemberId)> {
    let at = target.position;
    let names = |statement: &Statement| match statement {
        Statement::Release(release) => {
            release.feed.member == at.member
                && release.feed.number == at.feed
                && release.sequence == at.sequence
        }
        _ => false,
    };
    statements
        .iter()
        .filter(|placed| names(&placed.statement))
        .map(|placed| (placed.position.time, placed.position.member))
        .collect()
}
