//! Signing the next record of one's own feed.

use crate::limits::{
    HEADER_VERSION, MAX_BODY_BYTES, MAX_STATEMENT_BYTES, MAX_STATEMENTS, SALT_BYTES,
};
use crate::verified::body_root;
use crate::{
    ConsortiumId, Domain, Entry, FeedHead, FeedId, Header, RecordError, SignedRecord, Signer,
    SigningFailed, Statement, Time, VerifiedRecord, sign_checked,
};

/// What a record says about the circumstances it was signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext {
    /// The consortium.
    pub consortium: ConsortiumId,
    /// The feed that is signed in.
    pub feed: FeedId,
    /// Now; must be later than the feed's last record.
    pub time: Time,
    /// The charter version in force, from 1.
    pub charter_version: u32,
    /// How the tags in the statements were made ([`crate::limits::TAG_SCHEME`]).
    pub tag_scheme: u32,
    /// The epoch of the pepper they were made with, from 1.
    pub pepper_epoch: u32,
}

/// Why a record cannot be signed. There is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No statements, or more than a record holds.
    #[error("a record has 1 to {MAX_STATEMENTS} statements, got {got}")]
    StatementCount {
        /// How many there are.
        got: usize,
    },
    /// A statement that is too long would mean nothing.
    #[error("statement {index} is {bytes} bytes long; at most {MAX_STATEMENT_BYTES} are allowed")]
    OversizedStatement {
        /// Which statement, from 0.
        index: usize,
        /// How long it is.
        bytes: usize,
    },
    /// The statements and their salts are too long in all.
    #[error("the body would be {bytes} bytes long; at most {MAX_BODY_BYTES} are allowed")]
    OversizedBody {
        /// How long it would be.
        bytes: usize,
    },
    /// The time is not after the feed's last record.
    #[error("the time must be later than the feed's last record, at {last}")]
    TimeNotLater {
        /// The last record's time.
        last: Time,
    },
    /// The charter version is lower than the feed's last record names.
    #[error("the charter version must not be lower than {last}, which the last record names")]
    CharterVersionLower {
        /// The last record's charter version.
        last: u32,
    },
    /// A value of the context may not be.
    #[error("{field} is out of range")]
    OutOfRange {
        /// The field, as the protocol names it.
        field: &'static str,
    },
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SigningFailed),
}

impl SealError {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StatementCount { .. } => "STATEMENT_COUNT",
            Self::OversizedStatement { .. } => "OVERSIZED_STATEMENT",
            Self::OversizedBody { .. } => "OVERSIZED_BODY",
            Self::TimeNotLater { .. } => "TIME_NOT_LATER",
            Self::CharterVersionLower { .. } => "CHARTER_VERSION_LOWER",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::Signer(_) => "SIGNER_FAILED",
        }
    }
}

/// The record that comes after a head, whole but for its signature.
#[derive(Debug)]
pub struct UnsignedRecord {
    header: Header,
    bytes: Vec<u8>,
    body: Vec<Entry>,
}

/// A record that was not signed. It can be tried again: its bytes stay the same.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotSigned {
    /// The record.
    pub record: Box<UnsignedRecord>,
    /// Why not.
    pub why: SigningFailed,
}

impl UnsignedRecord {
    /// The record that comes after `head`, with these statements, each with 16 random bytes of salt in
    /// front and as [`Statement::encode`] wrote it.
    ///
    /// # Errors
    /// When the record would not be accepted, or a statement in it would be too long to mean anything.
    pub fn new(
        head: &FeedHead,
        context: SealContext,
        statements: Vec<([u8; SALT_BYTES], Vec<u8>)>,
    ) -> Result<Self, SealError> {
        check_statements(&statements)?;
        if let Some(last) = head.time.filter(|last| context.time <= *last) {
            return Err(SealError::TimeNotLater { last });
        }
        if context.charter_version < head.charter_version {
            return Err(SealError::CharterVersionLower { last: head.charter_version });
        }
        let flags = statements.iter().filter(|(_, bytes)| Statement::is_flag_bytes(bytes)).count();
        let body: Vec<Entry> = statements
            .into_iter()
            .map(|(salt, statement)| Entry::Kept { salt, statement })
            .collect();
        let count = |count: usize| {
            u32::try_from(count).map_err(|_| SealError::StatementCount { got: count })
        };
        let header = Header {
            version: HEADER_VERSION,
            consortium: context.consortium,
            feed: context.feed,
            sequence: head
                .sequence
                .checked_add(1)
                .ok_or(SealError::OutOfRange { field: "sequence" })?,
            previous: head.id,
            feed_root: head.tree.root(),
            time: context.time,
            charter_version: context.charter_version,
            tag_scheme: context.tag_scheme,
            pepper_epoch: context.pepper_epoch,
            statements: count(body.len())?,
            flags: count(flags)?,
            body_root: body_root(&body),
        };
        header.check().map_err(|error| match error {
            RecordError::OutOfRange { field } => SealError::OutOfRange { field },
            _ => SealError::OutOfRange { field: "header" },
        })?;
        let bytes = header.encode();
        Ok(Self { header, bytes, body })
    }

    /// What will be signed.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Has it signed.
    ///
    /// # Errors
    /// [`NotSigned`], with the record.
    pub fn sign(self, signer: &dyn Signer) -> Result<VerifiedRecord, NotSigned> {
        match sign_checked(signer, Domain::Record, &self.bytes) {
            Ok(signature) => {
                let signed = SignedRecord { header: self.bytes, signature, body: self.body };
                Ok(VerifiedRecord::sealed(self.header, signed))
            }
            Err(why) => Err(NotSigned { record: Box::new(self), why }),
        }
    }
}

/// Signs the record that comes after `head`: see [`UnsignedRecord`].
///
/// # Errors
/// When there is no such record, or the signer fails.
pub fn seal(
    signer: &dyn Signer,
    head: &FeedHead,
    context: SealContext,
    statements: Vec<([u8; SALT_BYTES], Vec<u8>)>,
) -> Result<VerifiedRecord, SealError> {
    let record = UnsignedRecord::new(head, context, statements)?;
    record.sign(signer).map_err(|not_signed| SealError::Signer(not_signed.why))
}

fn check_statements(statements: &[([u8; SALT_BYTES], Vec<u8>)]) -> Result<(), SealError> {
    if !(1..=MAX_STATEMENTS).contains(&statements.len()) {
        return Err(SealError::StatementCount { got: statements.len() });
    }
    for (index, (_, statement)) in statements.iter().enumerate() {
        if statement.len() > MAX_STATEMENT_BYTES {
            return Err(SealError::OversizedStatement { index, bytes: statement.len() });
        }
    }
    match statements.iter().map(|(salt, statement)| salt.len() + statement.len()).sum() {
        0..=MAX_BODY_BYTES => Ok(()),
        bytes => Err(SealError::OversizedBody { bytes }),
    }
}
