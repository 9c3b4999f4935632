//! Checks the published test vectors in `docs/vectors/record-v1.txt` against this implementation:
//! what they give is parsed and computed anew, and compared with what they expect.
//!
//! With `INTERLOCK_BLESS=1` the expected values are written instead of compared.

#[path = "vectors/compute.rs"]
mod compute;

use std::fmt::Write as _;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors/record-v1.txt");

/// What marks a line as a result.
const EXPECT: &str = "expect.";

/// The `name = value` lines of one block. A name may occur more than once.
pub(crate) struct Block {
    /// The number of the block's first line in the file, for messages.
    line: usize,
    /// What is given.
    given: Vec<(String, String)>,
    /// What should come out.
    expected: Vec<(String, String)>,
}

impl Block {
    /// The only value of this name.
    fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.find(name).unwrap_or_else(|| panic!("block at line {}: no {name}", self.line))
    }

    /// The value of this name, if it is given.
    fn find<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut values = self.all(name);
        let value = values.next();
        assert!(values.next().is_none(), "block at line {}: {name} twice", self.line);
        value
    }

    /// All values of this name in order.
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// The lines of a block, with the comments in it.
fn parse(line: usize, text: &str) -> Block {
    let mut block = Block { line, given: Vec::new(), expected: Vec::new() };
    for text in text.lines().filter(|text| !text.starts_with('#')) {
        let (name, value) = text
            .split_once(" =")
            .unwrap_or_else(|| panic!("block at line {line}: {text:?} is not `name = value`"));
        // Exactly one space follows: more belong to the value.
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match name.strip_prefix(EXPECT) {
            Some(name) => block.expected.push((name.to_owned(), value)),
            None => block.given.push((name.to_owned(), value)),
        }
    }
    block
}

/// The block's text with these results in place of the old ones.
fn with_results(text: &str, results: &[(String, String)]) -> String {
    let mut blessed = String::new();
    for line in text.lines().filter(|line| !line.starts_with(EXPECT)) {
        writeln!(blessed, "{line}").expect("writing to a string cannot fail");
    }
    for (name, value) in results {
        let line = format!("{EXPECT}{name} = {value}");
        // An empty value leaves no white space at the end of a line.
        writeln!(blessed, "{}", line.trim_end()).expect("writing to a string cannot fail");
    }
    blessed
}

#[test]
// The one test that reads a file and, when asked to, writes it.
#[allow(clippy::disallowed_methods)]
fn the_published_vectors_hold() {
    let text = std::fs::read_to_string(PATH).expect("the vectors are in the repository");
    let bless = std::env::var("INTERLOCK_BLESS").is_ok_and(|value| value == "1");
    let mut chain = compute::Chain::default();
    let mut blessed = Vec::new();
    let (mut line, mut checked) = (1, 0);
    for piece in text.trim_end().split("\n\n") {
        let block = parse(line, piece);
        line += piece.lines().count() + 1;
        if block.given.is_empty() {
            blessed.push(format!("{piece}\n"));
            continue;
        }
        let results = compute::results(&block, &mut chain);
        assert!(!results.is_empty(), "block at line {}: nothing to expect", block.line);
        if !bless {
            assert_eq!(results, block.expected, "block at line {}", block.line);
        }
        checked += 1;
        blessed.push(with_results(piece, &results));
    }
    assert!(checked > 50, "only {checked} vectors in the file");
    if bless {
        std::fs::write(PATH, blessed.join("\n")).expect("the vectors can be written");
    }
}
