//! RocksDB behind the engine's [`Ledger`]: a column family for each column, and one commit of all
//! of a step's changes with one fsync.
//!
//! Only this crate knows RocksDB. What the rows mean is the engine's affair.

mod backup;
mod content_keys;
mod purge;

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use interlock_engine::ledger::{Changes, Column, Ledger, LedgerFault, MetaKey, Row};
use interlock_record::ConsortiumId;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, Direction, IteratorMode, Options,
    ReadOptions, WriteBatch, WriteOptions,
};

pub use backup::{BackupError, BackupMade, RestoreError, Restored, restore};
pub use content_keys::ContentKeys;
pub use purge::Purged;

/// The version of the format on disk that this program writes.
///
/// History: 1, the first; no release has had it yet. What was added to it since lets older stores of 1
/// open and go on: `revisit` has causes and is removed when done (none given: another charter),
/// `local-settings` names the settings that are being taken up, `restore` keeps no subject, and the
/// column `retention` is new.
pub const FORMAT: u32 = 1;

/// Write-ahead logs are flushed before they grow beyond this many bytes in all.
const MAX_WAL_BYTES: u64 = 256 * 1024 * 1024;
/// Blocks read from disk are kept in memory up to this many bytes, for all columns.
const BLOCK_CACHE_BYTES: usize = 256 * 1024 * 1024;
/// A column's newest rows are kept in memory up to this many bytes before they are flushed.
const MEMTABLE_BYTES: usize = 32 * 1024 * 1024;
/// How much of it a filter of the keys in it may take.
const MEMTABLE_BLOOM: f64 = 0.05;
/// Bits of bloom filter for each key: about one in a hundred look-ups of what is not there reads.
const BLOOM_BITS: f64 = 10.0;

/// RocksDB as a ledger. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store {
    db: Arc<DB>,
    id: [u8; STORE_ID_BYTES],
    /// Shared by those who read old versions for long, and taken alone by who destroys them.
    snapshots: Arc<RwLock<()>>,
}

/// How long a store's own name is.
pub const STORE_ID_BYTES: usize = 8;

