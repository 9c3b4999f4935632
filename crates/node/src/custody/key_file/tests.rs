//! Keys under a passphrase: what is written is read again, and nothing else is.

use super::*;

/// The least that is allowed, so that tests are fast.
const CHEAP: KdfCost =
    KdfCost { memory_kib: KDF_MEMORY_KIB.0, passes: KDF_PASSES.0, lanes: KDF_LANES.0 };

fn sealed() -> (Seed, EncryptedKey) {
    let seed = Zeroizing::new([0xab; 32]);
    let key = EncryptedKey::seal(&seed, "correct horse", CHEAP, [7; 40]).expect("cheap enough");
    (seed, key)
}

#[test]
fn what_is_written_is_read_and_opens_with_its_passphrase_only() {
    let (seed, key) = sealed();
    let text = key.to_text();
    assert!(!text.contains(&hex(seed.as_ref())), "the seed is not in it");
    let read = EncryptedKey::parse(&text).expect("it was written so");
    assert_eq!(read, key);
    assert_eq!(read.open("correct horse"), Ok(seed));
    for wrong in ["", "correct horse ", "Correct horse"] {
        assert_eq!(read.open(wrong), Err(KeyFileError::WrongPassphrase), "{wrong:?}");
    }
}

#[test]
fn the_frozen_file_opens() {
    // Written by the first version of this format; every later one must open it.
    let text = include_str!("v1.key");
    let KeyFile::Encrypted(key) = KeyFile::parse(text).expect("version 1") else {
        panic!("it is encrypted")
    };
    assert_eq!(key.cost(), CHEAP);
    assert_eq!(key.open("a frozen passphrase"), Ok(Zeroizing::new([0x5a; 32])));
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let (_, key) = sealed();
    let text = key.to_text();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(KeyFile::parse(&changed).is_err(), "byte {at}:\n{changed}");
    }
    for cut in 0..text.len() {
        assert!(KeyFile::parse(&text[..cut]).is_err(), "cut at {cut}");
    }
    for more in ["\n", " ", "check = x\n"] {
        assert!(KeyFile::parse(&format!("{text}{more}")).is_err(), "{more:?} after it");
    }
    assert_eq!(EncryptedKey::parse(&text.replace('\n', "\r\n")), Err(KeyFileError::Damaged));
}

#[test]
fn who_changes_parameters_and_the_checksum_too_is_found_out_by_the_seal() {
    let (_, key) = sealed();
    let changes: [fn(&mut EncryptedKey); 5] = [
        |key| key.cost.passes = 2,
        |key| key.salt[0] ^= 1,
        |key| key.nonce[0] ^= 1,
        |key| key.public = SigningKey::from_seed([1; 32]).public(),
        |key| key.sealed[47] ^= 1,
    ];
    for change in changes {
        let mut changed = key.clone();
        change(&mut changed);
        let read = EncryptedKey::parse(&changed.to_text()).expect("well written");
        assert_eq!(read.open("correct horse"), Err(KeyFileError::WrongPassphrase));
    }
}

#[test]
fn a_file_cannot_ask_for_more_than_the_limits() {
    let ranges = [KDF_MEMORY_KIB, KDF_PASSES, KDF_LANES];
    for (which, (least, most)) in ranges.into_iter().enumerate() {
        let with = |value: u32| {
            let mut cost = CHEAP;
            *[&mut cost.memory_kib, &mut cost.passes, &mut cost.lanes][which] = value;
            cost
        };
        for inside in [least, most] {
            assert_eq!(with(inside).check(), Ok(with(inside)));
        }
        for outside in [least - 1, most + 1, u32::MAX] {
            let (_, mut key) = sealed();
            key.cost = with(outside);
            let refused = EncryptedKey::parse(&key.to_text());
            assert!(matches!(refused, Err(KeyFileError::Cost { .. })), "{outside}: {refused:?}");
            let refused = EncryptedKey::seal(&Zeroizing::new([1; 32]), "p", with(outside), [0; 40]);
            assert!(matches!(refused, Err(KeyFileError::Cost { .. })), "{outside}: {refused:?}");
        }
    }
}

#[test]
fn what_is_no_key_file_is_told_apart() {
    assert!(matches!(KeyFile::parse(&"ab".repeat(32)), Ok(KeyFile::Plain(_))));
    assert!(matches!(KeyFile::parse(&format!("{}\n", "ab".repeat(32))), Ok(KeyFile::Plain(_))));
    for text in ["", "no key", &"ab".repeat(31), "interlock key, encrypted, version 2\n"] {
        assert!(matches!(KeyFile::parse(text), Err(KeyFileError::NoKey)), "{text}");
    }
    let (_, key) = sealed();
    let text = key.to_text().replace("passes = 1", "passes = one");
    let error = EncryptedKey::parse(&text).expect_err("not a number").to_string();
    assert_eq!(error, "line 3: expected argon2id.passes = NUMBER");
}

#[test]
fn a_key_file_is_bounded_and_its_owner_s() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("feed.key");
    let write = |text: &str, mode: u32| {
        std::fs::write(&path, text).expect("it is ours");
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode).expect("it is ours");
        KeyFile::read(&path).map_err(|error| format!("{error:#}"))
    };
    let key = "ab".repeat(32);
    let most = usize::try_from(MAX_KEY_FILE_BYTES).expect("small");
    assert!(write(&format!("{key}{}", " ".repeat(most - 64)), 0o600).is_ok());
    let too_long = write(&format!("{key}{}", " ".repeat(most - 63)), 0o600);
    assert!(too_long.is_err_and(|error| error.contains("at most 4096 bytes")));
    assert!(write(&key, 0o640).is_err_and(|error| error.contains("chmod 600")));
}
