//! A charter file: either the first charter's document itself, or the chain of versions that
//! `interlock charter export` writes, with everyone's signatures.

use anyhow::{Context as _, ensure};
use interlock_engine::charter::{Charter, CharterSignature, Role, SignedCharter};
use interlock_record::{MemberId, PublicKey, Signature};
use serde::{Deserialize, Serialize};

/// A chain of charter versions as a file holds it. JSON, so that a document's bytes come back
/// exactly as they were signed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainFile {
    /// Always `interlock charter chain 1`.
    pub kind: String,
    /// The versions, the first one first.
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
    /// `governance` or `recovery`.
    pub role: String,
    /// The public half of that key.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// What a chain file's `kind` says.
pub const CHAIN_KIND: &str = "interlock charter chain 1";

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
        Self {
            member: signed.member,
            role: signed.role.name().to_owned(),
            key: signed.key,
            signature: signed.signature,
        }
    }
}

impl TryFrom<SignatureEntry> for CharterSignature {
    type Error = anyhow::Error;

    fn try_from(entry: SignatureEntry) -> anyhow::Result<Self> {
        let role = Role::from_name(&entry.role).with_context(|| {
            format!("role: expected governance or recovery, got {:?}", entry.role)
        })?;
        let SignatureEntry { member, key, signature, .. } = entry;
        Ok(Self { member, role, key, signature })
    }
}

/// Reads a charter file: the first charter, and the versions after it. Whether these hold is for the
/// replica to see.
///
/// # Errors
/// When it is neither a charter nor a chain; `name` is the file's, for errors.
pub fn read(name: &str, text: &str) -> anyhow::Result<(Charter, Vec<SignedCharter>)> {
    if !text.trim_start().starts_with('{') {
        return Ok((Charter::parse(name, text)?, Vec::new()));
    }
    let file: ChainFile = serde_json::from_str(text).with_context(|| name.to_owned())?;
    ensure!(file.kind == CHAIN_KIND, "{name}: expected kind {CHAIN_KIND:?}, got {:?}", file.kind);
    let mut entries = file.charters.into_iter();
    let first = entries.next().with_context(|| format!("{name}: expected at least one charter"))?;
    let first = Charter::parse(name, &first.document)?;
    ensure!(first.version == 1, "{name}: expected the first charter first");
    let later = entries
        .map(|entry| {
            let signatures = entry
                .signatures
                .into_iter()
                .map(TryInto::try_into)
                .collect::<anyhow::Result<_>>()?;
            Ok(SignedCharter { document: entry.document, signatures })
        })
        .collect::<anyhow::Result<_>>()
        .with_context(|| name.to_owned())?;
    Ok((first, later))
}
