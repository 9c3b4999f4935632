//! What people and their programs write: charters, policies, evidence, events, times, identifiers,
//! and the lines of a signer.

use std::collections::BTreeSet;

use interlock_engine::charter::file::{self, ChainFile};
use interlock_engine::charter::{Charter, Charters, MAX_CHARTER_BYTES, SignedCharter};
use interlock_engine::evidence::jsonl::{EvidenceFile, SubjectEvidence};
use interlock_engine::limits::MAX_POLICY_BYTES;
use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::text::FileError;
use interlock_record::{
    IdType, Measure, Pepper, Reason, Severity, Span, Time, find_identifier, normalise, tag,
};
use interlock_sim::events::{self, Event, Events, Op, PlayedEvent, Purpose, Reading, Said};
use interlock_wire::signer::{Answer, MAX_LINE_BYTES, Question, read_line};

use crate::world::{CONSORTIUM, decide, decide_by};

/// What a text gets on top that must not change what it says.
const COMMENT: &str = "\n# no more\n";
/// The most subjects of one evidence file that are decided on.
const MAX_DECIDED: usize = 8;

/// An error names the file, a line that the text has, and what was expected.
fn names_its_place(error: &FileError, text: &str) {
    let last = text.matches('\n').count() + 1;
    let line = usize::try_from(error.line).unwrap_or(usize::MAX);
    assert!((1..=last).contains(&line), "line {line} of {last}: {error}");
    assert!(error.file == "it" && !error.message.is_empty());
    assert!(!error.message.contains('\n'), "an error is one line: {error}");
}

/// A charter's document.
pub fn charter(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let charter = match Charter::parse("it", text) {
        Ok(charter) => charter,
        Err(error) => return names_its_place(&error, text),
    };
    assert!(text.len() <= MAX_CHARTER_BYTES);
    assert_eq!(charter.text, text, "it is kept as it was written");
    let again = Charter::parse("it", &charter.text).expect("what was read is read again");
    assert_eq!(again.id(), charter.id());
    if text.len() + COMMENT.len() <= MAX_CHARTER_BYTES {
        let other = Charter::parse("it", &format!("{text}{COMMENT}")).expect("a comment");
        assert_ne!(other.id(), charter.id(), "another text is another charter");
        assert_eq!((&other.members, &other.policy), (&charter.members, &charter.policy));
    }
    assert!(charter.quorum >= 1 && charter.version >= 1);
    assert_eq!(charter.previous.is_none(), charter.version == 1);
    assert!(charter.may_follow(&charter).is_err(), "nothing follows itself");
    decide_by(&charter.policy);
    let id = charter.id();
    let alone = Charters::first(charter);
    assert_eq!((alone.newest().id(), alone.chain().len()), (id, 1));
}

/// A charter file: a charter's document, or a chain of versions with their signatures in JSON.
pub fn charter_file(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (first, later) = match file::read("it", text) {
        Ok(read) => read,
        Err(error) => return names_its_place(&error, text),
    };
    let mut charters = Charters::first(first.clone());
    if !text.trim_start().starts_with('{') {
        assert_eq!((first.text.as_str(), later.len()), (text, 0));
        return;
    }
    assert_eq!(first.version, 1);
    let signed = SignedCharter { document: first.text, signatures: Vec::new() };
    let all: Vec<SignedCharter> = std::iter::once(signed).chain(later).collect();
    let written = serde_json::to_string_pretty(&ChainFile::of(&all)).expect("it can be written");
    let (again, after) = file::read("it", &written).expect("what was written is read again");
    assert_eq!((again.id(), after.as_slice()), (charters.newest().id(), &all[1..]));
    for signed in &all[1..] {
        match charters.with("it", signed) {
            Ok(more) => charters = more.unwrap_or(charters),
            Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
        }
    }
}

/// A policy file.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let policy = match Policy::from_toml("it", text) {
        Ok(policy) => policy,
        Err(error) => return names_its_place(&error, text),
    };
    assert!(text.len() <= MAX_POLICY_BYTES);
    if text.len() + COMMENT.len() <= MAX_POLICY_BYTES {
        assert_eq!(Policy::from_toml("it", &format!("{text}{COMMENT}")).as_ref(), Ok(&policy));
    }
    for rule in policy.measures.values().flat_map(|measure| &measure.rules) {
        assert!(rule.exit_points(policy.exit_percent) <= rule.points, "leaving is no harder");
    }
    decide_by(&policy);
}

/// An evidence file.
pub fn evidence(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let file = match EvidenceFile::parse("it", text) {
        Ok(file) => file,
        Err(error) => return names_its_place(&error, text),
    };
    let everybody = file.issuers();
    let subjects = file.subjects(&everybody);
    let again = EvidenceFile::parse("it", &format!("{text}\n\n")).expect("empty lines are none");
    assert_eq!(again.subjects(&everybody), subjects);
    let strangers = file.subjects(&BTreeSet::new());
    assert!(strangers.keys().eq(subjects.keys()), "who is named does not hang on who says it");
    assert!(strangers.values().all(|subject| *subject == SubjectEvidence::default()));
    let policies = Schedule::constant(CONSORTIUM.charter.policy.clone());
    for subject in subjects.values().take(MAX_DECIDED) {
        let flags = &subject.evidence.flags;
        assert_eq!(subject.flag_ids.len(), flags.len());
        assert!(flags.is_sorted_by_key(|flag| flag.position), "flags stand in order");
        assert!(flags.iter().all(|flag| flag.observed_at <= flag.position.time));
        decide(&policies, &everybody, &subject.evidence);
    }
}

