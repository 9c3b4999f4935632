#![allow(clippy::unwrap_used)]

use std::path::Path;

use interlock_engine::ledger::rows::{
    DecisionRow, JournalRow, LogRow, RestoreRow, StoredRow, TargetRow,
};
use interlock_engine::ledger::{Column, Draft, Ledger, MetaKey, number_key};
use interlock_record::{
    ConsortiumId, FeedHead, FeedId, FeedNumber, SealContext, SigningKey, StatementId, Time,
    VerifiedRecord, seal, statement_id,
};
use tempfile::TempDir;

use super::frames::{FrameError, FrameKind, FrameReader, FrameWriter};
use super::messages::Begin;
use super::*;
use crate::{ContentKeys, STORE_ID_BYTES, Store, StoreError};

const ID: [u8; STORE_ID_BYTES] = *b"a store!";
const FRESH: [u8; STORE_ID_BYTES] = *b"restored";
const CONSORTIUM: ConsortiumId = ConsortiumId([3; 32]);

fn made_at() -> Time {
    Time::from_micros(1_767_225_600_000_000).unwrap()
}

/// Records of one feed, of three statements each.
fn records(count: u8) -> Vec<VerifiedRecord> {
    let key = SigningKey::from_seed([5; 32]);
    let feed = FeedId { member: "acme".parse().unwrap(), number: FeedNumber(1) };
    let mut head = FeedHead::empty();
    (0..count)
        .map(|number| {
            let context = SealContext {
                consortium: CONSORTIUM,
                feed,
                time: Time::from_micros(1_000_000 + i64::from(number)).unwrap(),
                charter_version: 1,
                tag_scheme: 1,
                pepper_epoch: 1,
            };
            let body = (0..3).map(|index| ([number; 16], content(number, index)));
            let record = seal(&key, &head, context, body.collect()).unwrap();
            head = head.next(&record).unwrap();
            record
        })
        .collect()
}

/// A statement's bytes; what they mean plays no part here.
fn content(record: u8, index: u8) -> Vec<u8> {
    format!("the content of statement {index} of record {record}").into_bytes()
}

struct Bench {
    dir: TempDir,
    store: Store,
    keys: ContentKeys,
    records: Vec<VerifiedRecord>,
}

impl Bench {
    fn new(count: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("data"), ID).unwrap();
        store.bind(CONSORTIUM).unwrap();
        let keys = ContentKeys::open(&dir.path().join("content-keys")).unwrap();
        let this = Self { dir, store, keys, records: records(count) };
        this.commit(|draft| {
            for (number, record) in (1..).zip(&this.records) {
                draft.put(number_key(number), &log_row(record));
            }
            draft.put(vec![7; 32], &DecisionRow { due: Some(7), ..Default::default() });
            draft.put(number_key(1), &JournalRow { kind: 2, ..Default::default() });
            draft.put(vec![8; 32], &TargetRow { issuer: "acme".into(), ..Default::default() });
        });
        this
    }

    fn commit(&self, change: impl FnOnce(&mut Draft<'_>)) {
        let mut draft = Draft::new(&self.store);
        change(&mut draft);
        self.store.commit(&draft.into_changes()).unwrap();
    }

    fn back_up(&self) -> (Vec<u8>, BackupMade) {
        let mut file = Vec::new();
        let made = self.store.back_up(&self.keys, made_at(), &mut file).unwrap();
        (file, made)
    }

    fn statement(&self, record: usize, index: u32) -> StatementId {
        statement_id(&self.records[record].id(), index)
    }

    /// What restoring a file comes to, in a place of its own.
    fn restore(
        &self,
        file: &[u8],
        keys: Option<&ContentKeys>,
    ) -> Result<(Restored, Store), RestoreError> {
        let place = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        let data = place.join("data");
        let restored = restore(&mut &*file, &data, keys, FRESH);
        if restored.is_err() {
            assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "nothing is left");
        }
        Ok((restored?, Store::open(&data, ID).unwrap()))
    }
}

fn log_row(record: &VerifiedRecord) -> LogRow {
    LogRow { record: record.signed().encode(), received_at: 5, held: true, ..LogRow::default() }
}

fn rows(store: &Store, column: Column) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.range(column, &[], &[0xff; 64], usize::MAX).unwrap()
}

fn contains(file: &[u8], bytes: &[u8]) -> bool {
    file.windows(bytes.len()).any(|window| window == bytes)
}

