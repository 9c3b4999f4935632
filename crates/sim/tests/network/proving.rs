//! Proof: every decision of every member can be shown to somebody with nothing but the consortium's
//! id, as it is and as it was taken, and follows from the whole log.

use interlock_engine::charter::Charter;
use interlock_engine::ledger::rows::{DecisionRow, StoredRow as _};
use interlock_engine::ledger::{Column, Draft, Ledger as _, MemoryLedger};
use interlock_engine::proof::{
    Difference, ExportError, NotVerified, Verdict, Wanted, export, recompute, verify,
};
use interlock_engine::replica::{Happening, Unmeant};
use interlock_record::{
    ConsortiumId, Dispute, Measure, MemberId, Seen, SeenHead, Span, Statement, SubjectTag, Time,
    VerifiedRecord,
};
use interlock_sim::checks::journal;
use interlock_sim::consortium::{Consortium, POLICY, Shape, feed, member};
use interlock_sim::network::{Faults, Network};
use proptest::prelude::*;

use crate::agreement::talk;
use crate::world::{Lone, Pen, at, flag, id, secs, withdraw};

/// At most so much of a bundle is not charters, for ten flags.
const MOST_FOR_TEN_FLAGS: usize = 64 * 1024;

fn subjects(ledger: &MemoryLedger) -> Vec<SubjectTag> {
    let rows = ledger.range(Column::Evidence, &[], &[0xff; 64], usize::MAX).expect("memory");
    rows.iter().map(|(key, _)| SubjectTag::from_slice(key).expect("a tag")).collect()
}

/// Exports and verifies every subject's decision, as it is and as each journal entry tells of it.
fn prove_all(network: &Network, me: MemberId) -> Result<u32, TestCaseError> {
    let (replica, ledger) = (network.replica(me), network.ledger(me));
    let consortium = Some(network.consortium().id());
    let now = network.clock(me);
    for subject in subjects(ledger) {
        let file = export(ledger, replica.charters(), subject, Wanted::AsOf(now))
            .map_err(|error| TestCaseError::fail(format!("{me}: {error}")))?;
        let verdict = verify(&file, consortium).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let stored = ledger.get(Column::Decisions, subject.as_bytes()).expect("memory");
        let stored = DecisionRow::decode(&stored.expect("it was decided")).expect("a row");
        let stored = stored.consortium.unwrap_or_default();
        prop_assert_eq!(verdict.decided.announced_now, stored.announced(now));
        prop_assert_eq!(verdict.decided.effective_now, stored.in_force(now));
    }
    let mut then = 0;
    for event in journal(ledger) {
        let (Happening::Announced(decided)
        | Happening::Effective(decided)
        | Happening::Revised { decided, .. }) = &event.happening
        else {
            continue;
        };
        let file = export(ledger, replica.charters(), decided.subject, Wanted::Entry(event.number));
        if decided.own {
            let own = matches!(file, Err(ExportError::OwnDecision { .. }));
            prop_assert!(own);
            continue;
        }
        let file = file.map_err(|error| TestCaseError::fail(format!("{me} {event:?}: {error}")))?;
        let verdict = verify(&file, consortium).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(verdict.taken.arrivals, decided.arrivals);
        prop_assert_eq!(verdict.taken.frontier, decided.frontier);
        then += 1;
    }
    Ok(then)
}

fn gone_through(network: &Network, me: MemberId) -> Vec<Difference> {
    let first = Charter::clone(&network.consortium().charter);
    let again = recompute(network.ledger(me), first, network.now()).expect("memory");
    assert_eq!(again.differ, again.differences.len() as u64);
    again.differences
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_proven_and_follows_from_the_log(seed: u64) {
        let mut network = talk(seed, &Shape::default(), Faults::ROUGH, 30);
        network.calm();
        for member in network.members() {
            network.see(member);
            network.run(Span::from_millis(500));
        }
        for member in network.members() {
            prove_all(&network, member)?;
            prop_assert_eq!(gone_through(&network, member), vec![]);
        }
    }

    #[test]
    fn and_so_where_the_breaker_holds_and_members_share_groups(seed: u64) {
        let shape = Shape { members: 5, group: 2, quota: Some((1, "4s")), ..Shape::default() };
        let mut network = talk(seed, &shape, Faults::ROUGH, 30);
        network.calm();
        for member in network.members() {
            prove_all(&network, member)?;
            prop_assert_eq!(gone_through(&network, member), vec![]);
        }
    }
}

fn bundle(lone: &Lone, subject: u8, now: Time) -> Result<Vec<u8>, ExportError> {
    let wanted = Wanted::AsOf(now);
    export(&lone.ledger, lone.replica.charters(), SubjectTag([subject; 32]), wanted)
}

