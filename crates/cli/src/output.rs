//! What goes to stdout: readable text or JSON lines, in one place, so that a closed pipe is noticed.

use std::fmt::Display;
use std::io::{self, BufWriter, Stdout, Write as _};

use serde::Serialize;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    // Not documented to clap: one line of help is enough for both.
    Human,
    Json,
}

/// The program's stdout.
#[derive(Debug)]
pub(crate) struct Output {
    /// How results are written.
    pub format: Format,
    stdout: BufWriter<Stdout>,
}

impl Output {
    /// Stdout, in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, stdout: BufWriter::new(io::stdout()) }
    }

    /// Whether JSON is asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes one line of text.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.stdout, "{text}")
    }

    /// Writes one line of compact JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(value)?;
        Ok(self.line(text)?)
    }

    /// Writes the value as JSON, or as `Display` writes it, whichever is asked for.
    pub(crate) fn result(&mut self, value: &(impl Serialize + Display)) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(value),
            Format::Human => Ok(self.line(value)?),
        }
    }

    /// Lets what was written so far be seen.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// The text with whatever could move a terminal's cursor written out.
pub(crate) fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// "1 flag", "2 flags".
pub(crate) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_can_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("张三"), "张三");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1u32, "flag"), "1 flag");
        assert_eq!(counted(0u32, "flag"), "0 flags");
    }
}
