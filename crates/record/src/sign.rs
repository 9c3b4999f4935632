//! Keys and signatures: Ed25519 with a domain in front of every message, verified strictly and
//! one at a time.
//!
//! Batch verification is absent on purpose: it can accept crafted signatures that single
//! verification refuses, and then honest nodes would disagree for good.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use ed25519_dalek::{Signer as _, VerifyingKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::ids::{BadId, hex, unhex};
use crate::time::serde_as_text;

/// What a signature is for. The same key never signs the same bytes for two purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A record's header.
    Record,
    /// A charter version.
    Charter,
    /// The binding of a transport key to a member.
    Transport,
    /// The greeting between two nodes.
    Hello,
}

impl Domain {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Record, Self::Charter, Self::Transport, Self::Hello];

    /// The text in front of the message; a zero byte separates the two.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Record => "interlock/record/v1",
            Self::Charter => "interlock/charter/v1",
            Self::Transport => "interlock/transport/v1",
            Self::Hello => "interlock/hello/v1",
        }
    }

    /// The bytes of [`Self::text`].
    pub const fn bytes(self) -> &'static [u8] {
        self.text().as_bytes()
    }

    /// The domain of this text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.text() == text)
    }

    /// What is signed: domain || 0x00 || payload.
    fn message(self, payload: &[u8]) -> Vec<u8> {
        [self.bytes(), &[0x00], payload].concat()
    }
}

/// A secret key; wiped from memory when dropped, never shown.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a seed of 32 random bytes.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = Self(ed25519_dalek::SigningKey::from_bytes(&seed));
        seed.zeroize();
        key
    }

    /// The seed, to be written to the key file.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `payload` for one purpose.
    pub fn sign(&self, domain: Domain, payload: &[u8]) -> Signature {
        Signature(self.0.sign(&domain.message(payload)).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

/// Bytes or a text that is not a public key anyone should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not 32 bytes, or not 64 hexadecimal digits.
    #[error("expected a public key of 32 bytes (64 hexadecimal digits)")]
    Length,
    /// No point of the curve, or one that is written in an unusual way.
    #[error("the public key is not a point of the curve in its canonical form")]
    NotCanonical,
    /// A point with a small-order part: no key generator makes one, and what it signs can mean
    /// different things to different verifiers.
    #[error("the public key is weak: its point has a small-order part")]
    Weak,
}

impl BadKey {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length => "BAD_KEY_LENGTH",
            Self::NotCanonical => "BAD_KEY_NOT_CANONICAL",
            Self::Weak => "BAD_KEY_WEAK",
        }
    }
}

/// A signature that is not the key's over this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not the key's over this message")]
pub struct BadSignature;

impl BadSignature {
    /// The error's stable name for programs.
    pub const fn code(&self) -> &'static str {
        "BAD_SIGNATURE"
    }
}

/// A public key, already decompressed, so that verifying many signatures pays for that once.
#[derive(Clone, Copy)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key in a slice of 32 bytes.
    ///
    /// # Errors
    /// When the bytes are no key, not its canonical form, or the key is weak.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKey> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| BadKey::Length)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::NotCanonical)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(BadKey::NotCanonical);
        }
        if point.is_small_order() || !point.is_torsion_free() {
            return Err(BadKey::Weak);
        }
        Ok(Self(key))
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Checks a signature strictly: only canonical signatures and no small-order points.
    ///
    /// # Errors
    /// When it is not this key's over `payload` for this purpose.
    pub fn verify(
        &self,
        domain: Domain,
        payload: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(&domain.message(payload), &signature).map_err(|_| BadSignature)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for PublicKey {
    /// 64 small hexadecimal digits; a precision (`{:.12}`) cuts them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        Self::from_bytes(&unhex(text).ok_or(BadKey::Length)?)
    }
}

serde_as_text!(PublicKey);

/// A signature, not yet looked at: 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    /// The signature in a slice of exactly 64 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The signature's 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    /// 128 small hexadecimal digits; a precision (`{:.12}`) cuts them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        unhex(text)
            .and_then(|bytes| Self::from_slice(&bytes))
            .ok_or_else(|| BadId { expected: "128 hexadecimal digits", got: text.to_owned() })
    }
}

serde_as_text!(Signature);

#[cfg(test)]
mod tests;
