//! The rules of verification, written out over the group: what this protocol demands, and what laxer
//! verifiers do. Slow and plain; only for comparison with what the program does.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT as B;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;

/// The order of the base point, little-endian.
pub(crate) const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// What the rules say of one signature.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The first check of this protocol that refuses; `-`: none.
    pub refused_by: &'static str,
    /// Whether 8 S B = 8 R + 8 h A, whatever the spelling and order of A and R.
    pub cofactored: bool,
    /// Whether S B = R + h A.
    pub cofactorless: bool,
}

impl Rules {
    pub(crate) fn of(a: &[u8; 32], r: &[u8; 32], s: &[u8; 32], message: &[u8]) -> Self {
        let key = CompressedEdwardsY(*a).decompress();
        let nonce = CompressedEdwardsY(*r).decompress();
        let in_range = less(s, &L);
        let h = super::challenge(r, a, message);
        // S B - h A - R
        let difference = key
            .zip(nonce)
            .filter(|_| in_range)
            .map(|(key, nonce)| B * Scalar::from_bytes_mod_order(*s) - key * h - nonce);
        let refused_by = match (key, nonce) {
            (None, _) => "KEY_ENCODING",
            (Some(key), _) if !is_one_spelling(&key, a) => "KEY_ENCODING",
            (Some(key), _) if key.is_small_order() || !key.is_torsion_free() => "KEY_ORDER",
            _ if !in_range => "S_RANGE",
            (_, None) => "R_ENCODING",
            (_, Some(nonce)) if nonce.is_small_order() => "R_ORDER",
            (_, Some(nonce)) if !is_one_spelling(&nonce, r) => "EQUATION",
            _ if !difference.is_some_and(|it| it.is_identity()) => "EQUATION",
            _ => "-",
        };
        Self {
            refused_by,
            cofactored: difference.is_some_and(|it| it.is_small_order()),
            cofactorless: difference.is_some_and(|it| it.is_identity()),
        }
    }
}

fn is_one_spelling(point: &EdwardsPoint, bytes: &[u8; 32]) -> bool {
    point.compress().as_bytes() == bytes
}

/// Whether one number is less than another, both little-endian.
fn less(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().rev().lt(other.iter().rev())
}

/// The sum of two numbers, little-endian; it must fit.
pub(crate) fn sum(one: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    let mut carry = 0_u16;
    let sum = std::array::from_fn(|at| {
        let digit = u16::from(one[at]) + u16::from(other[at]) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    });
    assert_eq!(carry, 0, "the sum fits 32 bytes");
    sum
}
