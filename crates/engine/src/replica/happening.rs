//! What the journal tells: everything that happened at this replica, in order.

use interlock_record::{
    Digest, FeedId, FeedNumber, Measure, MemberId, StatementId, SubjectTag, Time,
};

use crate::ledger::LedgerFault;
use crate::ledger::rows::{JournalRow, measure};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A statement was accepted.
    Statement {
        /// What kind: a stable name such as `flag`.
        kind: &'static str,
        /// The statement.
        id: StatementId,
        /// The subject, where it names one or its target is known.
        subject: Option<SubjectTag>,
        /// Its issuer's feed.
        feed: FeedId,
        /// Its record's sequence number.
        sequence: u64,
    },
    /// A statement was accepted that means nothing.
    Inert {
        /// Why: a stable name.
        code: String,
        /// The statement.
        id: StatementId,
        /// Its issuer's feed.
        feed: FeedId,
        /// Its record's sequence number.
        sequence: u64,
    },
    /// A measure was announced.
    Announced(Decided),
    /// A measure came into force.
    Effective(Decided),
    /// What earlier entries told of the past is no longer so.
    Revised {
        /// What holds now instead.
        decided: Decided,
        /// The first entry that is no longer so.
        corrects: u64,
    },
    /// The breaker holds a record.
    Tripped {
        /// Its feed.
        feed: FeedId,
        /// Its sequence number.
        sequence: u64,
    },
    /// A feed has two records in one place.
    Equivocation {
        /// The feed.
        feed: FeedId,
        /// The place.
        sequence: u64,
    },
    /// A record came much later than its time.
    Late {
        /// Its feed.
        feed: FeedId,
        /// Its sequence number.
        sequence: u64,
        /// Its time.
        time: Time,
    },
    /// Many late flags of one feed.
    LateBurst {
        /// The feed.
        feed: FeedId,
        /// The record with which they became too many.
        sequence: u64,
        /// How many came within the window.
        flags: u64,
    },
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// On whom.
    pub subject: SubjectTag,
    /// Whether it is this member's own decision; else the consortium's.
    pub own: bool,
    /// The measure before.
    pub from: Measure,
    /// The measure from then on.
    pub to: Measure,
    /// When, by the timeline: the same at every member.
    pub at: Time,
    /// The flags that brought it about.
    pub because: Vec<StatementId>,
    /// Digest of the frontier on which it was taken.
    pub frontier: Digest,
}

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub number: u64,
    /// When it was written.
    pub recorded_at: Time,
    /// What happened.
    pub happening: Happening,
}

/// The kinds of statements that are journaled, by their number in the journal.
const STATEMENT_KINDS: [&str; 10] = [
    "flag", "withdraw", "recall", "dispute", "resolve", "cure", "receipt", "seen", "release",
    "erase",
];
const STATEMENT: u32 = 1;
const INERT: u32 = 2;
const ANNOUNCED: u32 = 3;
const EFFECTIVE: u32 = 4;
const REVISED: u32 = 5;
const TRIPPED: u32 = 6;
const EQUIVOCATION: u32 = 7;
const LATE: u32 = 21;
const LATE_BURST: u32 = 22;

impl Happening {
    /// A stable name of what happened.
    pub fn name(&self) -> String {
        match self {
            Self::Statement { kind, .. } => format!("{}_ACCEPTED", kind.to_ascii_uppercase()),
            Self::Inert { .. } => "STATEMENT_INERT".to_owned(),
            Self::Announced(_) => "DECISION_ANNOUNCED".to_owned(),
            Self::Effective(_) => "DECISION_EFFECTIVE".to_owned(),
            Self::Revised { .. } => "DECISION_REVISED".to_owned(),
            Self::Tripped { .. } => "BREAKER_TRIPPED".to_owned(),
            Self::Equivocation { .. } => "EQUIVOCATION".to_owned(),
            Self::Late { .. } => "RECORD_LATE".to_owned(),
            Self::LateBurst { .. } => "LATE_BURST".to_owned(),
        }
    }

