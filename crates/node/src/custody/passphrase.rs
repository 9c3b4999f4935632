//! Where the passphrase of an encrypted key comes from.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::owner_only;

/// The longest passphrase, in bytes.
pub const MAX_PASSPHRASE_BYTES: usize = 1_024;
/// The shortest passphrase for a new key, in characters.
pub const MIN_PASSPHRASE_CHARS: usize = 12;

/// A passphrase; wiped from memory when dropped.
pub type Passphrase = Zeroizing<String>;

/// Where a configuration says that the passphrase is. Neither of the two: it is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassphraseConfig {
    /// A file that only its owner may read; the line end after it is no part of it.
    pub file: Option<PathBuf>,
    /// The name of an environment variable.
    pub env: Option<String>,
}

/// Where the passphrase is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassphraseSource {
    /// In a file that only its owner may read.
    File(PathBuf),
    /// In the environment variable of this name.
    Environment(String),
    /// In somebody's head, who sits at the terminal.
    Terminal,
}

impl TryFrom<PassphraseConfig> for PassphraseSource {
    type Error = anyhow::Error;

    fn try_from(config: PassphraseConfig) -> anyhow::Result<Self> {
        match (config.file, config.env) {
            (Some(file), None) => Ok(Self::File(file)),
            (None, Some(name)) => Ok(Self::Environment(name)),
            (None, None) => Ok(Self::Terminal),
            (Some(_), Some(_)) => bail!("passphrase: expected file or env, got both"),
        }
    }
}

impl PassphraseSource {
    /// The passphrase.
    ///
    /// # Errors
    /// When there is none, or it is too long.
    pub fn get(&self) -> anyhow::Result<Passphrase> {
        match self {
            Self::File(path) => {
                let what = || format!("cannot read the passphrase {}", path.display());
                owner_only(path).with_context(what)?;
                let bytes = std::fs::metadata(path).with_context(what)?.len();
                let most = MAX_PASSPHRASE_BYTES as u64 + 2;
                ensure!(bytes <= most, "{}: the passphrase is too long", path.display());
                let text = Zeroizing::new(std::fs::read_to_string(path).with_context(what)?);
                let line = text.strip_suffix('\n').unwrap_or(&text);
                check(line.strip_suffix('\r').unwrap_or(line))
                    .with_context(|| path.display().to_string())
            }
            Self::Environment(name) => {
                let text = std::env::var(name).map(Zeroizing::new).with_context(|| {
                    format!("expected the passphrase in the environment variable {name}")
                })?;
                check(&text).with_context(|| format!("the environment variable {name}"))
            }
            Self::Terminal => {
                let text = ask("Passphrase of the feed key: ").context(
                    "the key is encrypted, and there is no terminal to ask for its passphrase: \
                     name a file or an environment variable that has it",
                )?;
                check(&text)
            }
        }
    }

    /// A passphrase for a new key; at the terminal it is asked for twice.
    ///
    /// # Errors
    /// As [`PassphraseSource::get`], and when it is too short or the two differ.
    pub fn get_new(&self) -> anyhow::Result<Passphrase> {
        let passphrase = self.get()?;
        ensure!(
            passphrase.chars().count() >= MIN_PASSPHRASE_CHARS,
            "expected a passphrase of at least {MIN_PASSPHRASE_CHARS} characters"
        );
        if *self == Self::Terminal {
            let again = ask("The same once more: ")?;
            ensure!(*again == *passphrase, "the two passphrases are not the same");
        }
        Ok(passphrase)
    }
}

fn ask(prompt: &str) -> std::io::Result<Passphrase> {
    rpassword::prompt_password(prompt).map(Zeroizing::new)
}

fn check(text: &str) -> anyhow::Result<Passphrase> {
    ensure!(!text.is_empty(), "the passphrase is empty");
    ensure!(
        text.len() <= MAX_PASSPHRASE_BYTES,
        "the passphrase is too long: expected at most {MAX_PASSPHRASE_BYTES} bytes"
    );
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PassphraseSource) {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("passphrase");
        std::fs::write(&path, text).expect("it is ours");
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode).expect("it is ours");
        (dir, PassphraseSource::File(path))
    }

    fn error(text: &str, mode: u32) -> String {
        let (_dir, source) = file(text, mode);
        format!("{:#}", source.get().expect_err("it is wrong"))
    }

    #[test]
    fn a_file_s_passphrase_is_its_line() {
        for (text, expected) in
            [("a b \n", "a b "), ("a b ", "a b "), ("a\r\n", "a"), ("a\n\n", "a\n")]
        {
            let (_dir, source) = file(text, 0o600);
            assert_eq!(*source.get().expect("it is there"), expected);
        }
        let longest = "x".repeat(MAX_PASSPHRASE_BYTES);
        let (_dir, source) = file(&longest, 0o600);
        assert_eq!(*source.get_new().expect("long, and not too long"), longest);
        assert!(error(&"x".repeat(MAX_PASSPHRASE_BYTES + 1), 0o600).contains("too long"));
        assert!(error(&"x".repeat(1 << 20), 0o600).contains("too long"));
        assert!(error("\n", 0o600).contains("empty"));
        assert!(error("secret", 0o640).contains("chmod 600"));
        assert!(!error("secret", 0o640).contains("secret "));
    }

    #[test]
    fn a_new_passphrase_is_long_enough() {
        let (_dir, source) = file(&"x".repeat(MIN_PASSPHRASE_CHARS), 0o600);
        source.get_new().expect("long enough");
        let (_dir, source) = file(&"x".repeat(MIN_PASSPHRASE_CHARS - 1), 0o600);
        assert!(source.get_new().is_err());
    }

    #[test]
    fn a_configuration_names_one_source() {
        let source = |file: Option<&str>, env: Option<&str>| {
            let config = PassphraseConfig { file: file.map(Into::into), env: env.map(Into::into) };
            PassphraseSource::try_from(config).ok()
        };
        assert_eq!(source(Some("f"), None), Some(PassphraseSource::File("f".into())));
        assert_eq!(source(None, Some("E")), Some(PassphraseSource::Environment("E".into())));
        assert_eq!(source(None, None), Some(PassphraseSource::Terminal));
        assert_eq!(source(Some("f"), Some("E")), None);
        let missing = PassphraseSource::Environment("INTERLOCK_NO_SUCH_VARIABLE".into());
        assert!(missing.get().is_err());
    }
}
