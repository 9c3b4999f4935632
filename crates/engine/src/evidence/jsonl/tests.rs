//! Mistakes in an evidence file, and what is said of each.

use proptest::prelude::*;

use super::*;

const FLAG: &str = r#"{"kind":"flag","id":"f1","issuer":"acme","subject":"s1","reason":"OVERDUE","severity":"HIGH","confidence":90,"applied_measure":"LOCK","time":"2026-01-01T00:00:00Z"}"#;

/// A good flag, and below it a line that is wrong.
fn error_of(line: &str) -> String {
    let text = format!("{FLAG}\n\n{line}\n");
    EvidenceFile::parse("e.jsonl", &text).expect_err(line).to_string()
}

/// The good flag with another id and a change.
fn flag(part: &str, instead: &str) -> String {
    let other = FLAG.replacen("\"f1\"", "\"f2\"", 1);
    assert!(other.contains(part), "{part:?}");
    other.replacen(part, instead, 1)
}

fn add(more: &str) -> String {
    flag("\"kind\":\"flag\"", &format!("\"kind\":\"flag\",{more}"))
}

#[test]
fn mistakes_in_a_flag_are_told_with_their_line() {
    let ids = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!("\"x{n}\"")).collect();
        format!("\"derived_from\":[{}]", ids.join(","))
    };
    let cases = [
        (flag("\"confidence\":90,", ""), "\"confidence\": required, but not given"),
        (flag(":90", ":0"), "\"confidence\": expected a whole number from 1 to 100, got 0"),
        (flag(":90", ":101"), "\"confidence\": expected a whole number from 1 to 100, got 101"),
        (flag(":90", ":-1"), "\"confidence\": expected a whole number from 1 to 100, got -1"),
        (flag(":90", ":90.0"), "\"confidence\": expected a whole number from 1 to 100, got 90.0"),
        (flag(":90", ":9e1"), "\"confidence\": expected a whole number from 1 to 100"),
        (
            flag(":90", ":\"90\""),
            "\"confidence\": expected a whole number from 1 to 100, got \"90\"",
        ),
        (flag(":90", ":null"), "\"confidence\": expected a whole number from 1 to 100, got null"),
        (flag("\"OVERDUE\"", "\"LATE\""), "\"reason\": expected "),
        (flag("\"OVERDUE\"", "\"overdue\""), "\"reason\": expected "),
        (flag("\"HIGH\"", "3"), "\"severity\": expected a text, got 3"),
        (flag("\"LOCK\"", "\"BAN\""), "\"applied_measure\": expected "),
        (flag("\"acme\"", "\"a b\""), "\"issuer\": expected a member id"),
        (flag("\"s1\"", "\"\""), "\"subject\": expected a text of 1 to 256 bytes, got \"\""),
        (flag("00:00Z", "00:00"), "\"time\": expected a time like"),
        (flag("00:00Z", "00:00+08:00"), "\"time\": expected a time like"),
        (flag("00:00Z", "00:00.1234567Z"), "\"time\": expected a time like"),
        (flag("01-01T", "02-30T"), "\"time\": expected a time like"),
        (flag("\"flag\"", "\"flags\""), "\"kind\": expected one of flag, withdraw, recall"),
        (flag("\"kind\":\"flag\",", ""), "\"kind\": required, but not given"),
        (flag("\"f2\"", "\"f1\""), "\"id\": expected an id of its own, \"f1\" occurs twice"),
        (add("\"weight\":1"), "\"weight\": unknown field of a flag"),
        (add("\"confidence\":90"), "field \"confidence\" occurs twice"),
        (
            add("\"observed_at\":\"2026-01-01T00:00:00.000001Z\""),
            "\"observed_at\": expected a time not after the flag's own",
        ),
        (add("\"observed_at\":null"), "\"observed_at\": expected a text, got null"),
        (add("\"expires_at\":null"), "\"expires_at\": expected a text, got null"),
        (add("\"id_type\":\"FAX\""), "\"id_type\": expected "),
        (add("\"held\":\"no\""), "\"held\": expected true or false, got \"no\""),
        (add("\"rule_version\":1"), "\"rule_version\": expected a text, got 1"),
        (add("\"derived_from\":\"f1\""), "\"derived_from\": expected a list of ids, got \"f1\""),
        (add("\"derived_from\":[1]"), "\"derived_from\": expected a text, got 1"),
        (add(&ids(17)), "\"derived_from\": expected at most 16 entries, got 17"),
    ];
    for (line, expected) in cases {
        let error = error_of(&line);
        assert!(error.starts_with("e.jsonl:3: ") && error.contains(expected), "{line}\n{error}");
    }
    for good in [
        add(&ids(16)),
        add("\"observed_at\":\"2026-01-01T00:00:00Z\""),
        add("\"expires_at\":\"2025-01-01T00:00:00Z\""),
        flag(":90", ":1"),
        flag(":90", ":100"),
        flag("00:00Z", "00:00.123456Z"),
    ] {
        let read = EvidenceFile::parse("e.jsonl", &format!("{FLAG}\r\n{good}\r\n"));
        assert!(read.is_ok(), "{good}: {read:?}");
    }
}