#[test]
fn a_restored_store_has_the_same_records_and_rows_under_a_name_of_its_own() {
    let bench = Bench::new(40);
    let (file, made) = bench.back_up();
    assert_eq!((made.records, made.statements, made.erased), (40, 120, 0));
    assert_eq!(made.bytes, file.len() as u64);
    let (restored, store) = bench.restore(&file, Some(&bench.keys)).unwrap();
    assert_eq!(restored.digest, made.digest);
    assert_eq!(restored.made_at, made_at());
    assert_eq!((restored.records, restored.statements), (40, 120));
    assert_eq!((restored.erased_before, restored.erased_since, restored.keyless), (0, 0, 0));
    assert_eq!(store.id(), FRESH, "cursors of the old journal must not be taken for its own");
    for column in [Column::Log, Column::Decisions, Column::Journal] {
        assert_eq!(rows(&store, column), rows(&bench.store, column), "{column:?}");
    }
    assert!(rows(&store, Column::Targets).is_empty(), "it is rebuilt");
    store.bind(CONSORTIUM).expect("it is the same consortium's");
    let row = store.get(Column::Meta, MetaKey::Restore.bytes()).unwrap().unwrap();
    let row = <RestoreRow as StoredRow>::decode(&row).unwrap();
    assert_eq!((row.backup, row.erased, row.rebuilt), (made.digest.0.to_vec(), 0, 0));
}

#[test]
fn no_content_and_no_content_key_is_in_a_backup() {
    let bench = Bench::new(3);
    let (file, _) = bench.back_up();
    for (number, record) in (0..).zip(&bench.records) {
        assert!(contains(&file, &record.signed().header));
        for index in 0..3 {
            assert!(!contains(&file, &content(number, index)));
            let id = statement_id(&record.id(), u32::from(index));
            let keys = bench.keys.for_backup(&[id]).unwrap();
            assert!(!contains(&file, keys[0].as_ref().unwrap().as_slice()));
        }
        // Salts have sixteen equal bytes here; not 0, which stands in any file.
        assert!(number == 0 || !contains(&file, &[number; 16]));
    }
    assert_eq!(bench.back_up().0.len(), file.len(), "another backup uses the same keys");
}

#[test]
fn what_is_erased_after_a_backup_comes_back_erased() {
    let mut bench = Bench::new(3);
    let (file, _) = bench.back_up();
    bench.keys.destroy(&[bench.statement(1, 2)]).unwrap();
    let (restored, store) = bench.restore(&file, Some(&bench.keys)).unwrap();
    assert_eq!((restored.statements, restored.erased_since, restored.erased_before), (8, 1, 0));
    bench.records[1].erase(2);
    let row = store.get(Column::Log, &number_key(2)).unwrap().unwrap();
    assert_eq!(<LogRow as StoredRow>::decode(&row).unwrap(), log_row(&bench.records[1]));
    let row = store.get(Column::Meta, MetaKey::Restore.bytes()).unwrap().unwrap();
    assert_eq!(<RestoreRow as StoredRow>::decode(&row).unwrap().erased, 1);

    // A later backup has it as erased, whether or not the log has been rewritten already.
    let (again, made) = bench.back_up();
    assert_eq!((made.statements, made.erased), (8, 1));
    let record = bench.records[1].clone();
    bench.commit(|draft| draft.put(number_key(2), &log_row(&record)));
    let (_, made) = bench.back_up();
    assert_eq!((made.statements, made.erased), (8, 1));
    let (restored, _) = bench.restore(&again, Some(&bench.keys)).unwrap();
    assert_eq!((restored.erased_before, restored.erased_since), (1, 0));
}

#[test]
fn without_content_keys_everything_comes_back_erased_and_verifiable() {
    let bench = Bench::new(2);
    let (file, _) = bench.back_up();
    let (restored, store) = bench.restore(&file, None).unwrap();
    assert_eq!((restored.statements, restored.keyless), (0, 6));
    for (number, record) in (1..).zip(&bench.records) {
        let row = store.get(Column::Log, &number_key(number)).unwrap().unwrap();
        let found = <LogRow as StoredRow>::decode(&row).unwrap().verified().unwrap();
        assert!(found.signed().body.iter().all(|entry| entry.statement().is_none()));
        let key = SigningKey::from_seed([5; 32]).public();
        interlock_record::verify(found.into_signed(), &CONSORTIUM, &key).expect("it verifies");
        assert_eq!(record.header().sequence, number);
    }
}

