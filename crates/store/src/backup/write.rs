//! Making a backup of a store that is in use: everything as of one instant, from a snapshot, while
//! the writer goes on.

use std::io::{self, Write};
use std::sync::PoisonError;

use interlock_engine::ledger::rows::{LogRow, StoredRow};
use interlock_engine::ledger::{Column, LedgerFault, MetaKey, Origin};
use interlock_record::{Digest, StatementId, Time, VerifiedRecord, statement_id};
use prost::Message as _;
use rocksdb::{DB, IteratorMode, ReadOptions, SnapshotWithThreadMode};

use super::frames::{FRAME_BYTES, FrameKind, FrameWriter};
use super::messages::{Begin, End, KeyValue, Record, Records, Rows, SealedEntry};
use super::seal::seal;
use crate::content_keys::ContentKeys;
use crate::{FORMAT as STORE_FORMAT, Store, StoreError};

/// Statements whose content keys are asked for at once; a record that has more is one request.
const STATEMENTS_AT_ONCE: usize = 1_024;

/// A backup that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupMade {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// How long the file is.
    pub bytes: u64,
    /// How many records it has.
    pub records: u64,
    /// How many statements it has with their content, encrypted.
    pub statements: u64,
    /// How many statements it has that were erased.
    pub erased: u64,
    /// How many other rows it has.
    pub rows: u64,
}

