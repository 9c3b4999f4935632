//! The node's configuration file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use interlock_engine::charter::Charter;
use interlock_record::{FeedId, FeedNumber, MemberId, Pepper, SigningKey, unhex};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

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
    /// The file with the consortium's pepper: 64 hexadecimal digits, readable by its owner only.
    pub pepper: PathBuf,
    /// Where the node keeps what it knows.
    pub data: PathBuf,
    /// Where it listens for other members, `host:port`. Default: the charter's address.
    pub listen: Option<String>,
    /// Where the platform's backend reaches it.
    pub api: ApiConfig,
    /// Where Prometheus reaches it; none: nowhere.
    pub metrics: Option<MetricsConfig>,
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

const fn first_feed() -> u32 {
    1
}

/// Everything that the configuration names, read and checked.
#[derive(Debug)]
pub struct Materials {
    /// The configuration, its paths made whole.
    pub config: Config,
    /// The charter.
    pub charter: Charter,
    /// The feed that the node signs in.
    pub feed: FeedId,
    /// The feed's key.
    pub key: SigningKey,
    /// The consortium's pepper.
    pub pepper: Pepper,
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
        let fields =
            [&mut config.charter, &mut config.feed_key, &mut config.pepper, &mut config.data];
        for field in fields {
            *field = base.join(&*field);
        }
        if let Some(socket) = &mut config.api.socket {
            *socket = base.join(&*socket);
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
        let charter = Charter::parse(&name, &text)?;
        let feed = FeedId { member: self.member, number: FeedNumber(self.feed) };
        let named = charter
            .feed(feed)
            .with_context(|| format!("the charter {name} does not name feed {feed}"))?;
        let key = SigningKey::from_seed(*secret(&self.feed_key)?);
        ensure!(
            named.key == key.public(),
            "the key in {} is not the one that the charter names for feed {feed}",
            self.feed_key.display()
        );
        let pepper = Pepper::from_bytes(*secret(&self.pepper)?);
        ensure!(
            pepper.check() == charter.pepper_check,
            "the pepper in {} is not the consortium's of epoch {}",
            self.pepper.display(),
            charter.pepper_epoch
        );
        Ok(Materials { config: self, charter, feed, key, pepper })
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
