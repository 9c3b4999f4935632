//! Graphs with given degrees: the configuration model (B. Bollobás, "A probabilistic proof of an
//! asymptotic formula for the number of labelled regular graphs", European Journal of Combinatorics
//! 1, 1980).

use std::collections::BTreeSet;

use super::{Direction, Graph, GraphError, check_size};
use crate::dice::Dice;

/// How many switches are tried for each loop or double edge that the pairing has.
const TRIES: usize = 1_000;

/// A random graph in which each node has exactly the degree that is given.
///
/// Ends of edges are paired at random. A loop or double edge that comes of it is undone by switching
/// ends with an edge drawn at random, so that degrees stay what they are; graphs are not all exactly
/// equally likely then, which matters where degrees are large beside the number of nodes.
///
/// # Errors
/// [`GraphError::NotGraphical`], [`GraphError::NotFound`], or for too many nodes or edges.
pub fn configuration(degrees: &[u32], dice: &mut Dice) -> Result<Graph, GraphError> {
    let ends: u64 = degrees.iter().map(|degree| u64::from(*degree)).sum();
    check_size(degrees.len() as u64, ends.div_ceil(2))?;
    let nodes = u32::try_from(degrees.len()).unwrap_or(u32::MAX);
    if !is_graphical(degrees) {
        return Err(GraphError::NotGraphical);
    }
    let mut stubs: Vec<u32> = (0..nodes)
        .zip(degrees)
        .flat_map(|(node, degree)| std::iter::repeat_n(node, *degree as usize))
        .collect();
    for left in (1..stubs.len()).rev() {
        let other = usize::try_from(dice.below(left as u64 + 1)).unwrap_or(0);
        stubs.swap(left, other);
    }
    let mut edges: Vec<(u32, u32)> =
        stubs.chunks_exact(2).map(|pair| ordered(pair[0], pair[1])).collect();
    drop(stubs);
    make_simple(&mut edges, dice)?;
    Graph::new(nodes, edges, Direction::Both)
}

fn ordered(one: u32, other: u32) -> (u32, u32) {
    (one.max(other), one.min(other))
}

/// Switches ends until there is neither a loop nor a double edge.
fn make_simple(edges: &mut [(u32, u32)], dice: &mut Dice) -> Result<(), GraphError> {
    let mut there = BTreeSet::new();
    let mut bad = Vec::new();
    for (index, edge) in edges.iter().enumerate() {
        if edge.0 == edge.1 || !there.insert(*edge) {
            bad.push(index);
        }
    }
    let mut tries = bad.len() * TRIES;
    while let Some(index) = bad.last().copied() {
        if tries == 0 {
            return Err(GraphError::NotFound);
        }
        tries -= 1;
        let other = usize::try_from(dice.below(edges.len() as u64)).unwrap_or(0);
        let (one, two) = (edges[index], edges[other]);
        let (first, second) = if dice.below(2) == 0 {
            (ordered(one.0, two.0), ordered(one.1, two.1))
        } else {
            (ordered(one.0, two.1), ordered(one.1, two.0))
        };
        let is_new = |edge: &(u32, u32)| edge.0 != edge.1 && !there.contains(edge);
        // Another bad edge is not one of those that are there: it is left for its own turn.
        if bad.contains(&other) || first == second || !is_new(&first) || !is_new(&second) {
            continue;
        }
        there.remove(&two);
        there.extend([first, second]);
        (edges[index], edges[other]) = (first, second);
        bad.pop();
    }
    Ok(())
}

/// Whether a simple graph has these degrees: the condition of P. Erdős and T. Gallai ("Graphs with
/// prescribed degrees of vertices", Matematikai Lapok 11, 1960).
fn is_graphical(degrees: &[u32]) -> bool {
    let mut falling: Vec<u64> = degrees.iter().map(|degree| u64::from(*degree)).collect();
    falling.sort_unstable_by(|one, other| other.cmp(one));
    let total: u64 = falling.iter().sum();
    if !total.is_multiple_of(2) {
        return false;
    }
    // Of the nodes after the first k, those with more than k neighbours give k, the others what
    // they have: `turn` is where the others begin, and falls as k rises.
    let mut after: Vec<u64> = vec![0; falling.len() + 1];
    for index in (0..falling.len()).rev() {
        after[index] = after[index + 1] + falling[index];
    }
    let mut turn = falling.len();
    let mut first = 0;
    for (index, degree) in falling.iter().enumerate() {
        first += degree;
        let k = index as u64 + 1;
        while turn > 0 && falling[turn - 1] <= k {
            turn -= 1;
        }
        let others = turn.max(index + 1);
        let given = (others - (index + 1)) as u64 * k + after[others];
        if first > k * (k - 1) + given {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_that_no_graph_has_are_refused() {
        for (degrees, graphical) in [
            (&[][..], true),
            (&[0], true),
            (&[1], false),
            (&[1, 1], true),
            (&[2, 2, 2], true),
            (&[3, 1, 1, 1], true),
            (&[3, 3, 1, 1], false),
            (&[3, 3, 3, 3], true),
            (&[4, 4, 4, 2, 2, 2], true),
            (&[5, 5, 4, 2, 1, 1], false),
            (&[u32::MAX, 1], false),
        ] {
            assert_eq!(is_graphical(degrees), graphical, "{degrees:?}");
        }
    }

    /// Of the degree sequences of five nodes, those are graphical that some graph has.
    #[test]
    fn the_condition_agrees_with_all_graphs_of_five_nodes() {
        let pairs: Vec<(usize, usize)> = (0..5).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
        let mut had = BTreeSet::new();
        for chosen in 0..1_u32 << pairs.len() {
            let mut degrees = [0_u32; 5];
            for (bit, (a, b)) in pairs.iter().enumerate() {
                if chosen >> bit & 1 == 1 {
                    degrees[*a] += 1;
                    degrees[*b] += 1;
                }
            }
            had.insert(degrees);
        }
        for number in 0..6_u32.pow(5) {
            let degrees = [0, 1, 2, 3, 4].map(|place| number / 6_u32.pow(place) % 6);
            assert_eq!(is_graphical(&degrees), had.contains(&degrees), "{degrees:?}");
        }
    }
}
