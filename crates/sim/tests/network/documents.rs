//! The threat model names a test for what it claims: each of them exists.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where a test that the document names is: under the repository, or under its crates.
fn file(name: &str) -> PathBuf {
    let root = root();
    if name.starts_with("tests/") { root.join(name) } else { root.join("crates").join(name) }
}

#[test]
fn every_threat_names_tests_that_exist_or_says_that_there_is_none() {
    let document = fs::read_to_string(root().join("docs/security.md")).expect("it is there");
    let (mut rows, mut tests) = (0, 0);
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if matches!(cells.first(), Some(&("attacker" | "---"))) {
            continue;
        }
        assert_eq!(cells.len(), 5, "expected five cells: {line}");
        rows += 1;
        let named: Vec<(&str, &str)> =
            cells[3].split('`').filter_map(|name| name.split_once(".rs::")).collect();
        assert!(
            !named.is_empty() || cells[3].starts_with("no test"),
            "expected a test, or \"no test\" and why: {line}"
        );
        for (path, function) in named {
            let path = file(&format!("{path}.rs"));
            let source = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let there = source.contains(&format!("fn {function}("));
            assert!(there, "{} has no test {function}", path.display());
            tests += 1;
        }
    }
    assert!(rows >= 40 && tests >= rows, "only {rows} rows and {tests} tests were understood");
}
