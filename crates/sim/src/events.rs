//! Events as `interlock replay` plays them and `interlock issuers` looks at them: written and read.

mod read;

use std::fmt::{self, Write as _};

use interlock_record::{Measure, Reason, Severity, Time};

pub use read::{Event, Events, Purpose, Reading, read};

/// What a lender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// It raises a flag.
    Add,
    /// It withdraws the flag.
    Del,
    /// It says that the debt was paid: a cure.
    Repay,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayedEvent {
    /// When.
    pub time: Time,
    /// Which lender.
    pub issuer: String,
    /// What it does.
    pub op: Op,
    /// About whom.
    pub subject: String,
    /// What a flag says; nothing for a withdrawal or a cure.
    pub flag: Option<Said>,
}

/// What a flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Why.
    pub reason: Reason,
    /// How grave it is.
    pub severity: Severity,
    /// How sure the lender is, percent.
    pub confidence: u8,
    /// What it did itself.
    pub measure: Measure,
}

/// The header of a file of events.
pub const HEADER: &str = "time,issuer,op,subject,reason,severity,confidence,measure";

impl fmt::Display for PlayedEvent {
    /// A line of CSV without its end. Names here never need quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            Op::Add => "add",
            Op::Del => "del",
            Op::Repay => "repay",
        };
        write!(f, "{},{},{op},{},", self.time, self.issuer, self.subject)?;
        match self.flag {
            Some(Said { reason, severity, confidence, measure }) => {
                write!(f, "{reason},{severity},{confidence},{measure}")
            }
            None => f.write_str(",,,"),
        }
    }
}

/// A file of events, in order of time.
pub fn to_csv(mut events: Vec<PlayedEvent>) -> String {
    // Stable: what one lender does at one instant keeps its order.
    events.sort_by(|a, b| (a.time, &a.issuer).cmp(&(b.time, &b.issuer)));
    let mut text = format!("{HEADER}\n");
    for event in &events {
        writeln!(text, "{event}").expect("writing to a string cannot fail");
    }
    text
}
