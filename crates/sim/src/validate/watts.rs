//! D. J. Watts, "A simple model of global cascades on random networks", PNAS 99, 2002: a member locks
//! when the share of its peers that locked is at least φ.

use super::arithmetic::{crossings, poisson_at_most};
use super::{Case, Expected, Means, Repeat, Row, exact, policy, share};
use crate::graph::{Chance, GraphError, erdos_renyi};
use crate::spread::{Spread, Thresholds};

const NODES: u32 = 10_000;
/// More peers than any member of these graphs has.
const MOST_PEERS: u32 = 100;
const FULL_RUNS: u32 = 2_000;
const QUICK_RUNS: u32 = 60;
/// How far the share of runs and the size may be off in a full run.
const WITHIN: (f64, f64) = (0.035, 0.005);
/// Ten times the mean number of peers; the share of runs that become global, and their mean size.
const PUBLISHED: [(u32, Option<(f64, f64)>); 7] = [
    (9, None),
    (15, Some((0.570, 0.581))),
    (20, Some((0.756, 0.797))),
    (30, Some((0.863, 0.940))),
    (40, Some((0.863, 0.980))),
    (50, Some((0.698, 0.993))),
    (65, None),
];

/// The engine's own thresholds where φ is so many thousandths.
pub(super) fn thresholds(permille: u32) -> Thresholds {
    let rule = format!("peer_permille = {permille}");
    Thresholds::of_receipts(&policy("peer_receipts = \"count\"", &[&rule]), MOST_PEERS)
}

pub(super) fn rows(means: &Means<'_>) -> Result<Vec<Row>, GraphError> {
    let repeat = Repeat::of(means, FULL_RUNS, QUICK_RUNS);
    // The mean of fewer runs is off by as much more as the root of their ratio says.
    let wider = (f64::from(FULL_RUNS) / f64::from(repeat.runs)).sqrt();
    let mut rows = Vec::new();
    for (tenths, published) in PUBLISHED {
        let sizes = sizes(tenths, repeat)?;
        let global: Vec<f64> = sizes.into_iter().filter(|size| *size > 0.1).collect();
        let z = f64::from(tenths) / 10.0;
        let frequency = share(global.len() as u64, u64::from(repeat.runs));
        let what = format!("z = {z}, φ = 0.18: share of runs that become global");
        let Some((often, size)) = published else {
            rows.push(exact(Case::Watts, what, 0.0, frequency, repeat.runs));
            continue;
        };
        let row = |what, value, within, found| {
            let expected = Expected::Near { value, within: within * wider };
            Row { case: Case::Watts, what, expected, found: Some(found), runs: repeat.runs }
        };
        rows.push(row(what, often, WITHIN.0, frequency));
        let mean = global.iter().sum::<f64>() / share(global.len().max(1) as u64, 1);
        rows.push(row(format!("z = {z}, φ = 0.18: mean size of those"), size, WITHIN.1, mean));
    }
    rows.extend(window());
    Ok(rows)
}

/// What share of members locks in each run.
fn sizes(tenths: u32, repeat: Repeat) -> Result<Vec<f64>, GraphError> {
    let thresholds = thresholds(180);
    let joined = Chance::of(u64::from(tenths), 10 * u64::from(NODES - 1));
    let runs = repeat.each(u64::from(tenths), Spread::default, |spread, dice| {
        let graph = erdos_renyi(NODES, joined, dice)?;
        let first = u32::try_from(dice.below(u64::from(NODES))).unwrap_or(0);
        let needed = |member| thresholds.of_peers(graph.degree(member));
        let locked = spread.run(&graph, needed, &[first]);
        Ok(share(locked as u64, u64::from(NODES)))
    });
    runs.into_iter().collect()
}

/// Between which mean numbers of peers a single lock can become global: where
/// `z P(Pois(z) <= K - 2) > 1`, K being the most peers of a member that one lock among them locks.
fn window() -> Vec<Row> {
    let edges = |permille: u32| {
        let thresholds = thresholds(permille);
        let one_is_enough = (1..=MOST_PEERS).filter(|peers| thresholds.of_peers(*peers) == 1);
        let most = one_is_enough.max().unwrap_or(0);
        crossings(0.1, 50.0, |z| z * poisson_at_most(z, most.saturating_sub(2)) - 1.0)
    };
    let edge = |what: &str, value: f64, found: Option<&f64>| Row {
        case: Case::Watts,
        what: format!("φ = 0.18: z at which the window {what}, by the condition"),
        expected: Expected::Near { value, within: 0.00005 },
        found: Some(found.copied().unwrap_or(f64::NAN)),
        runs: 1,
    };
    let at_18 = edges(180);
    let none = share(edges(260).len() as u64, 1);
    vec![
        edge("opens", 1.0207, at_18.first()),
        edge("closes", 5.7647, at_18.get(1)),
        exact(Case::Watts, "φ = 0.26: edges of a window, by the condition", 0.0, none, 1),
    ]
}
