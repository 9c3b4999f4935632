//! Writes the self-signed Ed25519 certificate that carries a binding, in DER. Reading one is in
//! `judge`.
//!
//! Written by hand because the extension's name has an arc of 128 bits, and the writers at hand end
//! at 64.

use interlock_record::{FeedId, Time};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};

use super::binding::{BINDING_OID_DER, transport_key_digest};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// `AlgorithmIdentifier { 1.3.101.112 }`, Ed25519 (RFC 8410).
const ED25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
/// `2.5.4.3`, common name.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// One DER element: tag, length and the parts one after the other.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = content.len().to_be_bytes();
    let significant = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = vec![tag];
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).expect("a length has at most 8 bytes"));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(&content);
    out
}

/// What people may read in a certificate (`openssl x509 -text`); [`judge`](super::judge()) does not.
pub(super) struct Label {
    pub(super) feed: FeedId,
    pub(super) not_before: Time,
    pub(super) not_after: Time,
}

/// A self-signed certificate of `key` with the binding in its extension.
///
/// # Errors
/// When the key cannot sign.
pub(super) fn write(key: &KeyPair, label: &Label, binding: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
    let spki = key.subject_public_key_info();
    let extension = element(
        SEQUENCE,
        &[
            &element(OBJECT_IDENTIFIER, &[&BINDING_OID_DER]),
            &element(OCTET_STRING, &[&element(OCTET_STRING, &[binding])]),
        ],
    );
    let common_name = element(
        SEQUENCE,
        &[
            &element(OBJECT_IDENTIFIER, &[&COMMON_NAME]),
            &element(UTF8_STRING, &[label.feed.to_string().as_bytes()]),
        ],
    );
    let name = element(SEQUENCE, &[&element(SET, &[&common_name])]);
    let body = element(
        SEQUENCE,
        &[
            &element(VERSION, &[&element(INTEGER, &[&[2]])]),
            &element(INTEGER, &[&serial(&spki)]),
            &ED25519,
            &name,
            &element(SEQUENCE, &[&date(label.not_before), &date(label.not_after)]),
            &name,
            &spki,
            &element(EXTENSIONS, &[&element(SEQUENCE, &[&extension])]),
        ],
    );
    let signature = key.sign(&body)?;
    Ok(element(SEQUENCE, &[&body, &ED25519, &element(BIT_STRING, &[&[0], &signature])]))
}

/// A serial number that is positive and as short as DER wants it, different for each key.
fn serial(spki: &[u8]) -> [u8; 16] {
    let digest = transport_key_digest(spki);
    let mut serial = *digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// A date to the second; two digits of the year from 1950 to 2049, four outside (RFC 5280).
fn date(at: Time) -> Vec<u8> {
    let text = at.to_string();
    let digits: Vec<u8> = text.bytes().take(19).filter(u8::is_ascii_digit).chain(*b"Z").collect();
    if (&b"1950"[..]..=&b"2049"[..]).contains(&&digits[..4]) {
        element(UTC_TIME, &[&digits[2..]])
    } else {
        element(GENERALIZED_TIME, &[&digits])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (len, header) in [
            (0, &[0x04, 0x00][..]),
            (1, &[0x04, 0x01]),
            (127, &[0x04, 0x7f]),
            (128, &[0x04, 0x81, 0x80]),
            (255, &[0x04, 0x81, 0xff]),
            (256, &[0x04, 0x82, 0x01, 0x00]),
        ] {
            let out = element(OCTET_STRING, &[&vec![7; len]]);
            assert_eq!(&out[..out.len() - len], header, "{len} bytes");
        }
    }

    #[test]
    fn dates_change_their_form_in_2050() {
        let date = |text: &str| date(text.parse().expect(text));
        assert_eq!(date("2049-12-31T23:59:59.5Z"), b"\x17\x0d491231235959Z");
        assert_eq!(date("2050-01-01T00:00:00Z"), b"\x18\x0f20500101000000Z");
        assert_eq!(date("1949-12-31T23:59:59Z"), b"\x18\x0f19491231235959Z");
    }
}
