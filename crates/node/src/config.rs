//! The node's configuration file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use interlock_engine::charter::{Charter, Charters, SignedCharter};
use interlock_engine::local::{LocalSettings, Mode, Overlay};
use interlock_record::{
    FeedId, FeedNumber, MemberId, Pepper, PublicKey, Reason, Signer, SigningKey, Span, unhex,
};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use crate::custody::external::{ExternalSigner, Way};
use crate::custody::key_file::KeyFile;
use crate::custody::owner_only;
use crate::custody::passphrase::{PassphraseConfig, PassphraseSource};
use crate::peppers::Peppers;

/// What a node needs to know. Paths are relative to the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The consortium's charter.
    pub charter: PathBuf,
    /// Which member's node this is.
    pub member: MemberId,
    /// Which of the member's feeds it signs in.
    #[serde(default = "first_feed")]
    pub feed: u32,
    /// The file with the feed's key, readable by its owner only: 64 hexadecimal digits, or the same
    /// encrypted with a passphrase. Either this or `signer`.
    pub feed_key: Option<PathBuf>,
    /// Where the passphrase of an encrypted key is; else it is asked for at the terminal.
    #[serde(default)]
    pub passphrase: PassphraseConfig,
    /// What signs with the feed's key, where the node does not have it.
    pub signer: Option<SignerConfig>,
    /// The file that remembers which record was signed last; no part of backups. Default:
    /// `last-signed` (`last-signed.N` of feed N above 1) beside the feed's key, or beside this file
    /// where a signer has the key.
    #[serde(default)]
    pub last_signed: PathBuf,
    /// The file with the consortium's pepper: 64 hexadecimal digits, readable by its owner only. Of
    /// several epochs: a table of files, by epoch.
    pub pepper: PepperFiles,
    /// Where the node keeps what it knows.
    pub data: PathBuf,
    /// How often it says which heads it has seen. Default: 60s.
    pub seen_every: Option<Span>,
    /// How often it looks for what is past its retention. Default: 1h.
    pub retention_every: Option<Span>,
    /// Where it keeps the content keys of its backups. Default: `content-keys` beside `data`.
    pub content_keys: Option<PathBuf>,
    /// Whether core dumps, and reading the process's memory, are allowed. Only for debugging: both
    /// hold identifiers and keys.
    #[serde(default)]
    pub allow_core_dumps: bool,
    /// Where it listens for other members, `host:port`. Default: the charter's address.
    pub listen: Option<String>,
    /// Where the platform's backend reaches it.
    pub api: ApiConfig,
    /// What is this member's own.
    #[serde(default)]
    pub local: LocalConfig,
    /// Where Prometheus reaches it; none: nowhere.
    pub metrics: Option<MetricsConfig>,
}

/// What is this member's own: it changes what this node applies, and nothing anywhere else.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalConfig {
    /// The member's own overlay of the policy.
    pub overlay: Option<PathBuf>,
    /// Whether the node only simulates: it decides and journals, applies nothing, sends no flag.
    pub simulated: bool,
    /// Flags of this member for these reasons are only simulated.
    pub simulated_reasons: Vec<Reason>,
}

/// Where the pepper is.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PepperFiles {
    /// One file: the pepper of the first charter's epoch.
    One(PathBuf),
    /// One file for each epoch.
    Epochs(BTreeMap<String, PathBuf>),
}

/// Where Prometheus reaches the node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// A loopback address, since there is no access control.
    pub listen: SocketAddr,
}

/// Where the platform's backend reaches the node. At least one of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// A loopback address. Anything else is refused until the API has roles and tokens.
    pub listen: Option<SocketAddr>,
    /// A Unix socket, which its owner only may use.
    pub socket: Option<PathBuf>,
}

/// What signs with the feed's key, outside the node. One of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerConfig {
    /// A program and its arguments, which speaks over its standard input and output.
    pub command: Option<Vec<String>>,
    /// A Unix socket.
    pub socket: Option<PathBuf>,
}

/// Where the key is, made of what the configuration says.
enum Keyholder {
    File(PathBuf),
    Signer(Way),
}

/// The file that remembers which record was signed last.
const LAST_SIGNED: &str = "last-signed";

const fn first_feed() -> u32 {
    1
}

