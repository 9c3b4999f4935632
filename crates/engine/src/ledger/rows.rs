//! What stands in the ledger's columns. Rows are protobuf, so that a later version can add to them.

mod decisions;
mod evidence;
mod journal;
mod local;
mod records;
mod trust;
mod upkeep;

use prost::Message;

pub use decisions::{DecisionRow, EffectiveRow, ScopeRow, TransitionRow, measure};
pub use evidence::{EvidenceRow, Inserted, Placed, StatementRow, TargetRow};
pub use journal::{CountersRow, JournalRow, RequestRow};
pub use local::{
    ActRow, AuditHeadRow, AuditRow, DisputeRow, LocalRow, QueueRow, SealedRow, SettingsRow,
};
pub use records::{BranchRow, ForkRow, HeadRow, IndexRow, LogRow};
pub use trust::{
    CharterRow, CharterSignatureRow, DisputeDayRow, ErasureRow, HoleRow, SeenMark, SeenRow,
};
pub use upkeep::{DestroyingRow, RestoreRow, RetentionRow, RevisitRow};

use super::{Column, LedgerFault};

/// A row that knows its column.
pub trait StoredRow: Sized {
    /// The column.
    const COLUMN: Column;
    /// The row's bytes.
    fn encode(&self) -> Vec<u8>;
    /// The row of these bytes.
    ///
    /// # Errors
    /// [`LedgerFault::Corrupt`].
    fn decode(bytes: &[u8]) -> Result<Self, LedgerFault>;
}

macro_rules! stored {
    ($($row:ty => $column:ident),+ $(,)?) => {$(
        impl StoredRow for $row {
            const COLUMN: Column = Column::$column;

            fn encode(&self) -> Vec<u8> {
                self.encode_to_vec()
            }

            fn decode(bytes: &[u8]) -> Result<Self, LedgerFault> {
                Message::decode(bytes).map_err(|error| corrupt(Column::$column, &error))
            }
        }
    )+};
}

stored! {
    LogRow => Log,
    IndexRow => Index,
    HeadRow => Heads,
    EvidenceRow => Evidence,
    TargetRow => Targets,
    DecisionRow => Decisions,
    JournalRow => Journal,
    RequestRow => Requests,
    CountersRow => Meta,
    RevisitRow => Meta,
    ForkRow => Forks,
    BranchRow => Branches,
    CharterRow => Charters,
    SeenRow => Seen,
    ErasureRow => Erasures,
    DisputeDayRow => DisputeDays,
    HoleRow => Holes,
    LocalRow => Local,
    QueueRow => Queue,
    DisputeRow => Disputes,
    AuditHeadRow => Meta,
    SettingsRow => Meta,
    RestoreRow => Meta,
    DestroyingRow => Meta,
    RetentionRow => Retention,
}

fn corrupt(column: Column, what: &dyn std::fmt::Display) -> LedgerFault {
    LedgerFault::Corrupt { column: column.name(), what: what.to_string() }
}
