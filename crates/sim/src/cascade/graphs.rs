//! Who follows whom.

use super::draw::{Stream, dice};
use super::scenario::{Follows, GraphKind, PPM};
use crate::graph::{self, Chance, GraphError};

/// Whom each platform follows; nothing where everybody follows everybody.
///
/// # Errors
/// [`GraphError`] where there is no such graph.
pub(super) fn followed(
    follows: &Follows,
    count: u32,
    seed: u64,
) -> Result<Option<Vec<Vec<u32>>>, GraphError> {
    let mut followed = vec![Vec::new(); count as usize];
    match follows {
        Follows::Everyone => return Ok(None),
        Follows::Nobody => {}
        Follows::Graph(kind) => draw(kind, seed, &mut followed)?,
    }
    for list in &mut followed {
        list.sort_unstable();
        list.dedup();
    }
    Ok(Some(followed))
}

/// Draws who follows whom, or takes it as it is given.
fn draw(kind: &GraphKind, seed: u64, followed: &mut [Vec<u32>]) -> Result<(), GraphError> {
    let mut dice = dice(seed, Stream::Graph, 0, 0);
    let count = u32::try_from(followed.len()).unwrap_or(u32::MAX);
    let graph = match kind {
        GraphKind::Random { mean_degree_milli } => {
            let pairs = u64::from(count).saturating_sub(1).max(1) * 1_000;
            graph::erdos_renyi(count, Chance::of(*mean_degree_milli, pairs), &mut dice)?
        }
        GraphKind::Preferential { links } => graph::barabasi_albert(count, *links, &mut dice)?,
        GraphKind::SmallWorld { degree, rewired_ppm } => {
            graph::watts_strogatz(count, *degree, Chance::of(*rewired_ppm, PPM), &mut dice)?
        }
        GraphKind::Degrees(degrees) => graph::configuration(degrees, &mut dice)?,
        GraphKind::Given(edges) => {
            for (from, to) in edges {
                followed[*from as usize].push(*to);
            }
            return Ok(());
        }
    };
    for (node, list) in (0..).zip(followed) {
        list.extend_from_slice(graph.neighbours(node));
    }
    Ok(())
}
