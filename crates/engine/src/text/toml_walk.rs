//! A walk over a TOML document that knows the line of every key and value, takes each key once,
//! and refuses what nobody asked for.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{FileError, quoted};

/// The document being read: its name and text.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, offset: usize) -> u32 {
        let end = offset.min(self.text.len());
        let before = String::from_utf8_lossy(&self.text.as_bytes()[..end]);
        let breaks = before.matches('\n').count();
        u32::try_from(breaks).unwrap_or(u32::MAX - 1) + 1
    }

    fn error(&self, offset: usize, message: String) -> FileError {
        FileError { file: self.file.to_owned(), line: self.line(offset), message }
    }
}

/// Parses `text` and hands its root table to `read`, which takes what it knows; anything left over
/// is an error.
///
/// # Errors
/// [`FileError`] with the line, for TOML that does not parse and for whatever `read` refuses.
pub fn parse_toml<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(&mut Table<'_>) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let source = Source { file, text };
    let document = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        source.error(offset, format!("expected TOML: {}", error.message().replace('\n', ", ")))
    })?;
    let mut root = Table::new(source, String::new(), 0..0, document.get_ref());
    let value = read(&mut root)?;
    root.finish()?;
    Ok(value)
}

/// One table of the document, from which keys are taken.
#[derive(Debug)]
pub struct Table<'a> {
    source: Source<'a>,
    path: String,
    span: Range<usize>,
    left: BTreeMap<&'a str, (Range<usize>, &'a Spanned<DeValue<'a>>)>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    fn new(source: Source<'a>, path: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        let left = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value)))
            .collect();
        Self { source, path, span, left, asked: Vec::new() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of `key`, if the file has it.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        let (key_span, value) = self.left.remove(key)?;
        Some(self.item(key, key_span, value))
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When the file does not have it.
    pub fn require(&mut self, key: &'static str) -> Result<Item<'a>, FileError> {
        let span = self.span.start;
        let path = self.path_of(key);
        self.take(key)
            .ok_or_else(|| self.source.error(span, format!("{path}: required, but not given")))
    }

    /// What `read` makes of the value of `key`, if the file has it.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Item<'a>) -> Result<T, FileError>,
    ) -> Result<Option<T>, FileError> {
        self.take(key).map(|item| read(&item)).transpose()
    }

    /// What the name stands for that `key` gives, if the file has it.
    ///
    /// # Errors
    /// When it is none of the names of `choices`.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, FileError> {
        self.optional(key, |item| {
            let text = item.text()?;
            let found = choices.iter().find(|(name, _)| *name == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<String> =
                    choices.iter().map(|(name, _)| format!("{name:?}")).collect();
                item.error(format!("expected {}, got {text:?}", names.join(" or ")))
            })
        })
    }

    /// Every key that is left, for tables whose keys are names.
    pub fn take_rest(&mut self) -> Vec<(&'a str, Item<'a>)> {
        std::mem::take(&mut self.left)
            .into_iter()
            .map(|(key, (span, value))| (key, self.item(key, span, value)))
            .collect()
    }

    /// An error about this table as a whole.
    pub fn error(&self, message: impl Display) -> FileError {
        let prefix = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        self.source.error(self.span.start, format!("{prefix}{message}"))
    }

    /// Ends the reading of this table.
    ///
    /// # Errors
    /// When there is a key that was never asked for.
    pub fn finish(&mut self) -> Result<(), FileError> {
        let Some((key, (span, _))) = self.left.iter().min_by_key(|(_, (span, _))| span.start)
        else {
            return Ok(());
        };
        let message = format!(
            "{}: unknown key, expected one of {}",
            self.path_of(key),
            self.asked.join(", ")
        );
        Err(self.source.error(span.start, message))
    }

    fn item(&self, key: &str, key_span: Range<usize>, value: &'a Spanned<DeValue<'a>>) -> Item<'a> {
        Item { source: self.source, path: self.path_of(key), key_span, value }
    }
}

/// One value of the document, with the way to it.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    source: Source<'a>,
    path: String,
    key_span: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Item<'a> {
    /// An error about this value.
    pub fn error(&self, message: impl Display) -> FileError {
        // A table's own span may be that of its header, or empty where it was only implied.
        let offset = match self.value.get_ref() {
            DeValue::Table(_) => self.key_span.start,
            _ => self.value.span().start,
        };
        self.source.error(offset, format!("{}: {message}", self.path))
    }

    /// An error about this value's key.
    pub fn key_error(&self, message: impl Display) -> FileError {
        self.source.error(self.key_span.start, format!("{}: {message}", self.path))
    }

    fn found(&self) -> String {
        match self.value.get_ref() {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(value) => value.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    fn unexpected(&self, expected: impl Display) -> FileError {
        self.error(format!("expected {expected}, got {}", self.found()))
    }

    /// A whole number within `range`.
    ///
    /// # Errors
    /// For anything else.
    pub fn whole(&self, range: RangeInclusive<u64>) -> Result<u64, FileError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.unexpected(format!("a whole number from {} to {}", range.start(), range.end()))
            })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// For anything else.
    pub fn boolean(&self) -> Result<bool, FileError> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.unexpected("true or false")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// For anything else.
    pub fn text(&self) -> Result<&'a str, FileError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.unexpected("a text in quotes")),
        }
    }

    /// A text that parses as `T`, whose error says what was expected.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, FileError> {
        self.text()?.parse().map_err(|error| self.error(error))
    }

    /// The items of a list of at most `most`.
    ///
    /// # Errors
    /// For anything else, and for a longer list.
    pub fn list(&self, most: usize) -> Result<Vec<Item<'a>>, FileError> {
        let DeValue::Array(values) = self.value.get_ref() else {
            return Err(self.unexpected("a list"));
        };
        if values.len() > most {
            return Err(
                self.error(format!("expected at most {most} entries, got {}", values.len()))
            );
        }
        Ok(values
            .iter()
            .enumerate()
            .map(|(index, value)| Item {
                source: self.source,
                path: format!("{}[{index}]", self.path),
                key_span: value.span(),
                value,
            })
            .collect())
    }

    /// A table, given to `read`, which takes what it knows; anything left over is an error.
    ///
    /// # Errors
    /// For anything else, and for whatever `read` refuses.
    pub fn table<T>(
        &self,
        read: impl FnOnce(&mut Table<'a>) -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        let DeValue::Table(table) = self.value.get_ref() else {
            return Err(self.unexpected("a table"));
        };
        let mut table = Table::new(self.source, self.path.clone(), self.key_span.clone(), table);
        let value = read(&mut table)?;
        table.finish()?;
        Ok(value)
    }
}
