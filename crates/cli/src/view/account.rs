//! The arithmetic behind a decision: flags and rules.

use std::fmt;

use interlock_record::{IdType, Measure, Reason, Severity, Time, hex};
use interlock_wire::v1;
use serde::Serialize;

use super::{BorrowerView, FreshnessView, LocalActView, SubjectView, TransitionView, time};
use crate::term;

/// The arithmetic behind one subject's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    pub at: Option<Time>,
    pub decision: SubjectView,
    pub flags: Vec<FlagView>,
    pub measures: Vec<MeasureView>,
    pub transitions: Vec<TransitionView>,
    /// What this member's people did about it.
    pub local: Vec<LocalActView>,
    /// What the borrower may be told.
    pub borrower: BorrowerView,
    pub hints: Vec<String>,
    pub freshness: FreshnessView,
}

/// One flag and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FlagView {
    pub statement: String,
    pub issuer: String,
    pub subject: String,
    pub id_type: String,
    pub reason: String,
    pub severity: String,
    pub confidence: u32,
    pub applied_measure: String,
    pub time: Option<Time>,
    pub observed_at: Option<Time>,
    pub expires_at: Option<Time>,
    pub standing: &'static str,
    pub base: u64,
    pub trust: u32,
    pub decay: u32,
    pub cured: u32,
    pub points: u64,
    pub supports: String,
    pub case_ref: String,
    pub disputed_since: Option<Time>,
    pub dispute_deadline: Option<Time>,
}

/// What comes together for one measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MeasureView {
    pub measure: String,
    pub points: u64,
    pub issuers: u64,
    pub peer_permille: u64,
    pub rules: Vec<RuleView>,
}

/// Whether one rule is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct RuleView {
    pub points: u64,
    pub issuers: u64,
    pub peer_permille: u64,
    pub exit_points: u64,
    pub entered: bool,
    pub kept: bool,
    /// What it takes beyond what there is, to be entered.
    pub missing: Missing,
}

/// What a rule lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    pub points: u64,
    pub issuers: u64,
    pub peer_permille: u64,
}

impl From<v1::FlagAccount> for FlagView {
    fn from(flag: v1::FlagAccount) -> Self {
        let standing = flag.standing().as_str_name();
        Self {
            standing: standing.strip_prefix("STANDING_").unwrap_or(standing),
            statement: hex(&flag.statement),
            issuer: flag.issuer,
            subject: hex(&flag.subject),
            id_type: term::name::<IdType>(flag.id_type),
            reason: term::name::<Reason>(flag.reason),
            severity: term::name::<Severity>(flag.severity),
            confidence: flag.confidence,
            applied_measure: term::name::<Measure>(flag.applied_measure),
            time: time(flag.time),
            observed_at: time(flag.observed_at),
            expires_at: time(flag.expires_at),
            base: flag.base,
            trust: flag.trust,
            decay: flag.decay,
            cured: flag.cured,
            points: flag.points,
            supports: term::name::<Measure>(flag.supports),
            case_ref: flag.case_ref,
            disputed_since: time(flag.disputed_since),
            dispute_deadline: time(flag.dispute_deadline),
        }
    }
}

impl From<v1::MeasureAccount> for MeasureView {
    fn from(account: v1::MeasureAccount) -> Self {
        let rule = |rule: &v1::RuleAccount| RuleView {
            points: rule.points,
            issuers: rule.issuers,
            peer_permille: rule.peer_permille,
            exit_points: rule.exit_points,
            entered: rule.entered,
            kept: rule.kept,
            missing: Missing {
                points: rule.points.saturating_sub(account.points),
                issuers: rule.issuers.saturating_sub(account.issuers),
                peer_permille: rule.peer_permille.saturating_sub(account.peer_permille),
            },
        };
        Self {
            measure: term::name::<Measure>(account.measure),
            points: account.points,
            issuers: account.issuers,
            peer_permille: account.peer_permille,
            rules: account.rules.iter().map(rule).collect(),
        }
    }
}

impl From<v1::ExplainResponse> for Account {
    fn from(response: v1::ExplainResponse) -> Self {
        let mut account = Self {
            at: time(response.at),
            decision: response.decision.unwrap_or_default().into(),
            flags: response.flags.into_iter().map(Into::into).collect(),
            measures: response.measures.into_iter().map(Into::into).collect(),
            transitions: response.transitions.into_iter().map(Into::into).collect(),
            local: response.local.unwrap_or_default().acts.into_iter().map(Into::into).collect(),
            borrower: response.borrower.unwrap_or_default().into(),
            hints: Vec::new(),
            freshness: response.freshness.unwrap_or_default().into(),
        };
        account.hints = account.hints();
        account
    }
}

impl Account {
    /// What a person should know who looks at this decision at this node.
    fn hints(&self) -> Vec<String> {
        let mut hints = Vec::new();
        let SubjectView { apply, consortium, own, because, simulated, would_apply, .. } =
            &self.decision;
        if consortium.announced != consortium.effective {
            let when = consortium.effective_until.map_or_else(String::new, |at| {
                format!(", which changes at {at} if nothing more comes")
            });
            hints.push(format!(
                "{} is announced, {} is in force{when}",
                consortium.announced, consortium.effective
            ));
        }
        if (&own.announced, &own.effective) != (&consortium.announced, &consortium.effective) {
            hints.push(format!(
                "this member's own decision is {} ({} in force): its own flags that do not propagate count too, and it is not its own peer",
                own.announced, own.effective
            ));
        }
        match because.as_str() {
            "WAITS" => hints.push(format!(
                "{} waits for a person to confirm it; until then {apply} applies",
                own.effective
            )),
            "REFUSED" => hints.push(format!(
                "a person has refused {}; until another measure is announced {apply} applies",
                own.effective
            )),
            "EXEMPTED" => hints.push(format!("an exemption holds: {apply} at most applies")),
            "OVERRIDDEN" => hints.push(format!("an override holds: {apply} applies")),
            _ => {}
        }
        if *simulated {
            hints.push("this node is in simulated mode: it applies nothing".to_owned());
        }
        if let Some(would) = would_apply {
            hints.push(format!("if nothing were simulated, {would} would apply"));
        }
        for (number, flag) in (1u32..).zip(&self.flags) {
            if let Some(deadline) = flag.dispute_deadline {
                hints.push(format!(
                    "flag {number} is disputed: {} must answer before {deadline}, else it lapses",
                    flag.issuer
                ));
            }
        }
        let held = self.flags.iter().filter(|flag| flag.standing == "HELD").count();
        if held > 0 {
            hints.push(format!(
                "flags held by the breaker: {held}; they count from their release on"
            ));
        }
        if !self.freshness.members_unheard.is_empty() {
            let members = self.freshness.members_unheard.join(", ");
            hints.push(format!("this node may be behind: it has not heard lately of {members}"));
        }
        hints
    }
}

impl fmt::Display for RuleView {
    /// What is missing, or that nothing is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entered {
            return f.write_str("met");
        }
        let Missing { points, issuers, peer_permille } = self.missing;
        let missing: Vec<String> =
            [(points, "points"), (issuers, "witnesses"), (peer_permille, "peers in 1000")]
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, noun)| format!("{count} {noun}"))
                .collect();
        write!(f, "missing {}", missing.join(", "))?;
        if self.kept { f.write_str(" (enough to keep it)") } else { Ok(()) }
    }
}
