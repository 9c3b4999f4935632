//! GraphML (U. Brandes et al., <http://graphml.graphdrawing.org>): nodes and edges of one graph. What
//! its nodes and edges carry beside is passed over; hyperedges, ports and graphs within nodes are
//! refused.

use interlock_engine::text::FileError;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::named::Draft;
use super::{Direction, GraphError, MAX_GRAPH_FILE_BYTES, NamedGraph};

/// Elements that say nothing about who is joined to whom.
const PASSED_OVER: [&[u8]; 4] = [b"key", b"desc", b"data", b"default"];

/// Reads a GraphML file with one graph. `file` is its name, for errors only.
///
/// # Errors
/// [`FileError`] with line and what was expected, for anything that is not understood.
pub fn read_graphml(file: &str, text: &str) -> Result<NamedGraph, FileError> {
    if text.len() > MAX_GRAPH_FILE_BYTES {
        let message = format!("expected at most {MAX_GRAPH_FILE_BYTES} bytes, got {}", text.len());
        return Err(FileError { file: file.to_owned(), line: 1, message });
    }
    let mut walk = Walk::default();
    let mut reader = Reader::from_str(text);
    let done = walk.through(&mut reader);
    let line_at = |byte: u64| {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(text.len());
        let line = text.as_bytes()[..byte].split(|byte| *byte == b'\n').count();
        u32::try_from(line).unwrap_or(u32::MAX)
    };
    let error = |message: String, line: u32| FileError { file: file.to_owned(), line, message };
    done.map_err(|message| error(message, line_at(walk.at)))?;
    let Some(direction) = walk.direction else {
        return Err(error(
            "expected a graph, got none".to_owned(),
            line_at(reader.buffer_position()),
        ));
    };
    if let Some((name, at)) = walk.unknown() {
        let message = format!("expected edges between nodes of the graph, got {name:?}");
        return Err(error(message, line_at(at)));
    }
    walk.finish(direction).map_err(|what| error(what.to_string(), 1))
}

/// Where the reader is among the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    Graphml,
    Graph,
    Node,
    Edge,
    PassedOver,
}

#[derive(Default)]
struct Walk {
    /// The elements that are open.
    open: Vec<Place>,
    direction: Option<Direction>,
    draft: Draft,
    /// Edges by name, and where they begin: a node may come after the edges that name it.
    edges: Vec<(String, String, u64)>,
    /// Where the element begins that is being looked at.
    at: u64,
}

impl Walk {
    fn through(&mut self, reader: &mut Reader<&[u8]>) -> Result<(), String> {
        loop {
            self.at = reader.buffer_position();
            let event = reader.read_event().map_err(|error| {
                self.at = reader.error_position();
                format!("expected XML: {error}")
            })?;
            match event {
                Event::Start(element) => {
                    self.at = element_start(reader.buffer_position(), &element, 2);
                    let place = self.enter(&element)?;
                    self.open.push(place);
                }
                Event::Empty(element) => {
                    self.at = element_start(reader.buffer_position(), &element, 3);
                    self.enter(&element)?;
                }
                Event::End(_) => {
                    self.open.pop();
                }
                Event::Eof if self.open.is_empty() => return Ok(()),
                Event::Eof => return Err("expected every element to be closed".to_owned()),
                _ => {}
            }
        }
    }

    /// Takes what an element says; returns where the reader is within it.
    fn enter(&mut self, element: &BytesStart<'_>) -> Result<Place, String> {
        let place = self.open.last().copied().unwrap_or(Place::Document);
        let name = element.local_name();
        match (place, name.as_ref()) {
            (Place::PassedOver, _) => Ok(Place::PassedOver),
            (Place::Document, b"graphml") => Ok(Place::Graphml),
            (Place::Graphml, b"graph") => self.graph(element),
            (Place::Graph, b"node") => self.node(element),
            (Place::Graph, b"edge") => self.edge(element),
            (Place::Document, _) => Err("expected <graphml>".to_owned()),
            (_, name) if PASSED_OVER.contains(&name) => Ok(Place::PassedOver),
            (_, name) => {
                let name = String::from_utf8_lossy(name);
                Err(format!("expected one graph of nodes and edges, got <{name}>"))
            }
        }
    }

    fn graph(&mut self, element: &BytesStart<'_>) -> Result<Place, String> {
        if self.direction.is_some() {
            return Err("expected one graph, got a second".to_owned());
        }
        self.direction = Some(match required(element, "edgedefault")?.as_str() {
            "undirected" => Direction::Both,
            "directed" => Direction::OneWay,
            other => {
                return Err(format!(
                    "edgedefault: expected \"directed\" or \"undirected\", got {other:?}"
                ));
            }
        });
        Ok(Place::Graph)
    }

    fn node(&mut self, element: &BytesStart<'_>) -> Result<Place, String> {
        let id = required(element, "id")?;
        if self.draft.known(&id).is_some() {
            return Err(format!("expected an id of its own, {id:?} occurs twice"));
        }
        self.draft.node(&id).map_err(|error| error.to_string())?;
        Ok(Place::Node)
    }

    fn edge(&mut self, element: &BytesStart<'_>) -> Result<Place, String> {
        let (from, to) = (required(element, "source")?, required(element, "target")?);
        if from == to {
            return Err(format!("expected two different nodes, got {from:?} twice"));
        }
        if let Some(directed) = attribute(element, "directed")? {
            let one_way = self.direction == Some(Direction::OneWay);
            if directed.parse() != Ok(one_way) {
                return Err(format!(
                    "directed: expected edges as edgedefault says, got {directed:?}"
                ));
            }
        }
        if self.edges.len() as u64 >= super::MAX_EDGES {
            return Err(GraphError::TooManyEdges(super::MAX_EDGES + 1).to_string());
        }
        self.edges.push((from, to, self.at));
        Ok(Place::Edge)
    }

    /// A name that an edge has and no node, and where.
    fn unknown(&self) -> Option<(&str, u64)> {
        self.edges.iter().find_map(|(from, to, at)| {
            let name = [from, to].into_iter().find(|name| self.draft.known(name).is_none())?;
            Some((name.as_str(), *at))
        })
    }

    fn finish(mut self, direction: Direction) -> Result<NamedGraph, GraphError> {
        for (from, to, _) in std::mem::take(&mut self.edges) {
            let (from, to) = (self.draft.node(&from)?, self.draft.node(&to)?);
            self.draft.edge(from, to)?;
        }
        self.draft.finish(direction)
    }
}

/// Where an element begins that ends before `end`, with so many bytes of angle brackets and slash.
fn element_start(end: u64, element: &BytesStart<'_>, brackets: u64) -> u64 {
    end.saturating_sub(element.len() as u64 + brackets)
}

fn required(element: &BytesStart<'_>, name: &str) -> Result<String, String> {
    attribute(element, name)?.ok_or_else(|| {
        let element = String::from_utf8_lossy(element.local_name().as_ref()).into_owned();
        format!("expected the attribute {name:?} of <{element}>")
    })
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = element
        .try_get_attribute(name)
        .map_err(|error| format!("expected attributes like {name}=\"...\": {error}"))?;
    let value = found.map(|attribute| attribute.unescape_value().map(std::borrow::Cow::into_owned));
    value.transpose().map_err(|error| format!("{name}: expected text: {error}"))
}