fn proven(lone: &Lone, subject: u8, now: Time) -> Verdict {
    let file = bundle(lone, subject, now).expect("it is proven");
    verify(&file, Some(lone.consortium.id())).expect("it verifies")
}

#[test]
fn a_lock_is_proven_as_it_was_taken_before_and_after_its_withdrawal() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    let mut flags = Vec::new();
    for number in 0..2 {
        let clock = network.clock(member(number));
        let ticket = network.publish(member(number), vec![flag(1, clock)], None);
        let done = network.answer(ticket).expect("answered").as_ref().expect("done");
        flags.push(done.statements[0]);
        network.run(secs(1));
    }
    network.run(secs(3));
    network.publish(member(0), vec![withdraw(flags[0])], None);
    network.run(secs(2));
    let (ledger, charters) = (network.ledger(member(3)), network.replica(member(3)).charters());
    let mut seen = Vec::new();
    for event in journal(ledger) {
        let Happening::Effective(decided) = &event.happening else { continue };
        let wanted = Wanted::Entry(event.number);
        let file = export(ledger, charters, decided.subject, wanted).expect("it is proven");
        let verdict = verify(&file, Some(network.consortium().id())).expect("it verifies");
        let told = verdict.taken.told.expect("an entry");
        assert_eq!((told.kind, told.to), ("EFFECTIVE", decided.to));
        seen.push((verdict.decided.effective_now, verdict.said.len()));
    }
    let expected = [(Measure::Review, 2), (Measure::Lock, 2), (Measure::Review, 3)];
    assert_eq!(seen, expected, "what had come by then, and no more");
    let wrong = export(ledger, charters, SubjectTag([1; 32]), Wanted::Entry(1));
    assert!(matches!(wrong, Err(ExportError::NoSuchEntry { entry: 1 })));
    let nobody = export(ledger, charters, SubjectTag([8; 32]), Wanted::AsOf(network.now()));
    assert!(matches!(nobody, Err(ExportError::NothingKnown)));
}

fn head(record: &VerifiedRecord) -> Statement {
    let header = record.header();
    let head = SeenHead { feed: header.feed, sequence: header.sequence, id: record.id() };
    Statement::Seen(Seen { heads: vec![head] })
}