#[test]
fn mistakes_in_other_lines_are_told_with_their_line() {
    let rest = r#""issuer":"acme","time":"2026-01-02T00:00:00Z""#;
    let recall = r#""from":null,"to":null,"reason":null,"rule_version":null,"cause":"ERROR""#;
    let ids = |count: usize| vec!["\"f1\""; count].join(",");
    let cases = [
        ("{}".to_owned(), "\"kind\": required, but not given"),
        ("[]".to_owned(), "expected one JSON object"),
        ("nonsense".to_owned(), "expected one JSON object a line"),
        (format!("{{{rest}}} x"), "expected one JSON object a line"),
        (
            format!("{{\"kind\":\"withdraw\",\"target\":\"f9\",\"cause\":\"ERROR\",{rest}}}"),
            "\"target\": expected the id of a flag or a cure in this file, got \"f9\"",
        ),
        (
            format!("{{\"kind\":\"withdraw\",\"target\":\"f1\",\"cause\":\"WHIM\",{rest}}}"),
            "\"cause\": expected ",
        ),
        (
            format!("{{\"kind\":\"withdraw\",\"target\":\"f1\",{rest}}}"),
            "\"cause\": required, but not given",
        ),
        (
            format!("{{\"kind\":\"dispute\",\"id\":\"d\",\"flag\":\"f9\",{rest}}}"),
            "\"flag\": expected the id of a flag in this file, got \"f9\"",
        ),
        (
            format!("{{\"kind\":\"dispute\",\"id\":\"f1\",\"flag\":\"f1\",{rest}}}"),
            "\"f1\" occurs twice",
        ),
        (
            format!("{{\"kind\":\"dispute\",\"flag\":\"f1\",{rest}}}"),
            "\"id\": required, but not given",
        ),
        (
            format!("{{\"kind\":\"resolve\",\"flag\":\"f1\",\"outcome\":\"MAYBE\",{rest}}}"),
            "\"outcome\": expected ",
        ),
        (
            format!("{{\"kind\":\"release\",\"flag\":\"f0\",{rest}}}"),
            "\"flag\": expected the id of a flag",
        ),
        (
            format!(
                "{{\"kind\":\"cure\",\"id\":\"c\",\"subject\":\"s1\",\"cure\":\"ERROR\",{rest}}}"
            ),
            "\"cure\": expected ",
        ),
        (
            format!("{{\"kind\":\"receipt\",\"subject\":\"s1\",\"measure\":\"LOCK\",{rest}}}"),
            "\"caused_by\": required, but not given",
        ),
        (
            format!(
                "{{\"kind\":\"receipt\",\"subject\":\"s1\",\"measure\":\"LOCK\",\"caused_by\":null,{rest}}}"
            ),
            "\"caused_by\": expected a list of ids, got null",
        ),
        (
            format!(
                "{{\"kind\":\"receipt\",\"subject\":\"s1\",\"measure\":\"LOCK\",\"caused_by\":[{}],{rest}}}",
                ids(17)
            ),
            "\"caused_by\": expected at most 16 entries, got 17",
        ),
        (format!("{{\"kind\":\"recall\",{rest}}}"), "\"from\": required, but not given"),
        (
            format!("{{\"kind\":\"recall\",{},{rest}}}", recall.replace("\"ERROR\"", "null")),
            "\"cause\": expected a text, got null",
        ),
        (
            format!("{{\"kind\":\"recall\",{},{rest}}}", recall.replace("\"to\":null", "\"to\":5")),
            "\"to\": expected a text, got 5",
        ),
        (
            format!("{{\"kind\":\"recall\",{recall},\"subject\":\"s1\",{rest}}}"),
            "\"subject\": unknown field of a recall",
        ),
    ];
    for (line, expected) in cases {
        let error = error_of(&line);
        assert!(error.starts_with("e.jsonl:3: ") && error.contains(expected), "{line}\n{error}");
    }
    for good in [
        format!("{{\"kind\":\"recall\",{recall},{rest}}}"),
        format!(
            "{{\"kind\":\"receipt\",\"subject\":\"s9\",\"measure\":\"LOCK\",\"caused_by\":[{}],{rest}}}",
            ids(16)
        ),
        format!(
            "{{\"kind\":\"receipt\",\"subject\":\"s9\",\"measure\":\"LOCK\",\"caused_by\":[\"elsewhere\"],{rest}}}"
        ),
    ] {
        let read = EvidenceFile::parse("e.jsonl", &format!("{FLAG}\n{good}\n"));
        assert!(read.is_ok(), "{good}: {read:?}");
    }
}

