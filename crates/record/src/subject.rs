//! Subject tags: how a borrower is named without saying who it is (tag scheme 1).
//!
//! The pepper keeps outsiders out, not members: whoever holds it can try all identity numbers in a
//! few core-hours. That is why a header names scheme and epoch.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Digest, Normalised, SubjectTag};

/// What every tag's message begins with.
const PREFIX: &[u8] = b"interlock/subject/v1";

/// The consortium's secret of one epoch; wiped from memory when dropped, never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pepper([u8; 32]);

impl Pepper {
    /// The pepper of 32 random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What shows that two nodes hold the same pepper, without giving it away: SHA-256 of
    /// "interlock/pepper-check/v1" || 0x00 || pepper. A pepper is 32 random bytes, so nobody finds
    /// it from its hash.
    pub fn check(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(b"interlock/pepper-check/v1\0");
        hash.update(self.0);
        Digest(hash.finalize().into())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(redacted)")
    }
}

/// The tag of a subject: HMAC-SHA-256 under the pepper of
/// "interlock/subject/v1" || 0x00 || name of the identifier's type || 0x00 || normalised identifier.
///
/// # Panics
/// Never: HMAC takes keys of any length.
pub fn tag(pepper: &Pepper, id: &Normalised) -> SubjectTag {
    let mut mac = Hmac::<Sha256>::new_from_slice(&pepper.0).expect("HMAC takes keys of any length");
    mac.update(PREFIX);
    mac.update(&[0x00]);
    mac.update(id.id_type().name().as_bytes());
    mac.update(&[0x00]);
    mac.update(id.reveal().as_bytes());
    SubjectTag(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdType, normalise};

    #[test]
    fn a_tag_depends_on_the_pepper_the_type_and_the_identifier() {
        let device = |raw| normalise(IdType::Device, raw).expect("valid");
        let (one, two) = (Pepper::from_bytes([1; 32]), Pepper::from_bytes([2; 32]));
        let tagged = tag(&one, &device("13800138000"));
        assert_eq!(tagged, tag(&one, &device(" 13800138000 ")));
        assert_ne!(tagged, tag(&two, &device("13800138000")));
        assert_ne!(tagged, tag(&one, &device("13800138001")));
        let phone = normalise(IdType::Phone, "13800138000").expect("valid");
        assert_ne!(tag(&one, &device("+8613800138000")), tag(&one, &phone));
    }

    #[test]
    fn a_pepper_is_never_shown() {
        assert_eq!(format!("{:?}", Pepper::from_bytes([7; 32])), "Pepper(redacted)");
    }
}
