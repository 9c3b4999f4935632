//! Files that only their owner may read: 32 secret bytes as 64 hexadecimal digits in one line, or a
//! feed's key under a passphrase.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use interlock_node::custody::key_file::{EncryptedKey, KdfCost, KeyFile};
use interlock_node::custody::passphrase::{PassphraseConfig, PassphraseSource};
use interlock_record::{hex, unhex};
use zeroize::{Zeroize as _, Zeroizing};

use crate::client::fill_random;
use crate::exit::Failure;
use crate::file::read_text;

/// Who may read a secret: its owner.
const SECRET_MODE: u32 = 0o600;
/// Who may read anything else.
const PUBLIC_MODE: u32 = 0o644;

/// 32 secret bytes; wiped from memory when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// Where the passphrase of an encrypted key is. Without either it is asked for at the terminal.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// A file with the key's passphrase, which only its owner may read.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    passphrase_file: Option<PathBuf>,
    /// The environment variable that has the key's passphrase.
    #[arg(long, value_name = "NAME")]
    passphrase_env: Option<String>,
}

/// The seed of a key file, encrypted or not.
///
/// # Errors
/// When the file or the passphrase is not what it should be.
pub(crate) fn read_seed(path: &Path, passphrase: &PassphraseArgs) -> anyhow::Result<Secret> {
    let read = || match KeyFile::read(path)? {
        KeyFile::Plain(seed) => Ok(seed),
        KeyFile::Encrypted(key) => {
            let PassphraseArgs { passphrase_file: file, passphrase_env: env } = passphrase;
            let config = PassphraseConfig { file: file.clone(), env: env.clone() };
            let passphrase = PassphraseSource::try_from(config)?.get()?;
            key.open(&passphrase).with_context(|| path.display().to_string())
        }
    };
    read().map_err(|error: anyhow::Error| Failure::bad_input(format!("{error:#}")).into())
}

/// Encrypts a seed under a new passphrase, from a file or asked for.
///
/// # Errors
/// When there is no good passphrase, or the system has no randomness.
pub(crate) fn encrypt(seed: &Secret, passphrase: Option<PathBuf>) -> anyhow::Result<EncryptedKey> {
    let source = passphrase.map_or(PassphraseSource::Terminal, PassphraseSource::File);
    let passphrase = source.get_new().map_err(|error| Failure::bad_input(format!("{error:#}")))?;
    let mut randomness = [0; 40];
    fill_random(&mut randomness)?;
    Ok(EncryptedKey::seal(seed, &passphrase, KdfCost::RECOMMENDED, randomness)?)
}

/// Writes a new file of an encrypted key; on disk when this returns.
///
/// # Errors
/// When there is a file of that name already, or it cannot be written.
pub(crate) fn write_encrypted(path: &Path, key: &EncryptedKey) -> anyhow::Result<()> {
    write_new(path, key.to_text().as_bytes(), SECRET_MODE)
}

/// New secret bytes from the system's randomness.
///
/// # Errors
/// When the system has none.
pub(crate) fn new_secret() -> Result<Secret, Failure> {
    let mut secret = Zeroizing::new([0; 32]);
    fill_random(secret.as_mut())?;
    Ok(secret)
}

/// Writes a new file for its owner's eyes only; on disk when this returns.
///
/// # Errors
/// When there is a file of that name already, or it cannot be written.
pub(crate) fn write_secret(path: &Path, secret: &Secret) -> anyhow::Result<()> {
    let mut line = Zeroizing::new(hex(secret.as_ref()));
    line.push('\n');
    write_new(path, line.as_bytes(), SECRET_MODE)
}

/// Writes a new file that anyone may read; on disk when this returns.
///
/// # Errors
/// When there is a file of that name already, or it cannot be written.
pub(crate) fn write_public(path: &Path, text: &str) -> anyhow::Result<()> {
    write_new(path, text.as_bytes(), PUBLIC_MODE)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let name = path.display();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(
        |error| match error.kind() {
            io::ErrorKind::AlreadyExists => anyhow::Error::from(Failure::bad_input(format!(
                "{name} is there already and is not overwritten: move it away, or choose another name"
            ))),
            _ => anyhow::Error::from(error).context(format!("cannot write {name}")),
        },
    )?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.with_context(|| format!("cannot write {name}"))?;
    // The name, too, has to survive a power cut.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("cannot write {}", directory.display()))
}

/// Reads a secret that others cannot read.
///
/// # Errors
/// When it cannot be read, others may read it, or it is not 64 hexadecimal digits.
pub(crate) fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let name = path.display();
    let mut text = Zeroizing::new(read_text(path)?);
    let mode = path
        .metadata()
        .map_err(|error| Failure::bad_input(format!("cannot read {name}: {error}")))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        let message = format!(
            "{name}: others may read this secret (mode {:o}): chmod 600 {name}",
            mode & 0o777
        );
        return Err(Failure::bad_input(message).into());
    }
    let bytes = unhex(text.trim()).map(Zeroizing::new);
    text.zeroize();
    let bytes = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
    let secret: [u8; 32] = bytes.ok_or_else(|| {
        // The line is not repeated: it is a secret all the same.
        Failure::bad_input(format!("{name}:1: expected 64 hexadecimal digits in one line"))
    })?;
    Ok(Zeroizing::new(secret))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_is_read_as_written_and_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("feed.key");
        let secret = new_secret().expect("randomness");
        write_secret(&path, &secret).expect("a new file");
        assert_eq!(read_secret(&path).expect("it is there"), secret);
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, SECRET_MODE);
        let again = write_secret(&path, &new_secret().expect("randomness"));
        assert!(again.expect_err("not overwritten").to_string().contains("is there already"));
        assert_eq!(read_secret(&path).expect("it is there"), secret);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("pepper");
        write_public(&path, &"ab".repeat(32)).expect("a new file");
        let error = read_secret(&path).expect_err("others may read it").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn no_error_repeats_a_secret() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("pepper");
        fs::write(&path, "5ec2e7\n").expect("it can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(SECRET_MODE)).expect("ours");
        let error = read_secret(&path).expect_err("too short").to_string();
        assert!(error.contains("expected 64") && !error.contains("5ec2e7"), "{error}");
    }
}
