#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn id(number: u8) -> StatementId {
    StatementId([number; 32])
}

fn files_with(dir: &Path, bytes: &[u8]) -> usize {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &PathBuf| {
        let content = std::fs::read(path).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    };
    files.filter(holds).count()
}

#[test]
fn a_key_is_made_once_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let keys = ContentKeys::open(&path).unwrap();
    assert_eq!(keys.find(&[id(1)]).unwrap(), [Found::Missing]);
    let made = keys.for_backup(&[id(1), id(2)]).unwrap();
    assert_ne!(made[0], made[1]);
    assert_eq!(keys.for_backup(&[id(2), id(1)]).unwrap(), [made[1].clone(), made[0].clone()]);
    let name = keys.name();
    drop(keys);
    let keys = ContentKeys::open_read_only(&path).unwrap();
    assert_eq!(keys.name(), name);
    assert_eq!(keys.find(&[id(1)]).unwrap(), [Found::Key(made[0].clone().unwrap())]);
}

#[test]
fn a_destroyed_key_is_gone_from_disk_and_is_never_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let keys = ContentKeys::open(&path).unwrap();
    let made = keys.for_backup(&[id(1), id(2)]).unwrap();
    let (gone, kept) = (made[0].clone().unwrap(), made[1].clone().unwrap());
    assert_eq!(files_with(&path, gone.as_slice()), 1, "else this test sees nothing");
    keys.destroy(&[id(1), id(3)]).unwrap();
    assert_eq!(files_with(&path, gone.as_slice()), 0);
    assert_eq!(files_with(&path, kept.as_slice()), 1);
    assert_eq!(keys.for_backup(&[id(1), id(3)]).unwrap(), [None, None], "also one never made");
    keys.destroy(&[id(1)]).expect("as often as one likes");
    drop(keys);
    let keys = ContentKeys::open(&path).unwrap();
    assert_eq!(
        keys.find(&[id(1), id(2), id(4)]).unwrap(),
        [Found::Destroyed, Found::Key(kept), Found::Missing]
    );
}

#[test]
fn others_may_not_look_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    drop(ContentKeys::open(&path).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    let error = ContentKeys::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NotPrivate { mode: 0o750, .. }), "{error}");
}

#[test]
fn a_newer_format_and_what_holds_no_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, empty) = (dir.path().join("keys"), dir.path().join("none"));
    let keys = ContentKeys::open(&path).unwrap();
    write(&keys.db, |batch| batch.put(NAME, [[FORMAT + 1].as_slice(), &keys.name()].concat()))
        .unwrap();
    drop(keys);
    let error = ContentKeys::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, .. }), "{error}");
    assert!(ContentKeys::open_read_only(&empty).is_err());
    assert!(!empty.exists(), "looking makes nothing");
    drop(DB::open_cf_descriptors(&database_options(), &empty, [family()]).unwrap());
    let error = ContentKeys::open_read_only(&empty).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}
