//! `interlock sim run`, `sweep`, `plot` and `list`, as scripts see them.

use std::fs;
use std::path::Path;

use crate::run;

/// A sweep of few borrowers.
fn sweep(out: &Path, more: &[&str]) -> crate::Ended {
    let out = out.display().to_string();
    let words = ["sim", "sweep", "herding", "--set", "borrowers.count=60"];
    let axes = ["--set", "policy.peer_receipts=ignore,count", "--set", "platforms.count=5:9:4"];
    let rest = ["--reps", "3", "--out", &out];
    run(&[&words[..], &axes, &rest, more].concat())
}

#[test]
fn shipped_scenarios_are_listed_described_and_written() {
    let listed = run(&["sim", "list"]);
    for name in ["collective-lock", "one-platform-fault", "herding"] {
        assert!(listed.ended(0).contains(name), "{listed:?}");
    }
    let dir = tempfile::tempdir().expect("a directory of our own");
    let copy = dir.path().join("mine");
    let copied = copy.display().to_string();
    let described = run(&["sim", "list", "herding", "--write", &copied]);
    assert!(described.ended(0).contains("branching_ratio"));
    // What was written runs, and gives what the shipped one gives.
    let words = ["--set", "borrowers.count=50", "-o", "json"];
    let own = run(&[&["sim", "run", &copied], &words[..]].concat());
    let shipped = run(&[&["sim", "run", "herding"], &words[..]].concat());
    assert_eq!(own.ended(0), shipped.ended(0));
    run(&["sim", "list", "nothing"]).failed(3, "no scenario of that name");
}

#[test]
fn a_run_writes_its_directory_and_the_same_again() {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let written = |name: &str, jobs: &str| {
        let out = dir.path().join(name).display().to_string();
        let words = ["sim", "run", "one-platform-fault", "--set", "borrowers.count=3000"];
        let ended = run(&[&words[..], &["--reps", "2", "--jobs", jobs, "--out", &out]].concat());
        assert!(ended.ended(0).contains("persons_locked_elsewhere"), "{ended:?}");
        // And not over results that are there.
        run(&["sim", "run", "herding", "--out", &out]).failed(3, "without results");
    };
    written("one", "1");
    written("two", "2");
    let files =
        ["rows.csv", "rows.parquet", "daily.csv", "lags.csv", "events.jsonl", "manifest.json"];
    for file in files {
        let read = |name: &str| fs::read(dir.path().join(name).join(file)).expect(file);
        assert!(!read("one").is_empty(), "{file}");
        assert!(read("one") == read("two"), "{file}");
    }
    let out = dir.path().join("one");
    let plotted = run(&["sim", "plot", &out.display().to_string()]);
    assert!(plotted.ended(0).contains("locks-over-time.svg"), "{plotted:?}");
    let svg = fs::read_to_string(out.join("locks-over-time.svg")).expect("drawn");
    assert!(svg.starts_with("<svg") && svg.contains("undeserved"));
}

#[test]
fn a_sweep_that_was_stopped_goes_on() {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let (whole, stopped) = (dir.path().join("whole"), dir.path().join("stopped"));
    assert!(sweep(&whole, &["--frontier"]).ended(0).contains("best"));
    sweep(&stopped, &["--jobs", "1"]).ended(0);
    let rows = |directory: &Path| fs::read(directory.join("rows.csv")).expect("rows");
    let all = rows(&whole);
    let lines = String::from_utf8_lossy(&all).lines().count();
    assert_eq!(lines, 1 + 2 * 2 * 3);
    assert!(rows(&stopped) == all, "whatever the number of threads");
    // Stopped in a row, at the end of one, and before the first.
    let line_end = |lines: usize| {
        let ends = all.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.map(|(index, _)| index + 1).nth(lines).expect("so many lines")
    };
    for length in [line_end(4) + 20, line_end(7), line_end(0), 5, 0] {
        fs::write(stopped.join("rows.csv"), &all[..length]).expect("cut");
        sweep(&stopped, &[]).ended(0);
        assert!(rows(&stopped) == all, "cut at {length}");
    }
    let parquet = |directory: &Path| fs::read(directory.join("rows.parquet")).expect("rows");
    assert!(parquet(&stopped) == parquet(&whole));
    sweep(&stopped, &["--seed", "2"]).failed(3, "expected results of the same scenario");
    let plotted = run(&["sim", "plot", &whole.display().to_string(), "-o", "json"]);
    assert!(plotted.ended(0).contains("frontier.svg") && plotted.stdout.contains("phase.svg"));
}

#[test]
fn mistakes_are_told_in_one_line() {
    run(&["sim", "run", "herdin"]).failed(3, "one of the shipped scenarios collective-lock");
    run(&["sim", "run", "herding", "--set", "borrowers.count=0"])
        .failed(3, "borrowers.count: expected a whole number from 1 to 100000000, got 0");
    run(&["sim", "run", "herding", "--set", "borrowers"]).failed(2, "expected KEY=VALUE");
    run(&["sim", "run", "herding", "--reps", "0"]).failed(2, "--reps");
    run(&["sim", "run", "herding", "--set", "policy=absent.toml"]).failed(3, "absent.toml");
    let dir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("bad.toml");
    fs::write(&path, "version = 1\nname = \"x\"\nhorizon = \"soon\"\n").expect("written");
    let path = path.display().to_string();
    let ended = run(&["sim", "run", &path]);
    ended.failed(3, "bad.toml:3: horizon: expected a duration");
    assert!(ended.stderr.starts_with(&path), "{ended:?}");
    let out = dir.path().join("out").display().to_string();
    let axis = ["sim", "sweep", "herding", "--out", &out, "--set", "borrowers.count=9:1:1"];
    run(&axis).failed(2, "expected a range");
    run(&["sim", "plot", &out]).failed(3, "rows.csv");
    let column = ["sim", "plot", &out, "--column", "nothing"];
    run(&column).failed(2, "expected one of platforms");
    // The last point is wrong: nothing is begun.
    let last = ["sim", "sweep", "herding", "--out", &out, "--set", "borrowers.count=1,2,x"];
    run(&last).failed(3, "borrowers.count");
    assert!(!Path::new(&out).exists());
}
