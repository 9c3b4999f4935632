//! Records as they are sent: nothing in them has been checked.

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::limits::{
    MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_RECORD_BYTES, MAX_STATEMENTS, SALT_BYTES,
};
use crate::merkle::leaf_hash_of_parts;
use crate::proto::{self, entry::Content};
use crate::{Digest, Header, RecordId, Signature, StatementId};

/// Why a record is refused. Every node refuses it for the same reason, and nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no record, no header or no feed head.
    #[error("the bytes are not a {what}")]
    Undecodable {
        /// What they should have been.
        what: &'static str,
    },
    /// Longer than a record can be.
    #[error("the record is {bytes} bytes long; at most {MAX_RECORD_BYTES} are allowed")]
    OversizedRecord {
        /// How long it is.
        bytes: usize,
    },
    /// The header is longer than a header can be.
    #[error("the header is {bytes} bytes long; at most {MAX_HEADER_BYTES} are allowed")]
    OversizedHeader {
        /// How long it is.
        bytes: usize,
    },
    /// The statements and their salts are too long in all.
    #[error("the body is {bytes} bytes long; at most {MAX_BODY_BYTES} are allowed")]
    OversizedBody {
        /// How long it is.
        bytes: usize,
    },
    /// An entry of the body has no content, or a salt or hash of the wrong length.
    #[error("entry {index} of the body is malformed")]
    BadEntry {
        /// Which entry, from 0.
        index: usize,
    },
    /// A header of a version that this node does not know. A newer node may.
    #[error("the header has version {version}, which this node does not know")]
    UnknownVersion {
        /// The version.
        version: u32,
    },
    /// The header parses, but is not spelt as it would be written.
    #[error("the header is not in its one spelling")]
    NotCanonical,
    /// A field of the header has a value it may not have.
    #[error("the header's {field} is out of range")]
    OutOfRange {
        /// The field, as the protocol names it.
        field: &'static str,
    },
    /// The record belongs to another consortium.
    #[error("the record belongs to another consortium")]
    WrongConsortium,
    /// The signature is not the feed's over this header.
    #[error("the signature is not the feed's over this header")]
    BadSignature,
    /// The body has more or fewer entries than the header says.
    #[error("the header says {expected} statements, the body has {got}")]
    WrongStatementCount {
        /// What the header says.
        expected: u32,
        /// What there is.
        got: usize,
    },
    /// The body is not the one that was signed.
    #[error("the body is not the one that the header commits to")]
    WrongBodyRoot,
}

impl RecordError {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Undecodable { .. } => "UNDECODABLE",
            Self::OversizedRecord { .. } => "OVERSIZED_RECORD",
            Self::OversizedHeader { .. } => "OVERSIZED_HEADER",
            Self::OversizedBody { .. } => "OVERSIZED_BODY",
            Self::BadEntry { .. } => "BAD_ENTRY",
            Self::UnknownVersion { .. } => "UNKNOWN_VERSION",
            Self::NotCanonical => "NOT_CANONICAL",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::WrongConsortium => "WRONG_CONSORTIUM",
            Self::BadSignature => "BAD_SIGNATURE",
            Self::WrongStatementCount { .. } => "WRONG_STATEMENT_COUNT",
            Self::WrongBodyRoot => "WRONG_BODY_ROOT",
        }
    }
}

/// One place in a body: a statement, or what is left of one that was erased.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The statement is here.
    Kept {
        /// Random bytes that keep an erased statement from being guessed from its leaf.
        salt: [u8; SALT_BYTES],
        /// The statement's bytes.
        statement: Vec<u8>,
    },
    /// The statement was erased.
    Erased {
        /// The leaf hash of what was here.
        leaf: Digest,
    },
}

impl Entry {
    /// The entry's leaf in the tree whose root is the body root; erasing does not change it.
    pub fn leaf(&self) -> Digest {
        match self {
            Self::Kept { salt, statement } => leaf_hash_of_parts(&[salt, statement]),
            Self::Erased { leaf } => *leaf,
        }
    }

    /// The statement's bytes, unless it was erased.
    pub fn statement(&self) -> Option<&[u8]> {
        match self {
            Self::Kept { statement, .. } => Some(statement),
            Self::Erased { .. } => None,
        }
    }

