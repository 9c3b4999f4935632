//! Cursors: which entry of which store's journal a client saw last.

use std::fmt;

use interlock_record::{hex, unhex};
use interlock_store::{STORE_ID_BYTES, Store};
use interlock_wire::refusal;
use tonic::{Code, Status};

/// The last journal entry that a client saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    store: [u8; STORE_ID_BYTES],
    /// The entry's number; 0: none yet.
    pub number: u64,
}

/// Why a cursor is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCursor {
    /// It is not one.
    #[error("expected a cursor as the node gave it")]
    Malformed,
    /// It is of another store's journal, one from before a new start, say.
    #[error("the cursor is of another store: begin again without a cursor, with the state first")]
    OtherStore,
    /// It is of an entry that does not exist yet: the data directory is an older copy, say.
    #[error(
        "the cursor is of entry {number}, the journal ends at {end}: begin again without a cursor, with the state first"
    )]
    InFuture {
        /// The cursor's entry.
        number: u64,
        /// The last entry there is.
        end: u64,
    },
}

impl Cursor {
    /// The cursor of an entry of `store`.
    pub fn new(store: &Store, number: u64) -> Self {
        Self { store: store.id(), number }
    }

    /// Reads a client's cursor; `end` is the last entry there is.
    ///
    /// # Errors
    /// [`BadCursor`].
    pub fn read(text: &str, store: &Store, end: u64) -> Result<Self, BadCursor> {
        // What it is instead is not repeated: it might be anything.
        let malformed = || BadCursor::Malformed;
        let (id, number) = text.split_once('.').ok_or_else(malformed)?;
        let id = unhex(id).and_then(|id| id.try_into().ok()).ok_or_else(malformed)?;
        let number = number.parse().map_err(|_| malformed())?;
        let cursor = Self { store: id, number };
        if cursor.store != store.id() {
            return Err(BadCursor::OtherStore);
        }
        if number > end {
            return Err(BadCursor::InFuture { number, end });
        }
        Ok(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", hex(&self.store), self.number)
    }
}

impl From<BadCursor> for Status {
    fn from(error: BadCursor) -> Self {
        let (code, reason) = match error {
            BadCursor::Malformed => (Code::InvalidArgument, "BAD_CURSOR"),
            BadCursor::OtherStore => (Code::FailedPrecondition, "CURSOR_OF_OTHER_STORE"),
            BadCursor::InFuture { .. } => (Code::OutOfRange, "CURSOR_IN_FUTURE"),
        };
        refusal(code, reason, error)
    }
}
