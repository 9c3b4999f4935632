//! Reading files that people write: errors that say where and what was expected.

mod toml_walk;

use std::fmt;

pub use toml_walk::{Item, Table, parse_toml};

/// A mistake in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// At most this many characters of what was found are repeated in an error.
const MAX_QUOTED_CHARS: usize = 60;

/// `text` in quotes, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED_CHARS {
        return format!("{text:?}");
    }
    let cut: String = text.chars().take(MAX_QUOTED_CHARS).collect();
    format!("{cut:?}...")
}
