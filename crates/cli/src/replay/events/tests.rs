//! Files of events, good and bad.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use interlock_record::{Measure, Reason, Severity};

use super::*;

const TERMS: Terms = Terms {
    reason: Reason::Overdue,
    severity: Severity::High,
    confidence: 90,
    measure: Measure::Lock,
};

fn map() -> NodeMap {
    let address = "http://h:1".parse().expect("an address");
    [("a".to_owned(), address)].into()
}

fn parsed(text: &[u8]) -> Result<Events, FileError> {
    let map = map();
    let purpose = Purpose::Sending { id_type: IdType::Device, map: &map };
    parse("e.csv", text, &Reading { terms: TERMS, purpose })
}

#[test]
fn columns_come_in_any_order_and_the_rest_is_ignored() {
    let text = "batch,subject,op,issuer,time,severity,confidence\n\
        7,s1,add,a,2026-01-01T00:00:00Z,LOW,\n\
        7,s1,del,a,2026-01-01T00:00:01Z,,55\n";
    let events = parsed(text.as_bytes()).expect("all is well");
    let [add, del] = &events["a"][..] else { panic!("two events") };
    assert_eq!(
        (add.line, add.op, add.terms),
        (2, Op::Add, Terms { severity: Severity::Low, ..TERMS })
    );
    assert_eq!((del.line, del.op, del.terms), (3, Op::Del, Terms { confidence: 55, ..TERMS }));
}

#[test]
fn the_first_mistake_is_named_by_line() {
    let header = "time,issuer,op,subject,reason,confidence\n";
    let good = "2026-01-02T00:00:00Z,a,add,s1,,\n";
    for (bad, expected) in [
        ("2026-01-02,a,add,s1,,", "time: expected a time like"),
        ("2026-01-02T00:00:00Z,b,add,s1,,", "issuer: \"b\" has no node"),
        ("2026-01-02T00:00:00Z,a,put,s1,,", "op: expected add, del or repay"),
        ("2026-01-02T00:00:00Z,a,add,,,", "subject: DEVICE: expected"),
        ("2026-01-02T00:00:00Z,a,add,s1,LATE,", "reason: expected one of OVERDUE"),
        ("2026-01-02T00:00:00Z,a,add,s1,,101", "confidence: expected a whole number from 1 to 100"),
        ("2026-01-02T00:00:00Z,a,add,s1,", "expected 6 fields as in the header, got 5"),
        ("2026-01-01T00:00:00Z,a,add,s1,,", "time: expected no time before 2026-01-02T00:00:00Z"),
    ] {
        let error = parsed(format!("{header}{good}{bad}\n{good}").as_bytes()).expect_err(bad);
        assert_eq!(error.line, 3, "{error}");
        assert!(error.to_string().starts_with("e.csv:3: "), "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    let error =
        parsed(b"time,issuer,op,subject\n2026-01-02T00:00:00Z,a,add,\xff\n").expect_err("no text");
    assert!(error.message.contains("UTF-8") && error.line == 2, "{error}");
}

#[test]
fn events_that_are_looked_at_need_no_node_and_have_their_batch() {
    let reading = Reading { terms: TERMS, purpose: Purpose::LookingAt };
    let looked_at = |line: &str| {
        let text = format!("time,issuer,op,subject,batch\n2026-01-01T00:00:00Z,{line}\n");
        parse("e.csv", text.as_bytes(), &reading)
    };
    for (line, batch) in [("b,add,s1,5630", 5_630), ("b,add,s1,", 1)] {
        assert_eq!(looked_at(line).expect(line)["b"][0].batch, batch, "{line}");
    }
    for (line, expected) in
        [("b,add,s1,-1", "batch: expected a whole number"), ("b b,add,s1,1", "issuer: ")]
    {
        let error = looked_at(line).expect_err(line);
        assert!(error.message.starts_with(expected), "{error}");
    }
}

#[test]
fn a_wrong_header_and_an_empty_file_are_refused() {
    for (text, expected) in [
        ("", "\"time\" is missing"),
        ("time,issuer,subject\n", "\"op\" is missing"),
        ("time,time,issuer,op,subject\n", "expected one column \"time\""),
        ("time,issuer,op,subject\n", "expected at least one event"),
    ] {
        let error = parsed(text.as_bytes()).expect_err(text);
        assert!(error.message.contains(expected), "{error}");
    }
}

#[test]
fn a_gzipped_file_is_read_by_its_content() {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let path = dir.path().join("events.csv");
    let file = std::fs::File::create(&path).expect("created");
    let mut zip = GzEncoder::new(file, Compression::fast());
    zip.write_all(b"time,issuer,op,subject\n2026-01-01T00:00:00Z,a,repay,s\n").expect("written");
    zip.finish().expect("written");
    let map = map();
    let purpose = Purpose::Sending { id_type: IdType::Device, map: &map };
    let events = read(&path, &Reading { terms: TERMS, purpose }).expect("all is well");
    assert_eq!(events["a"][0].op, Op::Repay);
}

/// Either way of reading, on any bytes: an error names a line that the text has, and what is read is
/// in the order and within the ranges that the rest relies on.
fn holds_of_any(text: &[u8]) {
    let map = map();
    let sending = Purpose::Sending { id_type: IdType::Device, map: &map };
    let last = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 2;
    for purpose in [sending, Purpose::LookingAt] {
        match parse("e.csv", text, &Reading { terms: TERMS, purpose }) {
            Ok(events) => {
                for of_issuer in events.values() {
                    assert!(!of_issuer.is_empty() && of_issuer.is_sorted_by_key(|event| event.at));
                    let sure = |event: &Event| (1..=100).contains(&event.terms.confidence);
                    assert!(of_issuer.iter().all(sure));
                }
            }
            Err(error) => {
                let line = usize::try_from(error.line).unwrap_or(usize::MAX);
                assert!((1..=last).contains(&line), "line {line} of {last}: {error}");
                assert!(!error.message.is_empty());
            }
        }
    }
}

#[test]
fn whatever_a_file_holds_is_read_or_named_by_line() {
    let text = b"batch,subject,op,issuer,time,severity,confidence\n\
        7,s1,add,a,2026-01-01T00:00:00Z,LOW,\n\
        \"7\",\"s 1\",del,a,2026-01-01T00:00:01Z,,55\r\n";
    holds_of_any(text);
    (0..text.len()).for_each(|end| holds_of_any(&text[..end]));
    let mut other = text.to_vec();
    for place in 0..text.len() {
        for value in 0..=u8::MAX {
            other[place] = value;
            holds_of_any(&other);
        }
        other[place] = text[place];
    }
}