/// Everything that the configuration names, read and checked.
#[derive(Debug)]
pub struct Materials {
    /// The configuration, its paths made whole.
    pub config: Config,
    /// The consortium's first charter.
    pub first: Charter,
    /// Later versions that came with it.
    pub later: Vec<SignedCharter>,
    /// The feed that the node signs in.
    pub feed: FeedId,
    /// What signs with the feed's key.
    pub signer: Arc<dyn Signer>,
    /// The consortium's peppers.
    pub peppers: Peppers,
    /// The member's own settings.
    pub settings: LocalSettings,
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, or something in it is not understood; says where.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let line = text[..offset].matches('\n').count() + 1;
            anyhow::anyhow!("{}:{line}: {}", path.display(), error.message().replace('\n', ", "))
        })?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.resolve(base);
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    /// Makes paths whole, and fills in the one whose default depends on others.
    fn resolve(&mut self, base: &Path) {
        if self.last_signed.as_os_str().is_empty() {
            // Each feed has its own: a member that comes back in a new one starts with nothing.
            let name = match self.feed {
                1 => LAST_SIGNED.to_owned(),
                feed => format!("{LAST_SIGNED}.{feed}"),
            };
            self.last_signed =
                self.feed_key.as_deref().unwrap_or(Path::new("")).with_file_name(name);
        }
        let mut required = vec![&mut self.charter, &mut self.data, &mut self.last_signed];
        match &mut self.pepper {
            PepperFiles::One(file) => required.push(file),
            PepperFiles::Epochs(files) => required.extend(files.values_mut()),
        }
        let optional = [
            self.feed_key.as_mut(),
            self.passphrase.file.as_mut(),
            self.signer.as_mut().and_then(|signer| signer.socket.as_mut()),
            self.api.socket.as_mut(),
            self.local.overlay.as_mut(),
            self.content_keys.as_mut(),
        ];
        for path in required.into_iter().chain(optional.into_iter().flatten()) {
            *path = base.join(&*path);
        }
    }

    /// Where the key is.
    fn keyholder(&self) -> anyhow::Result<Keyholder> {
        let Some(signer) = &self.signer else {
            let Some(file) = &self.feed_key else {
                bail!("expected feed_key or signer, got neither")
            };
            return Ok(Keyholder::File(file.clone()));
        };
        ensure!(self.feed_key.is_none(), "expected feed_key or signer, got both");
        match (&signer.command, &signer.socket) {
            (Some(words), None) if words.is_empty() => bail!("signer.command: expected a program"),
            (Some(words), None) => Ok(Keyholder::Signer(Way::Command(words.clone()))),
            (None, Some(socket)) => Ok(Keyholder::Signer(Way::Socket(socket.clone()))),
            (Some(_), Some(_)) => bail!("signer: expected command or socket, got both"),
            (None, None) => bail!("signer: expected command or socket, got neither"),
        }
    }

    /// Where the content keys are.
    pub fn content_keys(&self) -> PathBuf {
        self.content_keys.clone().unwrap_or_else(|| content_keys_beside(&self.data))
    }

    fn check(&self) -> anyhow::Result<()> {
        self.keyholder()?;
        PassphraseSource::try_from(self.passphrase.clone())?;
        if let Some(listen) = self.api.listen
            && !listen.ip().is_loopback()
        {
            bail!(
                "api.listen: expected a loopback address such as 127.0.0.1:7100, got {listen}: the API has no access control yet"
            );
        }
        let (keys, data) = (self.content_keys(), &self.data);
        ensure!(
            !keys.starts_with(data) && !data.starts_with(&keys),
            "content_keys: expected a directory outside of data, got {}: copies of data would hold the keys",
            keys.display()
        );
        if let Some(MetricsConfig { listen }) = self.metrics
            && !listen.ip().is_loopback()
        {
            bail!(
                "metrics.listen: expected a loopback address such as 127.0.0.1:9100, got {listen}: there is no access control"
            );
        }
        ensure!(
            self.api.listen.is_some() || self.api.socket.is_some(),
            "api: expected listen or socket, got neither"
        );
        Ok(())
    }

    /// Reads what the configuration names.
    ///
    /// # Errors
    /// When a file cannot be read or is wrong, or when they do not fit together.
    pub fn materials(self) -> anyhow::Result<Materials> {
        let name = self.charter.display().to_string();
        let text = std::fs::read_to_string(&self.charter)
            .with_context(|| format!("cannot read the charter {name}"))?;
        let (first, later) = interlock_engine::charter::file::read(&name, &text)?;
        let mut charters = Charters::first(first.clone());
        for signed in &later {
            charters = charters.with(&name, signed)?.unwrap_or(charters);
        }
        let feed = FeedId { member: self.member, number: FeedNumber(self.feed) };
        let named = charters
            .feed(feed)
            .with_context(|| format!("the charter {name} does not name feed {feed}"))?;
        let signer = self.signer_of(feed, named.key)?;
        let peppers = self.peppers(&charters)?;
        let settings = self.local.settings()?;
        Ok(Materials { config: self, first, later, feed, signer, peppers, settings })
    }

    /// Reads the peppers, and checks each against the versions that name its epoch.
    fn peppers(&self, charters: &Charters) -> anyhow::Result<Peppers> {
        let first_epoch = charters.chain()[0].pepper_epoch;
        let read = |epoch: u32, path: &Path| {
            let pepper = Pepper::from_bytes(*secret(path)?);
            let named = charters.chain().iter().find(|charter| charter.pepper_epoch == epoch);
            ensure!(
                named.is_none_or(|charter| charter.pepper_check == pepper.check()),
                "the pepper in {} is not the consortium's of epoch {epoch}",
                path.display()
            );
            Ok::<_, anyhow::Error>(pepper)
        };
        let peppers = match &self.pepper {
            PepperFiles::One(file) => BTreeMap::from([(first_epoch, read(first_epoch, file)?)]),
            PepperFiles::Epochs(files) => files
                .iter()
                .map(|(epoch, file)| {
                    let epoch = epoch.parse().with_context(|| {
                        format!("pepper: expected the number of an epoch, got {epoch:?}")
                    })?;
                    Ok((epoch, read(epoch, file)?))
                })
                .collect::<anyhow::Result<_>>()?,
        };
        Ok(Peppers::new(peppers))
    }
}