#[test]
fn a_forked_feeds_branch_counts_where_it_is_shown_to_be_final() {
    let mut lone = Lone::new(Consortium::new(&Shape::default()), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let first = pen.sign(at(1), &[flag(1, at(0))]);
    let mut other = pen.clone();
    let line = pen.sign(at(2), &[flag(2, at(0))]);
    let rival = other.sign(at(3), &[flag(3, at(0))]);
    lone.take(at(5), &[&first, &line]);
    lone.take(at(6), &[&rival]);
    let void = proven(&lone, 2, at(10));
    assert_eq!(void.said[0].unmeant, Some(Unmeant::Void));
    assert_eq!((void.decided.announced_now, void.voids), (Measure::None, vec![(feed(1, 1), 2)]));
    assert_eq!(proven(&lone, 1, at(10)).decided.announced_now, Measure::Review, "before the fork");
    let seen =
        [2, 3].map(|number| Pen::new(&consortium, feed(number, 1)).sign(at(7), &[head(&line)]));
    lone.take(at(8), &[&seen[0], &seen[1]]);
    let counts = proven(&lone, 2, at(10));
    assert_eq!(counts.said[0].unmeant, None);
    assert_eq!(counts.forks, [(feed(1, 1), 2)]);
    let by = &counts.said[0].seen_by;
    assert_eq!((by.groups, by.of), (2, 3));
    let first = Charter::clone(&consortium.charter);
    assert_eq!(recompute(&lone.ledger, first, at(10)).expect("memory").differences, vec![]);
}

#[test]
fn a_line_that_was_exchanged_is_proven_as_it_is_and_follows_from_the_log() {
    let mut lone = Lone::new(Consortium::new(&Shape::default()), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, feed(1, 1));
    let mut other = pen.clone();
    let line = pen.sign(at(2), &[flag(2, at(0))]);
    let rival = other.sign(at(3), &[flag(3, at(0))]);
    lone.take(at(5), &[&line]);
    let entry = journal(&lone.ledger)
        .into_iter()
        .find(|event| matches!(event.happening, Happening::Announced(_)))
        .expect("it was announced");
    let seen =
        [2, 3].map(|number| Pen::new(&consortium, feed(number, 1)).sign(at(7), &[head(&rival)]));
    lone.take(at(8), &[&rival]);
    lone.take(at(9), &[&seen[0], &seen[1]]);
    lone.take(at(9), &[&rival]);
    assert_eq!(proven(&lone, 3, at(10)).decided.announced_now, Measure::Review);
    let then = Wanted::Entry(entry.number);
    let then = export(&lone.ledger, lone.replica.charters(), SubjectTag([2; 32]), then);
    assert!(matches!(then, Err(ExportError::LineExchanged { .. })), "said, not made up: {then:?}");
    let first = Charter::clone(&consortium.charter);
    assert_eq!(recompute(&lone.ledger, first, at(10)).expect("memory").differences, vec![]);
}

#[test]
fn what_stands_after_a_feeds_end_is_there_and_means_nothing() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    for number in 0..3 {
        let clock = network.clock(member(1));
        network.publish(member(1), vec![flag(number, clock)], None);
        network.run(secs(1));
    }
    let second = interlock_engine::replica::record_at(network.ledger(member(0)), feed(1, 1), 2);
    let second = second.expect("memory").expect("it came").verified().expect("good");
    let newest = network.replica(member(0)).charters().newest().clone();
    let key = format!("key = \"{}\"\n", network.consortium().key(feed(1, 1)).public());
    let end = format!("{key}last = {{ sequence = 2, id = \"{}\" }}\n", second.id());
    let signers: Vec<MemberId> = (0..3).map(member).collect();
    let before = network.replica(member(0)).counters().journal;
    let from = network.now().plus(secs(1));
    let signed =
        Consortium::amendment(&newest, from, |text| text.replacen(&key, &end, 1), &signers);
    network.amend(member(0), signed).expect("signed");
    network.run(secs(20));
    let (ledger, charters) = (network.ledger(member(0)), network.replica(member(0)).charters());
    for (subject, unmeant) in [(1, None), (2, Some(Unmeant::FeedEnded))] {
        let subject = SubjectTag([subject; 32]);
        let file = export(ledger, charters, subject, Wanted::AsOf(network.now()));
        let verdict = verify(&file.expect("it is proven"), Some(network.consortium().id()));
        let verdict = verdict.expect("it verifies");
        assert_eq!((verdict.said[0].unmeant, verdict.charter_version), (unmeant, 2));
        assert!(verdict.on_its_word.is_empty(), "{:?}", verdict.on_its_word);
    }
    // What was decided before the amendment is shown by the charter of then.
    let entry = journal(ledger).into_iter().find(|event| {
        matches!(&event.happening, Happening::Announced(decided) if decided.subject == SubjectTag([2; 32]))
    });
    let entry = entry.expect("it was announced").number;
    assert!(entry <= before);
    let file = export(ledger, charters, SubjectTag([2; 32]), Wanted::Entry(entry));
    let verdict = verify(&file.expect("it is proven"), None).expect("it verifies");
    assert_eq!((verdict.charter_version, verdict.said[0].unmeant), (1, None));
    assert_eq!(gone_through(&network, member(0)), vec![]);
}

