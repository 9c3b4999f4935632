//! Publishing: the platform's statements, checked, packed into records of this node's own feed. They
//! are signed in `attempt`, and accepted like anyone's.

mod check;
mod pack;

use interlock_record::{
    Digest, SALT_BYTES, SealError, SigningFailed, Span, Statement, StatementError, StatementId,
    Time,
};

pub(super) use check::Checked;
pub(super) use pack::{Caller, Pack, bodies};

use super::{Effect, Replica, Work};
use crate::ledger::LedgerFault;

/// A statement to be published, with its salt.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// Sixteen fresh random bytes.
    pub salt: [u8; SALT_BYTES],
    /// What is to be said.
    pub statement: Statement,
}

/// What makes a second try the same write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The caller's name for the write.
    pub key: String,
    /// Hash of what was asked.
    pub digest: Digest,
}

/// What was published: in the ledger, and to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The statements, in the order of the request.
    pub statements: Vec<StatementId>,
    /// The time of the last record that carries them.
    pub time: Time,
    /// That record's sequence number.
    pub sequence: u64,
    /// Whether an earlier request with the same key had written them.
    pub repeated: Repeated,
}

/// Whether a write had been done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// It is new.
    No,
    /// An earlier request with the same key did it.
    Yes,
}

/// Why nothing was published. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefused {
    /// A statement is not within its limits.
    #[error("statement {index}: {error}")]
    Statement {
        /// Which of the request, from 0.
        index: usize,
        /// What is wrong.
        error: StatementError,
    },
    /// A flag's ground lies in the future.
    #[error("statement {index}: observed_at lies {ahead} in the future")]
    ObservedLater {
        /// Which of the request, from 0.
        index: usize,
        /// How far.
        ahead: Span,
    },
    /// A statement names another that this node does not know.
    #[error("statement {index}: {target} is not known here")]
    UnknownTarget {
        /// Which of the request, from 0.
        index: usize,
        /// What it names.
        target: StatementId,
    },
    /// A statement names another that this member may not speak to: it would be inert.
    #[error("statement {index}: {why}")]
    NotEntitled {
        /// Which of the request, from 0.
        index: usize,
        /// Why.
        why: &'static str,
    },
    /// A dispute would not open, or an answer finds none that is open: it would mean nothing.
    #[error("statement {index}: {why}")]
    NoSuchDispute {
        /// Which of the request, from 0.
        index: usize,
        /// Why.
        why: String,
    },
    /// Flags that are only simulated come together with what is real.
    #[error(
        "statement {index}: flags for this reason are only simulated here: raise them in a request of their own"
    )]
    SimulatedApart {
        /// Which of the request, from 0.
        index: usize,
    },
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The node must not sign now.
    #[error("the node does not sign at the moment: {0}")]
    NotSigning(String),
    /// The signer did not sign.
    #[error(transparent)]
    SignerFailed(SigningFailed),
    /// The records could not be sealed.
    #[error("cannot seal a record: {0}")]
    Seal(SealError),
}

impl From<SealError> for PublishRefused {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Signer(failed) => Self::SignerFailed(failed),
            error => Self::Seal(error),
        }
    }
}

/// A statement's bytes, with their salt.
pub(super) type Salted = ([u8; SALT_BYTES], Vec<u8>);

/// What waits to be published: the caller, its statements, and what makes it the same write.
pub(super) type Waiting = (u64, Vec<Drafted>, Option<Request>);

impl Replica {
    /// Publishes all that waits, in as few records as it fits.
    pub(super) fn publish(
        &mut self,
        waiting: Vec<Waiting>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        if !waiting.is_empty() {
            self.ask_again(work)?;
        }
        let mut pack = Pack::default();
        for (ticket, drafts, request) in waiting {
            // A second try may stand right behind the first: it must see it done.
            if request.as_ref().is_some_and(|request| pack.names(request)) {
                self.write_pack(std::mem::take(&mut pack), work)?;
            }
            match self.check(&drafts, request.as_ref(), work)? {
                Ok(Checked::Write(statements)) => {
                    if !pack.has_room_for(&statements) {
                        self.write_pack(std::mem::take(&mut pack), work)?;
                    }
                    pack.push(ticket, statements, request);
                }
                Ok(Checked::Done(published)) => {
                    work.effects.push(Effect::Published { ticket, result: Ok(published) });
                }
                Err(refused) => {
                    work.effects.push(Effect::Published { ticket, result: Err(refused) });
                }
            }
        }
        self.write_pack(pack, work)
    }
}
