//! What a bundle may hold beside what it must have: at, below and above each limit.

use super::*;
use crate::proof::Room;
use crate::proof::assemble::export_within;
use crate::proof::countersign::SEEN_OVERHEAD_BYTES;
use crate::proof::recompute::MAX_DIFFERENCES;
use crate::replica::{Event, Happening};

/// What is proven with so much room.
fn within(world: &World, wanted: Wanted, change: impl FnOnce(&mut Room)) -> Verdict {
    let mut room = Room::LIMITS;
    change(&mut room);
    let file = export_within(&room, &world.ledger, world.replica.charters(), SUBJECT, wanted);
    verify(&file.expect("it is proven"), None).expect("it verifies")
}

const NOW: fn() -> Wanted = || Wanted::AsOf(at(900));

/// How many groups have seen the first statement's record, as far as it is shown.
fn seen(verdict: &Verdict) -> u64 {
    verdict.said[0].seen_by.groups
}

/// Whether something of the breaker is taken on the maker's word.
fn breaker_on_its_word(verdict: &Verdict, feed: FeedId) -> bool {
    let of = format!("{feed} #");
    let mut words = verdict.on_its_word.iter();
    words.any(|word| word.starts_with(&of) && word.contains("by the breaker"))
}

/// A flag on the subject after `before` other records that are in the breaker's window with it, and
/// one that is not. Returns the bytes that the earlier headers take.
fn window(world: &mut World, by: u8, before: i64) -> usize {
    let other = flag(SubjectTag([8; 32]), at(0));
    let mut records = vec![world.say(by, at(1), std::slice::from_ref(&other))];
    for index in 0..before {
        let time = Time::from_micros(at(200).micros() + index).expect("in range");
        let seen = Statement::Seen(Seen { heads: vec![head_of(&records[0])] });
        records.push(world.say(by, time, &[seen]));
    }
    world.say(by, at(201), &[flag(SUBJECT, at(0))]);
    records.iter().map(|record| record.signed().header.len() + 8).sum()
}

fn head_of(record: &VerifiedRecord) -> SeenHead {
    let header = record.header();
    SeenHead { feed: header.feed, sequence: header.sequence, id: record.id() }
}

#[test]
fn a_window_is_shown_by_as_many_headers_as_max_run() {
    let most = i64::try_from(MAX_RUN).expect("small");
    // The record before the window is one of the headers.
    for (before, on_its_word) in [(most - 2, false), (most - 1, false), (most, true)] {
        let mut world = World::new();
        window(&mut world, 1, before);
        let verdict = within(&world, NOW(), |_| ());
        assert_eq!(breaker_on_its_word(&verdict, feed(1)), on_its_word, "{before} in the window");
    }
}

#[test]
fn windows_take_as_many_bytes_as_max_run_bytes_in_all_feeds_together() {
    let mut world = World::new();
    let bytes = [window(&mut world, 1, 3), window(&mut world, 2, 4)];
    let both = bytes[0] + bytes[1];
    for (run_bytes, shown) in [
        (bytes[0] - 1, [false, false]),
        (bytes[0], [true, false]),
        (both - 1, [true, false]),
        (both, [true, true]),
        (both + 1, [true, true]),
        (MAX_RUN_BYTES, [true, true]),
    ] {
        let verdict = within(&world, NOW(), |room| room.run_bytes = run_bytes);
        let found = [1, 2].map(|by| !breaker_on_its_word(&verdict, feed(by)));
        assert_eq!(found, shown, "{run_bytes} of {bytes:?}");
    }
}

#[test]
fn what_others_have_seen_takes_at_most_max_seen_bytes_unless_it_settles_a_fork() {
    let mut world = World::new();
    world.say(1, at(2), &[flag(SUBJECT, at(2))]);
    let last = world.say(1, at(4), &[flag(SubjectTag([8; 32]), at(4))]);
    let cost = |by: u8, world: &mut World| {
        let said = Statement::Seen(Seen { heads: vec![head_of(&last)] });
        let statement = said.encode().expect("in range").len();
        let record = world.say(by, at(6), &[said]);
        record.signed().header.len() + statement + SEEN_OVERHEAD_BYTES
    };
    let first = cost(2, &mut world);
    let both = first + cost(3, &mut world);
    let within_bytes = |world: &World, seen_bytes| {
        seen(&within(world, NOW(), |room| room.seen_bytes = seen_bytes))
    };
    for (bytes, groups) in [(first - 1, 0), (first, 1), (both - 1, 1), (both, 2), (both + 1, 2)] {
        assert_eq!(within_bytes(&world, bytes), groups, "{bytes}");
    }
    assert_eq!(within_bytes(&world, MAX_SEEN_BYTES), 2);
    let mut twin = World::new();
    let rival = twin.say(1, at(2), &[flag(SubjectTag([9; 32]), at(2))]);
    let inputs = vec![Input::Records { from: feed(1).member, records: vec![rival] }];
    let step = world.replica.step(&world.ledger, at(1_000), inputs).expect("memory");
    world.ledger.commit(&step.changes);
    let settled = within(&world, NOW(), |room| room.seen_bytes = 0);
    assert_eq!((settled.forks.len(), seen(&settled)), (1, 2));
    assert_eq!(settled.decided.announced_now, Measure::Review);
}