#[test]
fn limits_of_the_day_are_taken_on_the_makers_word_only_where_they_are_near() {
    let policy = format!("[limits]\nstatements_a_day = 3\ndisputes_a_day = 1\n{POLICY}");
    let shape = Shape { policy: &policy, ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut issuer = Pen::new(&consortium, feed(1, 1));
    let flags: Vec<Statement> = (1..=4).map(|subject| flag(subject, at(0))).collect();
    let flags = issuer.sign(at(1), &flags);
    let mut pen = Pen::new(&consortium, feed(2, 1));
    let dispute = |index| Statement::Dispute(Dispute { flag: id(&flags, index) });
    let disputes = pen.sign(at(5), &[dispute(0), dispute(1)]);
    lone.take(at(6), &[&flags, &disputes]);
    let counted = |subject| -> Vec<Option<Unmeant>> {
        proven(&lone, subject, at(10)).said.iter().map(|said| said.unmeant).collect()
    };
    assert_eq!(counted(1), [None, None]);
    assert_eq!(counted(2), [None, Some(Unmeant::TooManyDisputes)]);
    assert_eq!(counted(4), [Some(Unmeant::TooManyStatements)]);
    let first = proven(&lone, 1, at(10));
    assert!(first.on_its_word.iter().any(|word| word.contains("disputes of its member")));
    assert!(
        !first.on_its_word.iter().any(|word| word.contains("statements of its feed")),
        "the first record of a feed shows its day: {:?}",
        first.on_its_word
    );
}

/// Ten members that flag one subject, each in a feed of three hundred records, seen by all.
fn ten_flags() -> (Lone, Time) {
    let shape = Shape { members: 11, quota: Some((4, "8s")), ..Shape::default() };
    let mut lone = Lone::new(Consortium::new(&shape), feed(0, 1));
    let consortium = lone.consortium.clone();
    let mut pens: Vec<Pen<'_>> =
        (1..11).map(|number| Pen::new(&consortium, feed(number, 1))).collect();
    for (number, pen) in (0..).zip(&mut pens) {
        let mut records = Vec::new();
        for index in 0..300 {
            let time = at(index * 2_500 + number);
            let about = if index == 290 { 1 } else { 2 + (index % 100) as u8 };
            records.push(pen.sign(time, &[flag(about, time)]));
        }
        lone.take(at(800_000), &records.iter().collect::<Vec<_>>());
    }
    let heads: Vec<SeenHead> = pens
        .iter()
        .zip(1..)
        .map(|(pen, number)| SeenHead {
            feed: feed(number, 1),
            sequence: pen.head.sequence,
            id: pen.head.id.expect("it has records"),
        })
        .collect();
    for pen in &mut pens {
        let seen = pen.sign(at(800_001), &[Statement::Seen(Seen { heads: heads.clone() })]);
        lone.take(at(800_002), &[&seen]);
    }
    (lone, at(800_100))
}

#[test]
fn ten_flags_take_at_most_64_kib_beside_the_charter() {
    let (lone, now) = ten_flags();
    let file = bundle(&lone, 1, now).expect("it is proven");
    let beside = file.len() - lone.consortium.charter.text.len();
    let verdict = verify(&file, Some(lone.consortium.id())).expect("it verifies");
    assert_eq!(verdict.said.len(), 10);
    assert!(
        verdict.said.iter().all(|said| said.seen_by.groups > said.seen_by.of / 2),
        "{verdict:?}"
    );
    assert!(verdict.on_its_word.is_empty(), "{:?}", verdict.on_its_word);
    assert!(beside <= MOST_FOR_TEN_FLAGS, "{beside} bytes");
    assert!(beside > 10_000, "{beside} bytes: it is all there");
}

#[test]
fn another_consortium_and_changed_files_prove_nothing() {
    let mut lone = Lone::new(Consortium::new(&Shape::default()), feed(0, 1));
    let consortium = lone.consortium.clone();
    let record = Pen::new(&consortium, feed(1, 1)).sign(at(1), &[flag(1, at(0))]);
    lone.take(at(5), &[&record]);
    let file = bundle(&lone, 1, at(10)).expect("it is proven");
    let other = Consortium::new(&Shape { members: 5, ..Shape::default() });
    let wrong = verify(&file, Some(other.id())).expect_err("another's");
    assert!(matches!(wrong, NotVerified::OtherConsortium { .. }));
    assert!(verify(&file, Some(ConsortiumId([0; 32]))).is_err());
    let unnamed = verify(&file, None).expect("it verifies");
    assert!(!unnamed.consortium_checked);
}

#[test]
fn a_store_that_was_tampered_with_is_found_out() {
    let mut network = Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1);
    for number in 0..2 {
        let clock = network.clock(member(number));
        network.publish(member(number), vec![flag(1, clock)], None);
        network.run(secs(1));
    }
    let me = member(3);
    assert_eq!(gone_through(&network, me), vec![]);
    let mut ledger = network.ledger(me).clone();
    let subject = SubjectTag([1; 32]);
    let kept = ledger.get(Column::Decisions, subject.as_bytes()).expect("memory");
    let mut kept = DecisionRow::decode(&kept.expect("decided")).expect("a row");
    let scope = kept.consortium.as_mut().expect("decided");
    scope.transitions.truncate(1);
    let mut draft = Draft::new(&ledger);
    draft.put(subject.as_bytes().to_vec(), &kept);
    let changes = draft.into_changes();
    ledger.commit(&changes);
    let first = Charter::clone(&network.consortium().charter);
    let again = recompute(&ledger, first, network.now()).expect("memory");
    assert_eq!((again.differ, again.subjects), (1, 1));
    assert!(
        matches!(&again.differences[..], [Difference::Decision { subject: found, .. }] if *found == subject)
    );
    // And no bundle is made of it.
    let charters = network.replica(me).charters();
    let made = export(&ledger, charters, subject, Wanted::AsOf(network.now()));
    assert!(matches!(made, Err(ExportError::Unprovable(_))));
    // A byte of a record.
    let (key, mut row) = ledger.range(Column::Log, &[], &[0xff; 9], 1).expect("memory").remove(0);
    let last = row.len() / 2;
    row[last] ^= 1;
    let mut ledger = network.ledger(me).clone();
    let log = interlock_engine::ledger::rows::LogRow::decode(&row).expect("still a row");
    let mut draft = Draft::new(&ledger);
    draft.put(key, &log);
    let changes = draft.into_changes();
    ledger.commit(&changes);
    let first = Charter::clone(&network.consortium().charter);
    let again = recompute(&ledger, first, network.now()).expect("memory");
    assert!(matches!(again.differences.first(), Some(Difference::Record { arrival: 1, .. })));
}
