//! Content keys: one for each statement that a backup has, and never in one.
//!
//! A backup has every statement's content encrypted under a key of its own, which is made when a
//! backup first needs it and is kept here. Who destroys the key destroys the content in every backup
//! ever made. That a key was destroyed is kept, so that no later backup makes another.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use interlock_record::StatementId;
use rocksdb::{
    ColumnFamilyDescriptor, DB, DEFAULT_COLUMN_FAMILY_NAME, Options, WriteBatch, WriteOptions,
};
use zeroize::{Zeroize as _, Zeroizing};

use crate::purge::{Family, Purged, Rows, purge};
use crate::{StoreError, database_options};

/// How long a content key is.
pub(crate) const KEY_BYTES: usize = 32;
/// The version of the format on disk.
const FORMAT: u8 = 1;
/// Where the format and the keys' own name stand; no statement's id is so short.
const NAME: &[u8] = b"name";
/// How long the name of a set of content keys is.
pub(crate) const NAME_BYTES: usize = 8;
/// What is kept of a key that was destroyed.
const DESTROYED: &[u8] = &[];
/// Newest rows are kept in memory up to this many bytes.
const MEMTABLE_BYTES: usize = 4 * 1024 * 1024;

/// One statement's content key; wiped from memory when dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_BYTES]>;

/// What is known of one statement's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is here.
    Key(Key),
    /// It was destroyed, and with it the statement's content.
    Destroyed,
    /// It was never here.
    Missing,
}

/// The content keys of one node. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct ContentKeys {
    db: Arc<DB>,
    name: [u8; NAME_BYTES],
    /// Held while keys are made or destroyed, so that none is made anew behind a destruction.
    changing: Arc<Mutex<()>>,
}

