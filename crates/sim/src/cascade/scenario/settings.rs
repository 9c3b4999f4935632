//! Values that replace those of a file: `--set borrowers.count=500`, `--set
//! cause.stacking.share_ppm=0`, `--set policy.measure.LOCK.rule.0.issuers=3`.

use std::fmt;
use std::str::FromStr;

use interlock_engine::text::FileError;
use toml_edit::{DocumentMut, Item, Value};

/// A value that takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Where: the keys on the way, separated by dots. An entry of a list is named by its number from
    /// 0, or by its `name`.
    pub key: String,
    /// What: a TOML value, or a text without quotes.
    pub value: String,
}

/// A setting that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected KEY=VALUE, got {0:?}")]
pub struct BadSetting(pub String);

impl FromStr for Setting {
    type Err = BadSetting;

    fn from_str(text: &str) -> Result<Self, BadSetting> {
        let (key, value) = text.split_once('=').ok_or_else(|| BadSetting(text.to_owned()))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() || key.split('.').any(str::is_empty) {
            return Err(BadSetting(text.to_owned()));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// The text of `file` with the settings in it.
pub(super) fn apply(file: &str, text: &str, settings: &[Setting]) -> Result<String, FileError> {
    if settings.is_empty() {
        return Ok(text.to_owned());
    }
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        // Whoever reads the text finds the mistake, and its line.
        return Ok(text.to_owned());
    };
    for setting in settings {
        let place = place(document.as_item_mut(), &setting.key).map_err(|message| FileError {
            file: file.to_owned(),
            line: 1,
            message: format!("{setting}: {message}"),
        })?;
        *place = Item::Value(value(&setting.value));
    }
    Ok(document.to_string())
}

/// A TOML value, or else a text.
fn value(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| Value::from(text))
}

/// The item that `key` leads to; its last key may be new.
fn place<'a>(root: &'a mut Item, key: &str) -> Result<&'a mut Item, String> {
    let mut item = root;
    let steps: Vec<&str> = key.split('.').collect();
    for (index, step) in steps.iter().enumerate() {
        let way = || if index == 0 { "the file".to_owned() } else { steps[..index].join(".") };
        let last = index + 1 == steps.len();
        item = match item {
            Item::ArrayOfTables(tables) => {
                let found = match step.parse::<usize>() {
                    Ok(number) => Some(number),
                    Err(_) => tables
                        .iter()
                        .position(|table| table.get("name").and_then(Item::as_str) == Some(*step)),
                };
                let count = tables.len();
                let table = found.and_then(|number| tables.get_mut(number));
                let table = table.ok_or_else(|| {
                    format!("expected one of the {count} entries of {}, got {step:?}", way())
                })?;
                if last {
                    return Err(format!("expected a key of {}.{step}", way()));
                }
                let next = steps[index + 1];
                let deeper = table.entry(next).or_insert(Item::None);
                return if index + 2 == steps.len() {
                    Ok(deeper)
                } else {
                    place(deeper, &steps[index + 2..].join("."))
                };
            }
            Item::Value(Value::Array(values)) => {
                return within(values, &steps[index..], &way());
            }
            other => {
                let table = other
                    .as_table_like_mut()
                    .ok_or_else(|| format!("expected {} to be a table or a list", way()))?;
                if !last && table.get(step).is_none() {
                    return Err(format!("expected a key of {}, got {step:?}", way()));
                }
                table.entry(step).or_insert(Item::None)
            }
        };
    }
    Ok(item)
}

/// Values in lists are no items: this puts the list's tables where items can be.
fn within<'a>(
    _values: &'a mut toml_edit::Array,
    steps: &[&str],
    way: &str,
) -> Result<&'a mut Item, String> {
    Err(format!(
        "expected the whole of {way} as a value, got its entry {:?}: write the list anew",
        steps.join(".")
    ))
}
