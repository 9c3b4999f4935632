//! `interlock explain`: the arithmetic behind a borrower's decision, or what the borrower may be told.

mod borrower;

use std::fmt;

use clap::Args;
use interlock_record::Time;
use interlock_wire::v1;

use borrower::{Language, Letter};

use crate::client::{NodeArgs, SubjectArgs, platform};
use crate::exit::Exit;
use crate::output::Output;
use crate::table::Table;
use crate::term;
use crate::view::{Account, DecisionView, MeasureView, TransitionView, or_dash, timestamp};

/// Explain a decision: each flag's points, each rule's sums and what is missing, every change of
/// the measure, past and planned, and what people did about it. With --borrower, what the borrower
/// may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock explain --phone 13800138000
  interlock explain --phone 13800138000 --borrower --lang zh
  interlock explain --tag 9f2c...01 --at 2026-03-01T00:00:00Z -o json")]
pub(crate) struct Explain {
    #[command(flatten)]
    subject: SubjectArgs,
    /// At which instant. Default: now.
    #[arg(long, value_name = "TIME", value_parser = term::time)]
    at: Option<Time>,
    /// What the borrower may be told, instead of the arithmetic.
    #[arg(long)]
    borrower: bool,
    /// In which language the borrower is told.
    #[arg(long, value_name = "LANG", value_enum, default_value = "en", requires = "borrower")]
    lang: Language,
    #[command(flatten)]
    node: NodeArgs,
}

impl Explain {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let subject = self.subject.one()?.subject;
        let request = v1::ExplainRequest { subject: Some(subject), at: self.at.map(timestamp) };
        let node = self.node.connect().await?;
        let response =
            node.call(&request, |channel, request| async move {
                platform(channel).explain(request).await
            })
            .await?;
        if self.borrower {
            let view = response.borrower.unwrap_or_default().into();
            output.result(&Letter::new(view, self.lang))?;
        } else {
            output.result(&Account::from(response))?;
        }
        Ok(Exit::Done)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.decision;
        writeln!(f, "subject  {}", decision.subject)?;
        writeln!(f, "at       {}", or_dash(self.at.as_ref()))?;
        let until = decision.apply_until.map(|until| format!(", until {until}"));
        let until = until.unwrap_or_default();
        writeln!(f, "apply    {} ({}){until}", decision.apply, decision.because)?;
        for (whose, held) in [("consortium", &decision.consortium), ("own", &decision.own)] {
            writeln!(f, "{whose}: {}", sentence(held))?;
        }
        for act in &self.local {
            writeln!(f, "local: {act}")?;
        }
        write_flags(self, f)?;
        write_measures(&self.measures, f)?;
        write_transitions(self, f)?;
        for hint in &self.hints {
            writeln!(f, "\nhint: {hint}")?;
        }
        write!(f, "\n{}", self.freshness)
    }
}

fn sentence(decision: &DecisionView) -> String {
    let DecisionView { announced, effective, .. } = decision;
    let since = decision.since.map(|since| format!(", since {since}")).unwrap_or_default();
    let until = decision
        .until
        .map_or_else(|| ", no change to come".to_owned(), |until| format!(", until {until}"));
    format!("{announced} announced, {effective} in force{since}{until}")
}

fn write_flags(account: &Account, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if account.flags.is_empty() {
        return writeln!(f, "\nno flag is known");
    }
    let titles = [
        "#", "ISSUER", "REASON", "SEVERITY", "OBSERVED", "STANDING", "BASE", "CONF%", "TRUST%",
        "DECAY%", "CURED%", "POINTS", "SUPPORTS", "CASE",
    ];
    let mut table = Table::new(&titles)
        .right(&["#", "BASE", "CONF%", "TRUST%", "DECAY%", "CURED%", "POINTS"])
        .indented(2);
    for (number, flag) in (1u32..).zip(&account.flags) {
        table.row([
            number.to_string(),
            flag.issuer.clone(),
            flag.reason.clone(),
            flag.severity.clone(),
            or_dash(flag.observed_at.as_ref()),
            flag.standing.to_owned(),
            flag.base.to_string(),
            flag.confidence.to_string(),
            flag.trust.to_string(),
            flag.decay.to_string(),
            flag.cured.to_string(),
            flag.points.to_string(),
            flag.supports.clone(),
            flag.case_ref.clone(),
        ]);
    }
    writeln!(
        f,
        "\nflags (points = base x conf% x trust% x decay% x cured%, rounded down)\n{table}"
    )?;
    for (number, flag) in (1u32..).zip(&account.flags) {
        writeln!(f, "  flag {number} is {}", flag.statement)?;
    }
    Ok(())
}

fn write_measures(measures: &[MeasureView], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let titles =
        ["MEASURE", "POINTS", "OF", "KEPT AT", "WITNESSES", "OF ", "PEERS/1000", "OF  ", "RULE IS"];
    let mut table = Table::new(&titles).right(&titles[1..8]).indented(2);
    for measure in measures {
        for rule in &measure.rules {
            table.row([
                measure.measure.clone(),
                measure.points.to_string(),
                rule.points.to_string(),
                rule.exit_points.to_string(),
                measure.issuers.to_string(),
                rule.issuers.to_string(),
                measure.peer_permille.to_string(),
                rule.peer_permille.to_string(),
                rule.to_string(),
            ]);
        }
    }
    if table.is_empty() { Ok(()) } else { writeln!(f, "\nrules\n{table}") }
}

fn write_transitions(account: &Account, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut table = Table::new(&["AT", "FROM", "TO", "", "BECAUSE OF"]).indented(2);
    let number_of = |id: &String| {
        let place = account.flags.iter().position(|flag| flag.statement == *id);
        place.map_or_else(|| id.clone(), |place| format!("flag {}", place + 1))
    };
    let now = account.freshness.as_of.max(account.at);
    for TransitionView { at, from, to, because } in &account.transitions {
        let planned = if *at > now { "planned" } else { "" };
        let because: Vec<String> = because.iter().map(number_of).collect();
        table.row([
            or_dash(at.as_ref()),
            from.clone(),
            to.clone(),
            planned.to_owned(),
            because.join(", "),
        ]);
    }
    if table.is_empty() {
        writeln!(f, "\nno measure was ever announced")
    } else {
        writeln!(f, "\nchanges of the announced measure\n{table}")
    }
}

#[cfg(test)]
mod tests;
