//! The file: magic, the bundle in its one spelling, and a digest over both.

use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::NotVerified;
use super::proto::Bundle;

/// How the file begins.
pub const MAGIC: &[u8; 20] = b"interlock/proof/v1\r\n";
/// How long the digest at its end is.
pub const DIGEST_BYTES: usize = 32;
/// The largest file, in bytes: nearly all of it can only be charters.
pub const MAX_BUNDLE_BYTES: usize = 64 * 1024 * 1024;
/// The version of the bundle's message.
pub(super) const BUNDLE_VERSION: u32 = 1;

/// The file of a bundle.
pub(super) fn seal(bundle: &Bundle) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(bundle.encode_to_vec());
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

/// The bundle of a file.
///
/// # Errors
/// [`NotVerified::Unreadable`] for what is no bundle, else what is wrong with it.
pub(super) fn open(bytes: &[u8]) -> Result<Bundle, NotVerified> {
    let unreadable = |what| NotVerified::Unreadable { what };
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(unreadable("a file that is larger than any bundle"));
    }
    let Some(rest) = bytes.strip_prefix(MAGIC.as_slice()) else {
        return Err(unreadable("a file that does not begin as a bundle does"));
    };
    let Some((message, digest)) = rest.split_last_chunk::<DIGEST_BYTES>() else {
        return Err(unreadable("a file that ends too early"));
    };
    let signed = &bytes[..bytes.len() - DIGEST_BYTES];
    if Sha256::digest(signed).as_slice() != digest {
        return Err(NotVerified::Damaged);
    }
    let bundle = Bundle::decode(message).map_err(|_| unreadable("bytes that are no bundle"))?;
    if bundle.version != BUNDLE_VERSION {
        return Err(unreadable("a bundle of another version"));
    }
    if bundle.encode_to_vec() != message {
        return Err(NotVerified::NotCanonical);
    }
    Ok(bundle)
}
