//! The file of a feed's key: 64 hexadecimal digits, or the same encrypted with a passphrase.
//!
//! The encrypted form is text of nine lines, in this order and spelling (`docs/operating.md`): a
//! title with the format's version, the cost and salt of Argon2id (RFC 9106), the nonce of
//! XChaCha20-Poly1305, the public key, the sealed seed, and a checksum. The lines before the sealed
//! seed are its associated data, so that nobody changes them unnoticed. The checksum is no secret:
//! it tells a damaged file from a wrong passphrase.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use interlock_record::{PublicKey, SigningKey, hex, unhex};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::owner_only;

/// The longest key file that is read, in bytes.
pub const MAX_KEY_FILE_BYTES: u64 = 4_096;
/// The least and the most memory that a key file may ask for, in KiB.
pub const KDF_MEMORY_KIB: (u32, u32) = (8 * 1_024, 256 * 1_024);
/// The least and the most passes over that memory.
pub const KDF_PASSES: (u32, u32) = (1, 16);
/// The least and the most lanes.
pub const KDF_LANES: (u32, u32) = (1, 8);

const TITLE: &str = "interlock key, encrypted, version 1";
const CHECK_DOMAIN: &[u8] = b"interlock/key-file/v1\0";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// A seed of 32 bytes and a tag of 16.
const SEALED_BYTES: usize = 48;

/// 32 secret bytes; wiped from memory when dropped.
pub type Seed = Zeroizing<[u8; 32]>;

/// What deriving a key from a passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl KdfCost {
    /// RFC 9106, section 4, the second recommended option: 64 MiB, 3 passes, 4 lanes.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 * 1_024, passes: 3, lanes: 4 };

    fn check(self) -> Result<Self, KeyFileError> {
        for (what, got, (least, most)) in [
            ("memory_kib", self.memory_kib, KDF_MEMORY_KIB),
            ("passes", self.passes, KDF_PASSES),
            ("lanes", self.lanes, KDF_LANES),
        ] {
            if !(least..=most).contains(&got) {
                return Err(KeyFileError::Cost { what, got, least, most });
            }
        }
        Ok(self)
    }

    /// The key that a passphrase makes.
    fn derive(self, passphrase: &str, salt: &[u8]) -> Result<Seed, KeyFileError> {
        let mut key = Zeroizing::new([0; 32]);
        Params::new(self.memory_kib, self.passes, self.lanes, Some(key.len()))
            .and_then(|params| {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
            })
            .map_err(|error| KeyFileError::Derive(error.to_string()))?;
        Ok(key)
    }
}

/// What is wrong with a key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Neither of the two forms.
    #[error("expected 64 hexadecimal digits, or a key that `interlock keygen` encrypted")]
    NoKey,
    /// A line of the encrypted form is not as it must be.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What it must be.
        expected: &'static str,
    },
    /// Deriving the key would cost too much, or protect too little.
    #[error("{what}: expected {least} to {most}, got {got}")]
    Cost {
        /// Which number.
        what: &'static str,
        /// What the file says.
        got: u32,
        /// The least.
        least: u32,
        /// The most.
        most: u32,
    },
    /// The bytes are not those that were written.
    #[error("the file is damaged: its checksum does not fit")]
    Damaged,
    /// The seal does not open.
    #[error("wrong passphrase, or somebody has changed the file")]
    WrongPassphrase,
    /// The key could not be derived.
    #[error("cannot derive a key from the passphrase: {0}")]
    Derive(String),
}

/// A key that was encrypted with a passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedKey {
    cost: KdfCost,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    public: PublicKey,
    sealed: [u8; SEALED_BYTES],
}

