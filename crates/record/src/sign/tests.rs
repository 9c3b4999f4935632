//! Known signatures, and the crafted ones that must not pass.

use super::*;

/// RFC 8032, section 7.1, the secret keys, public keys, messages and signatures of tests 1 to 3.
const RFC_8032: &str = "
9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a - e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c 72 92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7 fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025 af82 6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
";

/// Canonical encodings of points whose order divides 8.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
];

/// The order of the group, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).and_then(|bytes| bytes.try_into().ok()).expect("a test's own hexadecimal digits")
}

#[test]
fn the_library_signs_as_rfc_8032() {
    for line in RFC_8032.lines().filter(|line| !line.is_empty()) {
        let [seed, public, message, signature]: [&str; 4] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("four columns");
        let message = unhex(message.trim_matches('-')).expect("hexadecimal digits");
        let key = SigningKey::from_seed(bytes(seed));
        assert_eq!(key.public().to_string(), public);
        // Below our own type, as the RFC knows no domains.
        assert_eq!(hex(&key.0.sign(&message).to_bytes()), signature);
        assert_eq!(*key.seed(), bytes(seed));
    }
}

#[test]
fn a_signature_is_for_one_key_domain_and_message() {
    let (key, other) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
    let signature = key.sign(Domain::Record, b"message");
    assert_eq!(key.public().verify(Domain::Record, b"message", &signature), Ok(()));
    assert_eq!(other.public().verify(Domain::Record, b"message", &signature), Err(BadSignature));
    assert_eq!(key.public().verify(Domain::Record, b"messagf", &signature), Err(BadSignature));
    for domain in [Domain::Charter, Domain::Transport, Domain::Hello] {
        assert_eq!(key.public().verify(domain, b"message", &signature), Err(BadSignature));
    }
    for bit in 0..512 {
        let mut changed = signature;
        changed.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.public().verify(Domain::Record, b"message", &changed), Err(BadSignature));
    }
}

#[test]
fn a_second_spelling_of_a_signature_is_refused() {
    let key = SigningKey::from_seed([3; 32]);
    let mut signature = key.sign(Domain::Hello, b"message");
    // S + L satisfies the same equation as S.
    let mut carry = 0;
    for (byte, add) in signature.0[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "S + L fits 32 bytes");
    assert_eq!(key.public().verify(Domain::Hello, b"message", &signature), Err(BadSignature));
}

#[test]
fn keys_of_small_or_mixed_order_are_refused() {
    for text in SMALL_ORDER {
        let refused = text.parse::<PublicKey>();
        // Minus zero, the third, is no spelling of a point at all.
        assert!(matches!(refused, Err(BadKey::Weak | BadKey::NotCanonical)), "{text}: {refused:?}");
    }
    // An honest key plus the point of order 2 has the order 2 L: (x, y) becomes (-x, -y).
    let honest = *SigningKey::from_seed([4; 32]).public().as_bytes();
    let mut mixed = honest;
    mixed[31] &= 0x7f;
    let mut borrow = 0_i16;
    let mut prime = [0xff_u8; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    for (byte, from) in mixed.iter_mut().zip(prime) {
        let difference = i16::from(from) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference.to_le_bytes()[0];
    }
    mixed[31] |= !honest[31] & 0x80;
    assert_eq!(PublicKey::from_bytes(&mixed), Err(BadKey::Weak));
}

#[test]
fn keys_have_one_spelling() {
    // y = p + 1 is y = 1 written in a second way, and p + 3 is y = 3.
    for low in [0xee_u8, 0xf0] {
        let mut second = [0xff_u8; 32];
        (second[0], second[31]) = (low, 0x7f);
        assert_eq!(PublicKey::from_bytes(&second), Err(BadKey::NotCanonical));
    }
    let key = SigningKey::from_seed([5; 32]).public();
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(PublicKey::from_bytes(&key.as_bytes()[..31]), Err(BadKey::Length));
    assert_eq!("xyz".parse::<PublicKey>(), Err(BadKey::Length));
}

#[test]
fn secrets_are_not_shown() {
    let key = SigningKey::from_seed([0xab; 32]);
    assert!(!format!("{key:?}").contains("abab"), "{key:?}");
}
