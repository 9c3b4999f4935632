//! From what the store knows to answers.

use interlock_engine::ledger::rows::{DecisionRow, LocalRow, ScopeRow, TransitionRow, measure};
use interlock_engine::local::{Applied, Because, Ground, Mode};
use interlock_engine::policy::Schedule;
use interlock_engine::replica::{Known, PublishRefused};
use interlock_engine::timeline::{FlagAccount, MeasureAccount, OpenDispute, Standing};
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

pub(super) fn wire(measure: Measure) -> i32 {
    v1::Measure::from(measure).into()
}

/// How this member sees decisions: its own view of the policies, and whether it applies anything.
pub(super) struct OwnView {
    /// The policies.
    pub policies: Schedule,
    /// Whether it does.
    pub mode: Mode,
}

/// What holds for a subject at `at`.
pub(super) fn subject_decision(
    view: &OwnView,
    subject: SubjectTag,
    row: Option<&DecisionRow>,
    local: Option<&LocalRow>,
    at: Time,
) -> v1::SubjectDecision {
    let (nothing, nobody) = (ScopeRow::default(), LocalRow::default());
    let consortium = row.and_then(|row| row.consortium.as_ref()).unwrap_or(&nothing);
    let own = row.and_then(|row| row.own.as_ref()).unwrap_or(consortium);
    let local = local.unwrap_or(&nobody);
    let ground = Ground { scope: own, policies: &view.policies, local };
    let real = ground.apply(at);
    let would = match &local.simulated {
        Some(scope) => Ground { scope, ..ground }.apply(at).measure,
        None => real.measure,
    };
    let simulated = view.mode == Mode::Simulated;
    let applied = if simulated {
        Applied { measure: Measure::None, because: Because::Simulated }
    } else {
        real
    };
    v1::SubjectDecision {
        subject: subject.0.to_vec(),
        consortium: Some(decision(consortium, at)),
        own: Some(decision(own, at)),
        apply: wire(applied.measure),
        simulated,
        would_apply: wire(would),
        applied_because: because(applied.because).into(),
        apply_until: ground.until(at).filter(|_| !simulated).map(timestamp),
    }
}

pub(super) fn because(because: Because) -> v1::AppliedBecause {
    match because {
        Because::Decided => v1::AppliedBecause::Decided,
        Because::Confirmed => v1::AppliedBecause::Confirmed,
        Because::Waits => v1::AppliedBecause::Waits,
        Because::Refused => v1::AppliedBecause::Refused,
        Because::Exempted => v1::AppliedBecause::Exempted,
        Because::Overridden => v1::AppliedBecause::Overridden,
        Because::Simulated => v1::AppliedBecause::Simulated,
    }
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
pub(super) fn flag_accounts(
    known: &Known,
    accounts: &[FlagAccount],
    disputes: &[OpenDispute],
) -> Vec<v1::FlagAccount> {
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
            let issuer = placed.position.member;
            let dispute = disputes
                .iter()
                .find(|dispute| (dispute.issuer, dispute.reason) == (issuer, flag.reason));
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
                disputed_since: dispute.map(|dispute| timestamp(dispute.since)),
                dispute_deadline: dispute.map(|dispute| timestamp(dispute.deadline)),
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
        PublishRefused::NoSuchDispute { .. } => (Code::FailedPrecondition, "NO_SUCH_DISPUTE"),
        PublishRefused::SimulatedApart { .. } => (Code::FailedPrecondition, "SIMULATED_APART"),
        PublishRefused::KeyReused => (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"),
        PublishRefused::NotSigning(_) => (Code::Unavailable, "NOT_SIGNING"),
        PublishRefused::SignerFailed(_) => (Code::Unavailable, "SIGNER_FAILED"),
        PublishRefused::Seal(_) => (Code::Internal, "CANNOT_SEAL"),
    };
    refusal(code, reason, refused)
}
