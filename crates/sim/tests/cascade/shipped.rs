//! What each shipped scenario's description says one sees.

use interlock_sim::cascade::{COLUMNS, SHIPPED};

use crate::{row, runs, shipped, value};

#[test]
fn every_scenario_reads_and_names_only_columns_that_there_are() {
    for scenario in SHIPPED {
        let read = scenario.read(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read.name, scenario.name);
        assert!(!read.about.is_empty(), "{}", scenario.name);
        for word in scenario.readme.split('`').skip(1).step_by(2) {
            let is_column = word.contains('_') && !word.contains([' ', '-', '.', '*', '=']);
            let known = COLUMNS.iter().any(|column| column.name == word);
            assert!(!is_column || known, "{}: {word}", scenario.name);
        }
        // What is recommended with --set can be set.
        let text = scenario.readme.replace('\n', " ");
        for setting in text.split("--set ").skip(1) {
            let setting = setting.split([' ', '`']).next().unwrap_or_default();
            let setting = setting.parse().unwrap_or_else(|error| panic!("{setting}: {error}"));
            scenario.read(&[setting]).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn collective_locks_open_by_themselves_and_a_mistake_stays_with_its_lender() {
    let scenario = shipped("collective-lock", &[]);
    let run = &runs(&scenario, 1, 1, 1)[0];
    let row = row(&scenario);
    assert!(value(&row, "collective_true") >= 10.0);
    assert!(value(&row, "collective_true_p50") < 5.0 * 24.0, "within days of the first flag");
    assert_eq!(value(&row, "collective_wrongful"), 0.0);
    assert_eq!(value(&row, "persons_locked_elsewhere"), 0.0);
    assert!(value(&row, "persons_locked_wrongful") > 0.0);
    let mut in_force = 0;
    let days: Vec<i64> = run
        .tally
        .daily_true
        .iter()
        .map(|step| {
            in_force += step;
            in_force
        })
        .collect();
    let most = days.iter().copied().max().unwrap_or(0);
    assert!(most > 100, "{most}");
    // All opened by themselves half a year after the last.
    assert_eq!(days[310..], vec![0; days.len() - 310]);
}

#[test]
fn a_limit_zeroed_by_mistake_comes_back_with_the_recall() {
    let row = row(&shipped("limit-zeroed-after-settlement", &[]));
    assert!(value(&row, "locks_wrongful_own") > 100.0);
    let elsewhere = value(&row, "persons_locked_elsewhere");
    assert!(elsewhere < 0.05 * value(&row, "persons_locked_wrongful"), "{elsewhere}");
    assert_eq!(value(&row, "persons_still_locked"), 0.0);
    assert!(value(&row, "reopened_max") <= 2.0, "hours: no longer than platforms take to act");
}

#[test]
fn what_was_forgotten_is_graded_and_only_people_close() {
    let row = row(&shipped("overdue-forgotten", &[]));
    assert!(value(&row, "gravest_review") > value(&row, "gravest_reduce_limit"));
    assert!(value(&row, "gravest_reduce_limit") > value(&row, "gravest_close"));
    assert!(value(&row, "gravest_close") > 0.0);
    assert_eq!(value(&row, "persons_locked_wrongful"), 0.0);
    let without = shipped("overdue-forgotten", &["review.confirms_false_ppm=1000000"]);
    assert!(value(&crate::row(&without), "persons_locked_wrongful") >= 10.0);
}

#[test]
fn an_objection_opens_an_account_long_before_the_answer() {
    let open = row(&shipped("frozen-account", &[]));
    let setting = "policy.reason.ABNORMAL_OPERATION.disputed_ceiling=FREEZE";
    let frozen = row(&shipped("frozen-account", &[setting]));
    let days = |row| value(row, "wrongful_person_days");
    assert!(days(&frozen) > 2.0 * days(&open), "{} {}", days(&frozen), days(&open));
    assert!(value(&open, "contained") > 500.0);
    let lost = value(&frozen, "contained") - value(&open, "contained");
    assert!(lost.abs() < 100.0, "thieves gain little: {lost}");
}

#[test]
fn weak_signals_add_up_to_a_cut_and_proof_takes_it_back() {
    let row_of = |settings: &[&str]| row(&shipped("limit-cut-after-repayment", settings));
    let plain = row_of(&[]);
    let persons = value(&plain, "persons_locked_wrongful");
    assert!(persons >= 20.0, "{persons}");
    for setting in [
        "policy.measure.REDUCE_LIMIT.rule.0.issuers=3",
        "policy.measure.REDUCE_LIMIT.rule.0.points=60",
    ] {
        let fewer = value(&row_of(&[setting]), "persons_locked_wrongful");
        assert!(fewer < persons, "{setting}: {fewer} of {persons}");
    }
    let proven = row_of(&["cause.income.cured.share_ppm=1000000"]);
    let days = |row| value(row, "wrongful_person_days");
    assert!(days(&proven) < days(&plain));
}

#[test]
fn one_platforms_fault_stays_its_own_while_any_protection_holds() {
    let elsewhere = |settings: &[&str]| {
        value(&row(&shipped("one-platform-fault", settings)), "persons_locked_elsewhere")
    };
    let one_witness = "policy.measure.LOCK.rule.0.issuers=1";
    let no_breaker = "platforms.breaker.flags=1000000";
    let copies = "cause.fault.echoed.declared=first-hand";
    let protected = row(&shipped("one-platform-fault", &[]));
    assert_eq!(value(&protected, "persons_locked_elsewhere"), 0.0);
    assert!(value(&protected, "flags_held") > 300.0);
    assert_eq!(value(&protected, "persons_still_locked"), 0.0);
    // One witness is enough: the breaker is what is left, and lets its quota through.
    let quota = elsewhere(&[one_witness]);
    assert!((40.0..=110.0).contains(&quota), "{quota}");
    assert!(elsewhere(&[one_witness, no_breaker]) > 4.0 * quota);
    // Copies that look like witnesses, held back by the breaker, and not.
    let copied = elsewhere(&[copies]);
    assert!(copied > 0.0);
    assert!(elsewhere(&[copies, no_breaker]) > 2.0 * copied);
}

#[test]
fn members_that_count_each_other_herd_and_first_hand_evidence_does_not() {
    let herd = row(&shipped("herding", &[]));
    let first_hand = row(&shipped("herding", &["policy.peer_receipts=ignore"]));
    assert!(value(&herd, "branching_ratio") > 0.7);
    assert_eq!(value(&first_hand, "branching_ratio"), 0.0);
    for column in ["wrongful_share_mean", "collective_wrongful", "wrongful_lock_days"] {
        let (more, less) = (value(&herd, column), value(&first_hand, column));
        assert!(more > 3.0 * less, "{column}: {more} and {less}");
    }
    assert!(value(&herd, "contained") > value(&first_hand, "contained"));
    assert_eq!(value(&herd, "persons_still_locked"), 0.0);
    let unnamed = row(&shipped("herding", &["platforms.receipts=unnamed"]));
    assert!(value(&unnamed, "persons_still_locked") > 5.0, "they hold each other up");
}

#[test]
fn an_industry_in_small_runs_too() {
    let row = row(&shipped("industry", &["borrowers.count=3000"]));
    assert!(value(&row, "flags") > 100.0);
}