#[test]
fn a_reference_may_stand_before_what_it_names() {
    let dispute =
        r#"{"kind":"dispute","id":"d","flag":"f1","issuer":"beta","time":"2026-01-02T00:00:00Z"}"#;
    let file = EvidenceFile::parse("e.jsonl", &format!("{dispute}\n{FLAG}")).expect("good");
    let subjects = file.subjects(&file.issuers());
    assert_eq!(subjects["s1"].evidence.disputes.len(), 1);
}

#[test]
fn lines_of_non_members_are_inert_and_their_subjects_are_still_answered() {
    let file = EvidenceFile::parse("e.jsonl", FLAG).expect("good");
    let nobody = BTreeSet::new();
    assert_eq!(file.subjects(&nobody)["s1"], SubjectEvidence::default());
    assert_eq!(EvidenceFile::parse("e.jsonl", "").expect("good").issuers(), nobody);
}

#[test]
fn a_line_too_long_or_too_deep_is_refused() {
    let error = error_of(&format!("{{\"kind\":\"{}\"}}", "x".repeat(MAX_LINE_BYTES)));
    assert!(error.contains("expected at most 65536 bytes a line"), "{error}");
    assert!(error_of(&"[".repeat(60_000)).starts_with("e.jsonl:3: "));
    assert!(
        error_of(&format!("{{\"kind\":{}", "{\"a\":".repeat(10_000))).starts_with("e.jsonl:3: ")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(
        text in any::<String>(),
        at in 0..FLAG.len(),
        cut in 0..30_usize,
        piece in "[\\[\\]{}:.\"0-9a-z_, \n\\\\-]{0,12}",
    ) {
        let _ = EvidenceFile::parse("e.jsonl", &text);
        let end = (at + cut).min(FLAG.len());
        let line = format!("{}{piece}{}", &FLAG[..at], &FLAG[end..]);
        if let Ok(file) = EvidenceFile::parse("e.jsonl", &line) {
            let _ = file.subjects(&file.issuers());
        }
    }
}
