//! The policy file: every key, its range and its default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use interlock_record::{CureKind, IdType, Measure, MemberId, Reason, Severity, Span};

use super::{
    Confirm, CurePolicy, CureScope, DecayStep, MeasurePolicy, PeerReceipts, Policy, ReasonPolicy,
    Rule,
};
use crate::limits::{
    MAX_BASE_POINTS, MAX_CRITERION_BYTES, MAX_DECAY_STEPS, MAX_MEMBERS, MAX_RULES, MAX_THRESHOLD,
    MAX_TRUST_PERCENT,
};
use crate::text::{FileError, Item, Table};

const FORMAT: u64 = 1;
const DEFAULT_NOTICE_DELAY: Span = Span::from_secs(2);
const DEFAULT_ISSUER_CAP: u64 = 100;
const DEFAULT_WITNESS_POINTS: u64 = 20;
const DEFAULT_EXIT_PERCENT: u64 = 80;
const DEFAULT_TRUST_PERCENT: u64 = 100;
const DEFAULT_DISPUTE_DEADLINE: Span = Span::from_days(20);
const DEFAULT_DISPUTE_REST: Span = Span::from_days(90);

type Read<T> = Result<T, FileError>;

pub(super) fn policy(table: &mut Table<'_>) -> Read<Policy> {
    table.require("version")?.whole(FORMAT..=FORMAT)?;
    let (default_trust, trust) =
        table.optional("trust", trust)?.unwrap_or((DEFAULT_TRUST_PERCENT, BTreeMap::new()));
    Ok(Policy {
        notice_delay: parsed(table, "notice_delay")?.unwrap_or(DEFAULT_NOTICE_DELAY),
        issuer_cap: whole(table, "issuer_cap", 0..=MAX_THRESHOLD)?.unwrap_or(DEFAULT_ISSUER_CAP),
        witness_points: whole(table, "witness_points", 1..=MAX_THRESHOLD)?
            .unwrap_or(DEFAULT_WITNESS_POINTS),
        exit_percent: whole(table, "exit_percent", 1..=100)?.unwrap_or(DEFAULT_EXIT_PERCENT),
        skin_in_game: table.optional("skin_in_game", Item::boolean)?.unwrap_or(true),
        peer_receipts: table
            .choice(
                "peer_receipts",
                &[("ignore", PeerReceipts::Ignore), ("count", PeerReceipts::Count)],
            )?
            .unwrap_or(PeerReceipts::Ignore),
        peers: table.optional("peers", members)?.unwrap_or_default(),
        groups: table.optional("groups", groups)?.unwrap_or_default(),
        dispute_deadline: parsed(table, "dispute_deadline")?.unwrap_or(DEFAULT_DISPUTE_DEADLINE),
        dispute_rest: parsed(table, "dispute_rest")?.unwrap_or(DEFAULT_DISPUTE_REST),
        default_trust,
        trust,
        id_type_ceilings: named::<IdType, _>(table, "id_type", |table| {
            table.require("ceiling")?.parse()
        })?,
        reasons: reasons(table)?,
        measures: measures(table)?,
        cures: named::<CureKind, _>(table, "cure", cure)?,
        release_k: 1,
    })
}

fn parsed<T: FromStr<Err: Display>>(table: &mut Table<'_>, key: &'static str) -> Read<Option<T>> {
    table.optional(key, Item::parse)
}