impl LocalConfig {
    /// What it comes to, the overlay read.
    fn settings(&self) -> anyhow::Result<LocalSettings> {
        let overlay = match &self.overlay {
            None => None,
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the overlay {name}"))?;
                Some(Overlay::parse(&name, &text)?)
            }
        };
        Ok(LocalSettings {
            overlay,
            mode: if self.simulated { Mode::Simulated } else { Mode::Real },
            simulated_reasons: self.simulated_reasons.iter().copied().collect(),
        })
    }
}

impl Config {
    /// What signs with the feed's key, which is sure to be the charter's.
    fn signer_of(&self, feed: FeedId, named: PublicKey) -> anyhow::Result<Arc<dyn Signer>> {
        let path = match self.keyholder()? {
            Keyholder::Signer(way) => return Ok(Arc::new(ExternalSigner::connect(way, named)?)),
            Keyholder::File(path) => path,
        };
        let other = || {
            let path = path.display();
            format!("the key in {path} is not the one that the charter names for feed {feed}")
        };
        let seed = match KeyFile::read(&path)? {
            KeyFile::Plain(seed) => seed,
            KeyFile::Encrypted(key) => {
                ensure!(key.public() == named, other());
                let passphrase = PassphraseSource::try_from(self.passphrase.clone())?.get()?;
                key.open(&passphrase).with_context(|| path.display().to_string())?
            }
        };
        let key = SigningKey::from_seed(*seed);
        ensure!(key.public() == named, other());
        Ok(Arc::new(key))
    }
}

/// Where the content keys of the node are whose data directory this is, unless it is said otherwise.
pub fn content_keys_beside(data: &Path) -> PathBuf {
    data.with_file_name("content-keys")
}

/// The 32 bytes of a secret file.
fn secret(path: &Path) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let what = || format!("cannot read the secret {}", path.display());
    owner_only(path).with_context(what)?;
    let text = Zeroizing::new(std::fs::read_to_string(path).with_context(what)?);
    let mut bytes = unhex(text.trim()).unwrap_or_default();
    let secret = <[u8; 32]>::try_from(bytes.as_slice());
    bytes.zeroize();
    let Ok(secret) = secret else {
        bail!("{}: expected 64 hexadecimal digits", path.display());
    };
    Ok(Zeroizing::new(secret))
}
