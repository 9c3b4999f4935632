//! What this program is built of, as `Cargo.lock` has it: the floors of what parses what strangers
//! send, and what must not be there. `deny.toml` says the same for `cargo deny`.

use std::fs;
use std::path::Path;

type Version = (u64, u64, u64);

/// The lowest versions that may be used.
const FLOORS: [(&str, Version); 2] = [("h2", (0, 4, 16)), ("rustls-webpki", (0, 103, 13))];
/// What must not be used: unkept formats, and a second TLS beside rustls with ring.
const ABSENT: [&str; 6] =
    ["bincode", "openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"];
/// Where everything that is not ours comes from.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn file(name: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Name, version and source of every package that is locked.
fn locked() -> Vec<(String, Version, Option<String>)> {
    let lock = file("Cargo.lock");
    let packages = lock["package"].as_array().expect("a list");
    let text = |package: &toml::Value, key| {
        package.get(key).and_then(toml::Value::as_str).map(str::to_owned)
    };
    let read = |package| {
        let name = text(package, "name").expect("a name");
        let version = version(&text(package, "version").expect("a version"));
        (name, version, text(package, "source"))
    };
    packages.iter().map(read).collect()
}

/// A version's numbers. A pre-release counts as the version before it.
fn version(text: &str) -> Version {
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    let (release, is_pre) = text.split_once('-').map_or((text, false), |(it, _)| (it, true));
    let numbers: Vec<u64> =
        release.split('.').map(|part| part.parse().expect("a number")).collect();
    let [major, minor, patch] = numbers[..] else { panic!("{text}: three numbers") };
    if is_pre { (major, minor, patch.saturating_sub(1)) } else { (major, minor, patch) }
}

#[test]
fn what_parses_strangers_bytes_is_at_or_above_its_floor() {
    let locked = locked();
    for (name, floor) in FLOORS {
        let versions: Vec<Version> =
            locked.iter().filter(|(it, ..)| it == name).map(|(_, version, _)| *version).collect();
        assert!(!versions.is_empty(), "{name} is not used any more: drop its floor");
        assert!(versions.iter().all(|version| *version >= floor), "{name}: {versions:?}");
    }
}

#[test]
fn what_must_be_absent_is_absent_and_the_rest_comes_from_one_place() {
    for (name, _, source) in locked() {
        assert!(!ABSENT.contains(&name.as_str()), "{name} must not be used");
        match source {
            Some(source) => assert_eq!(source, SOURCE, "{name}"),
            None => assert!(name.starts_with("interlock-"), "{name} is ours, or has a source"),
        }
    }
}

#[test]
fn the_settings_of_cargo_deny_say_the_same() {
    let settings = file("deny.toml");
    let denied: Vec<&str> = settings["bans"]["deny"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry.get("crate").and_then(toml::Value::as_str))
        .collect();
    for name in ABSENT {
        assert!(denied.contains(&name), "{name}");
    }
    for (name, (major, minor, patch)) in FLOORS {
        let floor = format!("{name}@<{major}.{minor}.{patch}");
        assert!(denied.contains(&floor.as_str()), "{floor}");
    }
}

#[test]
fn versions_are_compared_by_their_numbers() {
    assert!(version("0.4.9") < version("0.4.16"));
    assert!(version("0.4.16-rc.1") < version("0.4.16"));
    assert_eq!(version("0.4.16+build"), (0, 4, 16));
}
