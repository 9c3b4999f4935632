//! The consortium's peppers, one for each epoch: tags made in different epochs of the same person
//! differ, so while both are in use a person is looked up under each.

use std::collections::BTreeMap;

use anyhow::ensure;
use interlock_engine::charter::Charters;
use interlock_record::{Normalised, Pepper, SubjectTag, tag};

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
