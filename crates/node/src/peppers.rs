//! The consortium's peppers, one for each epoch: tags made in different epochs of the same person
//! differ, so while both are in use a person is looked up under each.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::ensure;
use interlock_engine::charter::Charters;
use interlock_record::{Normalised, Pepper, SubjectTag, Time, tag};
use tokio::sync::watch;

use crate::peers::CharterFeed;

/// The peppers that this node holds, by epoch.
#[derive(Debug)]
pub struct Peppers(BTreeMap<u32, Pepper>);

impl Peppers {
    /// Peppers by epoch.
    pub const fn new(peppers: BTreeMap<u32, Pepper>) -> Self {
        Self(peppers)
    }

    /// Checks the peppers against every charter version that names their epoch.
    ///
    /// # Errors
    /// When one is another than the charter's, or there is none of the newest version's epoch.
    pub fn check(&self, charters: &Charters) -> anyhow::Result<()> {
        for charter in charters.chain() {
            let Some(pepper) = self.0.get(&charter.pepper_epoch) else { continue };
            ensure!(
                pepper.check() == charter.pepper_check,
                "the pepper of epoch {} is not the one that charter version {} names",
                charter.pepper_epoch,
                charter.version
            );
        }
        let newest = charters.newest();
        ensure!(
            self.0.contains_key(&newest.pepper_epoch),
            "expected the pepper of epoch {}, which charter version {} names",
            newest.pepper_epoch,
            newest.version
        );
        Ok(())
    }

    /// The epoch of the newest version's pepper, if that is not here.
    pub fn missing(&self, charters: &Charters) -> Option<u32> {
        let epoch = charters.newest().pepper_epoch;
        (!self.0.contains_key(&epoch)).then_some(epoch)
    }

    /// Says in the log, for as long as the node runs, when a version comes whose pepper is not here.
    pub(crate) async fn warn_of_missing(
        self: Arc<Self>,
        mut charters: CharterFeed,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut told = None;
        loop {
            tokio::select! {
                () = charters.changed() => {}
                _ = shutdown.wait_for(|over| *over) => return,
            }
            let known = charters.now();
            let missing = self.missing(&known);
            if let Some(epoch) = missing.filter(|epoch| told != Some(*epoch)) {
                tracing::error!(
                    epoch,
                    effective_from = %known.newest().effective_from.unwrap_or(Time::MIN),
                    "a charter version names a pepper that is not on this node: add it to the configuration and start the node again, or identifiers get no tag here once that version is in force"
                );
            }
            told = missing;
        }
    }

    /// The pepper of an epoch, if it is here.
    pub fn of(&self, epoch: u32) -> Option<&Pepper> {
        self.0.get(&epoch)
    }

    /// The tags of a person in all epochs but this one, the latest first.
    pub fn other_tags(&self, epoch: u32, id: &Normalised) -> Vec<SubjectTag> {
        let others = self.0.iter().rev().filter(|(other, _)| **other != epoch);
        others.map(|(_, pepper)| tag(pepper, id)).collect()
    }
}
