//! Looking for a needle in everything that a node leaves behind.

use std::path::{Path, PathBuf};

use interlock_record::hex;
use sha2::{Digest as _, Sha256};

/// A text in every form in which it might be left somewhere.
pub(crate) fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let mut forms = vec![bytes.to_vec(), hash.to_vec()];
    for bytes in [bytes, &hash] {
        forms.push(hex(bytes).into_bytes());
        forms.push(hex(bytes).to_ascii_uppercase().into_bytes());
        // Base64 of it within other text begins at one of three places in a group.
        for before in 0..3 {
            let padded = [vec![0; before], bytes.to_vec()].concat();
            let text = base64(&padded);
            let text = text[(before * 8).div_ceil(6)..].trim_end_matches('=');
            forms.push(text.as_bytes()[..text.len() - 1].to_vec());
        }
    }
    forms
}

/// Base64 with its padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(*group.get(at).unwrap_or(&0)));
        for at in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Whether the bytes stand in others.
pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    // Looking for the first byte first is much faster than comparing windows.
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// All files below a directory, with what is in them. A file that goes away meanwhile is none.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("it is ours") {
        let path = entry.expect("it is ours").path();
        let kind = std::fs::symlink_metadata(&path).map(|metadata| metadata.file_type());
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
            found.extend(files(&path));
        } else if kind.is_ok_and(|kind| kind.is_file()) {
            match std::fs::read(&path) {
                Ok(bytes) => found.push((path, bytes)),
                Err(error) => assert!(!path.exists(), "{}: {error}", path.display()),
            }
        }
    }
    found
}
