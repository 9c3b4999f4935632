//! The binding of a transport key to a feed: its bytes, what is signed, and its extension's name.
//! Not here: the certificate around it, and whether a binding is believed.

use interlock_record::{
    ConsortiumId, Digest, Domain, FeedId, FeedNumber, MemberId, PublicKey, Signature, Signer,
    SigningFailed, Time, sign_checked,
};
use sha2::{Digest as _, Sha256};

/// The name of the certificate extension that holds a binding: `2.25.` and the UUID
/// `2f501e14-be12-4b13-8038-1b484e5e1be3` as a number (ITU-T X.667, needs no registration).
pub const BINDING_OID: &str = "2.25.62889709666249459140182985467573967843";

/// [`BINDING_OID`] as DER content, for parsers whose arcs end at 64 bits.
pub(super) const BINDING_OID_DER: [u8; 19] = [
    0x69, 0xde, 0xd0, 0x8f, 0x85, 0x97, 0xe1, 0x92, 0xac, 0xa7, 0x80, 0x9c, 0x86, 0xe9, 0x84, 0xf2,
    0xf8, 0xb7, 0x63,
];

/// The first byte of an encoded binding.
const VERSION: u8 = 1;

/// Bytes of an encoded binding: version, consortium, member (padded with zeros), feed number, from,
/// until; numbers big-endian, times in microseconds since the epoch.
const BINDING_LEN: usize = 1 + 32 + MemberId::MAX_LEN + 4 + 8 + 8;

/// Bytes of an encoded binding and its signature.
const SIGNED_LEN: usize = BINDING_LEN + 64;

/// Who may use a transport key, and when: from `not_before` on, until just before `not_after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The consortium in which it holds.
    pub consortium: ConsortiumId,
    /// The feed whose key signs it; its member is whom the peer speaks for.
    pub feed: FeedId,
    /// The first instant at which it holds.
    pub not_before: Time,
    /// The first instant at which it holds no more.
    pub not_after: Time,
}

impl Binding {
    fn encode(&self) -> [u8; BINDING_LEN] {
        let mut member = [0; MemberId::MAX_LEN];
        let name = self.feed.member.as_str().as_bytes();
        member[..name.len()].copy_from_slice(name);
        [
            &[VERSION][..],
            self.consortium.as_bytes(),
            &member,
            &self.feed.number.0.to_be_bytes(),
            &self.not_before.micros().to_be_bytes(),
            &self.not_after.micros().to_be_bytes(),
        ]
        .concat()
        .try_into()
        .expect("the parts add up to BINDING_LEN")
    }

    fn decode(bytes: &[u8; BINDING_LEN]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (consortium, rest) = rest.split_first_chunk()?;
        let (member, rest) = rest.split_first_chunk::<{ MemberId::MAX_LEN }>()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (not_before, rest) = rest.split_first_chunk()?;
        let not_after = rest.first_chunk()?;
        if *version != VERSION {
            return None;
        }
        let member = std::str::from_utf8(member).ok()?.trim_end_matches('\0');
        Some(Self {
            consortium: ConsortiumId(*consortium),
            feed: FeedId {
                member: member.parse().ok()?,
                number: FeedNumber(u32::from_be_bytes(*number)),
            },
            not_before: Time::from_micros(i64::from_be_bytes(*not_before))?,
            not_after: Time::from_micros(i64::from_be_bytes(*not_after))?,
        })
    }

    /// The binding in what a feed key is asked to sign, if it is of this form.
    pub fn of_message(message: &[u8]) -> Option<Self> {
        let (binding, transport_key) = message.split_first_chunk()?;
        let binding = Self::decode(binding)?;
        (transport_key.len() == 32 && binding.encode() == message[..BINDING_LEN]).then_some(binding)
    }

    /// What the feed key signs: the binding, then the transport key's digest.
    pub(crate) fn message(&self, transport_key: Digest) -> Vec<u8> {
        [&self.encode()[..], transport_key.as_bytes()].concat()
    }
}

/// The digest by which a binding names a transport key: SHA-256 of its `SubjectPublicKeyInfo`.
pub(super) fn transport_key_digest(spki: &[u8]) -> Digest {
    Digest(Sha256::digest(spki).into())
}

/// A binding and a signature that nobody has checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignedBinding {
    pub(super) binding: Binding,
    signature: Signature,
}

impl SignedBinding {
    /// Binds the transport key to the feed whose key this is.
    pub(super) fn sign(
        binding: Binding,
        transport_key: Digest,
        signer: &dyn Signer,
    ) -> Result<Self, SigningFailed> {
        let message = binding.message(transport_key);
        let signature = sign_checked(signer, Domain::Transport, &message)?;
        Ok(Self { binding, signature })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [&self.binding.encode()[..], self.signature.as_bytes()].concat()
    }

    /// The binding in exactly these bytes; there is one encoding of each.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SIGNED_LEN] = bytes.try_into().ok()?;
        let (binding, signature) = bytes.split_first_chunk()?;
        Some(Self {
            binding: Binding::decode(binding)?,
            signature: Signature::from_slice(signature)?,
        })
    }

    /// Whether the feed's key signed this binding for this transport key.
    pub(super) fn is_signed_by(&self, key: &PublicKey, transport_key: Digest) -> bool {
        key.verify(Domain::Transport, &self.binding.message(transport_key), &self.signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use interlock_record::SigningKey;

    use super::*;

    #[test]
    fn the_two_spellings_of_the_oid_agree() {
        let (_, uuid) = BINDING_OID.rsplit_once('.').expect("dotted");
        let uuid: u128 = uuid.parse().expect("a number of 128 bits");
        assert_eq!(uuid, 0x2f50_1e14_be12_4b13_8038_1b48_4e5e_1be3);
        assert_eq!(BINDING_OID_DER[0], 2 * 40 + 25, "the arcs 2 and 25 share a byte");
        let decoded = BINDING_OID_DER[1..]
            .iter()
            .fold(0_u128, |value, byte| value << 7 | u128::from(byte & 0x7f));
        assert_eq!(decoded, uuid);
    }

    #[test]
    fn a_binding_has_one_encoding() {
        let key = SigningKey::from_seed([7; 32]);
        let binding = Binding {
            consortium: ConsortiumId([3; 32]),
            feed: FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(2) },
            not_before: Time::MIN,
            not_after: Time::MAX,
        };
        let signed = SignedBinding::sign(binding, Digest([9; 32]), &key).expect("a key signs");
        let message = binding.message(Digest([9; 32]));
        assert_eq!(Binding::of_message(&message), Some(binding));
        assert_eq!(Binding::of_message(&message[1..]), None);
        assert_eq!(Binding::of_message(&[&message[..], &[0]].concat()), None);
        let bytes = signed.encode();
        assert_eq!(SignedBinding::decode(&bytes), Some(signed));
        assert_eq!(SignedBinding::decode(&bytes[1..]), None);
        assert_eq!(SignedBinding::decode(&[&bytes[..], &[0]].concat()), None);

        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                if let Some(other) = SignedBinding::decode(&bytes) {
                    assert_eq!(other.encode(), bytes, "byte {at}");
                    assert!(!other.is_signed_by(&key.public(), Digest([9; 32])), "byte {at}");
                }
            }
        }
    }
}
