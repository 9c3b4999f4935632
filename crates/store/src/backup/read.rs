//! A ledger from a backup. It is made beside the place where it is to be, and gets there only when
//! all of it is there and on disk. What follows from the records alone is not made here: the engine
//! does that when a node is next started on it, before it serves anybody.

use std::io::Read;
use std::path::{Path, PathBuf};

use interlock_engine::ledger::rows::{LogRow, RestoreRow, StoredRow};
use interlock_engine::ledger::{Column, MetaKey, Origin};
use interlock_record::{
    Digest, Entry, RecordError, Signature, SignedRecord, StatementId, Time, peek_header, record_id,
    root_of_leaves, statement_id,
};
use prost::Message as _;
use rocksdb::{FlushOptions, WriteBatch, WriteOptions};

use super::frames::{FrameError, FrameKind, FrameReader};
use super::messages::{Begin, End, Record, Records, Rows, SealedEntry};
use super::seal::open;
use super::write::travels;
use crate::content_keys::{ContentKeys, Found};
use crate::{FORMAT as STORE_FORMAT, STORE_ID_BYTES, Store, StoreError};

/// What the directory is called in which a ledger is made, behind the name that it will have.
const UNFINISHED: &str = ".restoring";

/// A ledger that was made from a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// SHA-256 of the backup's file.
    pub digest: Digest,
    /// When the backup was made.
    pub made_at: Time,
    /// How many records it has.
    pub records: u64,
    /// How many statements came back.
    pub statements: u64,
    /// How many were erased already when the backup was made.
    pub erased_before: u64,
    /// How many were erased since.
    pub erased_since: u64,
    /// How many came back erased because there was no content key for them.
    pub keyless: u64,
}

/// Why nothing was restored. There is nothing at the place where it was to be.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is none that can be read.
    #[error(transparent)]
    File(#[from] FrameError),
    /// The place is taken.
    #[error("{path} is there already and not empty: move it away, or name another place")]
    Taken {
        /// The place.
        path: PathBuf,
    },
    /// The content keys are of another node, or were begun anew after the backup was made.
    #[error(
        "the content keys are not those of the backup (they are {found}, it needs {expected}): name the right ones, or restore without contents"
    )]
    OtherContentKeys {
        /// The name of those given, in hexadecimal digits.
        found: String,
        /// The name of those needed.
        expected: String,
    },
    /// A directory or file cannot be made.
    #[error("cannot make {path}: {source}")]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The ledger that is being made, or the content keys, cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a store at `data` from a backup. Without `keys` every statement comes back erased.
///
/// # Errors
/// [`RestoreError`]; nothing is at `data` then.
pub fn restore(
    backup: &mut dyn Read,
    data: &Path,
    keys: Option<&ContentKeys>,
    fresh_id: [u8; STORE_ID_BYTES],
) -> Result<Restored, RestoreError> {
    if std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) || data.is_file() {
        return Err(RestoreError::Taken { path: data.to_owned() });
    }
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let unfinished = Unfinished::begin(data.with_file_name(name))?;
    let store = Store::open(&unfinished.0, fresh_id)?;
    let frames = FrameReader::begin(backup)?;
    let restored =
        Restore { store, keys, end: End::default(), erased_since: 0, keyless: 0 }.run(frames)?;
    unfinished.finish(data)?;
    Ok(restored)
}

/// A directory that goes away unless it is finished.
struct Unfinished(PathBuf);

impl Unfinished {
    fn begin(path: PathBuf) -> Result<Self, RestoreError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |source| RestoreError::Make { path: path.clone(), source };
        // What an earlier restore left behind that was killed.
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(failed)?;
        }
        let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&path);
        made.map_err(failed)?;
        Ok(Self(path))
    }

    fn finish(self, data: &Path) -> Result<(), RestoreError> {
        let failed = |source| RestoreError::Make { path: data.to_owned(), source };
        let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        std::fs::rename(&self.0, data).map_err(failed)?;
        // The name, too, has to survive a power cut.
        std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A restore that is under way.
struct Restore<'a> {
    store: Store,
    keys: Option<&'a ContentKeys>,
    /// What was taken so far.
    end: End,
    erased_since: u64,
    keyless: u64,
}

