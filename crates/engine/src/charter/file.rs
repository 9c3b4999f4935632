//! A charter file: either the first charter's document itself, or the chain of versions that
//! `interlock charter export` writes, with everyone's signatures.

use interlock_record::{MemberId, PublicKey, Signature};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::{Charter, CharterSignature, Role, SignedCharter};
use crate::text::{FileError, quoted};

/// What a chain file's `kind` says.
pub const CHAIN_KIND: &str = "interlock charter chain 1";

/// A chain of charter versions as a file holds it. JSON, so that a document's bytes come back
/// exactly as they were signed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainFile {
    /// Always [`CHAIN_KIND`].
    #[serde(deserialize_with = "chain_kind")]
    pub kind: String,
    /// The versions, the first one first.
    #[serde(deserialize_with = "at_least_one")]
    pub charters: Vec<CharterEntry>,
}

/// One version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CharterEntry {
    /// The document.
    pub document: String,
    /// Who signed it.
    #[serde(default)]
    pub signatures: Vec<SignatureEntry>,
}

/// A signature of a charter version.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SignatureEntry {
    /// Who signed.
    pub member: MemberId,
    /// With which of its keys.
    pub role: Role,
    /// The public half of that key.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

impl ChainFile {
    /// The file of these versions, the first one first.
    pub fn of(charters: &[SignedCharter]) -> Self {
        let entry = |signed: &SignedCharter| CharterEntry {
            document: signed.document.clone(),
            signatures: signed.signatures.iter().map(Into::into).collect(),
        };
        Self { kind: CHAIN_KIND.to_owned(), charters: charters.iter().map(entry).collect() }
    }
}

impl From<&CharterSignature> for SignatureEntry {
    fn from(signed: &CharterSignature) -> Self {
        let CharterSignature { member, role, key, signature } = *signed;
        Self { member, role, key, signature }
    }
}

impl From<SignatureEntry> for CharterSignature {
    fn from(entry: SignatureEntry) -> Self {
        let SignatureEntry { member, role, key, signature } = entry;
        Self { member, role, key, signature }
    }
}

/// Reads a charter file: the first charter, and the versions after it. Whether these hold is for the
/// chain to see.
///
/// # Errors
/// When it is neither a charter nor a chain; `name` is the file's.
pub fn read(name: &str, text: &str) -> Result<(Charter, Vec<SignedCharter>), FileError> {
    if !text.trim_start().starts_with('{') {
        return Ok((Charter::parse(name, text)?, Vec::new()));
    }
    let file: ChainFile = serde_json::from_str(text).map_err(|error| json_error(name, &error))?;
    let mut entries = file.charters.into_iter();
    // Reading made sure that there is one.
    let document = entries.next().map(|entry| entry.document).unwrap_or_default();
    let at_first = |message| {
        // A document is on one line here, so its own lines are told in the message.
        let before = text.split("\"document\"").next().unwrap_or_default();
        let line = u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX);
        FileError { file: name.to_owned(), line: line.saturating_add(1), message }
    };
    let first = Charter::parse(name, &document).map_err(|error| {
        at_first(format!("the first charter, line {}: {}", error.line, error.message))
    })?;
    if first.version != 1 {
        return Err(at_first(format!("expected version 1 first, got version {}", first.version)));
    }
    let later = entries.map(|entry| SignedCharter {
        document: entry.document,
        signatures: entry.signatures.into_iter().map(Into::into).collect(),
    });
    Ok((first, later.collect()))
}

/// What the JSON reader says, with file and line.
fn json_error(name: &str, error: &serde_json::Error) -> FileError {
    let text = error.to_string();
    // It may repeat what it found, which may hold anything.
    let text = text.replace(char::is_control, " ");
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    FileError {
        file: name.to_owned(),
        line: u32::try_from(error.line()).unwrap_or(u32::MAX).max(1),
        message: format!("column {}: {text}", error.column()),
    }
}

fn chain_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let kind = String::deserialize(deserializer)?;
    if kind == CHAIN_KIND {
        return Ok(kind);
    }
    Err(D::Error::custom(format!("expected kind {CHAIN_KIND:?}, got {}", quoted(&kind))))
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CharterEntry>, D::Error> {
    let charters = Vec::deserialize(deserializer)?;
    if charters.is_empty() {
        return Err(D::Error::custom("expected at least one charter"));
    }
    Ok(charters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "format = 1\nname = \"x\"\nversion = 0\n";

    fn refused(text: &str) -> (u32, String) {
        let error = read("c.json", text).map(drop).expect_err(text);
        assert_eq!(error.file, "c.json");
        (error.line, error.message)
    }

    #[test]
    fn mistakes_are_named_by_line() {
        let chain = |charters: &str| {
            format!("{{\n\"kind\": \"{CHAIN_KIND}\",\n\"charters\": [\n{charters}\n]\n}}")
        };
        let signed = |role: &str| {
            let key = interlock_record::SigningKey::from_seed([1; 32]).public();
            let signature = "00".repeat(64);
            chain(&format!(
                "{{\"document\": \"\", \"signatures\": [\n{{\"member\": \"a\", \"role\": \"{role}\", \
                 \"key\": \"{key}\", \"signature\": \"{signature}\"}}]}}"
            ))
        };
        for (text, line, message) in [
            ("{".to_owned(), 1, "EOF"),
            (
                "{\n\"kind\": \"another\"}".to_owned(),
                2,
                "expected kind \"interlock charter chain 1\"",
            ),
            // The line's end is where it goes wrong, and counts as the next line's beginning.
            ("{\n\"x\ny\": 1}".to_owned(), 3, "control character"),
            ("{\n\"x\\ny\": 1}".to_owned(), 2, "unknown field `x y`"),
            (chain(""), 6, "expected at least one charter"),
            (chain("{\"signatures\": []}"), 4, "missing field `document`"),
            (chain("{\"document\": \"x\"}"), 4, "the first charter, line 1: "),
            (signed("owner"), 5, "unknown variant `owner`, expected `governance` or `recovery`"),
            (signed("governance"), 4, "the first charter, line 1: "),
        ] {
            let (at, found) = refused(&text);
            assert!(found.contains(message) && at == line, "{text}\n{at}: {found}");
        }
        // What is no JSON object is taken for a document.
        let (at, _) = refused(DOCUMENT);
        assert!((1..=4).contains(&at));
    }

    #[test]
    fn roles_have_their_names_in_files() {
        for role in [Role::Governance, Role::Recovery] {
            let written = serde_json::to_string(&role).expect("a name");
            assert_eq!(written, format!("\"{}\"", role.name()));
        }
    }
}
