//! How a member's own node is set: its overlay of the policy, and what it only simulates.

use std::collections::BTreeSet;

use interlock_record::{Digest, Reason};
use sha2::{Digest as _, Sha256};

use super::Overlay;
use crate::policy::Schedule;

/// How a member's own node is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalSettings {
    /// Its own view of the policy.
    pub overlay: Option<Overlay>,
    /// Whether what it decides is applied.
    pub mode: Mode,
    /// Flags for these reasons are only simulated.
    pub simulated_reasons: BTreeSet<Reason>,
}

/// Whether what is decided is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    #[default]
    Real,
    /// It is decided, journaled and marked, and never applied; no flag leaves the node.
    Simulated,
}

impl LocalSettings {
    /// The policies of a charter as this member sees them.
    pub fn policies(&self, charter: &Schedule) -> Schedule {
        match &self.overlay {
            Some(overlay) => charter.map(|policy| overlay.over(policy)),
            None => charter.clone(),
        }
    }

    /// Whether flags for `reason` stay at the node.
    pub fn simulates(&self, reason: Reason) -> bool {
        self.mode == Mode::Simulated || self.simulated_reasons.contains(&reason)
    }

    /// A digest: under other settings every subject is to be decided anew.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(b"interlock/local-settings/v1\0");
        hash.update([u8::from(self.mode == Mode::Simulated)]);
        hash.update((self.simulated_reasons.len() as u64).to_be_bytes());
        for reason in &self.simulated_reasons {
            hash.update([reason.number()]);
        }
        if let Some(overlay) = &self.overlay {
            hash.update(overlay.text());
        }
        Digest(hash.finalize().into())
    }
}