impl EncryptedKey {
    /// Encrypts a seed. `randomness` must be fresh each time.
    ///
    /// # Errors
    /// When the cost is out of range.
    pub fn seal(
        seed: &Seed,
        passphrase: &str,
        cost: KdfCost,
        randomness: [u8; SALT_BYTES + NONCE_BYTES],
    ) -> Result<Self, KeyFileError> {
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
        salt.copy_from_slice(&randomness[..SALT_BYTES]);
        nonce.copy_from_slice(&randomness[SALT_BYTES..]);
        let public = SigningKey::from_seed(**seed).public();
        let sealed = [0; SEALED_BYTES];
        let mut this = Self { cost: cost.check()?, salt, nonce, public, sealed };
        let head = this.head();
        let payload = Payload { msg: seed.as_ref(), aad: head.as_bytes() };
        let sealed = this
            .cipher(passphrase)?
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| KeyFileError::Derive("the seed could not be encrypted".into()))?;
        this.sealed = sealed.try_into().map_err(|_| KeyFileError::Damaged)?;
        Ok(this)
    }

    /// Decrypts it.
    ///
    /// # Errors
    /// When the passphrase is wrong, or the file has been changed.
    pub fn open(&self, passphrase: &str) -> Result<Seed, KeyFileError> {
        let head = self.head();
        let payload = Payload { msg: &self.sealed, aad: head.as_bytes() };
        let mut opened = self
            .cipher(passphrase)?
            .decrypt(&XNonce::from(self.nonce), payload)
            .map_err(|_| KeyFileError::WrongPassphrase)?;
        let seed = <[u8; 32]>::try_from(opened.as_slice()).map(Zeroizing::new);
        opened.zeroize();
        let seed = seed.map_err(|_| KeyFileError::WrongPassphrase)?;
        if SigningKey::from_seed(*seed).public() != self.public {
            return Err(KeyFileError::WrongPassphrase);
        }
        Ok(seed)
    }

    /// The public key, which needs no passphrase. Only [`EncryptedKey::open`] proves it.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// What opening it costs.
    pub const fn cost(&self) -> KdfCost {
        self.cost
    }

    fn cipher(&self, passphrase: &str) -> Result<XChaCha20Poly1305, KeyFileError> {
        let key = self.cost.derive(passphrase, &self.salt)?;
        XChaCha20Poly1305::new_from_slice(key.as_ref())
            .map_err(|error| KeyFileError::Derive(error.to_string()))
    }

    /// The lines before the sealed seed.
    fn head(&self) -> String {
        let KdfCost { memory_kib, passes, lanes } = self.cost;
        format!(
            "{TITLE}\nargon2id.memory_kib = {memory_kib}\nargon2id.passes = {passes}\n\
             argon2id.lanes = {lanes}\nargon2id.salt = {}\nxchacha20poly1305.nonce = {}\n\
             public_key = {}\n",
            hex(&self.salt),
            hex(&self.nonce),
            self.public,
        )
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = self.head();
        let _ = writeln!(text, "sealed = {}", hex(&self.sealed));
        let check = checksum(&text);
        let _ = writeln!(text, "check = {check}");
        text
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is not exactly of this form.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut lines = Lines { lines: text.lines(), line: 0 };
        lines.title()?;
        let cost = KdfCost {
            memory_kib: lines.number("argon2id.memory_kib = ", "argon2id.memory_kib = NUMBER")?,
            passes: lines.number("argon2id.passes = ", "argon2id.passes = NUMBER")?,
            lanes: lines.number("argon2id.lanes = ", "argon2id.lanes = NUMBER")?,
        };
        let this = Self {
            cost: cost.check()?,
            salt: lines.bytes("argon2id.salt = ", "argon2id.salt = 32 hexadecimal digits")?,
            nonce: lines.bytes(
                "xchacha20poly1305.nonce = ",
                "xchacha20poly1305.nonce = 48 hexadecimal digits",
            )?,
            public: lines
                .value("public_key = ", "public_key = a public key", |text| text.parse().ok())?,
            sealed: lines.bytes("sealed = ", "sealed = 96 hexadecimal digits")?,
        };
        let check = lines.value("check = ", "check = 64 hexadecimal digits", |text| {
            (text.len() == 64).then(|| text.to_owned())
        })?;
        let written = this.to_text();
        let body = written.rsplit_once("check = ").map_or("", |(body, _)| body);
        // One spelling: whatever differs from what would have been written is damage.
        if checksum(body) != check || written != text {
            return Err(KeyFileError::Damaged);
        }
        Ok(this)
    }
}

fn checksum(body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(CHECK_DOMAIN);
    hash.update(body.as_bytes());
    hex(&hash.finalize())
}

/// The lines of a file as they are read.
struct Lines<'a> {
    lines: std::str::Lines<'a>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> &'a str {
        self.line += 1;
        self.lines.next().unwrap_or_default()
    }

    fn title(&mut self) -> Result<(), KeyFileError> {
        if self.next() == TITLE { Ok(()) } else { Err(KeyFileError::NoKey) }
    }

    fn value<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, KeyFileError> {
        let value = self.next().strip_prefix(name).and_then(read);
        value.ok_or(KeyFileError::Line { line: self.line, expected })
    }

    fn number(&mut self, name: &str, expected: &'static str) -> Result<u32, KeyFileError> {
        self.value(name, expected, |text| text.parse().ok())
    }

    fn bytes<const N: usize>(
        &mut self,
        name: &str,
        expected: &'static str,
    ) -> Result<[u8; N], KeyFileError> {
        self.value(name, expected, |text| unhex(text)?.try_into().ok())
    }
}

/// What a key file has.
#[derive(Debug)]
pub enum KeyFile {
    /// The seed as it is.
    Plain(Seed),
    /// The seed under a passphrase.
    Encrypted(Box<EncryptedKey>),
}

impl KeyFile {
    /// Reads a file that others may not read.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it is no key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let what = || format!("cannot read the secret {}", path.display());
        owner_only(path).with_context(what)?;
        let bytes = std::fs::metadata(path).with_context(what)?.len();
        anyhow::ensure!(
            bytes <= MAX_KEY_FILE_BYTES,
            "{}: expected a key file of at most {MAX_KEY_FILE_BYTES} bytes, got {bytes}",
            path.display()
        );
        let text = Zeroizing::new(std::fs::read_to_string(path).with_context(what)?);
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is neither of the two forms.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        if text.starts_with("interlock key") {
            return EncryptedKey::parse(text).map(|key| Self::Encrypted(Box::new(key)));
        }
        let mut bytes = unhex(text.trim()).unwrap_or_default();
        let seed = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        bytes.zeroize();
        seed.map(Self::Plain).map_err(|_| KeyFileError::NoKey)
    }
}

#[cfg(test)]
mod tests;
