//! `interlock issuers --independence` on files of events.

use std::fmt::Write as _;
use std::fs;

use interlock_record::Time;
use interlock_sim::dice::Dice;
use tempfile::TempDir;

use crate::{Ended, run};

const HOUR_MICROS: i64 = 3_600_000_000;

/// Six issuers who list 120 subjects each in 300 days; the second also lists most of the first's, two
/// hours later, and takes one off again.
fn events() -> String {
    let mut dice = Dice::new(1);
    let mut lines = Vec::new();
    for issuer in 1..=6_u32 {
        for number in 0..120 {
            let hour = i64::from(u32::try_from(dice.below(300 * 24)).expect("small"));
            // Some subjects are on several lists.
            let subject =
                if number < 20 { format!("s{number}") } else { format!("s{issuer}-{number}") };
            lines.push((hour * HOUR_MICROS, issuer, "add", subject.clone()));
            if issuer == 1 && number % 6 != 0 {
                lines.push(((hour + 2) * HOUR_MICROS, 2, "add", subject));
            }
        }
    }
    lines.push((301 * 24 * HOUR_MICROS, 2, "del", "s1-21".to_owned()));
    lines.sort();
    let mut csv = "time,issuer,op,subject,batch\n".to_owned();
    for (micros, issuer, op, subject) in lines {
        let at = Time::from_micros(micros).expect("in range");
        writeln!(csv, "{at},m{issuer},{op},{subject},1").expect("a string takes it");
    }
    csv
}

fn issuers(csv: &str, more: &[&str]) -> Ended {
    let dir: TempDir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("events.csv");
    fs::write(&path, csv).expect("written");
    let path = path.display().to_string();
    run(&[&["issuers", "--independence", "--events", &path], more].concat())
}

#[test]
fn a_copier_is_found_and_locks_are_counted_anew() {
    let ended = issuers(&events(), &["--witnesses", "1,2", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(ended.ended(0)).expect("one document");
    let [pair] = json["pairs"].as_array().expect("a list").as_slice() else { panic!("{json}") };
    assert_eq!((&pair["follower"], &pair["source"]), (&"m2".into(), &"m1".into()));
    assert_eq!(pair["verdict"], "FOLLOWS");
    assert_eq!(pair["lag_median_us"], 2 * HOUR_MICROS);
    assert_eq!(json["groups"], serde_json::json!([["m1", "m2"]]));
    let [one, two] = json["locks"]["by_witnesses"].as_array().expect("a list").as_slice() else {
        panic!("{json}")
    };
    assert_eq!(one["ever"], json["locks"]["subjects"], "one witness is enough");
    assert_eq!(one["ever"], one["ever_grouped"]);
    // The 20 that are on several lists stay locked; of m1's other 100, m2 copied 84 and took one off.
    assert_eq!((&two["ever"], &two["ever_grouped"]), (&104.into(), &20.into()));
    assert_eq!((&two["at_end"], &two["at_end_grouped"]), (&103.into(), &20.into()));

    let text = issuers(&events(), &["--witnesses", "2", "--group", "m3,m4"]);
    let text = text.ended(0);
    assert!(text.contains("m2      m1     FOLLOWS"), "{text}");
    assert!(text.contains("2.0h (2.0h to 2.0h)"), "{text}");
    assert!(text.contains("with one witness each: m3 + m4"), "{text}");
    assert!(text.ends_with("the charter's next version.\n"), "{text}");
}

#[test]
fn without_a_copier_nothing_is_found() {
    let honest: Vec<String> =
        events().lines().filter(|line| !line.contains(",m2,")).map(str::to_owned).collect();
    let ended = issuers(&honest.join("\n"), &[]);
    assert!(ended.ended(0).starts_with("no member follows another too faithfully\n"), "{ended:?}");
    let all = issuers(&honest.join("\n"), &["--all"]);
    assert_eq!(all.ended(0).matches("NOTHING").count(), 20, "{all:?}");
}

#[test]
fn mistakes_are_told_in_one_line() {
    let csv = events();
    for (more, code, expected) in [
        (&["--witnesses", "0"][..], 2, "1..=100"),
        (&["--witnesses", "101"], 2, "1..=100"),
        (&["--witnesses", "2", "--group", "m1"], 2, "at least two members"),
        (&["--witnesses", "2", "--group", "m1,m9"], 2, "expected issuers of the file, got m9"),
        (&["--group", "m1,m2"], 2, "--witnesses"),
    ] {
        issuers(&csv, more).failed(code, expected);
    }
    issuers("time,issuer,op,subject,batch\n2026-01-01T00:00:00Z,a,add,s,many\n", &[])
        .failed(3, "events.csv:2: batch: expected a whole number");
    run(&["issuers", "--events", "x.csv"]).failed(2, "--independence");
    run(&["issuers", "--node", "http://127.0.0.1:1"]).failed(4, "no node at");
}
