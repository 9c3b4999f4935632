//! The bottom floor of Interlock: what a member says, how it is signed, and how it is checked.
//!
//! A *statement* is one thing a member says. Statements travel in *records*, each signed in a
//! *feed*, a hash chain under one key. Borrowers appear only as *tags*. Everything here is a pure
//! function of its arguments: no clock, no I/O, no randomness, no floating point, no hash maps, so
//! that all nodes give the same verdict on the same bytes.
#![deny(clippy::float_arithmetic, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod limits;
pub mod time;

pub mod ids;
pub mod terms;

pub mod identifier;
pub mod subject;

pub mod merkle;
pub mod sign;
pub mod signer;

mod proto;
pub mod statement;

pub mod header;
pub mod record;
pub mod seal;
pub mod verified;

pub mod feed;
pub mod fork;

pub use feed::{ChainError, FeedHead};
pub use fork::{BadFork, ForkProof, VerifiedFork};
pub use header::Header;
pub use identifier::{IdentifierError, Normalised, find_identifier, normalise};
pub use ids::{
    BadId, ConsortiumId, Digest, FeedId, FeedNumber, MemberId, Position, RecordId, StatementId,
    SubjectTag, hex, unhex,
};
pub use limits::*;
pub use merkle::{
    CompactTree, inclusion_proof, inclusion_proofs, leaf_hash, root_of_leaves, verify_inclusion,
};
pub use record::{Entry, RecordError, SignedRecord, peek_header, record_id, statement_id};
pub use seal::{NotSigned, SealContext, SealError, UnsignedRecord, seal};
pub use sign::{BadKey, BadSignature, Domain, PublicKey, Signature, SigningKey};
pub use signer::{Signer, SigningFailed, sign_checked};
pub use statement::{
    Cure, Dispute, Erase, Flag, Inert, Recall, Receipt, Release, Resolve, Seen, SeenHead,
    Statement, StatementError, Withdraw,
};
pub use subject::{Pepper, tag};
pub use terms::{
    CureKind, EraseGround, IdType, Measure, Outcome, Reason, Severity, UnknownTerm, WithdrawCause,
};
pub use time::{BadSpan, BadTime, Span, Time};
pub use verified::{VerifiedRecord, verify, verify_header};
