//! A statement's content, encrypted under its content key.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use interlock_record::{Entry, SALT_BYTES, StatementId};
use zeroize::Zeroizing;

use crate::content_keys::{KEY_BYTES, Key};

/// What is authenticated along with the content begins so; the statement's id follows.
const DOMAIN: &[u8] = b"interlock/backup-content/v1\0";

/// A key seals one thing for ever, the same salt and statement each time: so the nonce is constant.
fn cipher(key: &Key) -> (ChaCha20Poly1305, Nonce) {
    let key: &[u8; KEY_BYTES] = key;
    (ChaCha20Poly1305::new(key.into()), Nonce::default())
}

fn domain(id: StatementId) -> Vec<u8> {
    [DOMAIN, &id.0].concat()
}

/// Salt and statement, sealed; `None` for an entry that was erased.
pub(super) fn seal(key: &Key, id: StatementId, entry: &Entry) -> Option<Vec<u8>> {
    let Entry::Kept { salt, statement } = entry else { return None };
    let content = Zeroizing::new([salt.as_slice(), statement].concat());
    let (cipher, nonce) = cipher(key);
    let aad = domain(id);
    let sealed = cipher.encrypt(&nonce, Payload { msg: &content, aad: &aad });
    Some(sealed.expect("a statement is shorter than the cipher's limit"))
}

/// The entry that was sealed; `None` where it was sealed under another key, or for another
/// statement.
pub(super) fn open(key: &Key, id: StatementId, sealed: &[u8]) -> Option<Entry> {
    let (cipher, nonce) = cipher(key);
    let aad = domain(id);
    let content = cipher.decrypt(&nonce, Payload { msg: sealed, aad: &aad }).ok()?;
    let content = Zeroizing::new(content);
    let (salt, statement) = content.split_at_checked(SALT_BYTES)?;
    Some(Entry::Kept { salt: salt.try_into().ok()?, statement: statement.to_vec() })
}
