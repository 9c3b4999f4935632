//! Graphs without chance: all joined, or all of one side with all of the other.

use super::{Direction, Graph, GraphError, check_size};

/// A graph in which every pair is joined.
///
/// # Errors
/// [`GraphError`] for too many nodes or edges.
pub fn complete(nodes: u32) -> Result<Graph, GraphError> {
    let all = u64::from(nodes);
    check_size(all, all * all.saturating_sub(1) / 2)?;
    let edges: Vec<(u32, u32)> =
        (0..nodes).flat_map(|node| (0..node).map(move |other| (node, other))).collect();
    Ok(Graph::of_sorted(nodes, &edges, Direction::Both))
}

/// A graph in which each of the first `left` nodes is joined to each of the `right` after them.
///
/// # Errors
/// [`GraphError`] for too many nodes or edges.
pub fn bipartite(left: u32, right: u32) -> Result<Graph, GraphError> {
    let nodes = u64::from(left) + u64::from(right);
    check_size(nodes, u64::from(left) * u64::from(right))?;
    let nodes = left + right;
    let edges: Vec<(u32, u32)> =
        (left..nodes).flat_map(|node| (0..left).map(move |other| (node, other))).collect();
    Ok(Graph::of_sorted(nodes, &edges, Direction::Both))
}
