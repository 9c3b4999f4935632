//! Graphs: who is whose peer, who follows whom, who lends to whom. Made from a seed or read from a
//! file, and kept as one list of neighbours behind another. What spreads over them is elsewhere.

mod attachment;
mod chance;
mod degrees;
mod edge_list;
mod graphml;
mod lending;
mod named;
mod random;
mod regular;
mod small_world;

pub use attachment::barabasi_albert;
pub use chance::Chance;
pub use degrees::configuration;
pub use edge_list::read_edge_list;
pub use graphml::read_graphml;
pub use lending::{Lending, LendingShape};
pub use named::NamedGraph;
pub use random::erdos_renyi;
pub use regular::{bipartite, complete};
pub use small_world::watts_strogatz;

/// The most nodes of a graph.
pub const MAX_NODES: u64 = 10_000_000;
/// The most edges of a graph. An undirected one is kept as two arcs, and arcs are counted in 32 bits.
pub const MAX_EDGES: u64 = 100_000_000;
/// The most bytes of a file with a graph.
pub const MAX_GRAPH_FILE_BYTES: usize = 512 * 1024 * 1024;

/// Whether an edge leads both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ends are the other's neighbour.
    Both,
    /// The second is the first's neighbour: who is first follows who is second.
    OneWay,
}

/// Why there is no such graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// It would have too many nodes.
    #[error("expected at most {MAX_NODES} nodes, got {0}")]
    TooManyNodes(u64),
    /// It would have too many edges.
    #[error("expected at most {MAX_EDGES} edges, got {0}")]
    TooManyEdges(u64),
    /// An edge ends at no node.
    #[error("expected nodes below {nodes}, got {node}")]
    NoSuchNode {
        /// The end of the edge.
        node: u32,
        /// How many nodes there are.
        nodes: u32,
    },
    /// An edge begins and ends at one node.
    #[error("expected two ends of each edge, got {0} twice")]
    Loop(u32),
    /// A newcomer cannot have so many links.
    #[error("expected from 1 to {} links for each newcomer among {nodes} nodes, got {links}", nodes.saturating_sub(1))]
    Links {
        /// The links asked for.
        links: u32,
        /// How many nodes there are.
        nodes: u32,
    },
    /// A ring cannot have so many neighbours.
    #[error("expected an even number of neighbours below {nodes}, got {neighbours}")]
    Ring {
        /// The neighbours asked for.
        neighbours: u32,
        /// How many nodes there are.
        nodes: u32,
    },
    /// No simple graph has these degrees.
    #[error("expected degrees that a graph without loops and double edges can have")]
    NotGraphical,
    /// Loans cannot be spread so.
    #[error("expected from 1 to {lenders} lenders of a borrower, got {got}")]
    Lenders {
        /// How many lenders have a share.
        lenders: u32,
        /// How many lenders a borrower would have.
        got: u32,
    },
}

/// A graph without loops and double edges. Neighbours are in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Where each node's neighbours begin, and where the last one's end.
    starts: Vec<u32>,
    neighbours: Vec<u32>,
    direction: Direction,
}

impl Graph {
    /// The graph of these edges, in any order; an edge that is there twice counts once.
    ///
    /// # Errors
    /// [`GraphError`] for an edge that a graph cannot have, and for too many.
    pub fn new(
        nodes: u32,
        edges: impl IntoIterator<Item = (u32, u32)>,
        direction: Direction,
    ) -> Result<Self, GraphError> {
        check_size(u64::from(nodes), 0)?;
        let mut kept = Vec::new();
        for (from, to) in edges {
            if let Some(node) = [from, to].into_iter().find(|node| *node >= nodes) {
                return Err(GraphError::NoSuchNode { node, nodes });
            }
            if from == to {
                return Err(GraphError::Loop(from));
            }
            check_size(0, kept.len() as u64 + 1)?;
            kept.push(match direction {
                Direction::Both => (from.max(to), from.min(to)),
                Direction::OneWay => (from, to),
            });
        }
        kept.sort_unstable();
        kept.dedup();
        Ok(Self::of_sorted(nodes, &kept, direction))
    }

    /// The graph of these edges, each once and in ascending order, the greater end first where edges
    /// lead both ways. Lists of neighbours come out in ascending order then.
    fn of_sorted(nodes: u32, edges: &[(u32, u32)], direction: Direction) -> Self {
        let both = direction == Direction::Both;
        let mut starts = vec![0_u32; nodes as usize + 1];
        for (from, to) in edges {
            starts[*from as usize + 1] += 1;
            if both {
                starts[*to as usize + 1] += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut free = starts.clone();
        let mut neighbours = vec![0_u32; sum as usize];
        let mut put = |at: u32, neighbour: u32| {
            let place = &mut free[at as usize];
            neighbours[*place as usize] = neighbour;
            *place += 1;
        };
        for (from, to) in edges {
            put(*from, *to);
            if both {
                put(*to, *from);
            }
        }
        Self { starts, neighbours, direction }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u32 {
        // There is one start more than there are nodes, and at most MAX_NODES of these.
        u32::try_from(self.starts.len() - 1).unwrap_or(u32::MAX)
    }

    /// How many edges there are.
    pub fn edges(&self) -> u64 {
        let arcs = self.neighbours.len() as u64;
        if self.direction == Direction::Both { arcs / 2 } else { arcs }
    }

    /// Whether edges lead both ways.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The neighbours of a node, ascending. Where edges lead one way, those that the node follows.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn neighbours(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.neighbours[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// How many neighbours a node has.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn degree(&self, node: u32) -> u32 {
        self.starts[node as usize + 1] - self.starts[node as usize]
    }

    /// Every edge once, ascending: the first is the one that follows or, where edges lead both ways,
    /// the smaller one.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        let both = self.direction == Direction::Both;
        (0..self.nodes())
            .flat_map(|node| self.neighbours(node).iter().map(move |other| (node, *other)))
            .filter(move |(node, other)| !both || node < other)
    }

    /// The same graph with every edge the other way round: whose neighbours are a node's followers.
    #[must_use]
    pub fn reversed(&self) -> Self {
        if self.direction == Direction::Both {
            return self.clone();
        }
        let mut edges: Vec<(u32, u32)> = self.pairs().map(|(from, to)| (to, from)).collect();
        edges.sort_unstable();
        Self::of_sorted(self.nodes(), &edges, self.direction)
    }

    /// How many bytes the graph takes.
    pub fn bytes(&self) -> usize {
        (self.starts.capacity() + self.neighbours.capacity()) * size_of::<u32>()
    }
}

/// Whether a graph may have so many nodes and edges.
fn check_size(nodes: u64, edges: u64) -> Result<(), GraphError> {
    if nodes > MAX_NODES {
        return Err(GraphError::TooManyNodes(nodes));
    }
    if edges > MAX_EDGES {
        return Err(GraphError::TooManyEdges(edges));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
