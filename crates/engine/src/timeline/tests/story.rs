//! Stories: what members say, a line each, made into evidence, and the timeline of it as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use interlock_record::{MemberId, Time};

use crate::evidence::Evidence;
use crate::evidence::jsonl::EvidenceFile;
use crate::policy::{Policy, Schedule};
use crate::timeline::{Setting, Timeline, View, timeline};

/// Two hard flags of two members lock, one is reviewed; half of the points keep what was entered.
pub(super) const POLICY: &str = r#"version = 1
notice_delay = "1d"
exit_percent = 50
dispute_deadline = "5d"
dispute_rest = "3d"
[reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "30d"
ceiling = "LOCK"
decay = [{ after = "10d", percent = 70 }, { after = "20d", percent = 30 }]
[reason.FRAUD_SUSPECTED]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "90d"
ceiling = "CLOSE"
[reason.IDENTITY_STALE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "90d"
ceiling = "REVIEW"
[reason.POLICY_CHANGE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "90d"
ceiling = "LOCK"
propagates = false
[[measure.REVIEW.rule]]
points = 20
[[measure.LOCK.rule]]
points = 100
issuers = 2
[cure.REPAID]
reasons = ["OVERDUE"]
scope = "own"
percent = 0
[cure.INCOME_VERIFIED]
reasons = ["OVERDUE"]
scope = "any"
percent = 60
"#;

const SECOND: i64 = 1_000_000;

/// The instant at which a day of the examples begins; days may have decimals.
pub(super) fn day(text: &str) -> Time {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let tenths: i64 = part.parse().expect("one decimal");
    let days: i64 = whole.parse().expect("a day");
    let first: Time = "2026-01-01T00:00:00Z".parse().expect("a time");
    let seconds = (days - 1) * 86_400 + tenths * 8_640;
    Time::from_micros(first.micros() + seconds * SECOND).expect("in range")
}

pub(super) fn day_of(at: Time) -> String {
    let first = day("1").micros();
    let tenths = (at.micros() - first) / (8_640 * SECOND) + 10;
    if tenths % 10 == 0 {
        (tenths / 10).to_string()
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// One line of an example as a line of an evidence file.
fn json(line: &str) -> String {
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap_or_else(|| panic!("{line:?} is too short"));
    let (time, issuer, verb) = (day(next()), next(), next());
    let mut text = format!("{{\"issuer\":\"{issuer}\",\"time\":\"{time}\"");
    let field = |text: &mut String, name: &str, value: &str| {
        let _ = write!(text, ",\"{name}\":\"{value}\"");
    };
    let kind = if verb == "echo" { "flag" } else { verb };
    field(&mut text, "kind", kind);
    let named: &[&str] = match verb {
        "flag" | "echo" => &["id", "severity"],
        "withdraw" => &["target"],
        "dispute" => &["id", "flag"],
        "resolve" => &["flag", "outcome"],
        "cure" => &["id", "cure"],
        "receipt" => &["measure"],
        "release" => &["flag"],
        _ => &[],
    };
    for name in named {
        let value = next();
        field(&mut text, name, value);
    }
    let mut given: BTreeSet<&str> = BTreeSet::new();
    for word in words {
        let (name, value) = word.split_once('=').expect("name=value");
        given.insert(name);
        let _ = match name {
            "held" | "confidence" => write!(text, ",\"{name}\":{value}"),
            "for" => write!(text, ",\"caused_by\":[\"{value}\"]"),
            "observed_at" | "expires_at" | "from" | "to" => {
                write!(text, ",\"{name}\":\"{}\"", day(value))
            }
            _ => write!(text, ",\"{name}\":\"{value}\""),
        };
    }
    let defaults: &[(&str, &str)] = match verb {
        "flag" | "echo" => {
            &[("reason", "\"OVERDUE\""), ("applied_measure", "\"CLOSE\""), ("confidence", "100")]
        }
        "withdraw" => &[("cause", "\"ERROR\"")],
        "recall" => &[
            ("from", "null"),
            ("to", "null"),
            ("reason", "null"),
            ("rule_version", "null"),
            ("cause", "\"ERROR\""),
        ],
        _ => &[],
    };
    for (name, value) in defaults.iter().filter(|(name, _)| !given.contains(name)) {
        let _ = write!(text, ",\"{name}\":{value}");
    }
    if verb == "receipt" && !given.contains("for") {
        text += ",\"caused_by\":[]";
    }
    if verb == "echo" {
        text += ",\"derived_from\":[\"elsewhere\"]";
    }
    if matches!(verb, "flag" | "echo" | "cure" | "receipt") {
        text += ",\"subject\":\"s\"";
    }
    text + "}"
}

pub(super) struct Example {
    policies: Schedule,
    evidence: Evidence,
    names: Vec<String>,
    members: BTreeSet<MemberId>,
    view: View,
}

pub(super) fn example(policy: &str, story: &str) -> Example {
    let policy = Policy::from_toml("policy.toml", policy).expect("a good policy");
    let lines: Vec<String> =
        story.lines().map(str::trim).filter(|line| !line.is_empty()).map(json).collect();
    let file = EvidenceFile::parse("story", &lines.join("\n")).expect("a good story");
    let members = file.issuers();
    let mut subject = file.subjects(&members).remove("s").unwrap_or_default();
    let names = std::mem::take(&mut subject.flag_ids);
    Example {
        policies: Schedule::constant(policy),
        evidence: subject.evidence,
        names,
        members,
        view: View::Consortium,
    }
}

impl Example {
    pub(super) fn seen_by(mut self, member: &str) -> Self {
        self.view = View::Member(member.parse().expect("an id"));
        self
    }

    pub(super) fn then(mut self, from: &str, policy: &str) -> Self {
        let policy = Policy::from_toml("policy.toml", policy).expect("a good policy");
        self.policies = self.policies.then(day(from), policy).expect("later");
        self
    }

    pub(super) fn timeline(&self) -> Timeline {
        let setting = Setting { policies: &self.policies, members: &self.members, view: self.view };
        timeline(&setting, &self.evidence)
    }

    /// Every transition as `day MEASURE flags`.
    pub(super) fn transitions(&self) -> String {
        let transitions = self.timeline().transitions.into_iter().map(|step| {
            let because: Vec<&str> =
                step.because.iter().map(|index| self.names[*index].as_str()).collect();
            format!("{} {} {}", day_of(step.at), step.to, because.join("+"))
        });
        transitions.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn effective(&self) -> String {
        let changes = self.timeline().effective_changes(&self.policies).into_iter();
        changes
            .map(|(at, measure)| format!("{} {measure}", day_of(at)))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
