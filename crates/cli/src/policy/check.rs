//! `interlock policy check`: what policy files come to, and what looks wrong in them.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::policy::{Confirm, Policy, ReasonPolicy};
use interlock_record::{Measure, Reason, Severity, Span};
use serde::Serialize;

use super::eval::read_policy;
use super::warnings::{reach, warnings};
use crate::exit::Exit;
use crate::output::{Output, counted};
use crate::table::Table;

/// Read policy files and say what they come to and what looks wrong in them.
///
/// A mistake is refused with file, line and what was expected. A warning is about something that is
/// allowed and most likely not meant, such as a measure that no flag can reach.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock policy check policy.toml && echo sound")]
pub(crate) struct Check {
    /// Policy files; - reads stdin.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// End with exit code 1 if there is a warning.
    #[arg(long)]
    deny_warnings: bool,
}

/// What one policy file comes to.
#[derive(Debug, Serialize)]
struct Summary {
    file: String,
    notice_delay: Span,
    issuer_cap: u64,
    witness_points: u64,
    exit_percent: u64,
    skin_in_game: bool,
    reasons: Vec<ReasonRow>,
    rules: Vec<RuleRow>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ReasonRow {
    reason: Reason,
    points: [u64; 4],
    max_life: Span,
    ceiling: Measure,
    disputed_ceiling: Measure,
    propagates: bool,
    decay: Vec<(Span, u64)>,
}

#[derive(Debug, Serialize)]
struct RuleRow {
    measure: Measure,
    points: u64,
    exit_points: u64,
    issuers: u64,
    peer_permille: u64,
    /// How many groups it takes at least; none if nothing can meet the rule.
    least_groups: Option<u64>,
    confirm: &'static str,
}

impl Check {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let mut exit = Exit::Done;
        for file in &self.files {
            let summary = Summary::of(file.display().to_string(), &read_policy(file)?);
            output.result(&summary)?;
            if self.deny_warnings && !summary.warnings.is_empty() {
                exit = Exit::No;
            }
        }
        Ok(exit)
    }
}

impl Summary {
    fn of(file: String, policy: &Policy) -> Self {
        let rules_of = |measure: &Measure| {
            let measure = *measure;
            policy.rules_of(measure).iter().map(move |rule| RuleRow {
                measure,
                points: rule.points,
                exit_points: rule.exit_points(policy.exit_percent),
                issuers: rule.issuers,
                peer_permille: rule.peer_permille,
                least_groups: reach(policy, measure, rule).ok(),
                confirm: match policy.confirm_of(measure) {
                    Confirm::Auto => "auto",
                    Confirm::Manual => "manual",
                },
            })
        };
        Self {
            file,
            notice_delay: policy.notice_delay,
            issuer_cap: policy.issuer_cap,
            witness_points: policy.witness_points,
            exit_percent: policy.exit_percent,
            skin_in_game: policy.skin_in_game,
            reasons: policy
                .reasons
                .iter()
                .map(|(reason, row)| ReasonRow::of(*reason, row))
                .collect(),
            rules: Measure::ALL.iter().rev().flat_map(rules_of).collect(),
            warnings: warnings(policy),
        }
    }
}

impl ReasonRow {
    fn of(reason: Reason, policy: &ReasonPolicy) -> Self {
        Self {
            reason,
            points: policy.points,
            max_life: policy.max_life,
            ceiling: policy.ceiling,
            disputed_ceiling: policy.disputed_ceiling,
            propagates: policy.propagates,
            decay: policy.decay.iter().map(|step| (step.after, step.percent)).collect(),
        }
    }

    fn cells(&self) -> [String; 10] {
        let decay: Vec<String> =
            self.decay.iter().map(|(after, percent)| format!("{percent}% after {after}")).collect();
        let [low, medium, high, critical] = self.points.map(|points| points.to_string());
        [
            self.reason.to_string(),
            low,
            medium,
            high,
            critical,
            self.max_life.to_string(),
            self.ceiling.to_string(),
            self.disputed_ceiling.to_string(),
            if self.propagates { "yes" } else { "no" }.to_owned(),
            decay.join(", "),
        ]
    }
}

impl RuleRow {
    fn cells(&self) -> [String; 7] {
        [
            self.measure.to_string(),
            self.points.to_string(),
            self.exit_points.to_string(),
            self.issuers.to_string(),
            self.peer_permille.to_string(),
            self.least_groups.map_or_else(|| "never".to_owned(), |groups| groups.to_string()),
            self.confirm.to_owned(),
        ]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut severities = Severity::ALL.iter().map(|severity| severity.name());
        let mut next = || severities.next().unwrap_or_default();
        let points = [next(), next(), next(), next()];
        let [low, medium, high, critical] = points;
        let mut reasons = Table::new(&[
            "REASON",
            low,
            medium,
            high,
            critical,
            "LIFE",
            "CEILING",
            "DISPUTED",
            "PROPAGATES",
            "DECAY",
        ])
        .right(&points)
        .indented(2);
        for row in &self.reasons {
            reasons.row(row.cells());
        }
        let titles =
            ["MEASURE", "POINTS", "KEPT AT", "WITNESSES", "PEERS/1000", "LEAST GROUPS", "CONFIRM"];
        let mut rules = Table::new(&titles).right(&titles[1..6]).indented(2);
        for row in &self.rules {
            rules.row(row.cells());
        }
        let counts = (
            counted(self.reasons.len(), "reason"),
            counted(self.rules.len(), "rule"),
            counted(self.warnings.len(), "warning"),
        );
        writeln!(f, "{}: {}, {}, {}", self.file, counts.0, counts.1, counts.2)?;
        writeln!(
            f,
            "  notice delay {}, at most {} points a group, a witness from {} points, kept at {}%{}",
            self.notice_delay,
            self.issuer_cap,
            self.witness_points,
            self.exit_percent,
            if self.skin_in_game { ", skin in the game" } else { "" }
        )?;
        write!(f, "{reasons}\n{rules}")?;
        for warning in &self.warnings {
            write!(f, "\n  warning: {warning}")?;
        }
        Ok(())
    }
}
