//! Verdicts at their limits. How often they are right is in `tests/independence`.

use interlock_record::Time;

use super::*;
use crate::dice::Dice;

const HOUR_MICROS: i64 = 3_600_000_000;

/// A copier that copies most of what `m0` flags, and three more that have a few subjects in common.
fn flags() -> Vec<(String, u64, Time)> {
    let mut dice = Dice::new(3);
    let mut flags = Vec::new();
    for member in 0..5_u64 {
        for number in 0..100 {
            let hour = dice.below(170 * 24).cast_signed();
            let subject = if number < 20 { number } else { member * 1_000 + number };
            let mut flag = |member: u64, hour: i64| {
                let at = Time::from_micros(hour * HOUR_MICROS).expect("in range");
                flags.push((format!("m{member}"), subject, at));
            };
            flag(member, hour);
            if member == 0 && number % 5 != 0 {
                flag(1, hour + 30);
            }
        }
    }
    flags
}

fn report(flags: impl Iterator<Item = (String, u64, Time)>) -> Report {
    let mut observed = Observed::default();
    for (issuer, subject, at) in flags {
        observed.flag(&issuer, &subject.to_be_bytes(), at, 1);
    }
    Report::of(&observed)
}

#[test]
fn the_order_in_which_flags_come_does_not_matter() {
    let forwards = report(flags().into_iter());
    let backwards = report(flags().into_iter().rev());
    assert_eq!(forwards.findings, backwards.findings);
    assert_eq!(forwards.groups(), [BTreeSet::from(["m0".to_owned(), "m1".to_owned()])]);
    assert_eq!(forwards.findings.len(), 20);
}

#[test]
fn without_others_it_is_unclear_whether_somebody_follows() {
    let three = report(flags().into_iter().filter(|(issuer, ..)| issuer.as_str() < "m3"));
    let verdicts: BTreeMap<_, _> = three
        .findings
        .iter()
        .map(|one| ((one.follower.as_str(), one.source.as_str()), &one.verdict))
        .collect();
    assert_eq!(verdicts[&("m1", "m0")], &Verdict::Unclear);
    assert_eq!(verdicts[&("m0", "m1")], &Verdict::Nothing);
    assert!(three.groups().is_empty());
}

#[test]
fn each_limit_counts() {
    let found = Finding {
        follower: "a".to_owned(),
        source: "b".to_owned(),
        flags: MIN_FLAGS,
        occasions: MIN_OCCASIONS,
        led: 40,
        trailed: 10,
        led_permille: 800,
        chance_permille: 100,
        chance: Chance::Others,
        explained_permille: MIN_EXPLAINED_PERMILLE,
        first_permille: MIN_FIRST_PERMILLE,
        lags: None,
        probability: SIGNIFICANCE,
        verdict: Verdict::Nothing,
    };
    assert!(is_too_faithful(&found));
    let explained_permille = MIN_EXPLAINED_PERMILLE - 1;
    assert!(!is_too_faithful(&Finding { explained_permille, ..found.clone() }));
    let first_permille = MIN_FIRST_PERMILLE - 1;
    assert!(!is_too_faithful(&Finding { first_permille, ..found.clone() }));
    let probability = SIGNIFICANCE * 1.001;
    assert!(!is_too_faithful(&Finding { probability, ..found.clone() }));

    let enough = Comparison { flags: MIN_FLAGS, occasions: MIN_OCCASIONS, ..Default::default() };
    assert!(is_enough(&enough));
    assert!(!is_enough(&Comparison { flags: MIN_FLAGS - 1, ..enough.clone() }));
    assert!(!is_enough(&Comparison { occasions: MIN_OCCASIONS - 1, ..enough }));
}
