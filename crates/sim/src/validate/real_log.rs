//! A log of twelve public lists that are kept apart from one another, of which one copies another.
//!
//! What is expected was counted by a program of its own, without the engine.

use interlock_engine::policy::Schedule;
use interlock_record::Measure;

use super::{Case, Expected, Row, policy, share};
use crate::told::Told;

/// The list that copies, and says so.
pub const COPIER: &str = "nikolaischunk";
/// The list that it copies.
pub const SOURCE: &str = "discord_antiscam";

/// Events, issuers and subjects.
const COUNTS: [(&str, u32); 4] =
    [("flags", 82_193), ("withdrawals", 8_573), ("issuers", 12), ("subjects", 33_568)];
/// For so many distinct issuers: subjects ever locked, and those of them that opened when a flag was
/// taken back; with the copier as a member like any other, and with its flags derived.
const LOCKED: [(u32, [u32; 2], [u32; 2]); 3] = [
    (1, [33_568, 392], [33_568, 1_264]),
    (2, [33_424, 2_134], [29_027, 3_360]),
    (3, [5_536, 2_684], [3_129, 1_179]),
];

pub(super) fn rows(log: Option<(&Told, &Told)>) -> Vec<Row> {
    let row = |what: String, expected: u32, found: Option<u64>| Row {
        case: Case::RealLog,
        what,
        expected: Expected::Exactly(f64::from(expected)),
        found: found.map(|found| share(found, 1)),
        runs: 1,
    };
    let counted = |told: &Told| {
        let counts = told.counts();
        let (issuers, subjects) = (told.members().len() as u64, told.subjects() as u64);
        [counts.flags, counts.withdrawals, issuers, subjects]
    };
    let counted = log.map(|(apart, _)| counted(apart));
    let mut rows: Vec<Row> = COUNTS
        .iter()
        .enumerate()
        .map(|(place, (what, expected))| {
            row((*what).to_owned(), *expected, counted.map(|counted| counted[place]))
        })
        .collect();
    for (k, apart, derived) in LOCKED {
        let policies = Schedule::constant(policy("", &[&format!("issuers = {k}")]));
        for (what, told, [ever, opened]) in [
            ("all lists apart", log.map(|(apart, _)| apart), apart),
            ("the copier's derived", log.map(|(_, derived)| derived), derived),
        ] {
            let outcome = told.map(|told| told.outcome(&policies, Measure::Lock));
            let found = outcome.map(|outcome| outcome.ever);
            rows.push(row(format!("k = {k}, {what}: subjects locked"), ever, found));
            let found = outcome.map(|outcome| outcome.opened_by_withdrawal);
            rows.push(row(format!("k = {k}, {what}: opened by take-backs"), opened, found));
        }
    }
    rows
}
