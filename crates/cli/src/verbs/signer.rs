//! `interlock signer`: holds a feed's key outside the node, and signs little with it.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use interlock_node::custody::guard::Guard;
use interlock_node::custody::last_signed::LastSigned;
use interlock_node::custody::serve;
use interlock_record::{ConsortiumId, FeedId, FeedNumber, MemberId, SigningKey};

use super::node_run::log_to_stderr;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::secret::{PassphraseArgs, read_seed};

/// Hold a feed's key outside the node, and sign records and transport keys with it.
///
/// Signs nothing but headers of its feed's records and transport keys for its feed, and never two
/// different records of one number: what it signed last is in --state, on disk before the signature
/// leaves. The node reaches it over a socket or as a command: see `signer` in its configuration.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("way").args(["socket", "stdio"]).required(true)),
    after_help = "\
Example:
  interlock signer --key feed.key --feed acme/1 --consortium 5f2e... --socket /run/interlock/signer.sock
  interlock signer --key feed.key --feed acme/1 --consortium 5f2e... --stdio"
)]
pub(crate) struct Signer {
    /// The file of the feed's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The feed: member and number.
    #[arg(long, value_name = "MEMBER/NUMBER", value_parser = feed)]
    feed: FeedId,
    /// The consortium's id: the hash of its first charter.
    #[arg(long, value_name = "HASH")]
    consortium: ConsortiumId,
    /// Listen at this Unix socket, which its owner only may use.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Answer on standard output what is asked on standard input.
    #[arg(long)]
    stdio: bool,
    /// The file that remembers what was signed last (default: the key's name with .signed after it).
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Let the record of this number, signed last and surely known to nobody, be replaced once.
    #[arg(long, value_name = "NUMBER")]
    sign_again: Option<u64>,
}

fn feed(text: &str) -> Result<FeedId, String> {
    let read = || {
        let (member, number) = text.split_once('/')?;
        let member: MemberId = member.parse().ok()?;
        let number = number.parse().ok().filter(|number| *number >= 1)?;
        Some(FeedId { member, number: FeedNumber(number) })
    };
    read().ok_or_else(|| "expected a feed such as acme/1".to_owned())
}

impl Signer {
    pub(crate) fn run(self, _: &mut Output) -> anyhow::Result<Exit> {
        log_to_stderr();
        let key = SigningKey::from_seed(*read_seed(&self.key, &self.passphrase)?);
        let state = self.state.unwrap_or_else(|| {
            let mut name = self.key.into_os_string();
            name.push(".signed");
            name.into()
        });
        let last = LastSigned::open(&state, self.feed)
            .map_err(|error| Failure::bad_input(error.to_string()))?;
        if let Some(number) = self.sign_again {
            tracing::warn!(number, "lets this record be replaced, once: its operator says so");
        }
        let public_key = key.public();
        let guard =
            Guard::new(key, self.consortium, self.feed, last).signing_again(self.sign_again);
        if let Some(path) = self.socket {
            let listener = serve::bind(&path)?;
            tracing::info!(feed = %self.feed, %public_key, socket = %path.display(), "signs");
            serve::serve(guard, &listener).context("the socket failed")?;
        } else {
            let guard = Mutex::new(guard);
            serve::answer_all(&guard, &mut io::stdin().lock(), &mut io::stdout().lock())?;
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_a_member_and_a_number() {
        assert_eq!(feed("acme/2").map(|feed| feed.to_string()), Ok("acme/2".to_owned()));
        for wrong in ["acme", "acme/", "acme/0", "acme/x", "/1", "acme/1/1"] {
            assert!(feed(wrong).is_err(), "{wrong}");
        }
    }
}
