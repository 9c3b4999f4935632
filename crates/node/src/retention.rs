//! Retention: from time to time the node asks for the erasure of what its member said, in whatever
//! feed, and need not be kept any longer. What it has behind it is marked, so that a look costs what
//! is new and what still waits.

use std::time::Duration;

use interlock_engine::replica::{Drafted, Input, RetentionRound};
use interlock_record::{Erase, EraseGround, FeedId, MemberId, Statement, StatementId};
use interlock_store::Store;
use tokio::sync::watch;

use crate::clock::{now, random};
use crate::peers::CharterFeed;
use crate::writer::{Publishing, WriterHandle};

/// How often the node looks, unless its configuration says otherwise.
pub const RETENTION_EVERY: Duration = Duration::from_secs(3_600);
/// How many records are looked at before others have their turn at the disk.
const RECORDS_AT_ONCE: usize = 1_024;

/// What retention needs.
pub struct Retention {
    /// The node's own member.
    pub me: MemberId,
    /// The charters, which say for how long.
    pub charters: CharterFeed,
    /// Where to look.
    pub store: Store,
    /// Who writes.
    pub writer: WriterHandle,
    /// How often.
    pub every: Duration,
}

impl Retention {
    /// Looks from time to time, until the node shuts down.
    pub async fn keep(self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                _ = shutdown.wait_for(|over| *over) => return,
            }
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "cannot erase what is past its retention: tried again later");
            }
        }
    }

    async fn once(&self) -> anyhow::Result<()> {
        let charters = self.charters.now();
        let mine = charters.newest().members.get(&self.me);
        for number in mine.iter().flat_map(|state| state.feeds.keys()) {
            self.look_through(FeedId { member: self.me, number: *number }).await?;
        }
        Ok(())
    }

    async fn look_through(&self, feed: FeedId) -> anyhow::Result<()> {
        let mut round = RetentionRound::begin(&self.store, &self.charters.now(), feed, now())?;
        let mut more = true;
        while more {
            let (store, charters) = (self.store.clone(), self.charters.now());
            let look = move || {
                let found = round.look(&store, &charters, now(), RECORDS_AT_ONCE);
                found.map(|found| (round, found))
            };
            let found;
            (round, found) = tokio::task::spawn_blocking(look).await??;
            more = found.more;
            if !found.over.is_empty() {
                self.erase(found.over).await?;
            }
        }
        if let Some(mark) = round.end(&self.store)? {
            self.writer.input(Input::Retained(mark)).await?;
        }
        Ok(())
    }

    async fn erase(&self, over: Vec<StatementId>) -> anyhow::Result<()> {
        let erase = |statement| -> anyhow::Result<Drafted> {
            let ground = EraseGround::Retention;
            let statement = Statement::Erase(Erase { statement, ground });
            Ok(Drafted { salt: random()?, statement })
        };
        let drafts = over.into_iter().map(erase).collect::<anyhow::Result<Vec<_>>>()?;
        let statements = drafts.len();
        let publishing = Publishing { statements: drafts, request: None, person: None };
        self.writer.publish(publishing).await??;
        tracing::info!(statements, "asked for the erasure of what is past its retention");
        Ok(())
    }
}
