//! M. Granovetter, "Threshold models of collective behavior", American Journal of Sociology 83, 1978:
//! one hundred people, each of whom acts when so many others do, from 0 to 99.

use interlock_engine::local::Overlay;
use interlock_engine::policy::Policy;

use super::{Case, Row, exact, policy};
use crate::graph::{GraphError, complete};
use crate::spread::{Spread, Thresholds, lock_waves};

const MEMBERS: u32 = 100;
/// The first member's flag, which is enough for itself alone.
const ISSUER: u32 = 0;

pub(super) fn rows() -> Result<Vec<Row>, GraphError> {
    let mut thresholds: Vec<u32> = (0..MEMBERS).collect();
    let mut rows = Vec::new();
    for (of, expected) in
        [("thresholds 0, 1, 2 ... 99", 100.0), ("the threshold 1 changed to 2", 1.0)]
    {
        let (locked, timelines_agree) = run(&thresholds)?;
        let row = |what: &str, expected, found: u32| {
            exact(Case::Granovetter, format!("{of}: {what}"), expected, f64::from(found), 1)
        };
        rows.push(row("members locked", expected, locked));
        let all = f64::from(MEMBERS);
        rows.push(row("members whose full timeline locks when it did", all, timelines_agree));
        thresholds[1] = 2;
    }
    Ok(rows)
}

/// How many lock, and how many members' full timelines say when they do.
fn run(thresholds: &[u32]) -> Result<(u32, u32), GraphError> {
    let mesh = complete(MEMBERS)?;
    let policies: Vec<Policy> = thresholds.iter().map(|threshold| overlaid(*threshold)).collect();
    let needed: Vec<u32> = policies
        .iter()
        .map(|policy| Thresholds::of_receipts(policy, MEMBERS - 1).of_peers(MEMBERS - 1))
        .collect();
    let mut spread = Spread::default();
    let locked = spread.run(&mesh, |member| needed[member as usize], &[ISSUER]);
    let mut waves = vec![None; thresholds.len()];
    for (wave, members) in (0..).zip(spread.waves()) {
        for member in members {
            waves[*member as usize] = Some(wave);
        }
    }
    let by_timelines = lock_waves(&policies, &[ISSUER], &waves);
    let alike = waves.iter().zip(&by_timelines).filter(|(one, other)| one == other).count();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok((count(locked), count(alike)))
}

/// The policy as a member sees it that locks when so many of its 99 peers have. From one peer to the
/// next the share in thousandths rises by ten or more, so that each number of peers has its own.
fn overlaid(threshold: u32) -> Policy {
    let peers = MEMBERS - 1;
    let rule = if threshold == 0 {
        "points = 100".to_owned()
    } else {
        format!("peer_permille = {}", 1_000 * threshold / peers)
    };
    let overlay = format!("version = 1\n[[measure.LOCK.rule]]\n{rule}\n");
    let overlay = Overlay::parse("overlay", &overlay).expect("what is written here is an overlay");
    overlay.over(&policy("peer_receipts = \"count\"", &[]))
}
