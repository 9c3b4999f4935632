//! `interlock keygen`: a feed's key, a governance key, or a consortium's pepper.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use interlock_record::{Pepper, SigningKey};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Output;
use crate::secret::{encrypt, new_secret, write_encrypted, write_public, write_secret};

/// The name of a feed key's files in their directory.
const FEED: &str = "feed";
/// The name of a governance key's files in their directory.
const GOVERNANCE: &str = "governance";

/// Make a feed's key, a governance key, or a consortium's pepper.
///
/// --out DIR writes feed.key (the seed, 64 hexadecimal digits, for its owner's eyes only) and
/// feed.pub, and prints the public key for the charter. --governance DIR writes governance.key and
/// governance.pub, with which a member signs charter versions; make it on a machine that is no node,
/// and a second one in another directory as the recovery key. --pepper FILE writes 32 random bytes in the
/// same way, to be handed to every member over a safe way, and prints what the charter shows of it.
/// With --passphrase-file or --ask-passphrase the feed key is encrypted; the node then needs the
/// passphrase at every start. Nothing is ever overwritten: a lost feed key cannot be made again.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").args(["out", "governance", "pepper"]).required(true)),
    after_help = "\
Example:
  interlock keygen --out /etc/interlock
  interlock keygen --out /etc/interlock --ask-passphrase
  interlock keygen --governance /media/safe/acme
  interlock keygen --pepper pepper.1"
)]
pub(crate) struct Keygen {
    /// The directory for a new feed key; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The directory for a new governance key; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    governance: Option<PathBuf>,
    /// The file for a new pepper.
    #[arg(long, value_name = "FILE")]
    pepper: Option<PathBuf>,
    /// Encrypt the feed key with the passphrase in this file, which only its owner may read.
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "ask_passphrase")]
    passphrase_file: Option<PathBuf>,
    /// Encrypt the feed key with a passphrase that is asked for at the terminal.
    #[arg(long, requires = "out")]
    ask_passphrase: bool,
}

/// How a new key is protected.
enum Protection {
    /// By the file's mode only.
    Mode,
    /// With a passphrase, from a file or asked for.
    Passphrase(Option<PathBuf>),
}

/// What was made. As text it is only the part that goes into the charter.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Made {
    Key { key_file: PathBuf, public_key_file: PathBuf, public_key: String },
    Pepper { pepper_file: PathBuf, pepper_check: String },
}

impl Keygen {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        if let Some(directory) = &self.out {
            let protection = if self.ask_passphrase || self.passphrase_file.is_some() {
                Protection::Passphrase(self.passphrase_file)
            } else {
                Protection::Mode
            };
            output.result(&make_key(directory, FEED, protection)?)?;
        }
        if let Some(directory) = &self.governance {
            output.result(&make_key(directory, GOVERNANCE, Protection::Mode)?)?;
        }
        if let Some(file) = self.pepper {
            output.result(&make_pepper(file)?)?;
        }
        Ok(Exit::Done)
    }
}

fn make_key(directory: &Path, name: &str, protection: Protection) -> anyhow::Result<Made> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let (key_file, public_key_file) =
        (directory.join(format!("{name}.key")), directory.join(format!("{name}.pub")));
    let seed = new_secret()?;
    let public_key = SigningKey::from_seed(*seed).public().to_string();
    match protection {
        Protection::Mode => write_secret(&key_file, &seed)?,
        Protection::Passphrase(file) => write_encrypted(&key_file, &encrypt(&seed, file)?)?,
    }
    write_public(&public_key_file, &format!("{public_key}\n"))?;
    Ok(Made::Key { key_file, public_key_file, public_key })
}

fn make_pepper(pepper_file: PathBuf) -> anyhow::Result<Made> {
    let pepper = new_secret()?;
    write_secret(&pepper_file, &pepper)?;
    let pepper_check = Pepper::from_bytes(*pepper).check().to_string();
    Ok(Made::Pepper { pepper_file, pepper_check })
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { public_key, .. } => f.write_str(public_key),
            Self::Pepper { pepper_check, .. } => f.write_str(pepper_check),
        }
    }
}
