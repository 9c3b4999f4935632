//! Who has signed a charter version, and whether that is enough: at least k groups of the version
//! before it and of the new one, each key counted once.

use std::collections::BTreeSet;

use interlock_record::{Digest, Domain, MemberId, PublicKey, Signature, SigningKey};
use serde::{Deserialize, Serialize};

use super::{Charter, NotASuccessor, Status};
use crate::text::FileError;

/// The most signatures of one version that are kept.
pub const MAX_SIGNATURES: usize = 2_048;

/// With which of its keys a member has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Its governance key.
    Governance,
    /// Its recovery key, which stands in for a governance key that is replaced.
    Recovery,
}

impl Role {
    /// The role's name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Recovery => "recovery",
        }
    }

    /// The role of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Governance, Self::Recovery].into_iter().find(|role| role.name() == name)
    }
}

/// One member's signature of a charter version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CharterSignature {
    /// Who signed.
    pub member: MemberId,
    /// With which of its keys.
    pub role: Role,
    /// The public half of that key.
    pub key: PublicKey,
    /// Ed25519 over `"interlock/charter/v1" || 0x00 ||` the document's bytes.
    pub signature: Signature,
}

impl CharterSignature {
    /// Signs a charter's document.
    pub fn new(member: MemberId, role: Role, key: &SigningKey, document: &str) -> Self {
        let signature = key.sign(Domain::Charter, document.as_bytes());
        Self { member, role, key: key.public(), signature }
    }

    /// Whether it is that key's signature of the document.
    pub fn is_valid(&self, document: &str) -> bool {
        self.key.verify(Domain::Charter, document.as_bytes(), &self.signature).is_ok()
    }
}

/// A charter version as it is passed around: the document, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCharter {
    /// The document's text, exactly as it was signed.
    pub document: String,
    /// The signatures.
    pub signatures: Vec<CharterSignature>,
}

/// Which groups' signatures are missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("version {version}: signed by {have} of the {need} groups that are needed of version {of}")]
pub struct Unsigned {
    /// The version that is not signed by enough.
    pub version: u32,
    /// The version whose groups are counted.
    pub of: u32,
    /// How many groups have signed.
    pub have: u32,
    /// How many are needed.
    pub need: u32,
}

/// Why a charter version is refused. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BadCharter {
    /// The document is not a charter.
    #[error(transparent)]
    Document(#[from] FileError),
    /// The version before it is not known here.
    #[error("the version before it, {0}, is not known here: versions come without a gap")]
    UnknownPrevious(Digest),
    /// It may not follow the version that it names.
    #[error(transparent)]
    NotASuccessor(#[from] NotASuccessor),
    /// Too few groups have signed it.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// There are too many signatures, versions or rivals.
    #[error("expected at most {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
}

impl BadCharter {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(_) => "BAD_CHARTER",
            Self::UnknownPrevious(_) => "UNKNOWN_PREVIOUS",
            Self::NotASuccessor(_) => "NOT_A_SUCCESSOR",
            Self::Unsigned(_) => "UNSIGNED",
            Self::TooMany { .. } => "TOO_MANY",
        }
    }
}

/// Checks that enough groups have signed `next`, of the version before it and of its own.
///
/// # Errors
/// [`Unsigned`] where they have not.
pub(super) fn check(
    previous: &Charter,
    next: &Charter,
    signatures: &[CharterSignature],
) -> Result<(), Unsigned> {
    for of in [previous, next] {
        let have = u32::try_from(signed_groups(of, previous, next, signatures).len());
        let have = have.unwrap_or(u32::MAX);
        if have < of.quorum {
            return Err(Unsigned { version: next.version, of: of.version, have, need: of.quorum });
        }
    }
    Ok(())
}

/// The groups of the previous and of the new version whose signature is not there.
pub fn missing_groups<'a>(
    previous: &'a Charter,
    next: &'a Charter,
    signatures: &[CharterSignature],
) -> [BTreeSet<&'a str>; 2] {
    [previous, next].map(|of| {
        let signed = signed_groups(of, previous, next, signatures);
        of.groups().difference(&signed).copied().collect()
    })
}

/// The groups of `of`, which is one of the two versions, that have signed `next`.
fn signed_groups<'a>(
    of: &'a Charter,
    previous: &Charter,
    next: &Charter,
    signatures: &[CharterSignature],
) -> BTreeSet<&'a str> {
    let counts = |signature: &&CharterSignature| {
        let key = |charter: &Charter| {
            charter.members.get(&signature.member).and_then(|member| member.governance_key)
        };
        let named = match signature.role {
            Role::Governance => key(of),
            // It signs only versions that replace the governance key, whatever else they change.
            Role::Recovery if of.version == previous.version && key(next) != key(previous) => {
                of.members.get(&signature.member).and_then(|member| member.recovery_key)
            }
            Role::Recovery => None,
        };
        named == Some(signature.key) && signature.is_valid(&next.text)
    };
    signatures
        .iter()
        .filter(counts)
        .filter_map(|signature| of.members.get(&signature.member))
        .filter(|member| member.status == Status::Active)
        .map(|member| member.group.as_str())
        .collect()
}
