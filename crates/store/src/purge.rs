//! Destruction: seeing that what was overwritten is gone from the disk, not merely out of sight.
//!
//! RocksDB keeps old versions of a row in its log of writes, in memory and in files until it happens
//! to compact them. Here that is made to happen, and it is not believed but looked up: the files
//! that held old versions are gone from the directory when this returns well. What the disk itself
//! keeps of a removed file (flash cells, file system journals) is beyond a program's reach.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use interlock_engine::ledger::Column;
use rocksdb::{BottommostLevelCompaction, ColumnFamily, CompactOptions, DB, FlushOptions};

use crate::{Store, StoreError};

/// More ranges of one column than so many are compacted as fewer, wider ones.
const MAX_RANGES_A_COLUMN: usize = 64;
/// How long files that nobody needs any more may take to go. Whoever reads keeps what is read.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// How often that is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How often a range is compacted before it is given up.
const MAX_ATTEMPTS: usize = 3;

/// What was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Files with rows that were rewritten and removed.
    pub tables: usize,
    /// Logs of writes that were removed.
    pub logs: usize,
}

/// Which rows of a column family to purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rows {
    /// These.
    Keys(BTreeSet<Vec<u8>>),
    /// All of them.
    All,
}

impl Rows {
    /// Ranges that hold all of the rows, with both ends in them.
    fn ranges(&self) -> Vec<Option<(&[u8], &[u8])>> {
        match self {
            Self::All => vec![None],
            Self::Keys(keys) => {
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                let each = keys.len().div_ceil(MAX_RANGES_A_COLUMN).max(1);
                keys.chunks(each).map(|chunk| Some((chunk[0], chunk[chunk.len() - 1]))).collect()
            }
        }
    }

    /// Whether one of the rows could stand between two keys.
    fn meet(&self, first: &[u8], last: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Keys(keys) => {
                keys.range(first.to_vec()..).next().is_some_and(|key| key.as_slice() <= last)
            }
        }
    }
}

impl Store {
    /// Sees that old versions of these rows, which were overwritten or removed by a commit, are gone
    /// from the disk: in memory, in the log of writes and in every file. Waits for backups that are
    /// under way, since they read old versions. Takes long, and holds up no commit for long.
    ///
    /// # Errors
    /// [`StoreError::NotDestroyed`] or [`StoreError::Write`]; then it is to be tried again.
    pub fn destroy(&self, rows: &[(Column, Vec<u8>)]) -> Result<Purged, StoreError> {
        let mut by_column: BTreeMap<Column, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (column, key) in rows {
            by_column.entry(*column).or_default().insert(key.clone());
        }
        self.purge(by_column.into_iter().map(|(column, keys)| (column, Rows::Keys(keys))))
    }

    /// Puts every column into as few files as it needs, old versions left out. Takes long.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn compact(&self) -> Result<(), StoreError> {
        for column in Column::ALL {
            let column = self.handle(*column);
            self.db.flush_cf(column).map_err(StoreError::Write)?;
            self.db.compact_range_cf(column, None::<&[u8]>, None::<&[u8]>);
        }
        Ok(())
    }

    /// As [`Store::destroy`], for every row that can hold a statement's content.
    ///
    /// # Errors
    /// As [`Store::destroy`].
    pub fn destroy_all(&self) -> Result<Purged, StoreError> {
        let columns = Column::ALL.iter().filter(|column| column.holds_content());
        self.purge(columns.map(|column| (*column, Rows::All)))
    }

    fn purge(&self, rows: impl Iterator<Item = (Column, Rows)>) -> Result<Purged, StoreError> {
        // A backup's snapshot keeps old versions alive.
        let _alone = self.snapshots.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let all: Vec<&ColumnFamily> =
            Column::ALL.iter().map(|column| self.handle(*column)).collect();
        let rows: Vec<Family<'_>> = rows
            .map(|(column, rows)| Family { name: column.name(), handle: self.handle(column), rows })
            .collect();
        purge(&self.db, &all, &rows)
    }
}

/// Rows of one column family.
pub(crate) struct Family<'a> {
    /// Its name.
    pub(crate) name: &'static str,
    /// The family.
    pub(crate) handle: &'a ColumnFamily,
    /// The rows.
    pub(crate) rows: Rows,
}

/// Sees that old versions of rows are gone. `all` are the database's families.
pub(crate) fn purge(
    db: &DB,
    all: &[&ColumnFamily],
    families: &[Family<'_>],
) -> Result<Purged, StoreError> {
    if families.is_empty() {
        return Ok(Purged::default());
    }
    let logs = old_logs(db.path(), || {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        db.flush_cfs_opt(all, &options).map_err(StoreError::Write)
    })?;
    let mut options = CompactOptions::default();
    // Else the lowest level, where most rows lie, would be left as it is.
    options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
    // A compaction that began before the rows were overwritten might still write old versions.
    options.set_exclusive_manual_compaction(true);
    let held = tables(db, families)?;
    for _ in 0..MAX_ATTEMPTS {
        for family in families {
            for range in family.rows.ranges() {
                let (from, to) = range.unzip();
                db.compact_range_cf_opt(family.handle, from, to, &options);
            }
        }
        if tables(db, families)?.is_disjoint(&held) {
            break;
        }
    }
    let still = tables(db, families)?;
    let mut waits: BTreeSet<PathBuf> = held.union(&logs).cloned().collect();
    let deadline = Instant::now() + GONE_WITHIN;
    loop {
        waits.retain(|file| file.exists());
        if waits.is_empty() {
            return Ok(Purged { tables: held.len(), logs: logs.len() });
        }
        if Instant::now() > deadline || waits.iter().any(|file| still.contains(file)) {
            return Err(StoreError::NotDestroyed { files: waits.len() });
        }
        std::thread::sleep(POLL);
    }
}

/// The files in which versions of rows may stand.
fn tables(db: &DB, families: &[Family<'_>]) -> Result<BTreeSet<PathBuf>, StoreError> {
    let files = db.live_files().map_err(StoreError::Write)?;
    let holds = |file: &rocksdb::LiveFile| {
        let first = file.start_key.as_deref().unwrap_or_default();
        let last = file.end_key.as_deref().unwrap_or_default();
        let family = families.iter().find(|family| family.name == file.column_family_name);
        family.is_some_and(|family| family.rows.meet(first, last))
    };
    let files = files.into_iter().filter(holds);
    Ok(files.map(|file| db.path().join(file.name.trim_start_matches('/'))).collect())
}

/// The logs of writes that `flush` makes useless.
fn old_logs(
    path: &Path,
    flush: impl FnOnce() -> Result<(), StoreError>,
) -> Result<BTreeSet<PathBuf>, StoreError> {
    let logs = || logs(path).map_err(|source| StoreError::List { path: path.to_owned(), source });
    let mut before = logs()?;
    flush()?;
    // Where nothing was in memory no new log was begun, and nothing was written to the latest.
    if logs()?.last() == before.last() {
        before.pop_last();
    }
    Ok(before)
}

/// The logs of writes in a directory. Their names are numbers of one length.
fn logs(path: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let mut logs = BTreeSet::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            logs.insert(path);
        }
    }
    Ok(logs)
}

#[cfg(test)]
mod tests;