/// A file of events, read to be sent to nodes and to be looked at.
pub fn played_events(bytes: &[u8]) {
    let said = Said {
        reason: Reason::Other,
        severity: Severity::Low,
        confidence: 1,
        measure: Measure::Review,
    };
    let issuers = ["acme".to_owned(), "bolt".to_owned()].into();
    let purposes = [IdType::IdNumber, IdType::Device]
        .map(|id_type| Purpose::Sending { id_type, issuers: &issuers });
    for purpose in purposes.into_iter().chain([Purpose::LookingAt]) {
        let events = match events::read("it", bytes, &Reading { said, purpose }) {
            Ok(events) => events,
            Err(error) => {
                // A reader of CSV takes each of \r, \n and \r\n for the end of a line.
                let ends = |byte: &&u8| matches!(byte, b'\n' | b'\r');
                let last = bytes.iter().filter(ends).count() + 1;
                let line = usize::try_from(error.line).unwrap_or(usize::MAX);
                assert!((1..=last + 1).contains(&line), "line {line} of {last}: {error}");
                assert!(error.file == "it" && !error.message.is_empty());
                continue;
            }
        };
        assert!(!events.is_empty());
        for of_issuer in events.values() {
            assert!(!of_issuer.is_empty() && of_issuer.is_sorted_by_key(|event| event.at));
            assert!(of_issuer.iter().all(|event| (1..=100).contains(&event.said.confidence)));
        }
        if let Some(text) = written(&events) {
            let again = events::read("it", text.as_bytes(), &Reading { said, purpose });
            let again = again.expect("what was written is read again");
            let told = |(issuer, events): (&String, &Vec<Event>)| {
                let told = |event: &Event| {
                    // Only a flag says something, so only a flag's is written.
                    let said = if event.op == Op::Add { event.said } else { said };
                    (event.at, event.op, event.subject.clone(), said)
                };
                (issuer.clone(), events.iter().map(told).collect::<Vec<_>>())
            };
            assert!(again.iter().map(told).eq(events.iter().map(told)));
        }
    }
}

/// The events as a file, where no name in it needs quotes.
fn written(events: &Events) -> Option<String> {
    let plain = |text: &str| !text.contains([',', '"', '\n', '\r']);
    let mut played = Vec::new();
    for (issuer, events) in events {
        for event in events {
            let (issuer, subject) = (issuer.clone(), event.subject.clone());
            if !plain(&issuer) || !plain(&subject) {
                return None;
            }
            let flag = (event.op == Op::Add).then_some(event.said);
            played.push(PlayedEvent { time: event.at, issuer, op: event.op, subject, flag });
        }
    }
    Some(events::to_csv(played))
}

/// What a node and a signer send each other, line by line.
pub fn signer_lines(bytes: &[u8]) {
    let mut reader = bytes;
    while let Ok(Some(line)) = read_line(&mut reader) {
        assert!(line.len() < MAX_LINE_BYTES && !line.contains('\n'));
        match Question::parse(&line) {
            Ok(question) => {
                let again = question.to_string();
                assert!(again.eq_ignore_ascii_case(&line), "a question has one spelling");
                assert_eq!(Question::parse(&again), Ok(question));
            }
            Err(error) => assert!(!error.0.is_empty()),
        }
        match Answer::parse(&line) {
            Ok(answer) => {
                let again = answer.to_string();
                assert!(again.len() < MAX_LINE_BYTES && !again.contains(char::is_control));
                assert_eq!(Answer::parse(&again), Ok(answer));
            }
            Err(error) => assert!(!error.0.is_empty()),
        }
    }
}

/// A time or a span of time.
pub fn instant(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(time) = text.parse::<Time>() {
        assert!((Time::MIN..=Time::MAX).contains(&time));
        assert_eq!(time.to_string().parse(), Ok(time));
        assert!(time.to_string().len() <= text.len(), "it is written as short as can be");
    }
    if let Ok(span) = text.parse::<Span>() {
        assert!((Span::ZERO..=Span::MAX).contains(&span));
        assert_eq!(span.to_string().parse(), Ok(span));
        assert!(Time::MIN <= Time::MIN.minus(span) && Time::MAX.plus(span) <= Time::MAX);
    }
}

/// A borrower's identifier, as a member's own software sends it.
pub fn identifier(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let _ = find_identifier(text);
    let pepper = Pepper::from_bytes([7; 32]);
    for id_type in IdType::ALL.iter().copied() {
        match normalise(id_type, text) {
            Ok(id) => {
                let again = normalise(id_type, id.reveal()).expect("its one spelling is valid");
                assert_eq!(again, id, "one spelling is enough");
                assert_eq!(tag(&pepper, &again), tag(&pepper, &id));
                let shown = format!("{id:?}");
                assert!(!is_long_number(id.reveal()) || !shown.contains(id.reveal()));
                if id_type == IdType::IdNumber {
                    assert_eq!(find_identifier(id.reveal()), Some(IdType::IdNumber));
                }
            }
            Err(error) => {
                let said = format!("{error} {error:?}");
                assert!(!is_long_number(text) || !said.contains(text), "no error quotes it");
            }
        }
    }
}

/// Whether a text cannot stand in a message by accident.
fn is_long_number(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}
