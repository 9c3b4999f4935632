//! The engine's answer to what a bundle holds, through the same code that answers at a node.

use std::collections::BTreeMap;

use interlock_record::{FeedHead, FeedId, Measure, StatementId, Time};

use super::proto;
use super::verdict::DecidedAs;
use crate::charter::Charters;
use crate::evidence::assemble;
use crate::ledger::rows::{EvidenceRow, HeadRow, Placed, ScopeRow, StatementRow, measure};
use crate::ledger::{Draft, LedgerFault, MemoryLedger, feed_key};
use crate::replica::{Unmeant, judged, scope_row};
use crate::timeline::{Explanation, Setting, View, explain, timeline};

/// A statement of a bundle, as a ledger would keep it.
#[derive(Debug)]
pub(super) struct Row {
    pub kept: StatementRow,
    pub disputes_before: u64,
    pub feed: FeedId,
    pub sequence: u64,
    pub is_dispute: bool,
    pub time: Time,
}

/// What the engine makes of the statements.
#[derive(Debug)]
pub(super) struct Evaluated {
    pub judged: Vec<(Placed, Option<Unmeant>)>,
    pub scope: ScopeRow,
    pub explanation: Explanation,
}

/// Decides as a node would whose ledger holds these statements and no others.
pub(super) fn decide(
    charters: &Charters,
    rows: &[Row],
    voids: &[(FeedId, u64)],
    at: Time,
) -> Result<Evaluated, LedgerFault> {
    let mut ledger = MemoryLedger::default();
    let mut evidence = EvidenceRow::default();
    for row in rows {
        evidence.insert(row.kept.clone())?;
    }
    let mut draft = Draft::new(&ledger);
    for (feed, from) in voids {
        let head = FeedHead::empty().to_bytes();
        draft.put(feed_key(*feed), &HeadRow { head, void_from: Some(*from) });
    }
    let changes = draft.into_changes();
    ledger.commit(&changes);
    let mut judged = judged(&ledger, charters, &evidence.statements)?;
    let disputes = rows.iter().filter(|row| row.is_dispute);
    let before: BTreeMap<&[u8], u64> =
        disputes.map(|row| (row.kept.id.as_slice(), row.disputes_before)).collect();
    for (placed, unmeant) in &mut judged {
        let most = charters.limits_at(placed.position.time).disputes_a_day;
        let past = before.get(placed.id.0.as_slice()).is_some_and(|before| *before >= most);
        if past && unmeant.is_none() {
            *unmeant = Some(Unmeant::TooManyDisputes);
        }
    }
    let meant = judged.iter().filter(|(_, unmeant)| unmeant.is_none());
    let meant: Vec<Placed> = meant.map(|(placed, _)| placed.clone()).collect();
    let (evidence, flag_ids) = assemble(&meant);
    let members = charters.member_ids();
    let policies = charters.policies();
    let setting = Setting { policies, members: &members, view: View::Consortium };
    let scope = scope_row(&timeline(&setting, &evidence), &flag_ids, charters.policies());
    let explanation = explain(&setting, &evidence, at);
    Ok(Evaluated { judged, scope, explanation })
}

/// What a bundle must claim of this decision.
pub(super) fn claim_of(scope: &ScopeRow, at: Time) -> proto::Claim {
    let transitions = scope.transitions.iter().map(|step| proto::Transition {
        at: step.at,
        from: step.from,
        to: step.to,
        because: step.because.clone(),
    });
    let effective = scope.effective.iter();
    let effective = effective.map(|step| proto::Effective { at: step.at, measure: step.measure });
    proto::Claim {
        transitions: transitions.collect(),
        effective: effective.collect(),
        announced_now: scope.announced(at).number().into(),
        effective_now: scope.in_force(at).number().into(),
    }
}

/// The decision in the engine's terms.
pub(super) fn decided_as(scope: &ScopeRow, at: Time) -> DecidedAs {
    let ids = |because: &[Vec<u8>]| -> Vec<StatementId> {
        because.iter().filter_map(|id| StatementId::from_slice(id)).collect()
    };
    let time = |micros| Time::from_micros(micros).unwrap_or(Time::MAX);
    let transitions = scope
        .transitions
        .iter()
        .map(|step| (time(step.at), measure(step.from), measure(step.to), ids(&step.because)));
    let effective: Vec<(Time, Measure)> =
        scope.effective.iter().map(|step| (time(step.at), measure(step.measure))).collect();
    DecidedAs {
        transitions: transitions.collect(),
        effective,
        announced_now: scope.announced(at),
        effective_now: scope.in_force(at),
    }
}
