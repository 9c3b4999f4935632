//! A consortium's charter versions as a file or a node gives them, each checked against the one
//! before it.

use std::collections::BTreeSet;
use std::path::Path;

use interlock_engine::charter::{Charter, Charters, SignedCharter, file, missing_groups};
use interlock_record::Digest;

use crate::exit::Failure;
use crate::file::read_text;

/// Every version that is known, verified from the first to the last.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// What holds.
    pub charters: Charters,
    /// The versions as they are passed around, the first one, which nobody signs, first.
    pub signed: Vec<SignedCharter>,
}

/// What a charter file is.
#[derive(Debug, Clone)]
pub(crate) enum CharterFile {
    /// One version's document; who signed it is not in it.
    Document(Box<Charter>),
    /// The chain of versions.
    Chain(Chain),
}

impl Chain {
    /// Checks the versions; `name` is where they come from, for errors.
    ///
    /// # Errors
    /// When there is none, or one does not follow from those before it.
    pub(crate) fn verify(name: &str, signed: Vec<SignedCharter>) -> anyhow::Result<Self> {
        let first = signed
            .first()
            .ok_or_else(|| Failure::bad_input(format!("{name}: expected at least one charter")))?;
        let mut charters = Charters::first(Charter::parse(name, &first.document)?);
        for later in &signed[1..] {
            let more = charters.with(name, later).map_err(|error| {
                Failure::bad_input(format!("{name}: a charter version does not verify: {error}"))
            })?;
            charters = more.unwrap_or(charters);
        }
        Ok(Self { charters, signed })
    }

    /// A version by its hash.
    pub(crate) fn version(&self, id: Digest) -> Option<&Charter> {
        self.charters.known().find(|charter| charter.id() == id).map(AsRef::as_ref)
    }

    /// The groups that have signed a version, of those of the version before it and of its own.
    pub(crate) fn signed_by(&self, charter: &Charter) -> Option<[BTreeSet<String>; 2]> {
        let previous = self.version(charter.previous?)?;
        let signed = self.signed.iter().find(|signed| signed.document == charter.text)?;
        let missing = missing_groups(previous, charter, &signed.signatures);
        let [before, own] = &missing;
        let have = |of: &Charter, missing: &BTreeSet<&str>| {
            of.groups().difference(missing).map(|group| (*group).to_owned()).collect()
        };
        Some([have(previous, before), have(charter, own)])
    }
}

impl CharterFile {
    /// Reads a charter's document or a chain; - is stdin.
    ///
    /// # Errors
    /// When it cannot be read, is neither, or does not verify.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let (name, text) = (path.display().to_string(), read_text(path)?);
        if !text.trim_start().starts_with('{') {
            return Ok(Self::Document(Box::new(Charter::parse(&name, &text)?)));
        }
        let (first, later) = file::read(&name, &text)?;
        let first = SignedCharter { document: first.text, signatures: Vec::new() };
        let signed = std::iter::once(first).chain(later).collect();
        Ok(Self::Chain(Chain::verify(&name, signed)?))
    }

    /// The version that holds, or the document itself.
    pub(crate) fn newest(&self) -> &Charter {
        match self {
            Self::Document(charter) => charter,
            Self::Chain(chain) => chain.charters.newest(),
        }
    }
}
