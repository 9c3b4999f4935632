//! Checks the frozen signatures in `docs/vectors/signatures-v1.txt`: every node gives the same
//! verdict on each of them, for ever.
//!
//! One test reads the file and nothing else. The other makes the file anew, so that a reader sees
//! where the crafted signatures come from; with `INTERLOCK_BLESS=1` it writes what it made.

#[path = "signatures/craft.rs"]
mod craft;

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{Domain, PublicKey, Signature, unhex};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors/signatures-v1.txt");

fn frozen() -> String {
    std::fs::read_to_string(PATH).expect("the vectors are in the repository")
}

/// The `name = value` lines of each block.
fn blocks(text: &str) -> Vec<BTreeMap<&str, &str>> {
    text.split("\n\n")
        .map(|block| {
            let lines = block.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.split_once(" =").expect("name = value")).collect()
        })
        .filter(|block: &BTreeMap<&str, &str>| !block.is_empty())
        .map(|block| block.into_iter().map(|(name, value)| (name, value.trim_start())).collect())
        .collect()
}

/// What this implementation says: of the key, and of the signature where the key is good.
fn verdict(block: &BTreeMap<&str, &str>) -> (String, String) {
    let bytes = |name: &str| unhex(block[name]).expect("hexadecimal digits");
    let key = match PublicKey::from_bytes(&bytes("key")) {
        Ok(key) => key,
        Err(error) => return (error.code().to_owned(), "NOT_ASKED".to_owned()),
    };
    let domain = Domain::parse(block["domain"]).expect("a domain");
    let signature = Signature::from_slice(&bytes("signature")).expect("64 bytes");
    let verdict = key.verify(domain, &bytes("payload"), &signature);
    let verdict = verdict.map_or_else(|error| error.code(), |()| "OK");
    ("OK".to_owned(), verdict.to_owned())
}

#[test]
fn every_frozen_signature_gets_its_verdict() {
    let text = frozen();
    let blocks = blocks(&text);
    let mut refused_by = BTreeSet::new();
    for block in &blocks {
        let expected = (block["expect.key"].to_owned(), block["expect.signature"].to_owned());
        assert_eq!(verdict(block), expected, "{}", block["about"]);
        refused_by.insert(block["refused_by"]);
    }
    assert!(blocks.len() >= 80, "only {} vectors", blocks.len());
    let all = ["-", "KEY_ENCODING", "KEY_ORDER", "S_RANGE", "R_ENCODING", "R_ORDER", "EQUATION"];
    assert_eq!(refused_by, BTreeSet::from(all), "every check refuses something");
    // What a laxer verifier would take, this one refuses.
    let lax = |rule: &str| {
        let taken = blocks.iter().filter(|block| block[rule] == "OK" && block["refused_by"] != "-");
        taken.count()
    };
    assert!(lax("cofactored") >= 20 && lax("cofactorless") >= 10, "nothing here would split nodes");
}

#[test]
// The one test that, when asked to, writes the file.
#[allow(clippy::disallowed_methods)]
fn the_frozen_file_is_what_is_crafted_here() {
    let crafted = craft::file();
    if std::env::var("INTERLOCK_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(PATH, &crafted).expect("the vectors can be written");
    }
    // Line by line, so that a failure is readable.
    for (number, (frozen, crafted)) in frozen().lines().zip(crafted.lines()).enumerate() {
        assert_eq!(frozen, crafted, "line {}", number + 1);
    }
    assert_eq!(frozen().len(), crafted.len());
}
