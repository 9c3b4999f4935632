//! What the journal tells: everything that happened at this replica, in order.

use interlock_record::{
    Digest, FeedId, FeedNumber, Measure, MemberId, StatementId, SubjectTag, Time,
};

use super::local_happening::{self, LocalHappening};
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
    /// From some record on, or no longer, a forked feed means nothing.
    Void {
        /// The feed.
        feed: FeedId,
        /// The first record that means nothing; 0: all mean something again.
        from: u64,
    },
    /// Another branch of a forked feed turned out to be final and took the place of this node's.
    BranchTaken {
        /// The feed.
        feed: FeedId,
        /// The first record that is another.
        sequence: u64,
    },
    /// Another charter version holds.
    CharterChanged {
        /// The version.
        version: u32,
        /// Its hash.
        id: Digest,
        /// The version that held before.
        from: u32,
    },
    /// A charter version has rivals: none of them holds.
    CharterForked {
        /// The version.
        version: u32,
        /// The rivals' hashes.
        ids: Vec<Digest>,
    },
    /// A statement's content was destroyed.
    Erased {
        /// The statement.
        id: StatementId,
        /// Its issuer's feed.
        feed: FeedId,
        /// Its record's sequence number.
        sequence: u64,
    },
    /// Something that concerns this node alone, or whom it must remind.
    Local(LocalHappening),
    /// The node was started so that it signs without asking the others first.
    SigningForced {
        /// Why, in its operator's words.
        reason: String,
    },
    /// A backup was made.
    BackupMade {
        /// SHA-256 of its file.
        backup: Digest,
        /// How many records it has.
        records: u64,
    },
    /// This ledger was restored from a backup.
    Restored {
        /// SHA-256 of its file.
        backup: Digest,
        /// When it was made.
        made_at: Time,
        /// How many of its statements came back erased.
        erased: u64,
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
    /// The arrival number of the last record that had come; 0 in entries of before it was noted.
    pub arrivals: u64,
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
    /// Whether the node was in simulated mode then: nothing of it was applied.
    pub simulated: bool,
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
const VOID: u32 = 8;
const BRANCH_TAKEN: u32 = 9;
const CHARTER_CHANGED: u32 = 10;
const CHARTER_FORKED: u32 = 11;
const ERASED: u32 = 12;
const SIGNING_FORCED: u32 = 20;
const BACKUP_MADE: u32 = 40;
const RESTORED: u32 = 41;
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
            Self::Void { from: 0, .. } => "FEED_COUNTS_AGAIN".to_owned(),
            Self::Void { .. } => "FEED_VOID".to_owned(),
            Self::BranchTaken { .. } => "BRANCH_TAKEN".to_owned(),
            Self::CharterChanged { .. } => "CHARTER_CHANGED".to_owned(),
            Self::CharterForked { .. } => "CHARTER_FORKED".to_owned(),
            Self::Erased { .. } => "STATEMENT_ERASED".to_owned(),
            Self::Local(happening) => happening.name().to_owned(),
            Self::SigningForced { .. } => "SIGNING_FORCED".to_owned(),
            Self::BackupMade { .. } => "BACKUP_MADE".to_owned(),
            Self::Restored { .. } => "RESTORED".to_owned(),
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
            Self::Void { feed, from } => {
                row.kind = VOID;
                place(&mut row, *feed, *from);
            }
            Self::BranchTaken { feed, sequence } => {
                row.kind = BRANCH_TAKEN;
                place(&mut row, *feed, *sequence);
            }
            Self::CharterChanged { version, id, from } => {
                row.kind = CHARTER_CHANGED;
                (row.to, row.from) = (*version, *from);
                row.because = vec![id.0.to_vec()];
            }
            Self::CharterForked { version, ids } => {
                row.kind = CHARTER_FORKED;
                row.to = *version;
                row.because = ids.iter().map(|id| id.0.to_vec()).collect();
            }
            Self::Erased { id, feed, sequence } => {
                row.kind = ERASED;
                row.statement = id.0.to_vec();
                place(&mut row, *feed, *sequence);
            }
            Self::Local(happening) => happening.fill(&mut row),
            Self::SigningForced { reason } => {
                row.kind = SIGNING_FORCED;
                row.code.clone_from(reason);
            }
            Self::BackupMade { backup, records } => {
                row.kind = BACKUP_MADE;
                row.backup = backup.0.to_vec();
                row.count = *records;
            }
            Self::Restored { backup, made_at, erased } => {
                row.kind = RESTORED;
                row.backup = backup.0.to_vec();
                row.at = made_at.micros();
                row.count = *erased;
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
        row.arrivals = self.arrivals;
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
            arrivals: row.arrivals,
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
                Some(Self { number, recorded_at, happening, simulated: row.simulated })
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
        VOID => Happening::Void { feed: feed()?, from: sequence },
        BRANCH_TAKEN => Happening::BranchTaken { feed: feed()?, sequence },
        CHARTER_CHANGED => Happening::CharterChanged {
            version: row.to,
            id: Digest::from_slice(row.because.first()?)?,
            from: row.from,
        },
        CHARTER_FORKED => Happening::CharterForked {
            version: row.to,
            ids: row.because.iter().map(|id| Digest::from_slice(id)).collect::<Option<_>>()?,
        },
        ERASED => Happening::Erased { id: id()?, feed: feed()?, sequence },
        kind if local_happening::KINDS.contains(&kind) => {
            Happening::Local(LocalHappening::of(row)?)
        }
        SIGNING_FORCED => Happening::SigningForced { reason: row.code.clone() },
        BACKUP_MADE => {
            Happening::BackupMade { backup: Digest::from_slice(&row.backup)?, records: row.count }
        }
        RESTORED => Happening::Restored {
            backup: Digest::from_slice(&row.backup)?,
            made_at: Time::from_micros(row.at)?,
            erased: row.count,
        },
        LATE => Happening::Late { feed: feed()?, sequence, time: Time::from_micros(row.at)? },
        LATE_BURST => Happening::LateBurst { feed: feed()?, sequence, flags: row.flags },
        _ => return None,
    })
}
