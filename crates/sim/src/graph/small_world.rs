//! Small worlds: D. J. Watts and S. H. Strogatz, "Collective dynamics of 'small-world' networks",
//! Nature 393, 1998.

use super::{Chance, Direction, Graph, GraphError, check_size};
use crate::dice::Dice;

/// A ring on which each node is joined to its `neighbours` nearest, half of them on either side, and
/// then each edge's far end is moved, with the chance `rewired`, to a node drawn from all that
/// would make neither a loop nor a double edge. A node that is joined to all keeps its edge.
///
/// # Errors
/// [`GraphError::Ring`], or for too many nodes or edges.
pub fn watts_strogatz(
    nodes: u32,
    neighbours: u32,
    rewired: Chance,
    dice: &mut Dice,
) -> Result<Graph, GraphError> {
    if neighbours >= nodes || !neighbours.is_multiple_of(2) {
        return Err(GraphError::Ring { neighbours, nodes });
    }
    check_size(u64::from(nodes), u64::from(nodes) * u64::from(neighbours / 2))?;
    let mut joined: Vec<Vec<u32>> = vec![Vec::with_capacity(neighbours as usize); nodes as usize];
    let step = |node: u32, by: u32| {
        let far = u64::from(node) + u64::from(by);
        u32::try_from(far % u64::from(nodes)).unwrap_or(0)
    };
    for by in 1..=neighbours / 2 {
        for node in 0..nodes {
            join(&mut joined, node, step(node, by));
        }
    }
    // Near neighbours first, once round the ring for each distance, as the paper does.
    for by in 1..=neighbours / 2 {
        for node in 0..nodes {
            let old = step(node, by);
            if !rewired.happens(dice) || joined[node as usize].len() + 1 >= nodes as usize {
                continue;
            }
            let new = loop {
                let new = u32::try_from(dice.below(u64::from(nodes))).unwrap_or(0);
                if new != node && !joined[node as usize].contains(&new) {
                    break new;
                }
            };
            part(&mut joined, node, old);
            join(&mut joined, node, new);
        }
    }
    let edges = (0..nodes).flat_map(|node| {
        joined[node as usize].iter().filter(move |far| **far < node).map(move |far| (node, *far))
    });
    Graph::new(nodes, edges, Direction::Both)
}

fn join(joined: &mut [Vec<u32>], one: u32, other: u32) {
    joined[one as usize].push(other);
    joined[other as usize].push(one);
}

fn part(joined: &mut [Vec<u32>], one: u32, other: u32) {
    joined[one as usize].retain(|node| *node != other);
    joined[other as usize].retain(|node| *node != one);
}
