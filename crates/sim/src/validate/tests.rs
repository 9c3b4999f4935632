//! Quick versions of every case, and that the number of threads changes nothing.

use super::*;

fn means(jobs: usize) -> Means<'static> {
    Means { effort: Effort::Quick, jobs, log: None }
}

fn rows(case: Case, jobs: usize) -> Vec<Row> {
    case.rows(&means(jobs)).expect("sizes that are allowed")
}

#[track_caller]
fn passes(case: Case) {
    for row in rows(case, 2) {
        assert_eq!(row.passes(), Some(true), "{row:?}");
    }
}

#[test]
fn granovetter() {
    passes(Case::Granovetter);
}

#[test]
fn watts() {
    passes(Case::Watts);
}

#[test]
fn gleeson_and_cahalane() {
    passes(Case::GleesonCahalane);
}

#[test]
fn bootstrap_percolation() {
    passes(Case::Bootstrap);
}

#[test]
fn herding() {
    passes(Case::Herding);
}

#[test]
fn false_locks() {
    passes(Case::FalseLocks);
}

#[test]
fn the_real_log_is_passed_over_where_it_is_not_there() {
    let rows = rows(Case::RealLog, 1);
    assert_eq!(rows.len(), 16);
    assert!(rows.iter().all(|row| row.passes().is_none()));
}

#[test]
fn threads_change_nothing() {
    for case in [Case::Watts, Case::Herding] {
        assert_eq!(rows(case, 1), rows(case, 3));
    }
}

#[test]
fn names_are_told_apart() {
    let names: std::collections::BTreeSet<&str> =
        Case::ALL.iter().map(|case| case.name()).collect();
    assert_eq!(names.len(), Case::ALL.len());
}

#[test]
fn expectations_hold_at_their_edges() {
    let near = Expected::Near { value: 1.0, within: 0.5 };
    for (expected, found, holds) in [
        (Expected::Exactly(3.0), 3.0, true),
        (Expected::Exactly(3.0), 3.000_1, false),
        (near, 1.5, true),
        (near, 1.51, false),
        (near, f64::NAN, false),
        (Expected::Below(0.1), 0.1, false),
        (Expected::Above(0.1), 0.1, false),
        (Expected::Above(0.1), 0.11, true),
    ] {
        assert_eq!(expected.holds(found), holds, "{expected:?} {found}");
    }
    assert_eq!(Expected::Below(0.1).to_string(), "below 0.1");
    assert_eq!(figure(100.0), "100");
    assert_eq!(figure(0.000_000_4), "0");
    assert_eq!(figure(0.981_390), "0.98139");
}
