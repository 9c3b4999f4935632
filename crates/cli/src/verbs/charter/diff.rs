//! `interlock charter diff`: what changes between two versions, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::Charter;
use serde::Serialize;
use toml::Value;

use crate::chain::CharterFile;
use crate::exit::Exit;
use crate::output::{Output, printable};

/// Show what changes from one version to another, the policy too, one key a line.
///
/// Members are told apart by id and feeds by number, so that order does not matter. Of a chain it is
/// the newest version.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter diff charter.toml v2.toml")]
pub(crate) struct Diff {
    /// The version before.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The version after.
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

/// A key that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub key: String,
    /// None: it was not there.
    pub before: Option<String>,
    /// None: it is no longer there.
    pub after: Option<String>,
}

#[derive(Debug, Serialize)]
struct Difference {
    from: u32,
    to: u32,
    changes: Vec<Change>,
}

impl Diff {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let (old, new) = (CharterFile::read(&self.old)?, CharterFile::read(&self.new)?);
        let (old, new) = (old.newest(), new.newest());
        let changes = changes(old, new)?;
        output.result(&Difference { from: old.version, to: new.version, changes })?;
        Ok(Exit::Done)
    }
}

/// What changes, in order of key.
pub(super) fn changes(old: &Charter, new: &Charter) -> anyhow::Result<Vec<Change>> {
    let (old, new) = (keys(old)?, keys(new)?);
    let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |key: &&String| {
        let (before, after) = (old.get(*key).cloned(), new.get(*key).cloned());
        (before != after).then(|| Change { key: (*key).clone(), before, after })
    };
    Ok(all.iter().filter_map(change).collect())
}

/// Every key with its value; those that have a default which depends on others are spelt out.
fn keys(charter: &Charter) -> anyhow::Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    flatten(String::new(), &Value::Table(charter.text.parse()?), &mut keys);
    keys.insert("quorum".to_owned(), charter.quorum.to_string());
    Ok(keys)
}

fn flatten(path: String, value: &Value, keys: &mut BTreeMap<String, String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                flatten(below(key), value, keys);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            for (index, value) in list.iter().enumerate() {
                flatten(below(&name_of(value, index)), value, keys);
            }
        }
        Value::String(text) => drop(keys.insert(path, text.clone())),
        other => drop(keys.insert(path, other.to_string())),
    }
}

/// A member's id, a feed's number, or the place in the list.
fn name_of(value: &Value, index: usize) -> String {
    match (value.get("id"), value.get("number")) {
        (Some(Value::String(id)), _) => id.clone(),
        (None, Some(Value::Integer(number))) => number.to_string(),
        _ => (index + 1).to_string(),
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = printable(&self.key);
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                write!(f, "~ {key}: {} -> {}", printable(before), printable(after))
            }
            (None, Some(after)) => write!(f, "+ {key}: {}", printable(after)),
            (Some(before), None) => write!(f, "- {key}: {}", printable(before)),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} -> {}", self.from, self.to)?;
        self.changes.iter().try_for_each(|change| write!(f, "\n{change}"))
    }
}
