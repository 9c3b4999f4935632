//! Opening a replica on what its ledger remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use interlock_record::{FeedHead, FeedId, Signer, SigningKey, Time};

use super::branches::Forks;
use super::caution::{Caution, Start};
use super::finality::Finality;
use super::{Replica, amend, erase, gossip, record_at};
use crate::breaker::Window;
use crate::charter::{BadCharter, Charter, Charters, SignedCharter, day_of};
use crate::ledger::rows::{HeadRow, StoredRow as _};
use crate::ledger::{Column, Ledger, LedgerFault, MetaKey, feed_of_key};
use crate::local::LocalSettings;

/// What a replica is opened with, beside its ledger.
#[derive(Debug)]
pub struct Opening {
    /// The consortium's first charter.
    pub first: Charter,
    /// Later versions that the operator brought along; the ledger may know more.
    pub later: Vec<SignedCharter>,
    /// The feed that it signs in.
    pub feed: FeedId,
    /// What signs with that feed's key.
    pub signer: Arc<dyn Signer>,
    /// How it starts.
    pub start: Start,
}

/// In which feed a replica signs, with what, and from when on.
struct Signing {
    feed: FeedId,
    signer: Arc<dyn Signer>,
    start: Start,
}

/// The replica cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// A later charter version is refused.
    #[error("charter version refused: {0}")]
    Charter(#[from] BadCharter),
    /// The charter does not name the feed, or not with this key.
    #[error("no charter version names feed {feed} with this node's key")]
    NotInCharter {
        /// The feed.
        feed: FeedId,
    },
}

impl Replica {
    /// Opens a replica on what its ledger remembers.
    ///
    /// # Errors
    /// [`OpenError`]; nothing has changed.
    pub fn open(ledger: &dyn Ledger, opening: Opening) -> Result<Self, OpenError> {
        let Opening { first, later, feed, signer, start } = opening;
        let mut charters = amend::stored(ledger, Charters::first(first))?;
        let mut unsaved = Vec::new();
        for signed in later {
            if let Some(more) = charters.with("charter", &signed)? {
                charters = more;
                unsaved.push(signed);
            }
        }
        if charters.feed(feed).is_none_or(|named| named.key != signer.public()) {
            return Err(OpenError::NotInCharter { feed });
        }
        let signing = Signing { feed, signer, start };
        Ok(Self::resume(ledger, charters, unsaved, signing)?)
    }

    /// A replica that signs nothing and speaks to nobody: it only takes in what it is given, to find
    /// out what follows from it.
    pub(crate) fn reader(
        ledger: &dyn Ledger,
        first: Charter,
        feed: FeedId,
    ) -> Result<Self, LedgerFault> {
        let signer = Arc::new(SigningKey::from_seed([0; 32]));
        let signing = Signing { feed, signer, start: Start::Careful { last_signed: None } };
        Self::resume(ledger, Charters::first(first), Vec::new(), signing)
    }

    fn resume(
        ledger: &dyn Ledger,
        charters: Charters,
        unsaved: Vec<SignedCharter>,
        signing: Signing,
    ) -> Result<Self, LedgerFault> {
        let Signing { feed, signer, start } = signing;
        let counters = crate::ledger::row(ledger, MetaKey::Counters.bytes())?.unwrap_or_default();
        let (heads, voids) = heads(ledger)?;
        let mut replica = Self {
            me: feed.member,
            feed,
            signer,
            heads,
            windows: BTreeMap::new(),
            days: BTreeMap::new(),
            deferred: BTreeMap::new(),
            forks: Forks::read(ledger, voids)?,
            finality: Finality::default(),
            erasing: erase::pending(ledger)?,
            counters,
            fired_through: Time::MIN,
            gossip: gossip::Gossip::new(charters.newest(), feed),
            caution: Caution::new(charters.newest(), feed, start),
            charters: Arc::new(charters),
            lateness: super::late::Lateness::default(),
            unanswered: None,
            settings: LocalSettings::default(),
            own_policies: super::local::OwnPolicies::default(),
            other_settings: false,
            unsaved,
            revisiting: Self::revisits(ledger)?,
        };
        replica.find_forks(ledger)?;
        replica.caution.review(ledger, replica.heads.get(&feed))?;
        replica.fill_windows(ledger)?;
        replica.finality = Finality::read(ledger, &replica.charters, &replica.forks)?;
        Ok(replica)
    }

    /// Reads back the window of each feed that has a quota, and how far its day has come.
    fn fill_windows(&mut self, ledger: &dyn Ledger) -> Result<(), LedgerFault> {
        let feeds: BTreeSet<FeedId> = self.heads.keys().copied().collect();
        for feed in feeds {
            let sequence = self.heads[&feed].sequence;
            self.fill_window(ledger, feed, sequence)?;
        }
        Ok(())
    }

    /// Reads back a feed's window and day as they were after its record `sequence`.
    pub(super) fn fill_window(
        &mut self,
        ledger: &dyn Ledger,
        feed: FeedId,
        sequence: u64,
    ) -> Result<(), LedgerFault> {
        self.windows.remove(&feed);
        self.days.remove(&feed);
        let Some(last) = record_at(ledger, feed, sequence)? else { return Ok(()) };
        let header = last.verified()?.header().clone();
        let count = last.day_before + u64::from(header.statements);
        self.days.insert(feed, (day_of(header.time), count));
        let Some(keep) = self.charters.longest_reach(feed) else { return Ok(()) };
        let start = header.time.minus(keep);
        let mut window = Window::new();
        for sequence in (1..=sequence).rev() {
            let Some(record) = record_at(ledger, feed, sequence)? else { break };
            let header = record.verified()?.header().clone();
            if header.time <= start {
                break;
            }
            window.push_front((header.time, u64::from(header.flags)));
        }
        self.windows.insert(feed, window);
        Ok(())
    }
}

type Heads = BTreeMap<FeedId, FeedHead>;
type Voids = BTreeMap<FeedId, u64>;

/// Every head that a ledger remembers, and from where on a feed is void.
pub(super) fn heads(ledger: &dyn Ledger) -> Result<(Heads, Voids), LedgerFault> {
    let corrupt = |what: String| LedgerFault::Corrupt { column: Column::Heads.name(), what };
    let (mut heads, mut voids) = (Heads::new(), Voids::new());
    for (key, value) in ledger.range(Column::Heads, &[], &[0xff; 64], usize::MAX)? {
        let feed = feed_of_key(&key).ok_or_else(|| corrupt("a key that is no feed".into()))?;
        let row = HeadRow::decode(&value)?;
        let head = FeedHead::from_bytes(&row.head).map_err(|error| corrupt(error.to_string()))?;
        heads.insert(feed, head);
        if let Some(from) = row.void_from {
            voids.insert(feed, from);
        }
    }
    Ok((heads, voids))
}
