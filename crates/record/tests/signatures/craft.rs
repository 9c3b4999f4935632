//! Makes signatures, good ones and such that verifiers disagree on, with the group below them.
//!
//! The kinds are those of K. Chalkias, F. Garillot and V. Nikolaenko, "Taming the many `EdDSA`s"
//! (SSR 2020, table 6 and the twelve cases published with it), made anew with this protocol's
//! domains. `T` is a point whose order divides 8, `B` the base point, `L` its order, `h` the hash of
//! R, A and the message, all as in RFC 8032.

#[path = "rules.rs"]
mod rules;

use std::fmt::Write as _;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use interlock_record::{Domain, SigningKey, hex};
use sha2::{Digest as _, Sha512};

use rules::{L, Rules};

const HEAD: &str = "\
# Frozen signatures, version 1: good ones, and such that verifiers disagree on.
#
# Blocks as in record-v1.txt. The message that is signed is `domain`, a zero byte and `payload`.
# `expect.key` and `expect.signature` are the verdicts that every node must give: OK, or the error's
# stable name; NOT_ASKED: the key is refused already. `refused_by` names the first check that refuses,
# in this order:
#   KEY_ENCODING  A is no point, or not in its one spelling (y < p, no minus zero)
#   KEY_ORDER     A is of small order, or has a small-order part
#   S_RANGE       S >= L
#   R_ENCODING    R is no point
#   R_ORDER       R is of small order
#   EQUATION      the bytes of S B - h A are not those of R
# `cofactored` and `cofactorless` say, for comparison, what laxer verifiers would give, which take any
# spelling of A and R that is a point: those with the equation 8 S B = 8 R + 8 h A (as batches are
# checked), and those with S B = R + h A.
# The kinds are those of Chalkias, Garillot and Nikolaenko, \"Taming the many EdDSAs\" (SSR 2020).
# The file is checked by `cargo test -p interlock-record --test signatures`, where it is also made.
";

/// The secret scalars that the crafted signatures are made with.
fn secret(name: &str) -> Scalar {
    let wide: [u8; 64] = Sha512::digest(name.as_bytes()).into();
    Scalar::from_bytes_mod_order_wide(&wide)
}

fn message(domain: Domain, payload: &[u8]) -> Vec<u8> {
    [domain.bytes(), &[0], payload].concat()
}

pub(crate) fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(a);
    hash.update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// A key, a message and what claims to be a signature.
struct Case {
    about: String,
    domain: Domain,
    payload: Vec<u8>,
    a: [u8; 32],
    r: [u8; 32],
    s: [u8; 32],
}

/// A case in the making: bytes of A and R, and the scalars behind their parts along B.
struct Craft<'a> {
    about: &'a str,
    a: [u8; 32],
    secret: Scalar,
    r: [u8; 32],
    nonce: Scalar,
}

impl Craft<'_> {
    /// S = r + h a over a payload.
    fn over(&self, payload: &[u8]) -> Case {
        let message = message(Domain::Record, payload);
        let h = challenge(&self.r, &self.a, &message);
        Case {
            about: self.about.to_owned(),
            domain: Domain::Record,
            payload: payload.to_vec(),
            a: self.a,
            r: self.r,
            s: (self.nonce + h * self.secret).to_bytes(),
        }
    }

    /// Over the first payload of a series on which the two equations agree or not.
    fn until(&self, wanted: impl Fn(&Rules) -> bool) -> Case {
        let tries = (0..1_000_u32).map(|number| self.over(&number.to_be_bytes()));
        tries.into_iter().find(|case| wanted(&case.rules())).expect("one in eight will do")
    }
}

impl Case {
    fn rules(&self) -> Rules {
        Rules::of(&self.a, &self.r, &self.s, &message(self.domain, &self.payload))
    }

    fn write(&self, file: &mut String) {
        let rules = self.rules();
        let taken = |holds: bool| if holds { "OK" } else { "BAD_SIGNATURE" };
        let (key, signature) = match rules.refused_by {
            "-" => ("OK", "OK"),
            "KEY_ENCODING" => ("BAD_KEY_NOT_CANONICAL", "NOT_ASKED"),
            "KEY_ORDER" => ("BAD_KEY_WEAK", "NOT_ASKED"),
            _ => ("OK", "BAD_SIGNATURE"),
        };
        let payload = hex(&self.payload);
        let payload = if payload.is_empty() { String::new() } else { format!(" {payload}") };
        writeln!(
            file,
            "\nabout = {}\ndomain = {}\npayload ={payload}\nkey = {}\nsignature = {}{}\n\
             refused_by = {}\ncofactored = {}\ncofactorless = {}\nexpect.key = {key}\n\
             expect.signature = {signature}",
            self.about,
            self.domain.text(),
            hex(&self.a),
            hex(&self.r),
            hex(&self.s),
            rules.refused_by,
            taken(rules.cofactored),
            taken(rules.cofactorless),
        )
        .expect("writing to a string cannot fail");
    }
}

