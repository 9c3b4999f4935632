//! `interlock charter apply`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use interlock_engine::charter::file::SignatureEntry;
use interlock_engine::charter::{Charter, CharterSignature, missing_groups};
use interlock_wire::v1;
use serde::Serialize;
use tonic::Code;

use super::late::Late;
use crate::chain::Chain;
use crate::client::{Node, NodeArgs, explain, governance, refusal};
use crate::exit::{Exit, Failure};
use crate::file::read_text;
use crate::output::Output;

/// Give a node a signed charter version; it passes it on to every member.
///
/// One node is enough. Says of which groups a signature is missing. Ends with 1 where the version does
/// not hold then: the node refuses it, or it has a rival.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter apply v2.toml --signature acme.sig --signature bolt.sig --signature cato.sig")]
pub(crate) struct Apply {
    /// The version's document.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A signature, as `charter sign` writes it; may be repeated.
    #[arg(long = "signature", value_name = "FILE")]
    signatures: Vec<PathBuf>,
    #[command(flatten)]
    late: Late,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Applied {
    version: u32,
    hash: String,
    /// Whether it holds at the node now.
    holds: bool,
    /// The version that holds there.
    newest: u32,
    /// Why the node refused it.
    refused: Option<String>,
    /// Who signed, of the version before and of this one.
    signed: [Signers; 2],
    /// Signatures that count for nothing, and why.
    idle: Vec<String>,
}

/// The groups of one version that have signed.
#[derive(Debug, Serialize)]
struct Signers {
    of_version: u32,
    needed: u32,
    signed: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Apply {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let charter = Charter::parse(&self.file.display().to_string(), &read_text(&self.file)?)?;
        self.late.check(&charter)?;
        let signatures = self
            .signatures
            .iter()
            .map(|file| signature(file))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let node = self.node.connect().await?;
        let chain = node.charters().await?;
        let previous = previous(&chain, &charter)?;
        let idle = idle(previous, &charter, &signatures);
        let signed = signers(previous, &charter, &signatures);
        let outcome = send(&node, &charter, &signatures).await?;
        let after = node.charters().await?;
        let newest = after.charters.newest().version;
        let holds = after.charters.chain().iter().any(|held| held.id() == charter.id());
        output.result(&Applied {
            version: charter.version,
            hash: charter.id().to_string(),
            holds,
            newest,
            refused: outcome.err(),
            signed,
            idle,
        })?;
        Ok(if holds { Exit::Done } else { Exit::No })
    }
}

/// Gives it to the node; what the node has against it.
async fn send(
    node: &Node,
    charter: &Charter,
    signatures: &[CharterSignature],
) -> anyhow::Result<Result<u32, String>> {
    let wire = |signed: &CharterSignature| v1::CharterSignature {
        member: signed.member.to_string(),
        role: signed.role.name().to_owned(),
        key: signed.key.as_bytes().to_vec(),
        signature: signed.signature.0.to_vec(),
    };
    let request = v1::ApplyCharterRequest {
        document: charter.text.clone().into_bytes(),
        signatures: signatures.iter().map(wire).collect(),
    };
    let applied = node
        .try_call(&request, |channel, request| async move {
            governance(channel).apply_charter(request).await
        })
        .await;
    match applied {
        Ok(response) => Ok(Ok(response.version)),
        Err(status)
            if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) =>
        {
            Ok(Err(explain(&status)))
        }
        Err(status) => Err(refusal(&node.address, &status).into()),
    }
}

fn signature(file: &Path) -> anyhow::Result<CharterSignature> {
    let text = read_text(file)?;
    let entry: SignatureEntry = serde_json::from_str(&text).map_err(|error| {
        let name = file.display();
        Failure::bad_input(format!("{name}: expected a signature of `charter sign`: {error}"))
    })?;
    Ok(entry.into())
}

fn previous<'a>(chain: &'a Chain, charter: &Charter) -> Result<&'a Charter, Failure> {
    let id = charter.previous.ok_or_else(|| {
        Failure::bad_input("the first version is not applied: it is in every node's configuration")
    })?;
    chain.version(id).ok_or_else(|| {
        Failure::bad_input(format!(
            "the version before it, {id}, is not known at that node: apply that one first, or wait until the node has it"
        ))
    })
}

fn signers(previous: &Charter, next: &Charter, signatures: &[CharterSignature]) -> [Signers; 2] {
    let [before, own] = missing_groups(previous, next, signatures);
    let of = |charter: &Charter, missing: BTreeSet<&str>| Signers {
        of_version: charter.version,
        needed: charter.quorum,
        signed: charter.groups().difference(&missing).map(|group| (*group).to_owned()).collect(),
        missing: missing.into_iter().map(str::to_owned).collect(),
    };
    [of(previous, before), of(next, own)]
}

/// The signatures that change nothing.
fn idle(previous: &Charter, next: &Charter, signatures: &[CharterSignature]) -> Vec<String> {
    let why = |signature: &CharterSignature| {
        if !signature.is_valid(&next.text) {
            return Some("it is not a signature of this very document");
        }
        let none = missing_groups(previous, next, &[]);
        let counts = missing_groups(previous, next, &[*signature]) != none;
        (!counts).then_some("neither version names that key for it in this role")
    };
    let told = |signature: &CharterSignature| {
        why(signature).map(|why| format!("{} ({}): {why}", signature.member, signature.role.name()))
    };
    signatures.iter().filter_map(told).collect()
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for signers in &self.signed {
            let Signers { of_version, needed, signed, missing } = signers;
            let names = |groups: &BTreeSet<String>| {
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                if groups.is_empty() { "nobody".to_owned() } else { groups.join(", ") }
            };
            writeln!(
                f,
                "of version {of_version}: {} of {needed} groups needed have signed ({}), not yet: {}",
                signed.len(),
                names(signed),
                names(missing)
            )?;
        }
        for idle in &self.idle {
            writeln!(f, "counts for nothing: {idle}")?;
        }
        let Self { version, hash, newest, .. } = self;
        match &self.refused {
            _ if self.holds => write!(f, "version {version} holds, hash {hash}"),
            Some(why) => write!(f, "version {version} is refused: {why}; version {newest} holds"),
            None => write!(
                f,
                "CHARTER FORK: version {version} was taken in, but it has a rival: version {newest} holds until one that names both is signed (charter propose --resolves)"
            ),
        }
    }
}
