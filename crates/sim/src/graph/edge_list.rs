//! Lists of edges: two names a line.

use interlock_engine::text::FileError;

use super::named::Draft;
use super::{Direction, MAX_GRAPH_FILE_BYTES, NamedGraph};

/// Reads a list of edges: on each line the names of two nodes, with blanks, tabs, a comma or a
/// semicolon between them. What follows `#` or `%` at the head of a line is passed over, and so are
/// empty lines. An edge that is there twice counts once. `file` is its name, for errors only.
///
/// # Errors
/// [`FileError`] with line and what was expected, for anything that is not understood.
pub fn read_edge_list(
    file: &str,
    text: &str,
    direction: Direction,
) -> Result<NamedGraph, FileError> {
    let at = |line: usize, message: String| FileError {
        file: file.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        message,
    };
    if text.len() > MAX_GRAPH_FILE_BYTES {
        let message = format!("expected at most {MAX_GRAPH_FILE_BYTES} bytes, got {}", text.len());
        return Err(at(1, message));
    }
    let mut draft = Draft::default();
    for (line, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text.trim())) {
        if text.is_empty() || text.starts_with(['#', '%']) {
            continue;
        }
        let mut names = text.split([' ', '\t', ',', ';']).filter(|name| !name.is_empty());
        let (Some(from), Some(to), None) = (names.next(), names.next(), names.next()) else {
            let got = text.split([' ', '\t', ',', ';']).filter(|name| !name.is_empty()).count();
            return Err(at(line, format!("expected the names of two nodes, got {got}")));
        };
        if from == to {
            return Err(at(line, format!("expected two different nodes, got {from:?} twice")));
        }
        let edge = draft.node(from).and_then(|from| {
            let to = draft.node(to)?;
            draft.edge(from, to)
        });
        edge.map_err(|error| at(line, error.to_string()))?;
    }
    if draft.is_empty() {
        return Err(at(1, "expected at least one edge, got none".to_owned()));
    }
    draft.finish(direction).map_err(|error| at(1, error.to_string()))
}