#[test]
fn the_content_keys_of_another_node_are_refused() {
    let bench = Bench::new(2);
    let (file, _) = bench.back_up();
    let others = ContentKeys::open(&bench.dir.path().join("others")).unwrap();
    let error = bench.restore(&file, Some(&others)).unwrap_err();
    assert!(matches!(error, RestoreError::OtherContentKeys { .. }), "{error}");
}

/// Reads a file frame by frame, as a restore does.
fn read_through(mut file: &[u8]) -> Result<[u8; 32], FrameError> {
    let mut frames = FrameReader::begin(&mut file)?;
    while frames.frame()?.0 != FrameKind::End {}
    frames.finish()
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let bench = Bench::new(3);
    let (file, made) = bench.back_up();
    assert_eq!(read_through(&file).unwrap(), made.digest.0);
    for length in 0..file.len() {
        let error = read_through(&file[..length]).unwrap_err();
        let expected = matches!(error, FrameError::CutOff { .. } | FrameError::Foreign);
        assert!(expected, "cut at {length}: {error}");
    }
    for at in 0..file.len() {
        for bit in [0x01, 0x80] {
            let mut file = file.clone();
            file[at] ^= bit;
            read_through(&file).expect_err(&format!("changed at {at}"));
        }
    }
    let more = [file.as_slice(), &[0]].concat();
    assert!(matches!(read_through(&more).unwrap_err(), FrameError::Damaged { .. }));
    // Nothing is left behind, however far it came.
    for length in [10, 300, file.len() / 2, file.len() - 1] {
        let error = bench.restore(&file[..length], Some(&bench.keys)).unwrap_err();
        assert!(matches!(error, RestoreError::File(_)), "cut at {length}: {error}");
    }
    assert!(bench.restore(&more, Some(&bench.keys)).is_err());
}

#[test]
fn foreign_and_newer_files_are_refused() {
    let bench = Bench::new(1);
    let (file, _) = bench.back_up();
    let error = bench.restore(b"SQLite format 3\0 and more", None).unwrap_err();
    assert!(matches!(error, RestoreError::File(FrameError::Foreign)), "{error}");
    let mut newer = file.clone();
    newer[19] = 2;
    let error = bench.restore(&newer, None).unwrap_err();
    assert!(matches!(error, RestoreError::File(FrameError::Newer { found: 2 })), "{error}");
    assert!(error.to_string().contains("use a newer one"), "{error}");

    let begin = Begin { store_format: crate::FORMAT + 1, ..Begin::default() };
    let mut newer_store = Vec::new();
    let mut frames = FrameWriter::begin(&mut newer_store).unwrap();
    frames.frame(FrameKind::Begin, &prost::Message::encode_to_vec(&begin)).unwrap();
    let error = bench.restore(&newer_store, None).unwrap_err();
    assert!(matches!(error, RestoreError::Store(StoreError::NewerFormat { .. })), "{error}");
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let bench = Bench::new(1);
    let (file, _) = bench.back_up();
    let place = bench.dir.path().join("taken");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("note"), "mine").unwrap();
    let again = |place: &Path| restore(&mut &*file, place, Some(&bench.keys), FRESH);
    assert!(matches!(again(&place), Err(RestoreError::Taken { .. })));
    assert_eq!(std::fs::read(place.join("note")).unwrap(), b"mine");
    assert!(matches!(again(&place.join("note")), Err(RestoreError::Taken { .. })));
    std::fs::remove_file(place.join("note")).unwrap();
    // What a restore left behind that was killed is in nobody's way.
    std::fs::create_dir(bench.dir.path().join("taken.restoring")).unwrap();
    std::fs::write(bench.dir.path().join("taken.restoring/x"), "half").unwrap();
    again(&place).expect("it is empty now");
    assert!(!bench.dir.path().join("taken.restoring").exists());
}

#[test]
fn who_takes_no_more_ends_the_backup() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 =
                self.0.checked_sub(bytes.len()).ok_or_else(|| std::io::Error::other("full"))?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bench = Bench::new(3);
    let error = bench.store.back_up(&bench.keys, made_at(), &mut Full(500)).unwrap_err();
    assert!(matches!(error, BackupError::Write(_)), "{error}");
    bench.store.destroy_all().expect("nobody reads any more");
}
