//! The policies that are shipped as samples.

use super::*;

const AUTOMATIC: &str = include_str!("../../../../node-config/policy.toml");
const REVIEWED: &str = include_str!("../../../../node-config/policy-reviewed.toml");

fn policy(text: &str) -> Policy {
    Policy::from_toml("sample", text).expect("a good policy")
}

#[test]
fn both_samples_are_good_and_one_platform_alone_locks_nobody() {
    for text in [AUTOMATIC, REVIEWED] {
        let policy = policy(text);
        for measure in [Measure::ZeroLimit, Measure::Freeze, Measure::Lock] {
            let rules = policy.rules_of(measure);
            assert!(!rules.is_empty(), "{measure}");
            assert!(rules.iter().all(|rule| rule.issuers >= 2), "{measure}");
        }
    }
}

#[test]
fn the_reviewed_sample_asks_for_a_person_from_freeze_on_and_is_the_other_one_apart_from_that() {
    let (automatic, mut reviewed) = (policy(AUTOMATIC), policy(REVIEWED));
    for measure in Measure::ALL.iter().copied() {
        let manual = |expected| if expected { Confirm::Manual } else { Confirm::Auto };
        assert_eq!(automatic.confirm_of(measure), manual(measure == Measure::Close), "{measure}");
        assert_eq!(reviewed.confirm_of(measure), manual(measure >= Measure::Freeze), "{measure}");
    }
    for measure in [Measure::Freeze, Measure::Lock] {
        let found = reviewed.measures.get_mut(&measure).expect("it has rules");
        found.confirm = Confirm::Auto;
    }
    assert_eq!(automatic, reviewed);
}