    /// Leaves nothing but the leaf hash.
    pub fn erase(&mut self) {
        *self = Self::Erased { leaf: self.leaf() };
    }
}

/// A record as it was sent or stored. Nothing in it has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedRecord {
    /// The header's bytes, as they were signed.
    pub header: Vec<u8>,
    /// The signature over the header.
    pub signature: Signature,
    /// The statements, or what is left of them.
    pub body: Vec<Entry>,
}

impl SignedRecord {
    /// The record as one protobuf message.
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.body.iter().map(|entry| {
            let content = match entry {
                Entry::Kept { salt, statement } => {
                    Content::Kept(proto::Kept { salt: salt.to_vec(), statement: statement.clone() })
                }
                Entry::Erased { leaf } => Content::ErasedLeaf(leaf.0.to_vec()),
            };
            proto::Entry { content: Some(content) }
        });
        proto::Record {
            header: self.header.clone(),
            signature: self.signature.0.to_vec(),
            entries: entries.collect(),
        }
        .encode_to_vec()
    }

    /// The record in the bytes of one protobuf message. What a newer node may add around header,
    /// signature and entries is ignored: it is neither signed nor part of the record.
    ///
    /// # Errors
    /// When the bytes are too many or are no record.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(RecordError::OversizedRecord { bytes: bytes.len() });
        }
        let message = proto::Record::decode(bytes)
            .map_err(|_| RecordError::Undecodable { what: "record" })?;
        let signature = Signature::from_slice(&message.signature)
            .ok_or(RecordError::Undecodable { what: "signature" })?;
        let body =
            message.entries.into_iter().enumerate().map(|(index, entry)| {
                entry_from_proto(entry).ok_or(RecordError::BadEntry { index })
            });
        Ok(Self { header: message.header, signature, body: body.collect::<Result<_, _>>()? })
    }

    /// The sum of salt and statement over the entries that were not erased, in bytes.
    pub fn body_bytes(&self) -> usize {
        self.body.iter().filter_map(Entry::statement).map(|bytes| SALT_BYTES + bytes.len()).sum()
    }

    /// Checks that there are neither too many entries nor too many bytes in them.
    pub(crate) fn check_body_limits(&self) -> Result<(), RecordError> {
        if !(1..=MAX_STATEMENTS).contains(&self.body.len()) {
            return Err(RecordError::OutOfRange { field: "statements" });
        }
        match self.body_bytes() {
            0..=MAX_BODY_BYTES => Ok(()),
            bytes => Err(RecordError::OversizedBody { bytes }),
        }
    }
}

fn entry_from_proto(entry: proto::Entry) -> Option<Entry> {
    Some(match entry.content? {
        Content::Kept(kept) => {
            Entry::Kept { salt: kept.salt.try_into().ok()?, statement: kept.statement }
        }
        Content::ErasedLeaf(leaf) => Entry::Erased { leaf: Digest::from_slice(&leaf)? },
    })
}

/// What the header of an unchecked record says: for finding the key to check it with.
///
/// # Errors
/// As [`Header::decode`].
pub fn peek_header(record: &SignedRecord) -> Result<Header, RecordError> {
    Header::decode(&record.header)
}

/// The id of a record, from its header's bytes:
/// SHA-256("interlock/record-id/v1" || 0x00 || header).
pub fn record_id(header_bytes: &[u8]) -> RecordId {
    let mut hash = Sha256::new();
    hash.update(b"interlock/record-id/v1\0");
    hash.update(header_bytes);
    RecordId(hash.finalize().into())
}

/// The id of a statement, from its record's id and its index, from 0:
/// SHA-256("interlock/statement-id/v1" || 0x00 || record id || index as 4 bytes big-endian).
pub fn statement_id(record: &RecordId, index: u32) -> StatementId {
    let mut hash = Sha256::new();
    hash.update(b"interlock/statement-id/v1\0");
    hash.update(record.0);
    hash.update(index.to_be_bytes());
    StatementId(hash.finalize().into())
}

#[cfg(test)]
mod tests;
