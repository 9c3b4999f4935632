//! One line of an evidence file: its kind, its fields, their ranges.

use interlock_record::{
    CureKind, IdType, Measure, MemberId, Outcome, Reason, Recall, Severity, Time, WithdrawCause,
};

use super::MAX_LINE_BYTES;
use super::fields::Fields;
use crate::evidence::Origin;
use crate::text::quoted;

/// One line, its references not yet resolved.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub number: u32,
    pub issuer: MemberId,
    pub time: Time,
    pub kind: Kind,
}

/// What a line says.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Flag(FlagLine),
    Withdraw { target: String },
    Recall(Recall),
    Dispute { id: String, flag: String },
    Resolve { flag: String, outcome: Outcome },
    Cure { id: String, subject: String, kind: CureKind },
    Receipt { subject: String, measure: Measure, caused_by: Vec<String> },
    Release { flag: String },
}

/// A flag's line.
#[derive(Debug, Clone)]
pub(super) struct FlagLine {
    pub id: String,
    pub subject: String,
    pub id_type: IdType,
    pub reason: Reason,
    pub severity: Severity,
    pub confidence: u8,
    pub applied_measure: Measure,
    pub observed_at: Time,
    pub expires_at: Option<Time>,
    pub rule_version: Option<String>,
    pub origin: Origin,
    pub held: bool,
}

type Taken<T> = Result<T, String>;

const KINDS: &str = "flag, withdraw, recall, dispute, resolve, cure, receipt, release";

pub(super) fn line(number: u32, text: &str) -> Taken<Line> {
    if text.len() > MAX_LINE_BYTES {
        return Err(format!("expected at most {MAX_LINE_BYTES} bytes a line, got {}", text.len()));
    }
    let mut fields = Fields::parse(text)?;
    let name = fields.require("kind")?.text()?.to_owned();
    let read = match name.as_str() {
        "flag" => flag,
        "withdraw" => withdraw,
        "recall" => recall,
        "dispute" => dispute,
        "resolve" => resolve,
        "cure" => cure,
        "receipt" => receipt,
        "release" => release,
        other => return Err(format!("\"kind\": expected one of {KINDS}, got {}", quoted(other))),
    };
    let issuer = fields.require("issuer")?.parse()?;
    let time = fields.require("time")?.parse()?;
    let kind = read(&mut fields, time)?;
    fields.finish(&name)?;
    Ok(Line { number, issuer, time, kind })
}

fn flag(fields: &mut Fields, time: Time) -> Taken<Kind> {
    let observed_at = match fields.optional("observed_at") {
        None => time,
        Some(field) => {
            let observed_at = field.parse()?;
            if observed_at > time {
                return Err(field.error(format!(
                    "expected a time not after the flag's own, {time}, got {observed_at}"
                )));
            }
            observed_at
        }
    };
    let derived_from = fields.optional("derived_from").map(|field| field.names()).transpose()?;
    Ok(Kind::Flag(FlagLine {
        id: fields.require("id")?.name()?,
        subject: fields.require("subject")?.name()?,
        id_type: fields
            .optional("id_type")
            .map(|field| field.parse())
            .transpose()?
            .unwrap_or(IdType::IdNumber),
        reason: fields.require("reason")?.parse()?,
        severity: fields.require("severity")?.parse::<Severity>()?,
        confidence: fields.require("confidence")?.whole(1, 100)?,
        applied_measure: fields.require("applied_measure")?.parse()?,
        observed_at,
        expires_at: fields.optional("expires_at").map(|field| field.parse()).transpose()?,
        rule_version: fields.optional("rule_version").map(|field| field.name()).transpose()?,
        origin: match derived_from {
            Some(flags) if !flags.is_empty() => Origin::Echo,
            _ => Origin::FirstHand,
        },
        held: fields.optional("held").map(|field| field.boolean()).transpose()?.unwrap_or(false),
    }))
}

fn withdraw(fields: &mut Fields, _: Time) -> Taken<Kind> {
    fields.require("cause")?.parse::<WithdrawCause>()?;
    Ok(Kind::Withdraw { target: fields.require("target")?.name()? })
}

fn recall(fields: &mut Fields, _: Time) -> Taken<Kind> {
    let from = fields.require("from")?.nullable().map(|field| field.parse()).transpose()?;
    let to = fields.require("to")?.nullable().map(|field| field.parse()).transpose()?;
    let reason = fields.require("reason")?.nullable().map(|f| f.parse::<Reason>()).transpose()?;
    let rule_version =
        fields.require("rule_version")?.nullable().map(|field| field.name()).transpose()?;
    let cause = fields.require("cause")?.parse()?;
    Ok(Kind::Recall(Recall { from, to, rule_version, reason, cause }))
}

fn dispute(fields: &mut Fields, _: Time) -> Taken<Kind> {
    Ok(Kind::Dispute { id: fields.require("id")?.name()?, flag: fields.require("flag")?.name()? })
}

fn resolve(fields: &mut Fields, _: Time) -> Taken<Kind> {
    Ok(Kind::Resolve {
        flag: fields.require("flag")?.name()?,
        outcome: fields.require("outcome")?.parse()?,
    })
}

fn cure(fields: &mut Fields, _: Time) -> Taken<Kind> {
    Ok(Kind::Cure {
        id: fields.require("id")?.name()?,
        subject: fields.require("subject")?.name()?,
        kind: fields.require("cure")?.parse()?,
    })
}

fn receipt(fields: &mut Fields, _: Time) -> Taken<Kind> {
    Ok(Kind::Receipt {
        subject: fields.require("subject")?.name()?,
        measure: fields.require("measure")?.parse()?,
        caused_by: fields.require("caused_by")?.names()?,
    })
}

fn release(fields: &mut Fields, _: Time) -> Taken<Kind> {
    Ok(Kind::Release { flag: fields.require("flag")?.name()? })
}
