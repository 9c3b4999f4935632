//! The node itself: how it is.

use std::fmt;

use interlock_record::{Measure, Time, hex};
use interlock_wire::v1;
use serde::Serialize;

use super::{ids, or_dash, short, some, time};
use crate::table::Table;

/// How the node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StatusView {
    pub member: String,
    pub feed: u32,
    pub consortium_name: String,
    pub consortium: String,
    pub charter_version: u32,
    pub version: String,
    pub started_at: Option<Time>,
    pub records: u64,
    pub journal: u64,
    pub subjects: Vec<SubjectsAt>,
    pub held_records: u64,
    pub equivocations: u64,
    pub frontier: Vec<HeadView>,
    pub frontier_digest: String,
    /// Why the node does not sign; none: it does.
    pub not_signing: Option<String>,
    pub cursor: String,
    pub late_records: u64,
    pub late_bursts: u64,
    /// Feeds whose late flags raise an alarm.
    pub late_feeds: Vec<String>,
    /// Charter versions that keep each other from holding; empty unless the charter forked.
    pub charter_rivals: Vec<String>,
    /// The epoch of the newest version's pepper, where that is not on the node.
    pub missing_pepper: Option<u32>,
}

/// How many subjects are at a measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SubjectsAt {
    pub measure: String,
    pub subjects: u64,
}

/// The head of one feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HeadView {
    pub member: String,
    pub feed: u32,
    pub sequence: u64,
    pub head: String,
    pub time: Option<Time>,
}

impl From<v1::GetStatusResponse> for StatusView {
    fn from(status: v1::GetStatusResponse) -> Self {
        let subjects = (0u32..).zip(&status.subjects).map(|(number, subjects)| SubjectsAt {
            measure: Measure::from_number(number)
                .map_or_else(|| format!("UNKNOWN_{number}"), |measure| measure.to_string()),
            subjects: *subjects,
        });
        let head = |head: &v1::FeedHead| HeadView {
            member: head.member.clone(),
            feed: head.feed,
            sequence: head.sequence,
            head: hex(&head.head),
            time: time(head.time),
        };
        Self {
            subjects: subjects.collect(),
            frontier: status.frontier.iter().map(head).collect(),
            member: status.member,
            feed: status.feed,
            consortium_name: status.consortium_name,
            consortium: hex(&status.consortium),
            charter_version: status.charter_version,
            version: status.version,
            started_at: time(status.started_at),
            records: status.records,
            journal: status.journal,
            held_records: status.held_records,
            equivocations: status.equivocations,
            frontier_digest: hex(&status.frontier_digest),
            not_signing: some(status.not_signing),
            cursor: status.cursor,
            late_records: status.late_records,
            late_bursts: status.late_bursts,
            late_feeds: status.late_feeds,
            charter_rivals: ids(&status.charter_rivals),
            missing_pepper: Some(status.missing_pepper).filter(|epoch| *epoch > 0),
        }
    }
}

impl fmt::Display for StatusView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.charter_rivals.is_empty() {
            writeln!(
                f,
                "CHARTER FORK {} rivals follow version {}, which stays in force until a version that names them all is signed (charter propose --resolves)",
                self.charter_rivals.len(),
                self.charter_version
            )?;
        }
        writeln!(f, "member       {} (feed {})", self.member, self.feed)?;
        writeln!(
            f,
            "consortium   {} ({}), charter version {}",
            self.consortium_name,
            short(&self.consortium),
            self.charter_version
        )?;
        if let Some(epoch) = self.missing_pepper {
            writeln!(
                f,
                "pepper       MISSING: that of epoch {epoch}; identifiers get no tag here once version {} is in force",
                self.charter_version
            )?;
        }
        writeln!(
            f,
            "program      {}, up since {}",
            self.version,
            or_dash(self.started_at.as_ref())
        )?;
        writeln!(
            f,
            "signing      {}",
            self.not_signing
                .as_deref()
                .map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"))
        )?;
        writeln!(
            f,
            "records      {} accepted, {} held by the breaker, {} equivocations known",
            self.records, self.held_records, self.equivocations
        )?;
        write!(f, "late         {} records, {} bursts", self.late_records, self.late_bursts)?;
        match self.late_feeds.as_slice() {
            [] => writeln!(f)?,
            feeds => writeln!(f, ", ALARM for {}", feeds.join(", "))?,
        }
        writeln!(f, "journal      {} entries, cursor {}", self.journal, self.cursor)?;
        let subjects: Vec<String> = self
            .subjects
            .iter()
            .rev()
            .filter(|at| at.subjects > 0)
            .map(|at| format!("{} at {}", at.subjects, at.measure))
            .collect();
        let subjects = if subjects.is_empty() { "none".to_owned() } else { subjects.join(", ") };
        writeln!(f, "subjects     {subjects}")?;
        writeln!(f, "frontier     {}", short(&self.frontier_digest))?;
        let mut table = Table::new(&["MEMBER", "FEED", "SEQUENCE", "HEAD", "TIME"])
            .right(&["FEED", "SEQUENCE"])
            .indented(2);
        for head in &self.frontier {
            table.row([
                head.member.clone(),
                head.feed.to_string(),
                head.sequence.to_string(),
                short(&head.head),
                or_dash(head.time.as_ref()),
            ]);
        }
        write!(f, "{table}")
    }
}
