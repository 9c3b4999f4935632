//! One pair: what is compared, and that what chance would give is what shuffling gives.

use interlock_record::Time;

use super::super::{OCCASION, Observed};
use super::*;
use crate::dice::Dice;

const HOUR: i64 = OCCASION.micros();
const LIMIT: i64 = LAG_LIMIT.micros();

/// Compares `follower`'s flags with `source`'s, both given as subject and time.
fn compared(follower: &[(u64, i64)], source: &[(u64, i64)]) -> Comparison {
    let mut observed = Observed::default();
    for (issuer, flags) in [("a", follower), ("b", source)] {
        for (subject, at) in flags {
            let at = Time::from_micros(*at).expect("in range");
            observed.flag(issuer, &subject.to_be_bytes(), at, 1);
        }
    }
    let members = observed.members();
    let source = Source::new(&members[1], observed.subjects());
    compare(members[0].firsts.iter(), &source)
}

#[test]
fn a_flag_is_led_by_one_before_it_within_the_limit() {
    for (after, led, trailed) in [
        (0, 0, 0),
        (1, 1, 0),
        (LIMIT, 1, 0),
        (LIMIT + 1, 0, 0),
        (-1, 0, 1),
        (-LIMIT, 0, 1),
        (-LIMIT - 1, 0, 0),
    ] {
        // The source is active all the while.
        let source = [(1, 0), (8, -2 * LIMIT), (9, 2 * LIMIT)];
        let pair = compared(&[(1, after)], &source);
        assert_eq!((pair.flags, pair.led, pair.trailed), (1, led, trailed), "{after} later");
    }
}

#[test]
fn what_the_source_could_not_have_led_is_not_compared() {
    let source = [(1, 0), (2, 10)];
    for (at, compared_flags) in [(-1, 0), (0, 1), (10 + LIMIT, 1), (11 + LIMIT, 0)] {
        assert_eq!(compared(&[(7, at)], &source).flags, compared_flags, "at {at}");
    }
    // A subject that the source imported says nothing, nor does one that the follower imported.
    let import: Vec<(u64, i64)> = (0..=super::super::MAX_OCCASION_FLAGS).map(|s| (s, 1)).collect();
    let own = [(1, HOUR), (2_000, HOUR)];
    assert_eq!(compared(&own, &import).flags, 1);
    assert_eq!(compared(&import, &[(1, 0), (9_999, LIMIT)]).flags, 0);
}

#[test]
fn lags_are_told_by_quartiles() {
    let source: Vec<(u64, i64)> = (0..8).map(|subject| (subject, 0)).collect();
    let follower: Vec<(u64, i64)> =
        (0u64..8).map(|subject| (subject, 1 + subject.cast_signed())).collect();
    let lags = compared(&follower, &source).lags.expect("all are led");
    let micros = [lags.lower_quartile, lags.median, lags.upper_quartile].map(Span::micros);
    assert_eq!(micros, [3, 5, 7]);
    assert_eq!(compared(&[(1, 5)], &[(2, 1)]).lags, None);
}

#[test]
fn chance_is_the_average_over_all_orders() {
    // Three occasions in one span; by hand: s1 is led at the 2nd and 3rd place, s2 at the 3rd.
    let source = [(1, HOUR), (2, 2 * HOUR), (9, 0)];
    let follower = [(2, HOUR / 2), (1, HOUR + HOUR / 2), (3, 2 * HOUR + HOUR / 2)];
    let pair = compared(&follower, &source);
    assert_eq!((pair.occasions, pair.led, pair.led_occasions), (3, 1, WHOLE));
    assert_eq!(pair.led_by_chance, 2 * WHOLE / 3 + WHOLE / 3);
}

/// The exact average is what many shuffles give, occasions of several flags included.
#[test]
fn shuffling_gives_what_is_computed() {
    let mut dice = Dice::new(5);
    let mut source = vec![(1_000, 0)];
    let mut follower = Vec::new();
    for subject in 0..60 {
        let at = dice.below(150 * 24).cast_signed() * HOUR;
        source.push((subject, at));
        // Several subjects an occasion, some of them soon after the source.
        let later = dice.below(40 * 24).cast_signed() * HOUR;
        follower.push((
            subject,
            (at + later) / (12 * HOUR) * (12 * HOUR) + dice.below(3_000).cast_signed(),
        ));
    }
    let pair = compared(&follower, &source);
    let mut occasions: BTreeMap<i64, Vec<(u64, i64)>> = BTreeMap::new();
    for (subject, at) in follower.iter().filter(|(_, at)| at.div_euclid(SHUFFLE_SPAN.micros()) == 0)
    {
        occasions.entry(occasion(*at)).or_default().push((*subject, *at));
    }
    let mut places: Vec<i64> = occasions
        .values()
        .map(|flags| flags.iter().map(|(_, at)| *at).min().expect("one"))
        .collect();
    let starts = places.clone();
    let first: BTreeMap<u64, i64> = source.iter().copied().collect();
    let rounds = 4_000;
    let mut led = 0;
    for _ in 0..rounds {
        for last in (1..places.len()).rev() {
            let other = usize::try_from(dice.below(last as u64 + 1)).expect("small");
            places.swap(last, other);
        }
        for ((flags, start), place) in occasions.values().zip(&starts).zip(&places) {
            let moved = flags.iter().map(|(subject, at)| (subject, at - start + place));
            led += moved.filter(|(subject, at)| leads(first[subject], *at)).count() as u64;
        }
    }
    let average = led * 1_000 / rounds;
    let computed = pair.led_by_chance / (WHOLE / 1_000);
    assert!(computed.abs_diff(average) * 50 <= computed, "computed {computed}, drawn {average}");
    assert!(pair.led * 1_000 > computed * 2, "and the data are far from it: {}", pair.led);
}
