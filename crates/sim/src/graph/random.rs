//! Random graphs of P. Erdős and A. Rényi ("On random graphs I", Publicationes Mathematicae 6, 1959),
//! in the form of E. N. Gilbert: each pair is joined with the same chance, whatever the others are.

use super::chance::Gaps;
use super::{Chance, Direction, Graph, GraphError, check_size};
use crate::dice::Dice;

/// A random graph in which each pair is joined with this chance.
///
/// The time is proportional to the nodes and edges there are, not to the pairs: from one edge to the
/// next it leaps (V. Batagelj and U. Brandes, "Efficient generation of large random networks",
/// Physical Review E 71, 2005).
///
/// # Errors
/// [`GraphError`] for too many nodes or edges.
pub fn erdos_renyi(nodes: u32, joined: Chance, dice: &mut Dice) -> Result<Graph, GraphError> {
    check_size(u64::from(nodes), 0)?;
    let gaps = Gaps::new(joined);
    let mut edges = Vec::new();
    // Pairs in the order (1, 0), (2, 0), (2, 1), (3, 0) ...: `below` is the place in the row of `node`.
    let (mut node, mut below) = (1_u64, 0_u64);
    loop {
        below = below.saturating_add(gaps.next(dice));
        while below >= node && node < u64::from(nodes) {
            below -= node;
            node += 1;
        }
        let (Ok(from), Ok(to)) = (u32::try_from(node), u32::try_from(below)) else { break };
        if from >= nodes {
            break;
        }
        edges.push((from, to));
        check_size(0, edges.len() as u64)?;
        below += 1;
    }
    Ok(Graph::of_sorted(nodes, &edges, Direction::Both))
}
