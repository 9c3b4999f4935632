#![allow(clippy::unwrap_used)]

use std::path::Path;

use interlock_engine::ledger::{Changes, Draft, Ledger, rows::ForkRow, rows::LogRow};

use super::*;
use crate::STORE_ID_BYTES;

const ID: [u8; STORE_ID_BYTES] = *b"a store!";

/// Bytes that no compression changes, different for each number.
fn canary(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut state = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    while bytes.len() < 64 {
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((state ^ (state >> 31)).to_be_bytes());
    }
    bytes
}

fn key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn log_row(record: Vec<u8>) -> LogRow {
    LogRow { record, received_at: 1, ..LogRow::default() }
}

fn commit(store: &Store, change: impl FnOnce(&mut Draft<'_>)) {
    let mut draft = Draft::new(store);
    change(&mut draft);
    let changes: Changes = draft.into_changes();
    store.commit(&changes).unwrap();
}

/// The names of all files below a directory that hold `bytes`.
fn files_with(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        if content.windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn what_was_overwritten_is_gone_from_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ID).unwrap();
    // Some of it deep in the lowest level, some in files above, some in the log of writes only.
    for round in 0..3u64 {
        commit(&store, |draft| {
            for number in 0..50 {
                let bytes = canary(if number == 7 { 1_000 + round } else { number });
                draft.put(key(number), &log_row(bytes));
            }
            draft.put(key(round), &ForkRow { proof: canary(2_000 + round) });
        });
        if round < 2 {
            store.destroy(&[(Column::Log, key(7))]).unwrap();
        }
    }
    let last = canary(1_002);
    assert!(!files_with(dir.path(), &last).is_empty(), "else this test sees nothing");
    assert!(files_with(dir.path(), &canary(1_000)).is_empty());
    commit(&store, |draft| {
        draft.put(key(7), &log_row(b"erased".to_vec()));
        draft.remove(Column::Forks, key(2));
    });
    assert!(!files_with(dir.path(), &last).is_empty(), "overwriting alone destroys nothing");
    let purged = store.destroy(&[(Column::Log, key(7)), (Column::Forks, key(2))]).unwrap();
    assert!(purged.tables > 0 && purged.logs > 0, "{purged:?}");
    for number in [1_000, 1_001, 1_002, 2_002] {
        assert_eq!(files_with(dir.path(), &canary(number)), Vec::<String>::new(), "{number}");
    }
    let row = <LogRow as interlock_engine::ledger::rows::StoredRow>::decode(
        &store.get(Column::Log, &key(7)).unwrap().unwrap(),
    );
    assert_eq!(row.unwrap().record, b"erased");
    assert_eq!(store.get(Column::Forks, &key(2)).unwrap(), None);
    // What was not to be destroyed is there, and still found as the canary was.
    assert!(!files_with(dir.path(), &canary(8)).is_empty());
    assert!(!files_with(dir.path(), &canary(2_000)).is_empty());
}

#[test]
fn everything_can_be_gone_through_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ID).unwrap();
    commit(&store, |draft| (0..10).for_each(|n| draft.put(key(n), &log_row(canary(n)))));
    commit(&store, |draft| (0..9).for_each(|n| draft.put(key(n), &log_row(Vec::new()))));
    store.destroy_all().unwrap();
    for number in 0..9 {
        assert!(files_with(dir.path(), &canary(number)).is_empty());
    }
    assert!(!files_with(dir.path(), &canary(9)).is_empty());
    assert_eq!(store.destroy_all().unwrap().logs, 0, "nothing was written since");
    assert_eq!(store.destroy(&[]).unwrap(), Purged::default());
    drop(store);
    Store::open(dir.path(), ID).expect("it is whole");
}

#[test]
fn commits_go_on_while_it_is_destroyed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ID).unwrap();
    commit(&store, |draft| draft.put(key(0), &log_row(canary(0))));
    commit(&store, |draft| draft.put(key(0), &log_row(Vec::new())));
    let writer = store.clone();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                commit(&writer, |draft| draft.put(key(number), &log_row(canary(number))));
                number += 1;
            }
        });
        for _ in 0..5 {
            store.destroy(&[(Column::Log, key(0))]).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(files_with(dir.path(), &canary(0)).is_empty());
}

#[test]
fn destruction_waits_for_those_who_read_old_versions() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ID).unwrap();
    commit(&store, |draft| draft.put(key(0), &log_row(canary(0))));
    let reading = store.snapshots.read().unwrap();
    let snapshot = store.db.snapshot();
    commit(&store, |draft| draft.put(key(0), &log_row(Vec::new())));
    std::thread::scope(|scope| {
        let destroying = scope.spawn(|| store.destroy(&[(Column::Log, key(0))]));
        let kept = snapshot.get_cf(store.handle(Column::Log), key(0)).unwrap().unwrap();
        assert!(kept.windows(64).any(|window| window == canary(0)));
        assert!(!destroying.is_finished());
        drop(snapshot);
        drop(reading);
        destroying.join().unwrap().unwrap();
    });
    assert!(files_with(dir.path(), &canary(0)).is_empty());
}

#[test]
fn many_keys_make_few_ranges_that_hold_them_all() {
    for count in [1, MAX_RANGES_A_COLUMN, MAX_RANGES_A_COLUMN + 1, 1_000] {
        let keys: BTreeSet<Vec<u8>> = (0..count as u64).map(key).collect();
        let rows = Rows::Keys(keys.clone());
        let ranges = rows.ranges();
        assert!(ranges.len() <= MAX_RANGES_A_COLUMN, "{count}");
        let held = |key: &Vec<u8>| {
            ranges
                .iter()
                .flatten()
                .any(|(from, to)| *from <= key.as_slice() && key.as_slice() <= *to)
        };
        assert!(keys.iter().all(held), "{count}");
    }
    assert!(Rows::Keys([key(5)].into()).meet(&key(5), &key(5)));
    assert!(!Rows::Keys([key(5)].into()).meet(&key(6), &key(9)));
    assert!(!Rows::Keys([key(5)].into()).meet(&key(1), &key(4)));
}
