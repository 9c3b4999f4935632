//! The corpus goes through its targets: each file, and everything that is one byte away from a small
//! one or cut off from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use interlock_engine::proof::verify;
use interlock_fuzzing::seeds::seeds;
use interlock_fuzzing::{TARGETS, Target, signed_again};

/// The most files of one target. The seeds of `statement` are more than the others'.
const MAX_FILES: usize = 40;
/// The most bytes of the whole corpus.
const MAX_CORPUS_BYTES: usize = 200 * 1024;
/// Files up to this length are also tried with every byte changed.
const SWEPT_BYTES: usize = 400;
/// Files up to this length are also tried with every value of every byte.
const EVERY_VALUE_BYTES: usize = 24;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The files of a directory, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it is read").path()).collect();
    files.sort();
    files
}

#[test]
fn the_corpus_is_small_and_holds_every_seed() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), TARGETS.len());
    let dirs = files(&corpus());
    let found: BTreeSet<&str> =
        dirs.iter().map(|dir| dir.file_name().and_then(|it| it.to_str()).expect("text")).collect();
    assert_eq!(found, names, "a directory for each target and no other");
    let mut bytes = 0;
    for dir in &dirs {
        let files = files(dir);
        assert!((1..=MAX_FILES).contains(&files.len()), "{}: {}", dir.display(), files.len());
        bytes += files.iter().map(|file| fs::read(file).expect("it is read").len()).sum::<usize>();
    }
    assert!(bytes <= MAX_CORPUS_BYTES, "{bytes} bytes");
    for seed in seeds() {
        let path = corpus().join(seed.target).join(&seed.name);
        let kept = fs::read(&path).unwrap_or_default();
        let again = "cargo run --release -p interlock-fuzzing --example seeds";
        assert!(kept == seed.bytes, "{} is not the seed any more: {again}", path.display());
    }
}

#[test]
fn every_target_has_its_fuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("it is read");
    assert_eq!(files(&fuzz.join("fuzz_targets")).len(), TARGETS.len());
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is no program");
        let text = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs")));
        let call = format!("interlock_fuzzing::{name}(bytes)");
        assert!(text.expect("it is read").contains(&call), "{name} calls another target");
    }
}

fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(it, _)| *it == name).expect("a target");
    for file in files(&corpus().join(name)) {
        let bytes = fs::read(&file).expect("it is read");
        println!("{}", file.display());
        target(&bytes);
        if bytes.len() <= SWEPT_BYTES {
            sweep(*target, &bytes);
        }
    }
}

/// Everything that is cut off from `bytes`, and everything in which one byte is another.
fn sweep(target: Target, bytes: &[u8]) {
    (0..bytes.len()).for_each(|end| target(&bytes[..end]));
    let mut other = bytes.to_vec();
    for (place, byte) in bytes.iter().copied().enumerate() {
        let every = (0..=u8::MAX).filter(|value| *value != byte);
        let some = [byte ^ 1, byte ^ 0x80, 0].into_iter();
        let values: Vec<u8> =
            if bytes.len() <= EVERY_VALUE_BYTES { every.collect() } else { some.collect() };
        for value in values {
            other[place] = value;
            target(&other);
        }
        other[place] = byte;
    }
}

/// One test for each target, so that they run beside each other.
macro_rules! replayed {
    ($($name:ident),+) => {
        mod replayed {
            $(#[test]
            fn $name() {
                super::replay(stringify!($name));
            })+
        }

        #[test]
        fn every_target_is_replayed() {
            assert_eq!([$(stringify!($name)),+], TARGETS.map(|(name, _)| name));
        }
    };
}

replayed!(
    bundle,
    charter,
    charter_file,
    evidence,
    feed_head,
    fetched_charter,
    fork,
    header,
    identifier,
    instant,
    played_events,
    policy,
    pull_request,
    pull_response,
    push_frame,
    record,
    reply_frame,
    signer_lines,
    statement,
    timestamp
);

/// Else what a fuzzer finds would go no further than the first signature.
#[test]
fn a_bundle_that_is_signed_again_proves_the_same() {
    let mut tried = 0;
    for seed in seeds().into_iter().filter(|seed| seed.target == "bundle") {
        let Ok(verdict) = verify(&seed.bytes, None) else { continue };
        let again = signed_again(&seed.bytes).expect("a bundle");
        let again = verify(&again, None).unwrap_or_else(|error| panic!("{}: {error}", seed.name));
        assert_eq!(again.decided, verdict.decided, "{}", seed.name);
        tried += 1;
    }
    assert_eq!(tried, 3);
}