fn whole(
    table: &mut Table<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Read<Option<u64>> {
    table.optional(key, |item| item.whole(range))
}

/// A table whose keys are the terms of a vocabulary.
fn named<K, V>(
    table: &mut Table<'_>,
    key: &'static str,
    read: impl Fn(&mut Table<'_>) -> Read<V>,
) -> Read<BTreeMap<K, V>>
where
    K: FromStr<Err: Display> + Ord,
{
    let rows = table.optional(key, |item| {
        item.table(|table| {
            table
                .take_rest()
                .into_iter()
                .map(|(name, item)| {
                    let term = name.parse::<K>().map_err(|error| item.key_error(error))?;
                    Ok((term, item.table(&read)?))
                })
                .collect()
        })
    })?;
    Ok(rows.unwrap_or_default())
}

/// Members, each once.
pub(crate) fn members(item: &Item<'_>) -> Read<BTreeSet<MemberId>> {
    let mut members = BTreeSet::new();
    for entry in item.list(MAX_MEMBERS)? {
        if !members.insert(entry.parse()?) {
            return Err(entry.error("expected each member once"));
        }
    }
    Ok(members)
}

fn groups(item: &Item<'_>) -> Read<Vec<BTreeSet<MemberId>>> {
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for entry in item.list(MAX_MEMBERS)? {
        let group = members(&entry)?;
        if group.is_empty() {
            return Err(entry.error("expected at least one member"));
        }
        if let Some(member) = group.iter().find(|member| !seen.insert(**member)) {
            return Err(
                entry.error(format!("expected each member in one group, {member} is in two"))
            );
        }
        groups.push(group);
    }
    Ok(groups)
}

fn trust(item: &Item<'_>) -> Read<(u64, BTreeMap<MemberId, u64>)> {
    item.table(|table| {
        let default = whole(table, "default", 0..=MAX_TRUST_PERCENT)?;
        let trust = table
            .take_rest()
            .into_iter()
            .map(|(name, item)| {
                let member = name.parse().map_err(|error| item.key_error(error))?;
                Ok((member, item.whole(0..=MAX_TRUST_PERCENT)?))
            })
            .collect::<Read<_>>()?;
        Ok((default.unwrap_or(DEFAULT_TRUST_PERCENT), trust))
    })
}

fn reasons(table: &mut Table<'_>) -> Read<BTreeMap<Reason, ReasonPolicy>> {
    let mut reasons = named::<Reason, _>(table, "reason", reason)?;
    for (reason, (policy, disputed)) in &mut reasons {
        policy.disputed_ceiling = disputed.unwrap_or(match reason {
            // An objection neither clears a fraudster nor leaves an innocent person locked.
            Reason::FraudSuspected => Measure::Freeze,
            _ => Measure::Review,
        });
    }
    Ok(reasons.into_iter().map(|(reason, (policy, _))| (reason, policy)).collect())
}

fn reason(table: &mut Table<'_>) -> Read<(ReasonPolicy, Option<Measure>)> {
    let points = table.require("points")?.table(|table| {
        let mut points = [0; 4];
        for (slot, severity) in points.iter_mut().zip(Severity::ALL) {
            *slot = table.require(severity.name())?.whole(0..=MAX_BASE_POINTS)?;
        }
        Ok(points)
    })?;
    let policy = ReasonPolicy {
        points,
        max_life: table.require("max_life")?.parse()?,
        ceiling: table.require("ceiling")?.parse()?,
        propagates: table.optional("propagates", Item::boolean)?.unwrap_or(true),
        disputed_ceiling: Measure::None,
        decay: table.optional("decay", decay)?.unwrap_or_default(),
        criteria: table.optional("criteria", criteria)?.unwrap_or_default(),
    };
    Ok((policy, parsed(table, "disputed_ceiling")?))
}

fn decay(item: &Item<'_>) -> Read<Vec<DecayStep>> {
    let mut steps: Vec<DecayStep> = Vec::new();
    for entry in item.list(MAX_DECAY_STEPS)? {
        let step = entry.table(|table| {
            Ok(DecayStep {
                after: table.require("after")?.parse()?,
                percent: table.require("percent")?.whole(0..=100)?,
            })
        })?;
        if steps.last().is_some_and(|last| last.after >= step.after) {
            return Err(entry.error("expected `after` to rise from step to step"));
        }
        if steps.last().is_some_and(|last| last.percent <= step.percent) {
            return Err(entry.error("expected `percent` to fall from step to step"));
        }
        steps.push(step);
    }
    Ok(steps)
}

fn criteria(item: &Item<'_>) -> Read<BTreeMap<Severity, String>> {
    item.table(|table| {
        table
            .take_rest()
            .into_iter()
            .map(|(name, item)| {
                let severity = name.parse().map_err(|error| item.key_error(error))?;
                let text = item.text()?;
                if text.len() > MAX_CRITERION_BYTES {
                    return Err(item.error(format!("expected at most {MAX_CRITERION_BYTES} bytes")));
                }
                Ok((severity, text.to_owned()))
            })
            .collect()
    })
}

fn measures(table: &mut Table<'_>) -> Read<BTreeMap<Measure, MeasurePolicy>> {
    named::<Measure, _>(table, "measure", |table| {
        let policy = MeasurePolicy {
            confirm: table
                .choice("confirm", &[("auto", Confirm::Auto), ("manual", Confirm::Manual)])?
                .unwrap_or(Confirm::Auto),
            rules: table.optional("rule", rules)?.unwrap_or_default(),
        };
        Ok(policy)
    })
    .and_then(|measures| {
        if measures.contains_key(&Measure::None) {
            return Err(table.error("measure.NONE: expected a measure above NONE"));
        }
        Ok(measures)
    })
}

/// The rules of one measure.
pub(crate) fn rules(item: &Item<'_>) -> Read<Vec<Rule>> {
    item.list(MAX_RULES)?.iter().map(rule).collect()
}

fn rule(item: &Item<'_>) -> Read<Rule> {
    item.table(|table| {
        let rule = Rule {
            points: whole(table, "points", 0..=MAX_THRESHOLD)?.unwrap_or(0),
            issuers: whole(table, "issuers", 0..=MAX_THRESHOLD)?.unwrap_or(0),
            peer_permille: whole(table, "peer_permille", 0..=1_000)?.unwrap_or(0),
        };
        if rule.points == 0 && rule.issuers == 0 && rule.peer_permille == 0 {
            return Err(table.error(
                "expected points, issuers or peer_permille above 0: a rule that asks for nothing is always met",
            ));
        }
        Ok(rule)
    })
}

fn cure(table: &mut Table<'_>) -> Read<CurePolicy> {
    let mut reasons = BTreeSet::new();
    for entry in table.require("reasons")?.list(Reason::ALL.len())? {
        if !reasons.insert(entry.parse()?) {
            return Err(entry.error("expected each reason once"));
        }
    }
    let scope = table.require("scope")?;
    let scope = match scope.text()? {
        "own" => CureScope::Own,
        "any" => CureScope::Any,
        other => {
            return Err(scope.error(format!("expected \"own\" or \"any\", got {other:?}")));
        }
    };
    Ok(CurePolicy { reasons, scope, percent: table.require("percent")?.whole(0..=100)? })
}
