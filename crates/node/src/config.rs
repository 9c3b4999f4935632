//! The node's configuration file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use interlock_engine::charter::{Charter, Charters, SignedCharter};
use interlock_engine::local::{LocalSettings, Mode, Overlay};
use interlock_record::{FeedId, FeedNumber, MemberId, Pepper, Reason, SigningKey, Span, unhex};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

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
    /// The file with the feed's key: 64 hexadecimal digits, readable by its owner only.
    pub feed_key: PathBuf,
    /// The file with the consortium's pepper: 64 hexadecimal digits, readable by its owner only. Of
    /// several epochs: a table of files, by epoch.
    pub pepper: PepperFiles,
    /// Where the node keeps what it knows.
    pub data: PathBuf,
    /// How often it says which heads it has seen. Default: 60s.
    pub seen_every: Option<Span>,
    /// How often it looks for what is past its retention. Default: 1h.
    pub retention_every: Option<Span>,
    /// Where it listens for other members, `host:port`. Default: the charter's address.
    pub listen: Option<String>,
    /// Where the platform's backend reaches it.
    pub api: ApiConfig,
    /// What is this member's own.
    #[serde(default)]
    pub local: LocalConfig,
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

/// Where the platform's backend reaches the node. At least one of the two.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// A loopback address. Anything else is refused until the API has roles and tokens.
    pub listen: Option<SocketAddr>,
    /// A Unix socket, which its owner only may use.
    pub socket: Option<PathBuf>,
}

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
    /// The feed's key.
    pub key: SigningKey,
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
        let mut fields = vec![&mut config.charter, &mut config.feed_key, &mut config.data];
        match &mut config.pepper {
            PepperFiles::One(file) => fields.push(file),
            PepperFiles::Epochs(files) => fields.extend(files.values_mut()),
        }
        for field in fields {
            *field = base.join(&*field);
        }
        if let Some(socket) = &mut config.api.socket {
            *socket = base.join(&*socket);
        }
        if let Some(overlay) = &mut config.local.overlay {
            *overlay = base.join(&*overlay);
        }
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        if let Some(listen) = self.api.listen
            && !listen.ip().is_loopback()
        {
            bail!(
                "api.listen: expected a loopback address such as 127.0.0.1:7100, got {listen}: the API has no access control yet"
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
        let (first, later) = crate::charter_file::read(&name, &text)?;
        let mut charters = Charters::first(first.clone());
        for signed in &later {
            charters = charters.with(&name, signed)?.unwrap_or(charters);
        }
        let feed = FeedId { member: self.member, number: FeedNumber(self.feed) };
        let named = charters
            .feed(feed)
            .with_context(|| format!("the charter {name} does not name feed {feed}"))?;
        let key = SigningKey::from_seed(*secret(&self.feed_key)?);
        ensure!(
            named.key == key.public(),
            "the key in {} is not the one that the charter names for feed {feed}",
            self.feed_key.display()
        );
        let peppers = self.peppers(&charters)?;
        let settings = self.local.settings()?;
        Ok(Materials { config: self, first, later, feed, key, peppers, settings })
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

fn owner_only(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "expected a file that only its owner may read, its mode is {mode:03o}: run chmod 600"
        );
    }
    Ok(())
}