/// Why a store cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open, or the disk failed. Nothing has changed.
    #[error("cannot open the store at {path}: {source}")]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        source: rocksdb::Error,
    },
    /// A newer program wrote it. Nothing has changed.
    #[error(
        "the store at {path} has format {found}; this program knows formats up to {FORMAT}: use a newer one"
    )]
    NewerFormat {
        /// Where.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// What is there is not a store, or was damaged. Nothing has changed.
    #[error("the store at {path} is damaged: {what}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The store belongs to another consortium. Nothing has changed.
    #[error(
        "the store is of consortium {found}, the charter is of {expected}: each needs a data directory of its own"
    )]
    OtherConsortium {
        /// Whose it is.
        found: ConsortiumId,
        /// Whose it was taken for.
        expected: ConsortiumId,
    },
    /// The changes could not be written; none of them is there.
    #[error("cannot write to the store: {0}")]
    Write(#[source] rocksdb::Error),
    /// A directory cannot be made or read.
    #[error("cannot use the directory {path}: {source}")]
    List {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may look into a directory with secrets.
    #[error(
        "{path}: expected a directory that only its owner may look into, its mode is {mode:03o}: run chmod 700"
    )]
    NotPrivate {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What was overwritten is still on the disk, in so many files.
    #[error("what was overwritten is still in {files} files of the store: it is to be tried again")]
    NotDestroyed {
        /// How many files.
        files: usize,
    },
    /// A row cannot be read.
    #[error(transparent)]
    Unreadable(LedgerFault),
    /// The system has no random bytes to give.
    #[error("cannot get random bytes: {0}")]
    NoRandomness(#[source] std::io::Error),
}

impl Store {
    /// Opens the store at `path`, or makes one, which is named `fresh_id` then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path, fresh_id: [u8; STORE_ID_BYTES]) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open { path: path.to_owned(), source };
        let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
        let columns = Column::ALL
            .iter()
            .map(|column| ColumnFamilyDescriptor::new(column.name(), column_options(&cache)));
        let mut options = database_options();
        options.create_missing_column_families(true);
        options.set_max_total_wal_size(MAX_WAL_BYTES);
        let db = DB::open_cf_descriptors(&options, path, columns).map_err(failed)?;
        let mut store = Self { db: Arc::new(db), id: fresh_id, snapshots: Arc::default() };
        store.check_format(path)?;
        Ok(store)
    }

    /// Reads format and name, or writes them into a new store.
    fn check_format(&mut self, path: &Path) -> Result<(), StoreError> {
        let damaged = |what| StoreError::Damaged { path: path.to_owned(), what };
        let read = |key: MetaKey| {
            self.db
                .get_cf(self.handle(Column::Meta), key.bytes())
                .map_err(|source| StoreError::Open { path: path.to_owned(), source })
        };
        match (read(MetaKey::Format)?, read(MetaKey::StoreId)?) {
            (None, None) => {
                let mut batch = WriteBatch::default();
                let meta = self.handle(Column::Meta);
                batch.put_cf(meta, MetaKey::Format.bytes(), FORMAT.to_be_bytes());
                batch.put_cf(meta, MetaKey::StoreId.bytes(), self.id);
                self.write(batch)
            }
            (Some(format), Some(id)) => {
                let format = format.try_into().map(u32::from_be_bytes);
                let found = format.map_err(|_| damaged("its format is no number"))?;
                if found > FORMAT {
                    return Err(StoreError::NewerFormat { path: path.to_owned(), found });
                }
                self.id = id.try_into().map_err(|_| damaged("its name has the wrong length"))?;
                Ok(())
            }
            _ => Err(damaged("it has a format but no name, or a name but no format")),
        }
    }

    /// Makes the store that of a consortium, for good.
    ///
    /// # Errors
    /// [`StoreError::OtherConsortium`] where it is another's already.
    pub fn bind(&self, consortium: ConsortiumId) -> Result<(), StoreError> {
        let meta = self.handle(Column::Meta);
        let bound = self.db.get_cf(meta, MetaKey::Consortium.bytes()).map_err(StoreError::Write)?;
        let Some(bound) = bound else {
            let mut batch = WriteBatch::default();
            batch.put_cf(meta, MetaKey::Consortium.bytes(), consortium.0);
            return self.write(batch);
        };
        match ConsortiumId::from_slice(&bound) {
            Some(found) if found == consortium => Ok(()),
            Some(found) => Err(StoreError::OtherConsortium { found, expected: consortium }),
            None => Err(StoreError::Damaged {
                path: self.db.path().to_owned(),
                what: "the consortium's id has the wrong length",
            }),
        }
    }

    /// The store's own random name: cursors carry it, so that one of another store is noticed.
    pub fn id(&self) -> [u8; STORE_ID_BYTES] {
        self.id
    }

    /// Commits changes: all or none, and on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Write`]; none of the changes is there then.
    pub fn commit(&self, changes: &Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        for (column, key, value) in changes.iter() {
            match value {
                Some(value) => batch.put_cf(self.handle(column), key, value),
                None => batch.delete_cf(self.handle(column), key),
            }
        }
        self.write(batch)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options).map_err(StoreError::Write)
    }

    /// The values at `keys`, in their order.
    ///
    /// # Errors
    /// [`LedgerFault::Storage`].
    pub fn get_many(
        &self,
        column: Column,
        keys: &[&[u8]],
    ) -> Result<Vec<Option<Vec<u8>>>, LedgerFault> {
        let column = self.handle(column);
        self.db
            .multi_get_cf(keys.iter().map(|key| (column, *key)))
            .into_iter()
            .map(|value| value.map_err(fault))
            .collect()
    }

    /// Visits every row of a column, ascending, as of the moment of the call, until `visit` says
    /// `false`.
    ///
    /// # Errors
    /// [`LedgerFault::Storage`].
    pub fn scan(
        &self,
        column: Column,
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), LedgerFault> {
        for row in self.db.iterator_cf(self.handle(column), IteratorMode::Start) {
            let (key, value) = row.map_err(fault)?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn handle(&self, column: Column) -> &rocksdb::ColumnFamily {
        self.db.cf_handle(column.name()).expect("every column was opened")
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.db.path()).finish_non_exhaustive()
    }
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_atomic_flush(true);
    // One thread writes: a row's place need not be found with others in mind.
    options.set_allow_concurrent_memtable_write(false);
    options.set_keep_log_file_num(4);
    // At its default RocksDB's own log would tell the keys of ranges that are compacted.
    options.set_log_level(rocksdb::LogLevel::Warn);
    // A log of writes that is no longer needed goes at once, and its file is not used again.
    options.set_wal_ttl_seconds(0);
    options.set_wal_size_limit_mb(0);
    options.set_recycle_log_file_num(0);
    options
}

fn column_options(cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(BLOOM_BITS, false);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // Most rows that a step reads are not among the newest: that they are not is cheap to know.
    options.set_memtable_whole_key_filtering(true);
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM);
    options.set_compression_type(rocksdb::DBCompressionType::Lz4);
    options
}

fn fault(error: rocksdb::Error) -> LedgerFault {
    LedgerFault::Storage(Box::new(error))
}

impl Ledger for Store {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerFault> {
        self.db.get_cf(self.handle(column), key).map_err(fault)
    }

    fn range(
        &self,
        column: Column,
        from: &[u8],
        to: &[u8],
        most: usize,
    ) -> Result<Vec<Row>, LedgerFault> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        let start = IteratorMode::From(from, Direction::Forward);
        self.db
            .iterator_cf_opt(self.handle(column), options, start)
            .take(most)
            .map(|row| row.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(fault))
            .collect()
    }
}

#[cfg(test)]
mod tests;
