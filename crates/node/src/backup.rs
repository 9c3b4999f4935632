//! Restoring a node's data directory from a backup, while no node runs on it.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context as _;
use interlock_store::{ContentKeys, Restored};

use crate::clock::random;

/// What is to be restored, and where.
#[derive(Debug, Clone)]
pub struct RestoreAsked {
    /// The backup's file.
    pub from: PathBuf,
    /// The data directory that is to be made; it must not be there, or be empty.
    pub data: PathBuf,
    /// The content keys; without them every statement comes back erased.
    pub content_keys: Option<PathBuf>,
}

/// Makes a data directory from a backup: all of it, or nothing.
///
/// # Errors
/// When a file cannot be read or is not what it should be, or the place is taken; says which.
pub fn restore(asked: &RestoreAsked) -> anyhow::Result<Restored> {
    let name = asked.from.display();
    let file = File::open(&asked.from).with_context(|| format!("cannot read {name}"))?;
    let keys = asked.content_keys.as_deref().map(ContentKeys::open_read_only).transpose()?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let restored = interlock_store::restore(&mut file, &asked.data, keys.as_ref(), random()?);
    restored.with_context(|| format!("cannot restore {name}"))
}
