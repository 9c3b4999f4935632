//! Graphs that grow by preferential attachment: A.-L. Barabási and R. Albert, "Emergence of scaling in
//! random networks", Science 286, 1999.

use super::{Direction, Graph, GraphError, check_size};
use crate::dice::Dice;

/// A graph in which each newcomer links itself to `links` nodes before it, each as likely as it has
/// links already. The first `links + 1` nodes are all joined.
///
/// # Errors
/// [`GraphError::Links`], or for too many nodes or edges.
pub fn barabasi_albert(nodes: u32, links: u32, dice: &mut Dice) -> Result<Graph, GraphError> {
    if links == 0 || links >= nodes {
        return Err(GraphError::Links { links, nodes });
    }
    let (all, each) = (u64::from(nodes), u64::from(links));
    check_size(all, each * (each + 1) / 2 + (all - each - 1) * each)?;
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for node in 1..=links {
        edges.extend((0..node).map(|other| (node, other)));
    }
    let mut chosen: Vec<u32> = Vec::with_capacity(links as usize);
    for node in links + 1..nodes {
        chosen.clear();
        while chosen.len() < links as usize {
            // An end of an edge, all as likely: its node is then as likely as it has edges.
            let end = usize::try_from(dice.below(2 * edges.len() as u64)).unwrap_or(0);
            let (from, to) = edges[end / 2];
            let candidate = if end.is_multiple_of(2) { from } else { to };
            if !chosen.contains(&candidate) {
                chosen.push(candidate);
            }
        }
        // Ascending, so that the list of edges is.
        chosen.sort_unstable();
        edges.extend(chosen.iter().map(|other| (node, *other)));
    }
    Ok(Graph::of_sorted(nodes, &edges, Direction::Both))
}
