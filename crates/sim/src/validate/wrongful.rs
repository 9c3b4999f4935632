//! Honest members that err, each by itself, and the harmless subject that enough of them flag.

use interlock_engine::evidence::Evidence;
use interlock_engine::policy::Schedule;
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::Measure;

use super::arithmetic::binomial_at_least;
use super::{Case, Expected, Means, Repeat, Row, policy, share, three_sigma};
use crate::plain::{flag, member, position};

const FULL_RUNS: u32 = 100_000;
const QUICK_RUNS: u32 = 5_000;
/// How many in a thousand of a member's flags are wrong.
const ERROR_PERMILLE: u64 = 10;
/// How many members, and how many of them it takes.
const CASES: [(u32, u32); 6] = [(30, 1), (30, 2), (30, 3), (100, 2), (100, 3), (100, 5)];

pub(super) fn rows(means: &Means<'_>) -> Vec<Row> {
    let repeat = Repeat::of(means, FULL_RUNS, QUICK_RUNS);
    let row = |(n, k): (u32, u32)| {
        let policies = Schedule::constant(policy("", &[&format!("issuers = {k}")]));
        let stream = u64::from(n) << 32 | u64::from(k);
        let locked = repeat.count(
            stream,
            || (),
            |(), dice| locks(&policies, n, (0..n).filter(|_| dice.permille(ERROR_PERMILLE))),
        );
        let value = binomial_at_least(n, share(ERROR_PERMILLE, 1_000), k);
        Row {
            case: Case::FalseLocks,
            what: format!("n = {n}, f = {}, k = {k}: share locked", share(ERROR_PERMILLE, 1_000)),
            expected: Expected::Near { value, within: three_sigma(value, repeat.runs) },
            found: Some(share(locked, u64::from(repeat.runs))),
            runs: repeat.runs,
        }
    };
    CASES.into_iter().map(row).collect()
}

/// Whether the consortium of `n` members locks whom these of them flag.
pub(super) fn locks(policies: &Schedule, n: u32, issuers: impl Iterator<Item = u32>) -> bool {
    let flags = issuers.map(|number| flag(position(number, number))).collect();
    let evidence = Evidence { flags, ..Evidence::default() };
    // Who says nothing plays no part in this decision: receipts are not counted.
    let members = evidence.flags.iter().map(|flag| flag.position.member).collect();
    debug_assert!(evidence.flags.iter().all(|flag| flag.position.member < member(n)));
    let setting = Setting { policies, members: &members, view: View::Consortium };
    timeline(&setting, &evidence).transitions.iter().any(|step| step.to >= Measure::Lock)
}
