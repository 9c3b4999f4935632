//! Graphs with given degrees: the configuration model (B. Bollobás, "A probabilistic proof of an
//! asymptotic formula for the number of labelled regular graphs", European Journal of Combinatorics
//! 1, 1980).

use std::collections::{BTreeSet, BinaryHeap};

use super::{Direction, Graph, GraphError, check_size};
use crate::dice::Dice;

/// How many switches are tried for each loop or double edge that the pairing has.
const TRIES: usize = 1_000;
/// How many switches are tried for each edge where a graph is not paired at random to begin with.
const SHUFFLES: usize = 20;

/// A random graph in which each node has exactly the degree that is given.
///
/// Ends of edges are paired at random. A loop or double edge that comes of it is undone by switching
/// ends with an edge drawn at random, so that degrees stay what they are. Where that leads nowhere,
/// as with few nodes and many edges, some graph with these degrees is shuffled by such switches.
/// Graphs are not all exactly equally likely, then, which matters where degrees are large beside
/// the number of nodes.
///
/// # Errors
/// [`GraphError::NotGraphical`], or for too many nodes or edges.
pub fn configuration(degrees: &[u32], dice: &mut Dice) -> Result<Graph, GraphError> {
    let ends: u64 = degrees.iter().map(|degree| u64::from(*degree)).sum();
    check_size(degrees.len() as u64, ends.div_ceil(2))?;
    let nodes = u32::try_from(degrees.len()).unwrap_or(u32::MAX);
    if !is_graphical(degrees) {
        return Err(GraphError::NotGraphical);
    }
    let mut edges = paired(degrees, dice);
    if !make_simple(&mut edges, dice) {
        edges = some_graph(degrees);
        shuffle(&mut edges, dice);
    }
    Graph::new(nodes, edges, Direction::Both)
}

/// Ends of edges, paired at random.
fn paired(degrees: &[u32], dice: &mut Dice) -> Vec<(u32, u32)> {
    let mut stubs: Vec<u32> = (0..)
        .zip(degrees)
        .flat_map(|(node, degree)| std::iter::repeat_n(node, *degree as usize))
        .collect();
    for left in (1..stubs.len()).rev() {
        let other = usize::try_from(dice.below(left as u64 + 1)).unwrap_or(0);
        stubs.swap(left, other);
    }
    stubs.chunks_exact(2).map(|pair| ordered(pair[0], pair[1])).collect()
}

fn ordered(one: u32, other: u32) -> (u32, u32) {
    (one.max(other), one.min(other))
}

/// Two edges of the same ends as these, joined the other way, in one of two ways.
fn switched(one: (u32, u32), two: (u32, u32), dice: &mut Dice) -> [(u32, u32); 2] {
    if dice.below(2) == 0 {
        [ordered(one.0, two.0), ordered(one.1, two.1)]
    } else {
        [ordered(one.0, two.1), ordered(one.1, two.0)]
    }
}

/// Whether these two can be added to the edges that are there.
fn are_new(edges: [(u32, u32); 2], there: &BTreeSet<(u32, u32)>) -> bool {
    edges[0] != edges[1] && edges.iter().all(|edge| edge.0 != edge.1 && !there.contains(edge))
}

/// Switches ends until there is neither a loop nor a double edge; whether that was reached.
fn make_simple(edges: &mut [(u32, u32)], dice: &mut Dice) -> bool {
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
            return false;
        }
        tries -= 1;
        let other = usize::try_from(dice.below(edges.len() as u64)).unwrap_or(0);
        let new = switched(edges[index], edges[other], dice);
        // Another bad edge is not one of those that are there: it is left for its own turn.
        if !bad.contains(&other) && are_new(new, &there) {
            there.remove(&edges[other]);
            there.extend(new);
            [edges[index], edges[other]] = new;
            bad.pop();
        }
    }
    true
}

/// The edges of some graph with these degrees, which there is: who lacks most neighbours gets those
/// that lack most (V. Havel, Časopis pro pěstování matematiky 80, 1955; S. L. Hakimi, Journal of the
/// Society for Industrial and Applied Mathematics 10, 1962).
fn some_graph(degrees: &[u32]) -> Vec<(u32, u32)> {
    let mut lacking: BinaryHeap<(u32, u32)> =
        degrees.iter().copied().zip(0..).filter(|(degree, _)| *degree > 0).collect();
    let mut edges = Vec::new();
    while let Some((degree, node)) = lacking.pop() {
        let others: Vec<(u32, u32)> = (0..degree).filter_map(|_| lacking.pop()).collect();
        for (lacks, other) in others {
            edges.push(ordered(node, other));
            if lacks > 1 {
                lacking.push((lacks - 1, other));
            }
        }
    }
    edges
}

/// Switches the ends of edges drawn at random, of a graph that stays one.
fn shuffle(edges: &mut [(u32, u32)], dice: &mut Dice) {
    let mut there: BTreeSet<(u32, u32)> = edges.iter().copied().collect();
    let count = edges.len() as u64;
    for _ in 0..edges.len() * SHUFFLES {
        let [one, two] = [(); 2].map(|()| usize::try_from(dice.below(count)).unwrap_or(0));
        let new = switched(edges[one], edges[two], dice);
        if one != two && are_new(new, &there) {
            there.remove(&edges[one]);
            there.remove(&edges[two]);
            there.extend(new);
            [edges[one], edges[two]] = new;
        }
    }
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
        for degrees in had {
            let of = |graph: &Graph| [0, 1, 2, 3, 4].map(|node| graph.degree(node));
            for seed in 0..10 {
                let graph = configuration(&degrees, &mut Dice::new(seed)).expect("graphical");
                assert_eq!(of(&graph), degrees);
            }
            let mut edges = some_graph(&degrees);
            shuffle(&mut edges, &mut Dice::new(1));
            assert_eq!(of(&Graph::new(5, edges, Direction::Both).expect("no loops")), degrees);
        }
    }
}