impl Restore<'_> {
    fn run(mut self, mut frames: FrameReader<'_>) -> Result<Restored, RestoreError> {
        let unreadable = |frames: &FrameReader<'_>| frames.damaged("a frame does not decode");
        let (kind, payload) = frames.frame()?;
        let begin = Begin::decode(payload.as_slice()).map_err(|_| unreadable(&frames))?;
        if kind != FrameKind::Begin {
            return Err(frames.damaged("it does not begin as a backup does").into());
        }
        self.check(&begin)?;
        let end = loop {
            let (kind, payload) = frames.frame()?;
            let payload = payload.as_slice();
            let mut batch = WriteBatch::default();
            match kind {
                FrameKind::Records => {
                    let message = Records::decode(payload).map_err(|_| unreadable(&frames))?;
                    self.records(message, &frames, &mut batch)?;
                }
                FrameKind::Rows => {
                    let message = Rows::decode(payload).map_err(|_| unreadable(&frames))?;
                    self.rows(message, &frames, &mut batch)?;
                }
                FrameKind::End => break End::decode(payload).map_err(|_| unreadable(&frames))?,
                FrameKind::Begin => return Err(frames.damaged("it begins twice").into()),
            }
            let mut options = WriteOptions::default();
            // All of it is flushed in the end, and until then nobody counts on it.
            options.disable_wal(true);
            self.store.db.write_opt(batch, &options).map_err(StoreError::Write)?;
        };
        let lost = self.erased_since + self.keyless;
        let taken = End {
            statements: self.end.statements + lost,
            erased: self.end.erased - lost,
            ..self.end
        };
        if end != taken {
            return Err(frames.damaged("it has not as much as its end says").into());
        }
        let digest = Digest(frames.finish()?);
        self.close(&begin, digest, lost)?;
        let made_at = Time::from_micros(begin.made_at);
        Ok(Restored {
            digest,
            made_at: made_at.unwrap_or_else(|| Time::from_micros(0).expect("the epoch is a time")),
            records: end.records,
            statements: self.end.statements,
            erased_before: end.erased,
            erased_since: self.erased_since,
            keyless: self.keyless,
        })
    }

    /// Whether this program and these content keys can make something of it.
    fn check(&self, begin: &Begin) -> Result<(), RestoreError> {
        if begin.store_format > STORE_FORMAT {
            let path = self.store.db.path().to_owned();
            return Err(StoreError::NewerFormat { path, found: begin.store_format }.into());
        }
        let name = self.keys.map(ContentKeys::name);
        if let Some(name) = name.filter(|name| name.as_slice() != begin.content_keys) {
            return Err(RestoreError::OtherContentKeys {
                found: interlock_record::hex(&name),
                expected: interlock_record::hex(&begin.content_keys),
            });
        }
        Ok(())
    }

    fn rows(
        &mut self,
        message: Rows,
        frames: &FrameReader<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), RestoreError> {
        let column = Column::ALL.iter().find(|column| column.name() == message.column);
        let column = column.ok_or_else(|| frames.damaged("a column that this program lacks"))?;
        if column.origin() != Origin::Copied {
            return Err(frames.damaged("rows of a column that no backup has").into());
        }
        let handle = self.store.handle(*column);
        for row in message.rows {
            if *column == Column::Meta && !travels(&row.key) {
                return Err(frames.damaged("a row of another copy's own").into());
            }
            batch.put_cf(handle, row.key, row.value);
            self.end.rows += 1;
        }
        Ok(())
    }

    fn records(
        &mut self,
        message: Records,
        frames: &FrameReader<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), RestoreError> {
        let damaged = |_| frames.damaged("a record does not decode");
        for record in message.records {
            let row = <LogRow as StoredRow>::decode(&record.row);
            let mut row = row.map_err(|_| frames.damaged("a row of the log does not decode"))?;
            let key = record.key.clone();
            row.record = self.record(record, frames)?.map_err(damaged)?.encode();
            batch.put_cf(self.store.handle(Column::Log), key, StoredRow::encode(&row));
            self.end.records += 1;
        }
        Ok(())
    }

    /// A record put together again: its body is the one that its header commits to.
    fn record(
        &mut self,
        record: Record,
        frames: &FrameReader<'_>,
    ) -> Result<Result<SignedRecord, RecordError>, RestoreError> {
        let id = record_id(&record.header);
        let ids: Vec<StatementId> =
            (0..).zip(&record.entries).map(|(index, _)| statement_id(&id, index)).collect();
        let found = match self.keys {
            Some(keys) => keys.find(&ids)?,
            None => vec![Found::Missing; ids.len()],
        };
        let mut body = Vec::with_capacity(ids.len());
        for ((sealed, id), found) in record.entries.iter().zip(ids).zip(found) {
            body.push(self.entry(sealed, id, &found, frames)?);
        }
        let leaves: Vec<Digest> = body.iter().map(Entry::leaf).collect();
        let Some(signature) = Signature::from_slice(&record.signature) else {
            return Ok(Err(RecordError::Undecodable { what: "signature" }));
        };
        let signed = SignedRecord { header: record.header, signature, body };
        let header = peek_header(&signed);
        Ok(header.and_then(|header| {
            if header.body_root == root_of_leaves(&leaves) {
                Ok(signed)
            } else {
                Err(RecordError::WrongBodyRoot)
            }
        }))
    }

    fn entry(
        &mut self,
        entry: &SealedEntry,
        id: StatementId,
        found: &Found,
        frames: &FrameReader<'_>,
    ) -> Result<Entry, RestoreError> {
        let leaf = Digest::from_slice(&entry.leaf);
        let leaf = leaf.ok_or_else(|| frames.damaged("a leaf hash of the wrong length"))?;
        if !entry.sealed.is_empty() {
            match found {
                Found::Key(key) => {
                    let opened = open(key, id, &entry.sealed).filter(|entry| entry.leaf() == leaf);
                    let misfit = || frames.damaged("a statement does not fit its content key");
                    self.end.statements += 1;
                    return Ok(opened.ok_or_else(misfit)?);
                }
                Found::Destroyed => self.erased_since += 1,
                Found::Missing => self.keyless += 1,
            }
        }
        self.end.erased += 1;
        Ok(Entry::Erased { leaf })
    }

    /// Notes what is left to do, and sees that all is on disk.
    fn close(&self, begin: &Begin, digest: Digest, erased: u64) -> Result<(), RestoreError> {
        let row = RestoreRow {
            made_at: begin.made_at,
            backup: digest.0.to_vec(),
            erased,
            ..RestoreRow::default()
        };
        let mut batch = WriteBatch::default();
        let meta = self.store.handle(Column::Meta);
        batch.put_cf(meta, MetaKey::Restore.bytes(), StoredRow::encode(&row));
        self.store.write(batch)?;
        let all: Vec<_> = Column::ALL.iter().map(|column| self.store.handle(*column)).collect();
        let mut options = FlushOptions::default();
        options.set_wait(true);
        self.store.db.flush_cfs_opt(&all, &options).map_err(StoreError::Write)?;
        Ok(())
    }
}
