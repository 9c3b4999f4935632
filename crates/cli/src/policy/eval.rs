//! `interlock policy eval`: the timeline of every subject of an evidence file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use interlock_engine::evidence::jsonl::{EvidenceFile, SubjectEvidence};
use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{Measure, MemberId, Time};
use serde::Serialize;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::file::read_text;
use crate::output::{Format, Output, printable};
use crate::table::Table;
use crate::term;

/// Evaluate policies on an evidence file: which measure is announced when, and why.
///
/// Without --as it is the consortium's decision, the same at every member; with it, that member's
/// own: its flags that do not propagate count too, and it is not its own peer.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock policy eval --policy v1.toml --policy v2.toml@2026-07-01T00:00:00Z \\
      --evidence case.jsonl --at 2026-08-01T00:00:00Z -o json

JSON: one line a subject, in byte order:
  {\"subject\",\"transitions\":[{\"at\",\"from\",\"to\",\"because\":[ids]}],\"announced\",\"effective\",\"until\"}")]
pub(crate) struct Eval {
    /// A policy file; each but the first with the time from which it holds, in rising order.
    #[arg(long = "policy", value_name = "FILE[@TIME]", required = true)]
    policies: Vec<String>,
    /// The evidence, one JSON object a line; - reads stdin.
    #[arg(long, value_name = "FILE.jsonl")]
    evidence: PathBuf,
    /// The members; anybody else's lines mean nothing. Default: every issuer in the evidence.
    #[arg(long, value_name = "ID,ID,...", value_delimiter = ',')]
    members: Option<Vec<MemberId>>,
    /// Give this member's own decision instead of the consortium's.
    #[arg(long = "as", value_name = "MEMBER")]
    view: Option<MemberId>,
    /// The instant at which `announced`, `effective` and `until` are told. Default: now.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    at: Option<Time>,
}

/// What one subject comes to. The order of fields is that of the JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    subject: &'a str,
    transitions: Vec<Step<'a>>,
    announced: Measure,
    effective: Measure,
    until: Option<Time>,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    at: Time,
    from: Measure,
    to: Measure,
    because: Vec<&'a str>,
}

impl Eval {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let policies = schedule(&self.policies)?;
        let file =
            EvidenceFile::parse(&self.evidence.display().to_string(), &read_text(&self.evidence)?)?;
        let members = self.members(&file)?;
        let view = self.view.map_or(View::Consortium, View::Member);
        let setting = Setting { policies: &policies, members: &members, view };
        let at = self.at.unwrap_or_else(clock::now);
        for (subject, evidence) in &file.subjects(&members) {
            let row = row(&setting, subject, evidence, at);
            match output.format {
                Format::Json => output.json(&row)?,
                Format::Human => output.line(&row)?,
            }
        }
        Ok(Exit::Done)
    }

    fn members(&self, file: &EvidenceFile) -> Result<BTreeSet<MemberId>, Failure> {
        let Some(listed) = &self.members else { return Ok(file.issuers()) };
        let mut members = BTreeSet::new();
        if let Some(twice) = listed.iter().find(|member| !members.insert(**member)) {
            return Err(Failure::usage(format!(
                "--members: expected each member once, {twice} is there twice"
            )));
        }
        match self.view {
            Some(view) if !members.contains(&view) => {
                Err(Failure::usage(format!("--as: expected one of --members, got {view}")))
            }
            _ => Ok(members),
        }
    }
}

fn row<'a>(
    setting: &Setting<'_>,
    subject: &'a str,
    evidence: &'a SubjectEvidence,
    at: Time,
) -> Row<'a> {
    let timeline = timeline(setting, &evidence.evidence);
    let name = |index: &usize| evidence.flag_ids[*index].as_str();
    let steps = timeline.transitions.iter().map(|step| Step {
        at: step.at,
        from: step.from,
        to: step.to,
        because: step.because.iter().map(name).collect(),
    });
    Row {
        subject,
        transitions: steps.collect(),
        announced: timeline.announced(at),
        effective: timeline.effective(setting.policies, at),
        until: timeline.until(at),
    }
}