    /// The row that keeps it.
    pub fn to_row(&self, recorded_at: Time) -> JournalRow {
        let mut row = JournalRow { recorded_at: recorded_at.micros(), ..JournalRow::default() };
        let place = |row: &mut JournalRow, feed: FeedId, sequence| {
            row.member = feed.member.to_string();
            row.feed = feed.number.0;
            row.sequence = sequence;
        };
        match self {
            Self::Statement { kind, id, subject, feed, sequence } => {
                row.kind = STATEMENT;
                (*kind).clone_into(&mut row.code);
                row.statement = id.0.to_vec();
                row.subject = subject.map(|tag| tag.0.to_vec()).unwrap_or_default();
                place(&mut row, *feed, *sequence);
            }
            Self::Inert { code, id, feed, sequence } => {
                row.kind = INERT;
                row.code.clone_from(code);
                row.statement = id.0.to_vec();
                place(&mut row, *feed, *sequence);
            }
            Self::Announced(decided) => decided.fill(&mut row, ANNOUNCED),
            Self::Effective(decided) => decided.fill(&mut row, EFFECTIVE),
            Self::Revised { decided, corrects } => {
                decided.fill(&mut row, REVISED);
                row.corrects = *corrects;
            }
            Self::Tripped { feed, sequence } => {
                row.kind = TRIPPED;
                place(&mut row, *feed, *sequence);
            }
            Self::Equivocation { feed, sequence } => {
                row.kind = EQUIVOCATION;
                place(&mut row, *feed, *sequence);
            }
            Self::Late { feed, sequence, time } => {
                row.kind = LATE;
                row.at = time.micros();
                place(&mut row, *feed, *sequence);
            }
            Self::LateBurst { feed, sequence, flags } => {
                row.kind = LATE_BURST;
                row.flags = *flags;
                place(&mut row, *feed, *sequence);
            }
        }
        row
    }
}

impl Decided {
    fn fill(&self, row: &mut JournalRow, kind: u32) {
        row.kind = kind;
        row.subject = self.subject.0.to_vec();
        row.own = self.own;
        row.from = u32::from(self.from.number());
        row.to = u32::from(self.to.number());
        row.at = self.at.micros();
        row.because = self.because.iter().map(|id| id.0.to_vec()).collect();
        row.frontier = self.frontier.0.to_vec();
    }

    fn of(row: &JournalRow) -> Option<Self> {
        Some(Self {
            subject: SubjectTag::from_slice(&row.subject)?,
            own: row.own,
            from: measure(row.from),
            to: measure(row.to),
            at: Time::from_micros(row.at)?,
            because: row
                .because
                .iter()
                .map(|id| StatementId::from_slice(id))
                .collect::<Option<_>>()?,
            frontier: Digest::from_slice(&row.frontier)?,
        })
    }
}

impl Event {
    /// The entry of a row.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    pub fn from_row(number: u64, row: &JournalRow) -> Result<Self, LedgerFault> {
        read(row)
            .and_then(|happening| {
                let recorded_at = Time::from_micros(row.recorded_at)?;
                Some(Self { number, recorded_at, happening })
            })
            .ok_or_else(|| LedgerFault::Corrupt {
                column: crate::ledger::Column::Journal.name(),
                what: format!("entry {number}"),
            })
    }
}

fn read(row: &JournalRow) -> Option<Happening> {
    let feed = || {
        let member: MemberId = row.member.parse().ok()?;
        Some(FeedId { member, number: FeedNumber(row.feed) })
    };
    let id = || StatementId::from_slice(&row.statement);
    let sequence = row.sequence;
    Some(match row.kind {
        STATEMENT => Happening::Statement {
            kind: STATEMENT_KINDS.into_iter().find(|kind| *kind == row.code)?,
            id: id()?,
            subject: SubjectTag::from_slice(&row.subject),
            feed: feed()?,
            sequence,
        },
        INERT => Happening::Inert { code: row.code.clone(), id: id()?, feed: feed()?, sequence },
        ANNOUNCED => Happening::Announced(Decided::of(row)?),
        EFFECTIVE => Happening::Effective(Decided::of(row)?),
        REVISED => Happening::Revised { decided: Decided::of(row)?, corrects: row.corrects },
        TRIPPED => Happening::Tripped { feed: feed()?, sequence },
        EQUIVOCATION => Happening::Equivocation { feed: feed()?, sequence },
        LATE => Happening::Late { feed: feed()?, sequence, time: Time::from_micros(row.at)? },
        LATE_BURST => Happening::LateBurst { feed: feed()?, sequence, flags: row.flags },
        _ => return None,
    })
}
