//! Budgets at, below and above every limit; and honest members, who never feel them.

use proptest::prelude::*;

use super::*;

const START: Duration = Duration::from_secs(1_000);
const MICRO: Duration = Duration::from_micros(1);

fn paused(budget: &Budget, now: Duration) -> bool {
    matches!(budget.standing(now), Standing::Paused { .. })
}

#[test]
fn refusals_are_borne_up_to_the_burst() {
    let mut budget = Budget::new(START);
    assert_eq!(budget.harm(Harm::Refusals, REFUSALS_BURST - 1, START), None);
    assert_eq!(budget.harm(Harm::Refusals, 1, START), None);
    assert_eq!(budget.standing(START), Standing::Open);
    let first = budget.harm(Harm::Refusals, 1, START);
    assert_eq!(first, Some(Consequence::Paused(FIRST_PAUSE)));
    assert_eq!(budget.because(), Some(Harm::Refusals));
    assert_eq!(budget.pauses(), 1);
    // Each second gives back so much and no more.
    let mut budget = Budget::new(START);
    budget.harm(Harm::Refusals, REFUSALS_BURST, START);
    let later = START + Duration::from_secs(10);
    assert_eq!(budget.harm(Harm::Refusals, 10 * REFUSALS_A_SECOND, later), None);
    assert!(budget.harm(Harm::Refusals, 1, later).is_some());
}

#[test]
fn what_tells_nothing_is_borne_up_to_the_burst_and_news_pays_for_it() {
    let mut budget = Budget::new(START);
    assert_eq!(budget.harm(Harm::Stale, STALE_BURST, START), None);
    budget.brought(7, START);
    assert_eq!(budget.harm(Harm::Stale, 7, START), None);
    let one = budget.harm(Harm::Stale, 1, START);
    assert_eq!(one, Some(Consequence::Paused(FIRST_PAUSE)));
    assert_eq!(budget.because(), Some(Harm::Stale));
    // News is no savings account.
    let mut budget = Budget::new(START);
    budget.brought(u64::MAX, START);
    assert!(budget.harm(Harm::Stale, STALE_BURST + 1, START).is_some());
}

#[test]
fn volume_is_paced_and_never_punished() {
    let mut budget = Budget::new(START);
    budget.volume(BYTES_BURST, RECORDS_BURST, START);
    assert_eq!(budget.wait(START), Some(Duration::ZERO));
    budget.volume(1, 0, START);
    assert_eq!(budget.wait(START), Some(MICRO));
    budget.volume(0, RECORDS_A_SECOND, START);
    assert_eq!(budget.wait(START), Some(Duration::from_secs(1)));
    assert_eq!(budget.wait(START + Duration::from_secs(1)), Some(Duration::ZERO));
    budget.volume(BYTES_A_SECOND * 3 - 1, 0, START);
    assert_eq!(budget.wait(START), Some(Duration::from_secs(3)));
    // However much there is, the debt ends.
    budget.volume(u64::MAX, u64::MAX, START);
    assert_eq!(budget.wait(START), Some(Duration::from_secs(5)));
    assert_eq!(budget.standing(START), Standing::Open);
    assert_eq!((budget.pauses(), budget.shut_outs()), (0, 0));
}

#[test]
fn pulls_are_granted_up_to_the_burst() {
    let mut budget = Budget::new(START);
    let granted = (0..PULLS_BURST + 5).filter(|_| budget.pull(START)).count();
    assert_eq!(u64::try_from(granted), Ok(PULLS_BURST));
    let second = START + Duration::from_secs(1);
    let granted = (0..PULLS_BURST).filter(|_| budget.pull(second)).count();
    assert_eq!(u64::try_from(granted), Ok(PULLS_A_SECOND));
    assert_eq!(budget.standing(second), Standing::Open);
}