/// The whole file.
pub(crate) fn file() -> String {
    let mut file = HEAD.to_owned();
    let groups = [
        good(),
        not_over_this(),
        out_of_range(),
        small_keys(),
        mixed_keys(),
        spellings(),
        nonces(),
    ];
    for case in groups.into_iter().flatten() {
        case.write(&mut file);
    }
    file
}

fn bytes(point: EdwardsPoint) -> [u8; 32] {
    point.compress().to_bytes()
}

fn signed(about: &str, seed: u8, domain: Domain, payload: &[u8]) -> Case {
    let key = SigningKey::from_seed([seed; 32]);
    let signature = key.sign(domain, payload);
    let (r, s) = signature.as_bytes().split_at(32);
    Case {
        about: about.to_owned(),
        domain,
        payload: payload.to_vec(),
        a: *key.public().as_bytes(),
        r: r.try_into().expect("32 bytes"),
        s: s.try_into().expect("32 bytes"),
    }
}

fn good() -> Vec<Case> {
    let mut cases = Vec::new();
    for domain in [Domain::Record, Domain::Charter, Domain::Transport, Domain::Hello] {
        for payload in [&b""[..], b"payload", &[0xff; 200]] {
            cases.push(signed("a good signature", 1, domain, payload));
        }
    }
    let (a, r) = (secret("good key"), secret("good nonce"));
    let own = Craft {
        about: "a good signature whose nonce is not derived as RFC 8032 says; nobody can tell",
        a: bytes(B * a),
        secret: a,
        r: bytes(B * r),
        nonce: r,
    };
    cases.push(own.over(b"payload"));
    cases
}

fn not_over_this() -> Vec<Case> {
    let case = || signed("", 2, Domain::Record, b"payload");
    let with = |about: &str, change: fn(&mut Case)| {
        let mut case = case();
        about.clone_into(&mut case.about);
        change(&mut case);
        case
    };
    vec![
        with("another payload", |case| case.payload[0] ^= 1),
        with("another domain", |case| case.domain = Domain::Hello),
        with("another key", |case| case.a = *SigningKey::from_seed([3; 32]).public().as_bytes()),
        with("a bit of R changed", |case| case.r[0] ^= 1),
        with("the sign bit of R changed", |case| case.r[31] ^= 0x80),
        with("a bit of S changed", |case| case.s[0] ^= 1),
        with("R and S exchanged", |case| std::mem::swap(&mut case.r, &mut case.s)),
        with("all zeros", |case| (case.r, case.s) = ([0; 32], [0; 32])),
        with("all ones", |case| (case.r, case.s) = ([0xff; 32], [0xff; 32])),
        with("R is no point: y = 2", |case| {
            case.r = [0; 32];
            case.r[0] = 2;
        }),
    ]
}

/// S + n L satisfies the same equation as S.
fn out_of_range() -> Vec<Case> {
    let mut cases = Vec::new();
    for times in 1..=15 {
        let mut case = signed("", 4, Domain::Record, b"payload");
        case.about = format!("S + {times} L in place of S");
        for _ in 0..times {
            case.s = rules::sum(&case.s, &L);
        }
        cases.push(case);
    }
    let mut case = signed("S = L in place of 0", 4, Domain::Record, b"payload");
    case.s = L;
    cases.push(case);
    cases
}

/// Keys of small order: anybody signs anything.
fn small_keys() -> Vec<Case> {
    let mut cases = Vec::new();
    let nonce = secret("small");
    for (number, torsion) in EIGHT_TORSION.iter().enumerate() {
        let about = format!("A is {number} times the point of order 8, R = r B, S = r");
        let craft = Craft {
            about: &about,
            a: bytes(*torsion),
            secret: Scalar::ZERO,
            r: bytes(B * nonce),
            nonce,
        };
        cases.push(craft.until(|rules| rules.cofactorless));
        let about = format!("A and R are {number} times the point of order 8, S = 0");
        let r = bytes(*torsion);
        let craft = Craft { about: &about, r, nonce: Scalar::ZERO, ..craft };
        cases.push(craft.over(b"payload"));
    }
    cases
}

