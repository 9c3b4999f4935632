//! From what the store knows to answers.

use interlock_engine::charter::Charter;
use interlock_engine::ledger::rows::{DecisionRow, ScopeRow, TransitionRow, measure};
use interlock_engine::policy::Confirm;
use interlock_engine::replica::{Known, PublishRefused};
use interlock_engine::timeline::{FlagAccount, MeasureAccount, Standing};
use interlock_record::{Measure, Statement, SubjectTag, Time};
use interlock_wire::{refusal, timestamp, v1};
use tonic::{Code, Status};

use crate::writer::Freshness;

pub(super) fn freshness(fresh: &Freshness, now: Time) -> v1::Freshness {
    v1::Freshness {
        as_of: Some(timestamp(now)),
        frontier_digest: fresh.frontier.0.to_vec(),
        members_unheard: fresh.unheard.iter().map(ToString::to_string).collect(),
    }
}

fn wire(measure: Measure) -> i32 {
    v1::Measure::from(measure).into()
}

/// What holds for a subject at `at`.
pub(super) fn subject_decision(
    charter: &Charter,
    subject: SubjectTag,
    row: Option<&DecisionRow>,
    at: Time,
) -> v1::SubjectDecision {
    let nothing = ScopeRow::default();
    let consortium = row.and_then(|row| row.consortium.as_ref()).unwrap_or(&nothing);
    let own = row.and_then(|row| row.own.as_ref()).unwrap_or(consortium);
    v1::SubjectDecision {
        subject: subject.0.to_vec(),
        consortium: Some(decision(consortium, at)),
        own: Some(decision(own, at)),
        apply: wire(apply(charter, own.in_force(at), at)),
    }
}

/// The measure in force, or the greatest below it that does not wait for a person.
pub(super) fn apply(charter: &Charter, in_force: Measure, at: Time) -> Measure {
    let policy = charter.policy_at(at);
    let mut below = Measure::ALL.iter().rev().copied().filter(|measure| *measure <= in_force);
    below
        .find(|measure| *measure == Measure::None || policy.confirm_of(*measure) == Confirm::Auto)
        .unwrap_or(Measure::None)
}

fn decision(scope: &ScopeRow, at: Time) -> v1::Decision {
    let latest = scope.latest(at);
    v1::Decision {
        announced: wire(scope.announced(at)),
        effective: wire(scope.in_force(at)),
        since: latest.and_then(|step| Time::from_micros(step.at)).map(timestamp),
        until: scope.until(at).map(timestamp),
        effective_until: scope.effective_until(at).map(timestamp),
        because: latest.map(|step| step.because.clone()).unwrap_or_default(),
    }
}

pub(super) fn transition(step: &TransitionRow) -> v1::Transition {
    v1::Transition {
        at: Time::from_micros(step.at).map(timestamp),
        from: wire(measure(step.from)),
        to: wire(measure(step.to)),
        because: step.because.clone(),
    }
}

/// Every flag of a subject with its account, in the order of statements.
pub(super) fn flag_accounts(known: &Known, accounts: &[FlagAccount]) -> Vec<v1::FlagAccount> {
    let mut accounts = accounts.iter();
    known
        .statements
        .iter()
        .filter_map(|placed| match &placed.statement {
            Statement::Flag(flag) => Some((placed, flag)),
            _ => None,
        })
        .filter_map(|(placed, flag)| {
            let account = accounts.next()?;
            Some(v1::FlagAccount {
                statement: placed.id.0.to_vec(),
                issuer: placed.position.member.to_string(),
                subject: flag.subject.0.to_vec(),
                id_type: v1::IdType::from(flag.id_type).into(),
                reason: v1::Reason::from(flag.reason).into(),
                severity: v1::Severity::from(flag.severity).into(),
                confidence: flag.confidence.into(),
                applied_measure: wire(flag.applied_measure),
                time: Some(timestamp(placed.position.time)),
                observed_at: Some(timestamp(flag.observed_at)),
                expires_at: flag.expires_at.map(timestamp),
                standing: standing(account.standing).into(),
                base: account.factors.base,
                trust: percent(account.factors.trust),
                decay: percent(account.factors.decay),
                cured: percent(account.factors.cured),
                points: account.points,
                supports: wire(account.supports),
                case_ref: flag.case_ref.clone().unwrap_or_default(),
            })
        })
        .collect()
}

fn percent(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn standing(standing: Standing) -> v1::Standing {
    match standing {
        Standing::Counts => v1::Standing::Counts,
        Standing::NotYet => v1::Standing::NotYet,
        Standing::Expired => v1::Standing::Expired,
        Standing::TakenBack => v1::Standing::TakenBack,
        Standing::Replaced => v1::Standing::Replaced,
        Standing::Settled => v1::Standing::Settled,
        Standing::Echo => v1::Standing::Echo,
        Standing::Held => v1::Standing::Held,
        Standing::ReasonUnnamed => v1::Standing::ReasonUnnamed,
        Standing::NotPropagated => v1::Standing::NotPropagated,
    }
}

pub(super) fn measure_account(account: &MeasureAccount) -> v1::MeasureAccount {
    let rules = account.rules.iter().map(|rule| v1::RuleAccount {
        points: rule.rule.points,
        issuers: rule.rule.issuers,
        peer_permille: rule.rule.peer_permille,
        exit_points: rule.exit_points,
        entered: rule.entered,
        kept: rule.kept,
    });
    v1::MeasureAccount {
        measure: wire(account.measure),
        points: account.points,
        issuers: account.issuers,
        peer_permille: account.peer_permille,
        rules: rules.collect(),
    }
}

/// A refused write, with its stable reason.
pub(super) fn publish_refused(refused: &PublishRefused) -> Status {
    let (code, reason) = match refused {
        PublishRefused::Statement { .. } => (Code::InvalidArgument, "BAD_STATEMENT"),
        PublishRefused::ObservedLater { .. } => (Code::InvalidArgument, "OBSERVED_IN_FUTURE"),
        PublishRefused::UnknownTarget { .. } => (Code::NotFound, "UNKNOWN_STATEMENT"),
        PublishRefused::NotEntitled { .. } => (Code::PermissionDenied, "NOT_ENTITLED"),
        PublishRefused::KeyReused => (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"),
        PublishRefused::NotSigning(_) => (Code::Unavailable, "NOT_SIGNING"),
        PublishRefused::SignerFailed(_) => (Code::Unavailable, "SIGNER_FAILED"),
        PublishRefused::Seal(_) => (Code::Internal, "CANNOT_SEAL"),
    };
    refusal(code, reason, refused)
}