/// Reads the policies, given as `FILE` or `FILE@TIME`, and puts them in order of time.
///
/// # Errors
/// For a file that is not understood, and for times that do not follow one another.
pub(crate) fn schedule(arguments: &[String]) -> anyhow::Result<Schedule> {
    let mut schedule: Option<Schedule> = None;
    for argument in arguments {
        let (path, from) = split_policy(argument)?;
        let policy = read_policy(&path)?;
        schedule = Some(match (schedule, from) {
            (None, None) => Schedule::constant(policy),
            (None, Some(from)) => {
                return Err(Failure::usage(format!(
                    "--policy {argument}: the first policy holds from the beginning, expected no time, got {from}"
                ))
                .into());
            }
            (Some(_), None) => {
                return Err(Failure::usage(format!(
                    "--policy {argument}: expected the time from which it holds, as in {argument}@2026-01-01T00:00:00Z"
                ))
                .into());
            }
            (Some(before), Some(from)) => before
                .then(from, policy)
                .map_err(|error| Failure::usage(format!("--policy {argument}: {error}")))?,
        });
    }
    // clap asks for at least one.
    schedule.ok_or_else(|| Failure::usage("--policy: expected a policy file").into())
}

/// Reads one policy file.
pub(super) fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    Ok(Policy::from_toml(&path.display().to_string(), &read_text(path)?)?)
}

/// `FILE` or `FILE@TIME`; the name of a file may contain `@` too.
fn split_policy(argument: &str) -> Result<(PathBuf, Option<Time>), Failure> {
    let Some((file, after)) = argument.rsplit_once('@') else {
        return Ok((argument.into(), None));
    };
    match after.parse() {
        Ok(from) => Ok((file.into(), Some(from))),
        Err(error) if looks_like_a_time(after) && !Path::new(argument).exists() => {
            Err(Failure::usage(format!(
                "--policy {argument}: after the @ {error}; nor is there a file of that name"
            )))
        }
        Err(_) => Ok((argument.into(), None)),
    }
}

/// Whether somebody who wrote this most likely meant a time.
fn looks_like_a_time(text: &str) -> bool {
    text.is_empty()
        || text == "now"
        || (text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || "-:.+ TtZz".contains(c)))
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { announced, effective, .. } = self;
        write!(
            f,
            "subject {}: announced {announced}, effective {effective}",
            printable(self.subject)
        )?;
        match self.until {
            Some(until) => writeln!(f, ", announced changes at {until}")?,
            None => writeln!(f, ", no change to come")?,
        }
        let mut table = Table::new(&["AT", "FROM", "TO", "BECAUSE OF"]).indented(2);
        for step in &self.transitions {
            let because = step.because.join(" ");
            table.row([step.at.to_string(), step.from.to_string(), step.to.to_string(), because]);
        }
        if table.is_empty() {
            writeln!(f, "  nothing ever happened")
        } else {
            writeln!(f, "{table}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_argument_is_split_at_a_time_only() {
        let from = "2026-01-01T00:00:00Z".parse().ok();
        for (argument, expected) in [
            ("a.toml", ("a.toml", None)),
            ("a.toml@2026-01-01T00:00:00Z", ("a.toml", from)),
            ("a@b.toml", ("a@b.toml", None)),
            ("a@b.toml@2026-01-01T00:00:00Z", ("a@b.toml", from)),
            ("a@2x.toml", ("a@2x.toml", None)),
        ] {
            let split = split_policy(argument).expect(argument);
            assert_eq!(split, (expected.0.into(), expected.1), "{argument}");
        }
    }

    #[test]
    fn what_looks_like_a_time_and_is_none_is_refused() {
        for argument in ["a.toml@2026-01-01", "a.toml@2026-01-01T00:00:00", "a.toml@", "a.toml@now"]
        {
            let error = split_policy(argument).expect_err(argument).to_string();
            assert!(error.contains("expected a time"), "{error}");
        }
    }
}
