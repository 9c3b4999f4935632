//! Which issuer's events go through which node.

use std::collections::BTreeMap;
use std::path::Path;

use interlock_engine::text::parse_toml;

use crate::client::NodeAddress;
use crate::exit::Failure;
use crate::file::read_text;

/// The node of each issuer.
pub(super) type NodeMap = BTreeMap<String, NodeAddress>;

/// Reads `issuer=ADDR` and files of `issuer = "ADDR"` lines, as they come.
///
/// # Errors
/// For an argument or file that is not understood, and for an issuer that is named twice.
pub(super) fn read(arguments: &[String]) -> anyhow::Result<NodeMap> {
    let mut map = NodeMap::new();
    for argument in arguments {
        if let Some((issuer, address)) = argument.split_once('=') {
            let address = address
                .parse()
                .map_err(|error| Failure::usage(format!("--map {argument}: {error}")))?;
            if issuer.is_empty() || map.insert(issuer.to_owned(), address).is_some() {
                let message = format!(
                    "--map {argument}: expected each issuer once, as in acme=http://127.0.0.1:7100"
                );
                return Err(Failure::usage(message).into());
            }
        } else {
            read_file(Path::new(argument), &mut map)?;
        }
    }
    Ok(map)
}

fn read_file(path: &Path, map: &mut NodeMap) -> anyhow::Result<()> {
    let text = read_text(path)?;
    let rows = parse_toml(&path.display().to_string(), &text, |table| {
        table
            .take_rest()
            .into_iter()
            .map(|(issuer, item)| {
                if map.contains_key(issuer) {
                    return Err(item.key_error("expected each issuer once"));
                }
                Ok((issuer.to_owned(), item.parse::<NodeAddress>()?))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    map.extend(rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_files_come_together() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("nodes.toml");
        std::fs::write(&path, "a = \"http://h:1\"\n\"b c\" = \"unix:x.sock\"\n").expect("written");
        let file = path.display().to_string();
        let map = read(&[file.clone(), "d=http://h:2".to_owned()]).expect("all is well");
        assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b c", "d"]);
        assert!(read(&["a=http://h:1".to_owned(), file]).is_err(), "a is named twice");
    }

    #[test]
    fn mistakes_are_named_by_line() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("nodes.toml");
        std::fs::write(&path, "a = \"http://h:1\"\nb = \"h:2\"\n").expect("written");
        let error = read(&[path.display().to_string()]).expect_err("no address").to_string();
        assert!(error.contains("nodes.toml:2: b: expected http://HOST:PORT"), "{error}");
    }
}
