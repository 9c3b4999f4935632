//! A graph whose nodes have names, as files have them.

use std::collections::HashMap;

use super::{Direction, Graph, GraphError, check_size};

/// A graph whose nodes have names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedGraph {
    /// The graph.
    pub graph: Graph,
    /// The name of each node.
    pub names: Vec<String>,
}

/// A graph that is being read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    edges: Vec<(u32, u32)>,
}

impl Draft {
    /// The number of a node; nodes are numbered as they come.
    pub(super) fn node(&mut self, name: &str) -> Result<u32, GraphError> {
        if let Some(number) = self.known(name) {
            return Ok(number);
        }
        check_size(self.names.len() as u64 + 1, 0)?;
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        Ok(number)
    }

    /// The number of a node that is there already.
    pub(super) fn known(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn edge(&mut self, from: u32, to: u32) -> Result<(), GraphError> {
        check_size(0, self.edges.len() as u64 + 1)?;
        self.edges.push((from, to));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn finish(self, direction: Direction) -> Result<NamedGraph, GraphError> {
        let nodes = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let graph = Graph::new(nodes, self.edges, direction)?;
        Ok(NamedGraph { graph, names: self.names })
    }
}
