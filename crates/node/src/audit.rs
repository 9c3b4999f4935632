//! Going through a stopped node's log again, with nothing but its data directory and the
//! consortium's first charter.

use std::path::Path;

use anyhow::{Context as _, ensure};
use interlock_engine::charter::Charter;
use interlock_engine::proof::{Recomputed, recompute};
use interlock_record::ConsortiumId;
use interlock_store::Store;

use crate::clock::{now, random};

/// Decides on every subject anew from the log in `data`, and compares with what is kept there.
///
/// # Errors
/// When there is no store, a node has it open, it is another consortium's, or it cannot be read.
pub fn replay(data: &Path, first: Charter) -> anyhow::Result<Recomputed> {
    // Opening would make one.
    ensure!(
        data.join("CURRENT").is_file(),
        "{}: expected the data directory of a node, found no store in it",
        data.display()
    );
    let store = Store::open(data, random()?)?;
    store.bind(ConsortiumId(first.id().0))?;
    recompute(&store, first, now()).with_context(|| format!("cannot read {}", data.display()))
}
