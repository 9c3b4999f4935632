//! `interlock key`: feed keys under a passphrase.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use interlock_node::custody::key_file::{EncryptedKey, KeyFile};
use interlock_record::SigningKey;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::secret::{PassphraseArgs, encrypt, read_seed, write_encrypted, write_secret};

/// What can be done with a key file.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    Show(Show),
    Encrypt(Encrypt),
    Decrypt(Decrypt),
}

/// Show a key file's public key, and how it is protected. Needs no passphrase.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock key show feed.key")]
pub(crate) struct Show {
    /// The key file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A key that is written anew.
#[derive(Debug, Args)]
struct Rewriting {
    /// The key file as it is.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The new file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Write a key anew under a passphrase; also to give it another one. The old file stays.
///
/// The new passphrase is asked for at the terminal unless a file has it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock key encrypt feed.key --out feed.key.encrypted
  interlock key encrypt feed.key --out feed.key.encrypted --new-passphrase-file passphrase")]
pub(crate) struct Encrypt {
    #[command(flatten)]
    files: Rewriting,
    /// A file with the new passphrase, which only its owner may read.
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// Write an encrypted key anew without its passphrase. The old file stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock key decrypt feed.key --out feed.key.plain")]
pub(crate) struct Decrypt {
    #[command(flatten)]
    files: Rewriting,
}

/// A key file, for people and programs.
#[derive(Debug, Serialize)]
struct Shown {
    public_key: String,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "public key  {}\nprotection  ", self.public_key)?;
        match &self.cost {
            Some(cost) => write!(f, "a passphrase ({cost})"),
            None => f.write_str("none but the file's mode"),
        }
    }
}

fn shown(key: &EncryptedKey) -> Shown {
    let cost = key.cost();
    let cost =
        format!("Argon2id, {} KiB, {} passes, {} lanes", cost.memory_kib, cost.passes, cost.lanes);
    Shown { public_key: key.public().to_string(), encrypted: true, cost: Some(cost) }
}

impl KeyCommand {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let made = match self {
            Self::Show(Show { file }) => {
                let read = KeyFile::read(&file);
                match read.map_err(|error| Failure::bad_input(format!("{error:#}")))? {
                    KeyFile::Plain(seed) => plain(&seed),
                    KeyFile::Encrypted(key) => shown(&key),
                }
            }
            Self::Encrypt(this) => {
                let seed = read_seed(&this.files.file, &this.files.passphrase)?;
                let key = encrypt(&seed, this.new_passphrase_file)?;
                write_encrypted(&this.files.out, &key)?;
                shown(&key)
            }
            Self::Decrypt(this) => {
                let seed = read_seed(&this.files.file, &this.files.passphrase)?;
                write_secret(&this.files.out, &seed)?;
                plain(&seed)
            }
        };
        output.result(&made)?;
        Ok(Exit::Done)
    }
}

fn plain(seed: &crate::secret::Secret) -> Shown {
    let public_key = SigningKey::from_seed(**seed).public().to_string();
    Shown { public_key, encrypted: false, cost: None }
}
