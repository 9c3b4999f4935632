//! Whatever holds a feed's key and signs with it: a key in memory, or something outside the
//! process that the key never leaves. The I/O that the latter needs is not here.

use std::fmt;

use crate::{Domain, PublicKey, Signature, SigningKey};

/// Holds a key and signs with it.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public half of its key; always the same.
    fn public(&self) -> PublicKey;

    /// Signs `payload` for one purpose. Callers use [`sign_checked`], which believes no signature
    /// that it has not verified.
    ///
    /// # Errors
    /// [`SigningFailed`]; where that is [`SigningFailed::Unanswered`], it may have signed all the same.
    fn sign(&self, domain: Domain, payload: &[u8]) -> Result<Signature, SigningFailed>;
}

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningFailed {
    /// The signer is away: it was not even asked. Trying again later may help.
    #[error("the signer cannot be reached: {0}")]
    Unavailable(String),
    /// The signer was asked, and no signature came of it that could be used. It may have signed, and
    /// remember that it did.
    #[error("the signer was asked and did not answer, though it may have signed: {0}")]
    Unanswered(String),
    /// The signer answered that it will not sign this.
    #[error("the signer refused: {0}")]
    Refused(String),
    /// What the signer gave back is no signature of the key that it must have.
    #[error("the signer gave a signature that is not of key {expected}")]
    WrongSignature {
        /// The key that it must have.
        expected: Box<PublicKey>,
    },
}

impl SigningFailed {
    /// Whether the signer may have signed, and would sign nothing else in that place.
    pub const fn may_have_signed(&self) -> bool {
        matches!(self, Self::Unanswered(_) | Self::WrongSignature { .. })
    }
}

impl Signer for SigningKey {
    fn public(&self) -> PublicKey {
        Self::public(self)
    }

    fn sign(&self, domain: Domain, payload: &[u8]) -> Result<Signature, SigningFailed> {
        Ok(Self::sign(self, domain, payload))
    }
}

/// Has `payload` signed and verifies the signature strictly before it is used. That costs little
/// beside the fsync that follows, and catches a signer with another key as well as a fault of this
/// machine in the middle of signing, which could give the key away.
///
/// # Errors
/// [`SigningFailed`].
pub fn sign_checked(
    signer: &dyn Signer,
    domain: Domain,
    payload: &[u8],
) -> Result<Signature, SigningFailed> {
    let signature = signer.sign(domain, payload)?;
    let expected = signer.public();
    match expected.verify(domain, payload, &signature) {
        Ok(()) => Ok(signature),
        Err(_) => Err(SigningFailed::WrongSignature { expected: Box::new(expected) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says that it has one key, and signs with another.
    #[derive(Debug)]
    struct Mistaken(SigningKey, SigningKey);

    impl Signer for Mistaken {
        fn public(&self) -> PublicKey {
            self.0.public()
        }

        fn sign(&self, domain: Domain, payload: &[u8]) -> Result<Signature, SigningFailed> {
            Ok(self.1.sign(domain, payload))
        }
    }

    #[test]
    fn only_a_signature_of_the_right_key_is_believed() {
        let (right, wrong) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
        let signed = sign_checked(&right, Domain::Record, b"message").expect("it signs");
        assert_eq!(right.public().verify(Domain::Record, b"message", &signed), Ok(()));
        let expected = right.public();
        assert_eq!(
            sign_checked(&Mistaken(right, wrong), Domain::Record, b"message"),
            Err(SigningFailed::WrongSignature { expected: Box::new(expected) })
        );
    }

    #[test]
    fn a_domain_has_one_text() {
        for domain in Domain::ALL {
            assert_eq!(Domain::parse(domain.text()), Some(domain));
            assert_eq!(domain.text().as_bytes(), domain.bytes());
        }
        assert_eq!(Domain::parse("interlock/record/v2"), None);
        assert_eq!(Domain::parse(""), None);
    }
}