impl ContentKeys {
    /// Opens the content keys at `path`, or begins new ones. Their directory is their owner's only.
    ///
    /// # Errors
    /// [`StoreError`], also where others may look into the directory.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path)?;
        let db = DB::open_cf_descriptors(&database_options(), path, [family()]);
        let db = db.map_err(|source| failed(path, source))?;
        let mut name = [0; NAME_BYTES];
        if db.get(NAME).map_err(|source| failed(path, source))?.is_none() {
            getrandom::fill(&mut name).map_err(no_randomness)?;
            let value = [&[FORMAT], name.as_slice()].concat();
            write(&db, |batch| batch.put(NAME, value))?;
        }
        Self::named(db, path)
    }

    /// Opens the content keys at `path` to look keys up, and changes nothing there.
    ///
    /// # Errors
    /// [`StoreError`], also where there are none.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        // RocksDB would make the directory, if only for its own log.
        std::fs::metadata(path.join("CURRENT"))
            .map_err(|source| StoreError::List { path: path.to_owned(), source })?;
        let db = DB::open_cf_descriptors_read_only(&database_options(), path, [family()], false);
        Self::named(db.map_err(|source| failed(path, source))?, path)
    }

    fn named(db: DB, path: &Path) -> Result<Self, StoreError> {
        let damaged = |what| StoreError::Damaged { path: path.to_owned(), what };
        let value = db.get(NAME).map_err(|source| failed(path, source))?;
        let value = value.ok_or_else(|| damaged("it holds no content keys"))?;
        let (format, name) = value.split_first().ok_or_else(|| damaged("its name is empty"))?;
        if *format > FORMAT {
            return Err(StoreError::NewerFormat {
                path: path.to_owned(),
                found: u32::from(*format),
            });
        }
        let name = name.try_into().map_err(|_| damaged("its name has the wrong length"))?;
        Ok(Self { db: Arc::new(db), name, changing: Arc::default() })
    }

    /// The random name of this set of keys: a backup says whose keys it needs.
    pub(crate) const fn name(&self) -> [u8; NAME_BYTES] {
        self.name
    }

    /// What is known of the keys of these statements, in their order.
    pub(crate) fn find(&self, statements: &[StatementId]) -> Result<Vec<Found>, StoreError> {
        let found = self.db.multi_get(statements.iter().map(|id| id.0)).into_iter();
        found
            .map(|value| match value.map_err(StoreError::Write)? {
                None => Ok(Found::Missing),
                Some(value) if value == DESTROYED => Ok(Found::Destroyed),
                Some(mut value) => {
                    let key = value.as_slice().try_into().map(Zeroizing::new);
                    value.zeroize();
                    key.map(Found::Key).map_err(|_| StoreError::Damaged {
                        path: self.db.path().to_owned(),
                        what: "a content key has the wrong length",
                    })
                }
            })
            .collect()
    }

    /// The keys of these statements, made where there was none, and on disk when this returns;
    /// none for a statement whose key was destroyed.
    pub(crate) fn for_backup(
        &self,
        statements: &[StatementId],
    ) -> Result<Vec<Option<Key>>, StoreError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = WriteBatch::default();
        let mut keys = Vec::with_capacity(statements.len());
        for (id, found) in statements.iter().zip(self.find(statements)?) {
            keys.push(match found {
                Found::Key(key) => Some(key),
                Found::Destroyed => None,
                Found::Missing => {
                    let mut key = Key::default();
                    getrandom::fill(key.as_mut()).map_err(no_randomness)?;
                    fresh.put(id.0, key.as_slice());
                    Some(key)
                }
            });
        }
        if !fresh.is_empty() {
            write_batch(&self.db, fresh)?;
        }
        Ok(keys)
    }

    /// Destroys the keys of these statements, down to the disk: what backups have of them is lost
    /// for good, and no later backup has them.
    ///
    /// # Errors
    /// [`StoreError`]; then it is to be tried again.
    ///
    /// # Panics
    /// Never: the family of rows was opened by its name.
    pub fn destroy(&self, statements: &[StatementId]) -> Result<Purged, StoreError> {
        if statements.is_empty() {
            return Ok(Purged::default());
        }
        {
            let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            write(&self.db, |batch| {
                for id in statements {
                    batch.put(id.0, DESTROYED);
                }
            })?;
        }
        let keys = statements.iter().map(|id| id.0.to_vec()).collect();
        let name = DEFAULT_COLUMN_FAMILY_NAME;
        let handle = self.db.cf_handle(name).expect("it was opened by name");
        purge(&self.db, &[handle], &[Family { name, handle, rows: Rows::Keys(keys) }])
    }
}

impl std::fmt::Debug for ContentKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentKeys").field("path", &self.db.path()).finish_non_exhaustive()
    }
}

/// The one family of rows, by name so that it can be asked for.
fn family() -> ColumnFamilyDescriptor {
    let mut options = Options::default();
    options.set_write_buffer_size(MEMTABLE_BYTES);
    // Keys are random: there is nothing to compress.
    options.set_compression_type(rocksdb::DBCompressionType::None);
    ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, options)
}

fn failed(path: &Path, source: rocksdb::Error) -> StoreError {
    StoreError::Open { path: path.to_owned(), source }
}

fn no_randomness(error: getrandom::Error) -> StoreError {
    StoreError::NoRandomness(std::io::Error::other(error))
}

fn write(db: &DB, fill: impl FnOnce(&mut WriteBatch)) -> Result<(), StoreError> {
    let mut batch = WriteBatch::default();
    fill(&mut batch);
    write_batch(db, batch)
}

fn write_batch(db: &DB, batch: WriteBatch) -> Result<(), StoreError> {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    db.write_opt(batch, &options).map_err(StoreError::Write)
}

/// Makes a directory that its owner alone may look into, or checks that it is one.
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let unusable = |source| StoreError::List { path: path.to_owned(), source };
    let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(path);
    made.map_err(unusable)?;
    let mode = std::fs::metadata(path).map_err(unusable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StoreError::NotPrivate { path: PathBuf::from(path), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
