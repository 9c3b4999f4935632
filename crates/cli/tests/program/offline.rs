//! Verbs that need no node.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;

use crate::{command, run};

const POLICY: &str = r#"version = 1
[reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "180d"
ceiling = "LOCK"
[[measure.REVIEW.rule]]
points = 40
[[measure.LOCK.rule]]
points = 100
issuers = 2
"#;

fn flag(id: &str, issuer: &str, subject: &str, time: &str) -> String {
    format!(
        r#"{{"kind":"flag","id":"{id}","issuer":"{issuer}","subject":"{subject}","reason":"OVERDUE","severity":"HIGH","confidence":100,"applied_measure":"LOCK","time":"{time}"}}"#
    )
}

struct Case {
    dir: TempDir,
}

impl Case {
    fn new(policy: &str, evidence: &str) -> Self {
        let case = Self { dir: tempfile::tempdir().expect("a directory of our own") };
        fs::write(case.path("p@1.toml"), policy).expect("written");
        fs::write(case.path("e.jsonl"), evidence).expect("written");
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn eval(&self, more: &[&str]) -> crate::Ended {
        let (policy, evidence) = (self.text("p@1.toml"), self.text("e.jsonl"));
        let words = ["policy", "eval", "--policy", &policy, "--evidence", &evidence];
        run(&[&words, more].concat())
    }
}

#[test]
fn an_evaluation_is_one_line_a_subject() {
    let evidence = [
        flag("f1", "acme", "s2", "2026-01-01T00:00:00Z"),
        flag("f2", "bolt", "s2", "2026-01-02T00:00:00.5Z"),
        flag("f3", "acme", "s1", "2026-01-03T00:00:00Z"),
    ];
    let case = Case::new(POLICY, &evidence.join("\n"));
    let at = ["--at", "2026-01-02T00:00:01Z", "-o", "json"];
    let expected = [
        r#"{"subject":"s1","transitions":[{"at":"2026-01-03T00:00:00Z","from":"NONE","to":"REVIEW","because":["f3"]},{"at":"2026-07-02T00:00:00Z","from":"REVIEW","to":"NONE","because":["f3"]}],"announced":"NONE","effective":"NONE","until":"2026-01-03T00:00:00Z"}"#,
        r#"{"subject":"s2","transitions":[{"at":"2026-01-01T00:00:00Z","from":"NONE","to":"REVIEW","because":["f1"]},{"at":"2026-01-02T00:00:00.5Z","from":"REVIEW","to":"LOCK","because":["f1","f2"]},{"at":"2026-06-30T00:00:00Z","from":"LOCK","to":"REVIEW","because":["f1"]},{"at":"2026-07-01T00:00:00.5Z","from":"REVIEW","to":"NONE","because":["f2"]}],"announced":"LOCK","effective":"REVIEW","until":"2026-06-30T00:00:00Z"}"#,
    ];
    assert_eq!(case.eval(&at).ended(0), expected.join("\n") + "\n");
    let table = case.eval(&at[..2]);
    assert!(table.ended(0).contains("subject s2: announced LOCK, effective REVIEW"), "{table:?}");
}

#[test]
fn a_mistake_in_a_file_is_named_by_file_and_line() {
    let good = flag("f1", "acme", "s", "2026-01-01T00:00:00Z");
    let case = Case::new(&POLICY.replace("180d", "180 days"), &good);
    let ended = case.eval(&[]);
    ended.failed(3, "p@1.toml:4: ");
    assert!(ended.stderr.starts_with(&case.text("p@1.toml")), "{ended:?}");
    let case = Case::new(POLICY, &format!("{good}\n{good}\n"));
    case.eval(&[]).failed(3, "e.jsonl:2: ");
    run(&["policy", "check", &case.text("absent.toml")]).failed(3, "absent.toml");
}

#[test]
fn a_command_line_that_is_not_understood_is_told_in_one_line() {
    let case = Case::new(POLICY, "");
    let policy = case.text("p@1.toml");
    case.eval(&["--at", "yesterday"]).failed(2, "expected a time");
    case.eval(&["--members", "a,b", "--as", "c"]).failed(2, "--as");
    case.eval(&["--policy", &policy]).failed(2, "expected the time from which it holds");
    case.eval(&["--policy", &format!("{policy}@2026-13-01")]).failed(2, "expected a time");
    run(&["policy", "eval"]).failed(2, "--policy");
    run(&["flag", "raise", "--reason", "LATE"]).failed(2, "OVERDUE");
    run(&["check"]).failed(2, "--id-number");
}

#[test]
fn a_policy_that_is_not_sound_can_fail_a_script() {
    let case = Case::new(&POLICY.replace("ceiling = \"LOCK\"", "ceiling = \"FREEZE\""), "");
    let policy = case.text("p@1.toml");
    assert!(run(&["policy", "check", &policy]).ended(0).contains("rule 1 is never met"));
    run(&["policy", "check", "--deny-warnings", &policy]).ended(1);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let flags: Vec<String> = (0..20_000)
        .map(|n| flag(&format!("f{n}"), "acme", &format!("s{n}"), "2026-01-01T00:00:00Z"))
        .collect();
    let case = Case::new(POLICY, &flags.join("\n"));
    let words = ["policy", "eval", "-o", "json", "--policy", &case.text("p@1.toml"), "--evidence"];
    let mut child = command(&words)
        .arg(case.path("e.jsonl"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_exact(&mut [0; 100]).expect("it prints");
    drop(stdout);
    let ended: crate::Ended = child.wait_with_output().expect("it ends").into();
    ended.ended(0);
}

#[test]
fn keys_and_a_charter_are_made_and_shown() {
    let case = Case::new(POLICY, "");
    let pepper = case.text("pepper");
    run(&["keygen", "--pepper", &pepper]).ended(0);
    run(&["keygen", "--pepper", &pepper]).failed(3, "is there already");
    let mut members = Vec::new();
    for (number, member) in ["acme", "bolt"].iter().enumerate() {
        let ended = run(&["keygen", "--out", &case.text(member)]);
        let key = ended.ended(0).trim();
        assert_eq!(
            key,
            fs::read_to_string(case.path(member).join("feed.pub")).expect("text").trim()
        );
        members.push(format!("--member={member}=127.0.0.1:710{number}={key},quota=500/1h"));
    }
    let (policy, charter) = (case.text("p@1.toml"), case.text("charter.toml"));
    let words = ["charter", "init", "--name", "north", "--policy", &policy, "--pepper", &pepper];
    let words = [&words[..], &["--out", &charter, &members[0], &members[1]]].concat();
    let id = run(&words).ended(0).trim().to_owned();
    run(&words).failed(3, "is there already");
    let shown = run(&["charter", "show", &charter, "-o", "json"]);
    assert!(shown.ended(0).contains(&format!("\"hash\":\"{id}\"")), "{shown:?}");
    fs::write(&charter, "format = 1\nname = 7\n").expect("written");
    run(&["charter", "show", &charter]).failed(3, "charter.toml:2: ");
}

#[test]
fn help_has_examples_and_exit_codes() {
    let help = run(&["--help"]);
    assert!(help.ended(0).contains("Exit codes:"), "{help:?}");
    assert!(run(&["replay", "--help"]).ended(0).contains("Example:"));
}