#[test]
fn what_was_seen_at_an_earlier_entry_is_looked_for_in_as_many_records_as_max_seen_lookback() {
    let mut world = World::new();
    world.say(1, at(2), &[flag(SUBJECT, at(2))]);
    let first = world.say(1, at(3), &[flag(SubjectTag([8; 32]), at(3))]);
    world.say(2, at(6), &[Statement::Seen(Seen { heads: vec![head_of(&first)] })]);
    for second in 0..4 {
        world.say(2, at(7 + second), &[flag(SubjectTag([9; 32]), at(7))]);
    }
    world.say(3, at(20), &[flag(SUBJECT, at(20))]);
    let rows = crate::ledger::Ledger::range(
        &world.ledger,
        crate::ledger::Column::Journal,
        &[],
        &[0xff; 9],
        usize::MAX,
    );
    let lock = (1..).zip(rows.expect("memory")).find_map(|(number, (_, row))| {
        let row = <crate::ledger::rows::JournalRow as crate::ledger::rows::StoredRow>::decode(&row);
        match Event::from_row(number, &row.expect("a row")).expect("an event").happening {
            Happening::Announced(told) if told.to == Measure::Lock => Some(number),
            _ => None,
        }
    });
    let entry = Wanted::Entry(lock.expect("it was announced"));
    // What it says later takes the place of what it had said.
    let later = world.say(1, at(21), &[flag(SubjectTag([8; 32]), at(21))]);
    world.say(2, at(22), &[Statement::Seen(Seen { heads: vec![head_of(&later)] })]);
    for (seen_lookback, groups) in [(4, 0), (5, 1), (6, 1), (MAX_SEEN_LOOKBACK, 1)] {
        let verdict = within(&world, entry, |room| room.seen_lookback = seen_lookback);
        assert_eq!(seen(&verdict), groups, "{seen_lookback} records of its five");
    }
}

#[test]
fn a_place_in_its_feed_is_proven_in_feeds_as_long_as_max_proven_feed() {
    let world = World::lock();
    for (proven_feed, groups) in [(3, 0), (4, 2), (5, 2), (MAX_PROVEN_FEED, 2)] {
        let verdict = within(&world, NOW(), |room| {
            room.proven_feed = proven_feed;
            // Else these headers would show it, one naming the one before it.
            room.run = 0;
        });
        assert_eq!(verdict.decided.announced_now, Measure::Lock);
        assert_eq!(seen(&verdict), groups, "the feed has four records, provable are {proven_feed}");
    }
}

#[test]
fn a_file_is_at_most_max_bundle_bytes_long() {
    for (bytes, what) in [
        (MAX_BUNDLE_BYTES - 1, "does not begin as a bundle does"),
        (MAX_BUNDLE_BYTES, "does not begin as a bundle does"),
        (MAX_BUNDLE_BYTES + 1, "larger than any bundle"),
    ] {
        let refused = verify(&vec![0; bytes], None).expect_err("refused");
        assert!(refused.to_string().contains(what), "{bytes}: {refused}");
    }
}

#[test]
fn as_many_differences_as_max_differences_are_told_apart() {
    for (found, listed) in [
        (MAX_DIFFERENCES - 1, MAX_DIFFERENCES - 1),
        (MAX_DIFFERENCES, MAX_DIFFERENCES),
        (MAX_DIFFERENCES + 1, MAX_DIFFERENCES),
    ] {
        let mut result = Recomputed::default();
        (0..found).for_each(|_| result.differs(Difference::Evidence { subject: SUBJECT }));
        assert_eq!((result.differ, result.differences.len()), (found as u64, listed));
    }
}
