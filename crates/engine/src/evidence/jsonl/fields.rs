//! The fields of one JSON object: each taken once, none twice, none unknown, null only where asked.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::text::quoted;

/// The most entries that a list has.
const MAX_LIST: usize = 16;
/// The longest id or name, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// The fields of one object that nobody took yet.
#[derive(Debug)]
pub(super) struct Fields {
    left: Vec<(String, Value)>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut left: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if left.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format!(
                            "field {name:?} occurs twice"
                        )));
                    }
                    left.push((name, value));
                }
                Ok(Fields { left })
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// One field's value, with its name for errors.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    value: Value,
}

type Taken<T> = Result<T, String>;

impl Fields {
    pub(super) fn parse(line: &str) -> Taken<Self> {
        serde_json::from_str(line).map_err(|error| {
            // The line is one of many: its own "line 1" would mislead.
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text).to_owned();
            format!("column {}: {text}, expected one JSON object a line", error.column())
        })
    }

    pub(super) fn optional(&mut self, name: &'static str) -> Option<Field> {
        let index = self.left.iter().position(|(other, _)| other == name)?;
        Some(Field { name, value: self.left.swap_remove(index).1 })
    }

    pub(super) fn require(&mut self, name: &'static str) -> Taken<Field> {
        self.optional(name).ok_or_else(|| format!("{name:?}: required, but not given"))
    }

    pub(super) fn finish(self, kind: &str) -> Taken<()> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(format!("{}: unknown field of a {kind}, expected only its own", quoted(name)))
            }
        }
    }
}

impl Field {
    fn unexpected(&self, expected: impl Display) -> String {
        let got = match &self.value {
            Value::String(text) => quoted(text),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string(),
        };
        format!("{:?}: expected {expected}, got {got}", self.name)
    }

    pub(super) fn error(&self, message: impl Display) -> String {
        format!("{:?}: {message}", self.name)
    }

    /// Nothing where the value is null.
    pub(super) fn nullable(self) -> Option<Self> {
        if self.value.is_null() { None } else { Some(self) }
    }

    pub(super) fn text(&self) -> Taken<&str> {
        self.value.as_str().ok_or_else(|| self.unexpected("a text"))
    }

    /// A text of at least one byte and not too many.
    pub(super) fn name(&self) -> Taken<String> {
        let text = self.text()?;
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return Err(self.unexpected(format!("a text of 1 to {MAX_NAME_BYTES} bytes")));
        }
        Ok(text.to_owned())
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Taken<T> {
        self.text()?.parse().map_err(|error| self.error(error))
    }

    pub(super) fn boolean(&self) -> Taken<bool> {
        self.value.as_bool().ok_or_else(|| self.unexpected("true or false"))
    }

    pub(super) fn whole(&self, least: u8, most: u8) -> Taken<u8> {
        self.value
            .as_u64()
            .and_then(|number| u8::try_from(number).ok())
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.unexpected(format!("a whole number from {least} to {most}")))
    }

    pub(super) fn names(&self) -> Taken<Vec<String>> {
        let Value::Array(values) = &self.value else {
            return Err(self.unexpected("a list of ids"));
        };
        if values.len() > MAX_LIST {
            return Err(
                self.error(format!("expected at most {MAX_LIST} entries, got {}", values.len()))
            );
        }
        values.iter().map(|value| Field { name: self.name, value: value.clone() }.name()).collect()
    }
}