/// Why a backup was not made. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Whoever takes it broke off, or a row is too large.
    #[error("the backup was broken off: {0}")]
    Write(#[from] io::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The content keys cannot be read or written.
    #[error(transparent)]
    Keys(#[from] StoreError),
}

impl Store {
    /// Writes a backup as of now. Commits go on meanwhile; destructions wait for its end.
    ///
    /// # Errors
    /// [`BackupError`]; what was written until then is no backup.
    pub fn back_up(
        &self,
        keys: &ContentKeys,
        made_at: Time,
        out: &mut dyn Write,
    ) -> Result<BackupMade, BackupError> {
        let _reading = self.snapshots.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.db.snapshot();
        let consortium = snapshot.get_cf(self.handle(Column::Meta), MetaKey::Consortium.bytes());
        let begin = Begin {
            consortium: consortium.map_err(crate::fault)?.unwrap_or_default(),
            store: self.id.to_vec(),
            store_format: STORE_FORMAT,
            content_keys: keys.name().to_vec(),
            made_at: made_at.micros(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut frames = FrameWriter::begin(out)?;
        frames.frame(FrameKind::Begin, &begin.encode_to_vec())?;
        let mut backup = Backup { store: self, keys, frames, end: End::default() };
        for column in Column::ALL {
            match column.origin() {
                Origin::Log => backup.records(&snapshot)?,
                Origin::Copied => backup.rows(&snapshot, *column)?,
                Origin::Rebuilt => {}
            }
        }
        let Backup { mut frames, end, .. } = backup;
        frames.frame(FrameKind::End, &end.encode_to_vec())?;
        let (digest, bytes) = frames.finish()?;
        Ok(BackupMade {
            digest: Digest(digest),
            bytes,
            records: end.records,
            statements: end.statements,
            erased: end.erased,
            rows: end.rows,
        })
    }
}

/// A backup that is being made.
struct Backup<'a> {
    store: &'a Store,
    keys: &'a ContentKeys,
    frames: FrameWriter<'a>,
    end: End,
}

type Row = (Box<[u8]>, Box<[u8]>);
type Snapshot<'a> = SnapshotWithThreadMode<'a, DB>;

/// A row of the log: its key, the row without its record, and the record.
type Taken = (Vec<u8>, LogRow, VerifiedRecord);

impl Backup<'_> {
    fn records(&mut self, snapshot: &Snapshot<'_>) -> Result<(), BackupError> {
        let mut taken: Vec<Taken> = Vec::new();
        let (mut statements, mut bytes) = (0, 0);
        for row in rows(self.store, snapshot, Column::Log) {
            let (key, value) = row.map_err(crate::fault)?;
            let mut row = <LogRow as StoredRow>::decode(&value)?;
            let record = row.verified()?;
            row.record = Vec::new();
            statements += record.signed().body.len();
            bytes += value.len();
            taken.push((key.into_vec(), row, record));
            if statements >= STATEMENTS_AT_ONCE || bytes >= FRAME_BYTES {
                self.write_records(std::mem::take(&mut taken))?;
                (statements, bytes) = (0, 0);
            }
        }
        self.write_records(taken)
    }

    fn write_records(&mut self, taken: Vec<Taken>) -> Result<(), BackupError> {
        if taken.is_empty() {
            return Ok(());
        }
        let kept: Vec<StatementId> = taken.iter().flat_map(|(_, _, record)| kept(record)).collect();
        let mut keys = self.keys.for_backup(&kept)?.into_iter();
        let mut records = Vec::with_capacity(taken.len());
        for (key, row, record) in taken {
            let mut entries = Vec::with_capacity(record.signed().body.len());
            for (index, entry) in (0..).zip(&record.signed().body) {
                let sealed = match entry.statement() {
                    // One whose key was destroyed is as good as erased, though its bytes are here.
                    Some(_) => keys
                        .next()
                        .flatten()
                        .and_then(|key| seal(&key, statement_id(&record.id(), index), entry)),
                    None => None,
                };
                match &sealed {
                    Some(_) => self.end.statements += 1,
                    None => self.end.erased += 1,
                }
                let leaf = entry.leaf().0.to_vec();
                entries.push(SealedEntry { leaf, sealed: sealed.unwrap_or_default() });
            }
            self.end.records += 1;
            let signed = record.into_signed();
            records.push(Record {
                key,
                row: row.encode_to_vec(),
                header: signed.header,
                signature: signed.signature.0.to_vec(),
                entries,
            });
        }
        Ok(self.frames.frame(FrameKind::Records, &Records { records }.encode_to_vec())?)
    }

    fn rows(&mut self, snapshot: &Snapshot<'_>, column: Column) -> Result<(), BackupError> {
        let empty = Rows { column: column.name().to_owned(), rows: Vec::new() };
        let mut frame = empty.clone();
        let mut bytes = 0;
        for row in rows(self.store, snapshot, column) {
            let (key, value) = row.map_err(crate::fault)?;
            if column == Column::Meta && !travels(&key) {
                continue;
            }
            bytes += key.len() + value.len();
            frame.rows.push(KeyValue { key: key.into_vec(), value: value.into_vec() });
            self.end.rows += 1;
            if bytes >= FRAME_BYTES {
                self.frames.frame(FrameKind::Rows, &frame.encode_to_vec())?;
                (frame, bytes) = (empty.clone(), 0);
            }
        }
        if !frame.rows.is_empty() {
            self.frames.frame(FrameKind::Rows, &frame.encode_to_vec())?;
        }
        Ok(())
    }
}

/// Whether a row of `meta` goes into a backup. A key that is not known does: it is somebody's row.
pub(super) fn travels(key: &[u8]) -> bool {
    MetaKey::from_bytes(key).is_none_or(MetaKey::travels)
}

/// Statements of a record that are not erased.
fn kept(record: &VerifiedRecord) -> impl Iterator<Item = StatementId> {
    let body = (0..).zip(&record.signed().body);
    body.filter(|(_, entry)| entry.statement().is_some())
        .map(|(index, _)| statement_id(&record.id(), index))
}

fn rows<'a>(
    store: &Store,
    snapshot: &'a Snapshot<'_>,
    column: Column,
) -> impl Iterator<Item = Result<Row, rocksdb::Error>> + use<'a> {
    let mut options = ReadOptions::default();
    // What is read once should not push out what look-ups need.
    options.fill_cache(false);
    snapshot.iterator_cf_opt(store.handle(column), options, IteratorMode::Start)
}
