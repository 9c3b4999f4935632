//! What statements take on disk once it is compacted, beside the bytes that were signed.

use std::path::{Path, PathBuf};

use clap::Args;
use interlock_sim::consortium::{Consortium, Shape};

use crate::population::{Node, POLICY, SENDERS, Senders};
use crate::samples::Row;

/// What statements and subjects take on disk.
#[derive(Debug, Args)]
pub(crate) struct Size {
    /// How many subjects, each with one flag; may be repeated.
    #[arg(long = "subjects", default_values_t = [100_000, 400_000])]
    subjects: Vec<u64>,
    /// A directory for the stores: on a disk, not in memory.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

impl Size {
    pub(crate) fn run(self) -> anyhow::Result<Vec<Row>> {
        let shape = Shape { members: SENDERS + 1, policy: POLICY, ..Shape::default() };
        let consortium = Consortium::new(&shape);
        let mut rows = Vec::new();
        for subjects in self.subjects {
            let path = self.directory.join(format!("store-{subjects}"));
            let mut senders = Senders::new(&consortium);
            let mut node = Node::open(&consortium, &path)?;
            let signed = node.fill(&mut senders, subjects)?;
            drop(node);
            // Opened and compacted, as after a night.
            let store = interlock_store::Store::open(&path, [1; 8])?;
            store.compact()?;
            drop(store);
            let bytes = bytes_below(&path)?;
            let each = |bytes: u64| bytes as f64 / subjects as f64;
            let row = Row::of(format!("disk, {subjects} flags"), each(bytes), "bytes/flag");
            rows.push(row.over(each(signed)).aim("1.6"));
        }
        Ok(rows)
    }
}

fn bytes_below(path: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
