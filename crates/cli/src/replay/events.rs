//! The file of events: read and checked as a whole before anything is sent.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use csv::{Position, ReaderBuilder, StringRecord};
use interlock_engine::text::FileError;
use interlock_record::{IdType, MemberId, Time, normalise};
pub(crate) use interlock_sim::events::{Op, Said as Terms};

use super::map::NodeMap;
use crate::file::open_maybe_zipped;

/// The most events of one file; they are all kept in memory.
const MAX_EVENTS: usize = 20_000_000;

/// One event of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The line it is on.
    pub line: u64,
    /// When it happened.
    pub at: Time,
    pub op: Op,
    pub subject: String,
    pub terms: Terms,
    /// How many entries the issuer changed at once; 1 where that is not read.
    pub batch: u64,
}

/// Each issuer's events in their order.
pub(crate) type Events = BTreeMap<String, Vec<Event>>;

/// How a file's lines are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// What a flag says where its line does not.
    pub terms: Terms,
    /// What for.
    pub purpose: Purpose<'a>,
}

/// What events are read for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// They are sent to nodes: each issuer has one, and subjects are identifiers that validate.
    Sending {
        /// What kind of identifier the subjects are.
        id_type: IdType,
        /// The issuers that have a node.
        map: &'a NodeMap,
    },
    /// They are looked at: subjects are names, and the column `batch` is read where there is one.
    LookingAt,
}

/// Reads the file, gzipped or not; `-` is stdin.
///
/// # Errors
/// With file and line for the first event that is not understood.
pub(crate) fn read(path: &Path, reading: &Reading<'_>) -> anyhow::Result<Events> {
    let name = path.display().to_string();
    let input = open_maybe_zipped(path)?;
    Ok(parse(&name, input, reading)?)
}

fn parse(file: &str, input: impl Read, reading: &Reading<'_>) -> Result<Events, FileError> {
    let at = |line: u64, message: String| FileError {
        file: file.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        message,
    };
    let mut reader = ReaderBuilder::new().from_reader(input);
    let columns = reader.headers().map_err(|error| csv_error(file, &error))?;
    let columns = Columns::of(columns).map_err(|message| at(1, message))?;
    let mut events = Events::new();
    let mut count = 0;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| csv_error(file, &error))? {
        let line = record.position().map_or(0, Position::line);
        let (issuer, event) =
            columns.event(line, &record, reading).map_err(|message| at(line, message))?;
        count += 1;
        if count > MAX_EVENTS {
            return Err(at(line, format!("expected at most {MAX_EVENTS} events: split the file")));
        }
        let of_issuer = match events.get_mut(issuer) {
            Some(of_issuer) => of_issuer,
            None => events.entry(issuer.to_owned()).or_default(),
        };
        if let Some(last) = of_issuer.last().filter(|last: &&Event| last.at > event.at) {
            let message = format!(
                "time: expected no time before {}, that of this issuer's event before, got {}",
                last.at, event.at
            );
            return Err(at(line, message));
        }
        of_issuer.push(event);
    }
    if events.is_empty() {
        return Err(at(2, "expected at least one event after the header".to_owned()));
    }
    Ok(events)
}

/// What the CSV reader says, with file and line.
fn csv_error(file: &str, error: &csv::Error) -> FileError {
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("expected {expected_len} fields as in the header, got {len}")
        }
        csv::ErrorKind::Utf8 { .. } => "expected text in UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => format!("cannot read on: {error}"),
        _ => error.to_string(),
    };
    let line = error.position().map_or(1, Position::line);
    FileError { file: file.to_owned(), line: u32::try_from(line).unwrap_or(u32::MAX), message }
}

/// Where each field is.
#[derive(Debug, Clone, Copy)]
struct Columns {
    time: usize,
    issuer: usize,
    op: usize,
    subject: usize,
    reason: Option<usize>,
    severity: Option<usize>,
    confidence: Option<usize>,
    measure: Option<usize>,
    batch: Option<usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let optional = |name: &str| {
            let mut places = header.iter().enumerate().filter(|(_, title)| title.trim() == name);
            match (places.next(), places.next()) {
                (place, None) => Ok(place.map(|(index, _)| index)),
                _ => Err(format!("expected one column {name:?}, got more")),
            }
        };
        let required = |name: &str| {
            optional(name)?.ok_or_else(|| {
                format!("expected a header with time, issuer, op and subject; {name:?} is missing")
            })
        };
        Ok(Self {
            time: required("time")?,
            issuer: required("issuer")?,
            op: required("op")?,
            subject: required("subject")?,
            reason: optional("reason")?,
            severity: optional("severity")?,
            confidence: optional("confidence")?,
            measure: optional("measure")?,
            batch: optional("batch")?,
        })
    }

    fn event<'r>(
        &self,
        line: u64,
        record: &'r StringRecord,
        reading: &Reading<'_>,
    ) -> Result<(&'r str, Event), String> {
        let field = |index: usize| record.get(index).unwrap_or_default().trim();
        let issuer = field(self.issuer);
        let subject = field(self.subject);
        let batch = match reading.purpose {
            Purpose::Sending { map, .. } if !map.contains_key(issuer) => {
                return Err(format!(
                    "issuer: {issuer:?} has no node, expected --map {issuer}=ADDR"
                ));
            }
            Purpose::Sending { id_type, .. } => {
                // The error says what is wrong, never the identifier.
                normalise(id_type, subject).map_err(|error| format!("subject: {error}"))?;
                1
            }
            Purpose::LookingAt => {
                issuer.parse::<MemberId>().map_err(|error| format!("issuer: {error}"))?;
                self.batch(record)?
            }
        };
        let op = match field(self.op) {
            "add" => Op::Add,
            "del" => Op::Del,
            "repay" => Op::Repay,
            other => return Err(format!("op: expected add, del or repay, got {other:?}")),
        };
        let default = reading.terms;
        let confidence = given(record, self.confidence).map(|text| {
            let number = text.parse().ok().filter(|number| (1..=100).contains(number));
            number.ok_or_else(|| {
                format!("confidence: expected a whole number from 1 to 100, got {text:?}")
            })
        });
        let terms = Terms {
            reason: term(record, "reason", self.reason, default.reason)?,
            severity: term(record, "severity", self.severity, default.severity)?,
            confidence: confidence.transpose()?.unwrap_or(default.confidence),
            measure: term(record, "measure", self.measure, default.measure)?,
        };
        let at = field(self.time).parse().map_err(|error| format!("time: {error}"))?;
        Ok((issuer, Event { line, at, op, subject: subject.to_owned(), terms, batch }))
    }

    fn batch(&self, record: &StringRecord) -> Result<u64, String> {
        given(record, self.batch).map_or(Ok(1), |text| {
            text.parse().map_err(|_| format!("batch: expected a whole number, got {text:?}"))
        })
    }
}

/// What an optional column says; nothing where it is empty.
fn given(record: &StringRecord, column: Option<usize>) -> Option<&str> {
    record.get(column?).map(str::trim).filter(|text| !text.is_empty())
}

fn term<T: FromStr<Err = interlock_record::UnknownTerm>>(
    record: &StringRecord,
    name: &str,
    column: Option<usize>,
    default: T,
) -> Result<T, String> {
    match given(record, column) {
        Some(text) => text.parse().map_err(|error| format!("{name}: {error}")),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests;
