//! Contagion from a share of members that lock first.
//!
//! J. P. Gleeson and D. J. Cahalane, "Seed size strongly affects cascades on random networks",
//! Physical Review E 75, 2007, for Watts's rule; S. Janson, T. Łuczak, T. Turova and T. Vallier,
//! "Bootstrap percolation on the random graph G(n,p)", Annals of Applied Probability 22, 2012, for so
//! many distinct issuers.

use super::arithmetic::share_that_locks;
use super::watts::thresholds as watts_thresholds;
use super::{Case, Expected, Means, Repeat, Row, policy, share};
use crate::dice::Dice;
use crate::graph::{Chance, GraphError, erdos_renyi};
use crate::spread::{Spread, Thresholds};

const NODES: u32 = 100_000;
const MOST_PEERS: u32 = 100;
const FULL_RUNS: u32 = 20;
const QUICK_RUNS: u32 = 2;

pub(super) fn from_a_share(means: &Means<'_>) -> Result<Vec<Row>, GraphError> {
    let repeat = Repeat::of(means, FULL_RUNS, QUICK_RUNS);
    let thresholds = watts_thresholds(180);
    let wider = (f64::from(FULL_RUNS) / f64::from(repeat.runs)).sqrt();
    let mut rows = Vec::new();
    for (z, first_permille, size) in
        [(4, 10, Some(0.98039)), (7, 5, Some(0.99909)), (8, 5, None), (8, 10, Some(0.99967))]
    {
        let sizes = sizes(z, first_permille * NODES / 1_000, &thresholds, repeat)?;
        let of =
            format!("z = {z}, φ = 0.18, a share of {} first", f64::from(first_permille) / 1_000.0);
        let mean = sizes.iter().sum::<f64>() / f64::from(repeat.runs);
        let greatest = sizes.into_iter().fold(0.0, f64::max);
        let (what, expected, found) = match size {
            Some(value) => {
                let expected = Expected::Near { value, within: 0.003 * wider };
                (format!("{of}: mean share that locks"), expected, mean)
            }
            None => (format!("{of}: greatest share that locks"), Expected::Below(0.1), greatest),
        };
        let found = Some(found);
        rows.push(Row { case: Case::GleesonCahalane, what, expected, found, runs: repeat.runs });
        let needed = |peers| thresholds.of_peers(peers);
        let first = f64::from(first_permille) / 1_000.0;
        let solved = share_that_locks(f64::from(z), first, needed, MOST_PEERS);
        rows.push(Row {
            case: Case::GleesonCahalane,
            what: format!("{of}: by the equations"),
            expected: match size {
                Some(value) => Expected::Near { value, within: 0.000_005 },
                None => Expected::Below(0.1),
            },
            found: Some(solved),
            runs: 1,
        });
    }
    Ok(rows)
}

pub(super) fn by_issuers(means: &Means<'_>) -> Result<Vec<Row>, GraphError> {
    const PEERS: u32 = 10;
    let repeat = Repeat::of(means, FULL_RUNS, QUICK_RUNS);
    let mut rows = Vec::new();
    for (k, few, enough) in [(3, 340, 420), (2, 45, 65)] {
        let policy = policy("", &[&format!("issuers = {k}")]);
        let thresholds = Thresholds::of_flags(&policy, MOST_PEERS);
        for (first, expected) in [(few, Expected::Below(0.1)), (enough, Expected::Above(0.99))] {
            let sizes = sizes(PEERS, first * (NODES / 10_000), &thresholds, repeat)?;
            let greatest = sizes.iter().copied().fold(0.0, f64::max);
            let least = sizes.iter().copied().fold(1.0, f64::min);
            let (word, found) = match expected {
                Expected::Below(_) => ("greatest", greatest),
                _ => ("least", least),
            };
            let first = f64::from(first) / 10_000.0;
            let what =
                format!("c = {PEERS}, k = {k}, a share of {first} first: {word} share that locks");
            let found = Some(found);
            rows.push(Row { case: Case::Bootstrap, what, expected, found, runs: repeat.runs });
        }
    }
    Ok(rows)
}

/// What share of members locks in each run, where `first` of them do so first.
fn sizes(
    z: u32,
    first: u32,
    thresholds: &Thresholds,
    repeat: Repeat,
) -> Result<Vec<f64>, GraphError> {
    let joined = Chance::of(u64::from(z), u64::from(NODES));
    let stream = u64::from(z) << 32 | u64::from(first);
    let runs = repeat.each(stream, Spread::default, |spread, dice| {
        let graph = erdos_renyi(NODES, joined, dice)?;
        let first = some_of(NODES, first, dice);
        let needed = |member| thresholds.of_peers(graph.degree(member));
        Ok(share(spread.run(&graph, needed, &first) as u64, u64::from(NODES)))
    });
    runs.into_iter().collect()
}

/// So many different members, all as likely.
fn some_of(nodes: u32, count: u32, dice: &mut Dice) -> Vec<u32> {
    let mut members: Vec<u32> = (0..nodes).collect();
    for place in 0..count {
        let other = u64::from(place) + dice.below(u64::from(nodes - place));
        members.swap(place as usize, usize::try_from(other).unwrap_or(0));
    }
    members.truncate(count as usize);
    members
}
