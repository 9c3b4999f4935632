//! The manifest of a directory of results: what they were made of, and where.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use interlock_record::hex;
use interlock_sim::cascade::scenario::Setting;
use interlock_sim::cascade::{Scenario, seed_of_run};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::directory::MANIFEST;
use super::source::cores;

/// What results were made of, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// What they were made of: results of the same make are the same.
    #[serde(flatten)]
    pub make: Make,
    /// Where.
    pub host: Host,
    /// What was left out of the log of events, for want of room.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub events_left_out: u64,
}

/// What results are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Make {
    /// The program's version.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The hash of the scenario's files, without settings.
    pub scenario_sha256: String,
    /// The files and the hash of each.
    pub files: Vec<FileHash>,
    /// The settings, or the values of a sweep, as they were given.
    pub set: Vec<String>,
    /// The seed of the first run.
    pub seed: u64,
    /// How many runs, of each point.
    pub reps: u32,
    /// The seed of every run.
    pub seeds: Vec<u64>,
}

/// A file and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileHash {
    name: String,
    sha256: String,
}

/// Where results were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Host {
    name: Option<String>,
    os: String,
    arch: String,
    cores: usize,
}

impl Make {
    /// What runs of a scenario are made of. `scenario` is the one without settings.
    pub(super) fn of(scenario: &Scenario, set: &[Setting], seed: u64, reps: u32) -> Self {
        let mut all = Sha256::new();
        let mut files = Vec::new();
        for (name, text) in &scenario.texts {
            let sha256 = hex(&Sha256::digest(text.as_bytes()));
            all.update(sha256.as_bytes());
            files.push(FileHash { name: name.clone(), sha256 });
        }
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: scenario.name.clone(),
            scenario_sha256: hex(&all.finalize()),
            files,
            set: set.iter().map(ToString::to_string).collect(),
            seed,
            reps,
            seeds: (0..reps).map(|run| seed_of_run(seed, run)).collect(),
        }
    }
}

impl Manifest {
    /// The manifest of results that are made here.
    pub(super) fn here(make: Make) -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        Self {
            make,
            host: Host {
                name: name.map(|name| name.trim().to_owned()),
                os: std::env::consts::OS.to_owned(),
                arch: std::env::consts::ARCH.to_owned(),
                cores: cores().get(),
            },
            events_left_out: 0,
        }
    }

    /// Reads the manifest of a directory, if it has one.
    pub(super) fn read(directory: &Path) -> anyhow::Result<Option<Self>> {
        let path = directory.join(MANIFEST);
        if !path.exists() {
            return Ok(None);
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest = serde_json::from_str(&text)
            .with_context(|| format!("{}: expected a manifest", path.display()))?;
        Ok(Some(manifest))
    }

    /// Writes it.
    pub(super) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let path = directory.join(MANIFEST);
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

// serde wants a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_nothing(count: &u64) -> bool {
    *count == 0
}
