//! `interlock policy eval` against what an independent evaluator found: see `tests/golden`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let entries = fs::read_dir(root).expect("the golden cases are in the tree");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_golden_case_evaluates_as_the_independent_evaluator_found() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let read = |name: &str| fs::read_to_string(case.join(name)).expect("every case has it");
        let output = Command::new(env!("CARGO_BIN_EXE_interlock"))
            .args(["policy", "eval"])
            .args(read("args.txt").split_whitespace())
            .args(["-o", "json"])
            .current_dir(&case)
            .output()
            .expect("the program starts");
        let found = String::from_utf8_lossy(&output.stdout);
        if found != read("expected.jsonl") {
            let error = String::from_utf8_lossy(&output.stderr);
            wrong.push(format!("{}: got {found}{error}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}
