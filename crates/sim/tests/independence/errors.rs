//! False findings among independent members, and copiers found and missed.

use std::ops::Range;

use interlock_sim::independence::{Finding, Report, Verdict};

use crate::world::{Copier, DAY, MINUTE, Traits, World, independent};

/// The seeds of the tests.
const SHORT: Range<u64> = 0..12;
/// The seeds of the tables, others than those on which the limits were tried out.
const LONG: Range<u64> = 10_000..10_100;

/// A kind of consortium in which nobody copies.
type Innocent = (&'static str, fn(u64) -> World);

const INNOCENT: [Innocent; 10] = [
    ("hardly anything in common", |seed| independent(seed, (10, 100))),
    ("the same frauds within days", |seed| independent(seed, (200, 600))),
    ("nearly all frauds in common", |seed| independent(seed, (500, 900))),
    ("frauds in six waves", |seed| World { waves: 6, ..independent(seed, (200, 600)) }),
    ("one sees nearly all, first", |seed| first_of(seed, 10)),
    ("half join later, with lists", |seed| {
        let mut world = independent(seed, (200, 600));
        world.frauds = vec![2_500];
        world.members.iter_mut().step_by(2).for_each(|member| member.joins = 150);
        world
    }),
    ("two in a niche, equally fast", |seed| niche(seed, 1.0)),
    ("two in a niche, one 3 times slower", |seed| niche(seed, 3.0)),
    ("two in a niche, one 8 times slower", |seed| niche(seed, 8.0)),
    ("three members, one sees nearly all, first", |seed| first_of(seed, 3)),
];

fn first_of(seed: u64, members: usize) -> World {
    let mut world = independent(seed, (200, 600));
    world.members.truncate(members);
    world.members.iter_mut().for_each(|member| member.own = member.own.min(150));
    world.members[0] = Traits { own: 1_000, sees: 950, delay_days: 0.3, joins: 0, kind: 0 };
    world
}

/// Two members see frauds that nobody else sees.
fn niche(seed: u64, slower: f64) -> World {
    let mut world = independent(seed, (200, 600));
    world.frauds = vec![800, 400];
    for (member, delay_days) in [(0, 1.0), (1, slower)] {
        world.members[member] = Traits { own: 100, sees: 700, delay_days, joins: 0, kind: 1 };
    }
    world
}

/// False findings: pairs, of so many tested, in so many reports, of so many; and pairs that are
/// called unclear.
#[derive(Debug, Default)]
struct False {
    pairs: u64,
    unclear: u64,
    tested: u64,
    reports: u64,
    of: u64,
}

fn false_findings(world: fn(u64) -> World, seeds: Range<u64>) -> False {
    let mut sum = False::default();
    for seed in seeds {
        let report = Report::of(&world(seed).observed(seed));
        let found = report.following().count() as u64;
        let unclear = |finding: &&Finding| finding.verdict == Verdict::Unclear;
        sum.pairs += found;
        sum.unclear += report.findings.iter().filter(unclear).count() as u64;
        sum.tested += report.tested;
        sum.reports += u64::from(found > 0);
        sum.of += 1;
    }
    sum
}

/// A copier among members who see the same frauds within days.
fn copying(seed: u64, copier: &Copier) -> Report {
    let mut world = independent(seed, (200, 600));
    // Whom it copies has enough to be copied.
    world.members[copier.source].own = 600;
    world.copiers = vec![copier.clone()];
    Report::of(&world.observed(seed))
}

fn copier(flags: usize, faithful: usize, lag: i64, every: i64) -> Copier {
    Copier { who: 0, source: 1, flags, faithful, lag, every }
}

/// How many of so many copiers are found, and how many pairs beside them.
fn found(copier: &Copier, seeds: Range<u64>) -> (u64, u64) {
    let (mut found, mut beside) = (0, 0);
    for seed in seeds {
        let report = copying(seed, copier);
        let right = |follower: &str, source: &str| (follower, source) == ("m0", "m1");
        let (hits, misses): (Vec<_>, Vec<_>) =
            report.following().partition(|finding| right(&finding.follower, &finding.source));
        found += hits.len() as u64;
        beside += misses.len() as u64;
    }
    (found, beside)
}

/// Two copiers of one source, or a copier of a copier: how often exactly the true pairs are found.
fn two_copiers(second_source: usize, lags: [i64; 2], seeds: Range<u64>) -> u64 {
    let exact = |seed: &u64| {
        let mut world = independent(*seed, (200, 600));
        world.members[1].own = 600;
        world.copiers = vec![
            Copier { who: 0, source: 1, flags: 400, faithful: 85, lag: lags[0], every: MINUTE },
            Copier {
                who: 2,
                source: second_source,
                flags: 300,
                faithful: 85,
                lag: lags[1],
                every: MINUTE,
            },
        ];
        let report = Report::of(&world.observed(*seed));
        let pairs: Vec<(String, String)> = report
            .following()
            .map(|finding| (finding.follower.clone(), finding.source.clone()))
            .collect();
        let expected =
            [("m0".to_owned(), "m1".to_owned()), ("m2".to_owned(), format!("m{second_source}"))];
        pairs == expected
    };
    seeds.filter(exact).count() as u64
}

#[test]
fn independent_members_are_hardly_ever_taken_for_followers() {
    // All but two in a niche of which one is slower: time alone cannot tell.
    for (name, world) in INNOCENT.iter().filter(|(name, _)| !name.contains("slower")) {
        let sum = false_findings(*world, SHORT);
        assert!(sum.tested > 0, "{name}");
        assert_eq!(sum.pairs, 0, "{name}: {sum:?}");
    }
}

#[test]
fn among_three_members_nobody_is_found_and_what_cannot_be_told_is_called_unclear() {
    let sum = false_findings(|seed| first_of(seed, 3), SHORT);
    assert!(sum.unclear > 0 && sum.pairs == 0, "{sum:?}");
}

#[test]
fn faithful_copiers_are_found_and_occasional_ones_are_not() {
    for (faithful, lag, every, least, most) in [
        (100, 10 * MINUTE, MINUTE, 12, 12),
        (75, DAY, MINUTE, 12, 12),
        (50, 7 * DAY, MINUTE, 9, 12),
        (75, DAY, 7 * DAY, 11, 12),
        (10, DAY, MINUTE, 0, 0),
    ] {
        let (found, beside) = found(&copier(300, faithful, lag, every), SHORT);
        assert!((least..=most).contains(&found), "{faithful} % after {lag} µs: {found} of 12");
        assert_eq!(beside, 0, "{faithful} % after {lag} µs");
    }
}

#[test]
fn of_few_flags_nothing_is_said() {
    let report = copying(1, &copier(40, 100, DAY, MINUTE));
    let verdict = |of: &str| {
        let finding = report.findings.iter().find(|f| (&*f.follower, &*f.source) == (of, "m1"));
        finding.expect("every pair").verdict.clone()
    };
    assert_eq!(verdict("m0"), Verdict::TooFew);
    assert_eq!(verdict("m2"), Verdict::Nothing);
}

#[test]
fn who_copies_the_same_source_is_not_taken_for_a_copier_of_the_other() {
    assert!(two_copiers(1, [2 * DAY, 6 * DAY], SHORT) >= 11);
    assert!(two_copiers(0, [2 * DAY, 2 * DAY], SHORT) >= 11);
}

/// Prints the tables of the documentation.
#[test]
#[ignore = "measures at length; run it by name to see the tables"]
fn tables() {
    println!(
        "| nobody copies | pairs tested | found | unclear | reports with any found |\n| --- | ---: | ---: | ---: | ---: |"
    );
    for (name, world) in INNOCENT {
        let False { pairs, unclear, tested, reports, of } =
            false_findings(world, LONG.start..LONG.start + 300);
        println!("| {name} | {tested} | {pairs} | {unclear} | {reports} of {of} |");
    }
    for (flags, every, name) in [
        (300, MINUTE, "300 flags"),
        (80, MINUTE, "80 flags"),
        (300, 7 * DAY, "300 flags, once a week"),
    ] {
        println!(
            "\n| {name}, copied after | 10 % | 20 % | 30 % | 40 % | 50 % | 75 % | 100 % | beside |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        );
        for (lag, text) in [
            (10 * MINUTE, "10 minutes"),
            (DAY, "1 day"),
            (7 * DAY, "1 week"),
            (18 * DAY, "18 days"),
        ] {
            let cells: Vec<(u64, u64)> = [10, 20, 30, 40, 50, 75, 100]
                .map(|faithful| found(&copier(flags, faithful, lag, every), LONG))
                .to_vec();
            let percents: Vec<String> = cells.iter().map(|(found, _)| found.to_string()).collect();
            let beside: u64 = cells.iter().map(|(_, beside)| beside).sum();
            println!("| {text} | {} | {beside} of 700 |", percents.join(" | "));
        }
    }
    println!("\n| two copiers, 85 % | exactly the true pairs, of 100 |\n| --- | ---: |");
    for (name, second, lags) in [
        ("both of one source, after 2 and 6 days", 1, [2 * DAY, 6 * DAY]),
        ("both of one source, after 2 days each", 1, [2 * DAY, 2 * DAY]),
        ("one copies the other's copies, after 2 days each", 0, [2 * DAY, 2 * DAY]),
        ("one copies the other's copies, after 6 hours and 2 days", 0, [DAY / 4, 2 * DAY]),
    ] {
        println!("| {name} | {} |", two_copiers(second, lags, LONG));
    }
}
