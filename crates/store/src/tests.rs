#![allow(clippy::unwrap_used)]

use std::path::Path;

use interlock_engine::ledger::{Changes, Column, Draft, Ledger, MemoryLedger};
use proptest::prelude::*;

use super::*;

const ID: [u8; STORE_ID_BYTES] = *b"a store!";

fn put(ledger: &dyn Ledger, column: Column, key: &[u8]) -> Changes {
    let mut draft = Draft::new(ledger);
    draft.put_key(column, key.to_vec());
    draft.into_changes()
}

#[test]
fn a_store_keeps_its_name_and_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ID).unwrap();
    let changes = put(&store, Column::Timers, b"key");
    store.commit(&changes).unwrap();
    drop(store);
    let store = Store::open(dir.path(), *b"another!").unwrap();
    assert_eq!(store.id(), ID);
    assert_eq!(store.get(Column::Timers, b"key").unwrap(), Some(Vec::new()));
}

fn set_format(path: &Path, value: &[u8]) {
    let store = Store::open(path, ID).unwrap();
    store.db.put_cf(store.handle(Column::Meta), MetaKey::Format.bytes(), value).unwrap();
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    set_format(dir.path(), &FORMAT.to_be_bytes());
    drop(Store::open(dir.path(), ID).expect("its own format is known"));
    set_format(dir.path(), &(FORMAT + 1).to_be_bytes());
    for _ in 0..2 {
        let error = Store::open(dir.path(), ID).unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found, .. } if found == FORMAT + 1));
        assert!(error.to_string().contains("use a newer one"), "{error}");
    }
}

#[test]
fn a_store_belongs_to_one_consortium() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), ID).unwrap();
    let (ours, theirs) = (ConsortiumId([1; 32]), ConsortiumId([2; 32]));
    store.bind(ours).unwrap();
    store.bind(ours).expect("it is ours");
    let error = store.bind(theirs).unwrap_err();
    assert!(matches!(error, StoreError::OtherConsortium { found, .. } if found == ours), "{error}");
}

#[test]
fn a_damaged_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    set_format(dir.path(), b"?");
    assert!(matches!(Store::open(dir.path(), ID), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_store_is_opened_once_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let _store = Store::open(dir.path(), ID).unwrap();
    assert!(matches!(Store::open(dir.path(), ID), Err(StoreError::Open { .. })));
}

/// A write, a removal or the end of a step.
#[derive(Debug, Clone)]
enum Act {
    Put(Vec<u8>),
    Remove(Vec<u8>),
    Commit,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let key = prop::collection::vec(0u8..4, 0..4);
    prop::collection::vec(
        prop_oneof![
            4 => key.clone().prop_map(Act::Put),
            2 => key.prop_map(Act::Remove),
            1 => Just(Act::Commit),
        ],
        0..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The store, the ledger in memory, and uncommitted drafts on either answer alike.
    #[test]
    fn the_store_and_the_ledger_in_memory_answer_alike(acts in acts(), from in prop::collection::vec(0u8..4, 0..4), most in 0usize..6) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), ID).unwrap();
        let mut memory = MemoryLedger::default();
        let mut drafted = Vec::new();
        for act in acts {
            match act {
                Act::Commit => {
                    let changes = draft_of(&store, &drafted).into_changes();
                    prop_assert_eq!(&changes, &draft_of(&memory, &drafted).into_changes());
                    store.commit(&changes).unwrap();
                    memory.commit(&changes);
                    drafted.clear();
                }
                act => drafted.push(act),
            }
            let on_disk = draft_of(&store, &drafted);
            let in_memory = draft_of(&memory, &drafted);
            let to = [9u8];
            prop_assert_eq!(
                on_disk.range(Column::Timers, &from, &to, most).unwrap(),
                in_memory.range(Column::Timers, &from, &to, most).unwrap()
            );
            prop_assert_eq!(
                store.range(Column::Timers, &from, &to, most).unwrap(),
                memory.range(Column::Timers, &from, &to, most).unwrap()
            );
            prop_assert_eq!(
                on_disk.get(Column::Timers, &from).unwrap(),
                in_memory.get(Column::Timers, &from).unwrap()
            );
        }
    }
}

fn draft_of<'a>(ledger: &'a dyn Ledger, acts: &[Act]) -> Draft<'a> {
    let mut draft = Draft::new(ledger);
    for act in acts {
        match act {
            Act::Put(key) => draft.put_key(Column::Timers, key.clone()),
            Act::Remove(key) => draft.remove(Column::Timers, key.clone()),
            Act::Commit => {}
        }
    }
    draft
}