#[test]
fn pauses_double_up_to_the_longest_and_then_the_door_is_shut() {
    let mut budget = Budget::new(START);
    let mut now = START;
    let mut pauses = Vec::new();
    loop {
        match budget.harm(Harm::Refusals, REFUSALS_BURST + 1, now) {
            Some(Consequence::Paused(pause)) => {
                assert!(paused(&budget, (now + pause).saturating_sub(MICRO)));
                assert_eq!(budget.wait(now), Some(pause));
                // What was still under way costs, and lengthens nothing.
                assert_eq!(
                    budget.harm(Harm::Refusals, 1, (now + pause).saturating_sub(MICRO)),
                    None
                );
                pauses.push(pause.as_millis());
                now += pause;
                assert_eq!(budget.standing(now), Standing::Open);
            }
            Some(Consequence::ShutOut) => break,
            None => panic!("it is overdrawn"),
        }
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    assert_eq!(u32::try_from(pauses.len()), Ok(MAX_PAUSES));
    assert_eq!(budget.wait(now), None);
    assert_eq!(budget.standing(now), Standing::Shut { until: now + SHUT_OUT });
    assert_eq!(budget.wait((now + SHUT_OUT).saturating_sub(MICRO)), None);
    assert_eq!(budget.standing(now + SHUT_OUT), Standing::Open);
    assert_eq!((budget.pauses(), budget.shut_outs()), (u64::from(MAX_PAUSES), 1));
    // It begins anew, with what five minutes have filled.
    let now = now + SHUT_OUT;
    let again = budget.harm(Harm::Stale, STALE_BURST + 1, now);
    assert_eq!(again, Some(Consequence::Paused(FIRST_PAUSE)));
}

#[test]
fn pauses_far_apart_are_not_in_a_row() {
    let mut budget = Budget::new(START);
    let mut now = START;
    for _ in 0..20 {
        let pause = budget.harm(Harm::Stale, STALE_BURST * 2, now);
        assert_eq!(pause, Some(Consequence::Paused(FIRST_PAUSE)));
        now += FIRST_PAUSE + CALM_AFTER;
    }
    let mut budget = Budget::new(START);
    budget.harm(Harm::Stale, STALE_BURST * 2, START);
    let soon = (START + FIRST_PAUSE + CALM_AFTER).saturating_sub(MICRO);
    let second = budget.harm(Harm::Stale, STALE_BURST * 2, soon);
    assert_eq!(second, Some(Consequence::Paused(FIRST_PAUSE * 2)));
}

#[test]
fn a_catch_up_of_a_million_records_costs_nothing() {
    let mut budget = Budget::new(START);
    let mut now = START;
    for _ in 0..1_000_000 / 500 {
        // Pulled, and pushed as well for good measure.
        budget.volume(256 << 10, 501, now);
        budget.brought(500, now);
        assert_eq!(budget.harm(Harm::Stale, 500, now), None);
        now += budget.wait(now).expect("it is let in");
    }
    assert_eq!(budget.pauses(), 0);
}

/// What an honest member does.
#[derive(Debug, Clone)]
enum Honest {
    /// It signed records, and pushes them.
    Push(u64),
    /// A frontier, whether that tells anything or not.
    Frontier,
    /// A push was lost: the next ones leave a gap, until the repair that follows has brought as many.
    Lost(u64),
    /// The repair overtook what was pushed meanwhile.
    Overtaken(u64),
    /// Its stream broke, and it comes again.
    Again,
}

fn honest() -> impl Strategy<Value = Vec<(u64, Honest)>> {
    let deed = prop_oneof![
        4 => (1_u64..600).prop_map(Honest::Push),
        4 => Just(Honest::Frontier),
        2 => (1_u64..1_000).prop_map(Honest::Lost),
        2 => (1_u64..1_000).prop_map(Honest::Overtaken),
        1 => Just(Honest::Again),
    ];
    // At least so many milliseconds after the one before: ten frames a second or so.
    proptest::collection::vec((100_u64..1_500, deed), 1..2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_honest_member_is_ever_paused(deeds in honest()) {
        let mut budget = Budget::new(START);
        let mut now = START;
        for (wait_ms, deed) in deeds {
            now += Duration::from_millis(wait_ms);
            now += budget.wait(now).expect("it is let in");
            match deed {
                Honest::Push(records) => {
                    budget.volume(records * 400, records, now);
                    budget.brought(records, now);
                }
                Honest::Frontier => {
                    budget.harm(Harm::Stale, 1, now);
                }
                Honest::Lost(records) => {
                    budget.volume(records * 400, records, now);
                    budget.harm(Harm::Stale, records, now);
                    budget.brought(records, now);
                }
                Honest::Overtaken(records) => {
                    budget.brought(records, now);
                    budget.volume(records * 400, records, now);
                    budget.harm(Harm::Stale, records, now);
                }
                Honest::Again => {
                    budget.harm(Harm::Stale, super::super::cost::STREAM, now);
                }
            }
            prop_assert_eq!(budget.pauses(), 0);
        }
    }

    #[test]
    fn a_clock_that_goes_nowhere_or_far_breaks_nothing(
        deeds in proptest::collection::vec((any::<u64>(), any::<u64>(), 0_u8..5), 1..200),
    ) {
        let mut budget = Budget::new(START);
        for (micros, cost, deed) in deeds {
            let now = Duration::from_micros(micros);
            match deed {
                0 => budget.volume(cost, cost, now),
                1 => drop(budget.harm(Harm::Refusals, cost, now)),
                2 => drop(budget.harm(Harm::Stale, cost, now)),
                3 => budget.brought(cost, now),
                _ => drop(budget.pull(now)),
            }
            prop_assert!(budget.wait(now).is_none_or(|wait| wait <= Duration::MAX));
        }
    }

    #[test]
    fn whoever_goes_on_is_shut_out_within_a_minute(costs in proptest::collection::vec(1_u64..20, 500..600)) {
        let mut budget = Budget::new(START);
        let mut now = START;
        // Ten bad frames a second.
        for cost in costs.iter().cycle().take(10_000) {
            if budget.shut_outs() > 0 {
                break;
            }
            now += Duration::from_millis(100);
            now += budget.wait(now).expect("it is let in");
            budget.harm(Harm::Refusals, *cost, now);
        }
        prop_assert_eq!(budget.shut_outs(), 1);
        prop_assert!(now < START + Duration::from_secs(60), "{now:?}");
    }
}