/// Keys with a small-order part: what they sign means different things to different verifiers.
fn mixed_keys() -> Vec<Case> {
    let mut cases = Vec::new();
    let (secret, nonce) = (secret("mixed key"), secret("mixed nonce"));
    for (number, torsion) in EIGHT_TORSION.iter().enumerate().skip(1) {
        let about = format!("A = a B + {number} T, R = r B, S = r + h a: both equations hold");
        let craft = Craft {
            about: &about,
            a: bytes(B * secret + torsion),
            secret,
            r: bytes(B * nonce),
            nonce,
        };
        cases.push(craft.until(|rules| rules.cofactorless));
        let about = format!("A = a B + {number} T, R = r B, S = r + h a: one equation holds");
        let craft = Craft { about: &about, ..craft };
        cases.push(craft.until(|rules| !rules.cofactorless));
        let about = format!("A = a B + {number} T, R = r B - {number} h T: both equations hold");
        let part = |h: u8| bytes(B * nonce - torsion * Scalar::from(h));
        let tries = (0..8).map(|h| Craft { about: &about, r: part(h), ..craft }.over(b"payload"));
        cases.extend(tries.into_iter().find(|case| case.rules().cofactorless));
    }
    cases
}

/// Second spellings of a key, and what is no key at all.
fn spellings() -> Vec<Case> {
    let mut cases = Vec::new();
    for y in 0..=18_u8 {
        for sign in [0, 0x80] {
            // p + y, little-endian.
            let mut a = [0xff; 32];
            (a[0], a[31]) = (0xed_u8.wrapping_add(y), 0x7f | sign);
            let Some(point) = CompressedEdwardsY(a).decompress() else { continue };
            let about = format!("A is y = {y} written as p + {y}, sign bit {}", sign >> 7);
            let nonce = secret("spelling");
            let craft =
                Craft { about: &about, a, secret: Scalar::ZERO, r: bytes(B * nonce), nonce };
            let is_small = point.is_small_order();
            cases.push(if is_small {
                craft.until(|rules| rules.cofactorless)
            } else {
                craft.over(b"payload")
            });
        }
    }
    let mut no_key = |about: &str, low: u8, high: u8| {
        let mut a = [0; 32];
        (a[0], a[31]) = (low, high);
        let mut case = signed(about, 5, Domain::Record, b"payload");
        case.a = a;
        cases.push(case);
    };
    no_key("A is no point: y = 2", 2, 0);
    no_key("A is minus zero: y = 1 with the sign bit", 1, 0x80);
    let mut minus_one = signed("A is minus zero: y = -1 with the sign bit", 5, Domain::Record, b"");
    (minus_one.a, minus_one.a[0]) = ([0xff; 32], 0xec);
    cases.push(minus_one);
    cases
}

/// Good keys, and nonces that are no good: who holds the key makes one signature that some verifiers
/// take and others do not.
fn nonces() -> Vec<Case> {
    let mut cases = Vec::new();
    let (key, nonce) = (secret("nonce key"), secret("nonce"));
    let a = bytes(B * key);
    for (number, torsion) in EIGHT_TORSION.iter().enumerate() {
        let about = format!("R is {number} times the point of order 8, S = h a");
        let r = bytes(*torsion);
        cases
            .push(Craft { about: &about, a, secret: key, r, nonce: Scalar::ZERO }.over(b"payload"));
        if number > 0 {
            let about = format!("R = r B + {number} T, S = r + h a: passes where batches do");
            let r = bytes(B * nonce + torsion);
            cases.push(Craft { about: &about, a, secret: key, r, nonce }.over(b"payload"));
        }
    }
    // Two whose small-order parts are each other's opposites: together they may pass in a batch.
    for (which, torsion) in [("first", EIGHT_TORSION[4]), ("second", -EIGHT_TORSION[4])] {
        let about = format!("the {which} of two whose parts of order 2 cancel in a batch");
        let r = bytes(B * nonce + torsion);
        cases.push(Craft { about: &about, a, secret: key, r, nonce }.over(which.as_bytes()));
    }
    // Second spellings of small R: y = 0 and 1 as p and p + 1, and minus zero.
    for (what, low, middle, high) in [
        ("y = 0 as p", 0xed, 0xff, 0x7f),
        ("y = 0 as p with the sign bit", 0xed, 0xff, 0xff),
        ("y = 1 as p + 1", 0xee, 0xff, 0x7f),
        ("y = 1 as p + 1 with the sign bit", 0xee, 0xff, 0xff),
        ("minus zero, y = 1", 0x01, 0x00, 0x80),
        ("minus zero, y = -1", 0xec, 0xff, 0xff),
    ] {
        let mut r = [middle; 32];
        (r[0], r[31]) = (low, high);
        let about = format!("R is {what}, S = h a");
        cases
            .push(Craft { about: &about, a, secret: key, r, nonce: Scalar::ZERO }.over(b"payload"));
    }
    cases
}
