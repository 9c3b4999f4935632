//! The scenario file: what stands at its top, and the policies that it names.

use std::cell::RefCell;

use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::text::{FileError, Item, Table, parse_toml};
use interlock_record::{Measure, Span, Time};

use super::read_cause::{cause, statements};
use super::read_parts::{borrowers, delays, platforms, review};
use super::{MAX_CAUSES, MAX_STATEMENTS, Scenario, Setting, settings};

pub(super) type Read<T> = Result<T, FileError>;

/// Gives the text of a file that a scenario names, or says why it cannot.
pub type Load<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

const FORMAT: u64 = 1;
const DEFAULT_START: &str = "2026-01-01T00:00:00Z";
const DEFAULT_COLLECTIVE_PERMILLE: u64 = 900;
/// The most policies that follow the first.
const MAX_LATER_POLICIES: usize = 16;
/// Settings of the policy file begin so.
const POLICY_PREFIX: &str = "policy.";

/// What is needed to read the files that a scenario names.
pub(super) struct Files<'a> {
    load: &'a Load<'a>,
    settings: &'a [Setting],
    texts: RefCell<Vec<(String, String)>>,
}

impl Scenario {
    /// Reads a scenario. `file` is its name, for errors only; `load` gives the files that it names;
    /// `settings` replace values in it, and in the policy file where their key begins with `policy.`.
    ///
    /// # Errors
    /// [`FileError`] with line and what was expected, for anything that is not understood.
    pub fn parse(file: &str, text: &str, settings: &[Setting], load: &Load<'_>) -> Read<Self> {
        let (policy, own): (Vec<Setting>, Vec<Setting>) =
            settings.iter().cloned().partition(|setting| setting.key.starts_with(POLICY_PREFIX));
        let policy: Vec<Setting> = policy
            .into_iter()
            .map(|setting| Setting {
                key: setting.key[POLICY_PREFIX.len()..].to_owned(),
                ..setting
            })
            .collect();
        let text = settings::apply(file, text, &own)?;
        let files = Files {
            load,
            settings: &policy,
            texts: RefCell::new(vec![(file.to_owned(), text.clone())]),
        };
        parse_toml(file, &text, |table| scenario(table, &files))
    }
}

impl Files<'_> {
    /// The text of the file that `item` names, with `settings` in it.
    pub(super) fn text(&self, item: &Item<'_>, settings: &[Setting]) -> Read<(String, String)> {
        let name = item.text()?;
        let text = (self.load)(name).map_err(|why| item.error(why))?;
        let text = settings::apply(name, &text, settings)?;
        self.texts.borrow_mut().push((name.to_owned(), text.clone()));
        Ok((name.to_owned(), text))
    }

    fn policy(&self, item: &Item<'_>) -> Read<Policy> {
        let (name, text) = self.text(item, self.settings)?;
        Policy::from_toml(&name, &text)
    }
}

fn scenario(table: &mut Table<'_>, files: &Files<'_>) -> Read<Scenario> {
    table.require("version")?.whole(FORMAT..=FORMAT)?;
    let name = table.require("name")?.text()?.to_owned();
    let about = table.take("about").map(|item| item.text()).transpose()?.unwrap_or("").to_owned();
    let start: Time = match table.take("start") {
        Some(item) => item.parse()?,
        None => DEFAULT_START.parse().map_err(|error| table.error(error))?,
    };
    let horizon = span(&table.require("horizon")?, Span::from_secs(1))?;
    let watch = watch(table)?;
    let collective_permille =
        table.optional("collective_permille", |item| item.whole(1..=1_000))?;
    let mut policies = Schedule::constant(files.policy(&table.require("policy")?)?);
    if let Some(item) = table.take("later_policy") {
        for item in item.list(MAX_LATER_POLICIES)? {
            policies = later(&item, policies, start, files)?;
        }
    }
    let platforms = table.require("platforms")?.table(|table| platforms(table, files))?;
    if let Some(breaker) = &platforms.breaker {
        let release_k = breaker.release_k;
        policies = policies.map(|policy| Policy { release_k, ..policy.clone() });
    }
    let borrowers = table.require("borrowers")?.table(|table| borrowers(table, &platforms))?;
    let delays = table.optional("delays", |item| item.table(delays))?.unwrap_or_default();
    let review = table.optional("review", |item| item.table(review))?.unwrap_or_default();
    let causes = causes(table, platforms.count)?;
    let most_lenders = borrowers.lenders.iter().map(|(count, _)| *count).max().unwrap_or(0);
    let most: u64 =
        causes.iter().map(|cause| statements(cause, platforms.count, most_lenders)).sum();
    if most > MAX_STATEMENTS {
        return Err(table.error(format!(
            "expected causes that lead to at most {MAX_STATEMENTS} statements about one borrower, got {most}"
        )));
    }
    let texts = files.texts.borrow().clone();
    Ok(Scenario {
        name,
        about,
        start,
        horizon,
        watch,
        collective_permille: collective_permille.unwrap_or(DEFAULT_COLLECTIVE_PERMILLE),
        policies,
        platforms,
        borrowers,
        delays,
        review,
        causes,
        texts,
    })
}

fn watch(table: &mut Table<'_>) -> Read<Measure> {
    let Some(item) = table.take("watch") else { return Ok(Measure::Lock) };
    match item.parse()? {
        Measure::None => Err(item.error("expected a measure above NONE")),
        measure => Ok(measure),
    }
}

fn later(item: &Item<'_>, policies: Schedule, start: Time, files: &Files<'_>) -> Read<Schedule> {
    item.table(|table| {
        let after = table.require("after")?;
        let from = start.plus(span(&after, Span::ZERO)?);
        let policy = files.policy(&table.require("policy")?)?;
        policies.then(from, policy).map_err(|error| after.error(error))
    })
}

fn causes(table: &mut Table<'_>, platforms: u32) -> Read<Vec<super::Cause>> {
    let mut causes: Vec<super::Cause> = Vec::new();
    let item = table.require("cause")?;
    for entry in item.list(MAX_CAUSES)? {
        let read = entry.table(|table| cause(table, platforms))?;
        if causes.iter().any(|earlier| earlier.name == read.name) {
            return Err(entry.error(format!(
                "expected causes with different names, {:?} is there twice",
                read.name
            )));
        }
        causes.push(read);
    }
    Ok(causes)
}

/// A duration of at least `least`.
pub(super) fn span(item: &Item<'_>, least: Span) -> Read<Span> {
    let span: Span = item.parse()?;
    if span < least {
        return Err(item.error(format!("expected a duration of at least {least}, got {span}")));
    }
    Ok(span)
}
