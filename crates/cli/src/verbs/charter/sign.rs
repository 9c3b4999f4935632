//! `interlock charter sign`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::file::SignatureEntry;
use interlock_engine::charter::{Charter, CharterSignature, Role};
use interlock_record::{MemberId, SigningKey};
use serde::Serialize;

use super::late::Late;
use crate::exit::{Exit, Failure};
use crate::file::read_text;
use crate::output::Output;
use crate::secret::{read_secret, write_public};

/// Sign a charter version with a member's governance key. Needs no node and no network.
///
/// Read the version first, with `charter show` and `charter diff`: what is signed is the file's very
/// bytes. The signature is one line of JSON, to be handed to whoever applies the version.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter sign v2.toml --member acme --key /media/safe/acme/governance.key --out acme.sig")]
pub(crate) struct Sign {
    /// The version's document.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who signs.
    #[arg(long, value_name = "MEMBER")]
    member: MemberId,
    /// The member's governance key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The key is the member's recovery key: it stands in, of the version before, for a governance
    /// key that this version replaces.
    #[arg(long)]
    recovery: bool,
    #[command(flatten)]
    late: Late,
    /// Where to write the signature; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct Signed {
    file: PathBuf,
    member: MemberId,
    role: &'static str,
    version: u32,
    hash: String,
    effective_from: Option<String>,
    /// Whether the version itself names the key in this role.
    named: bool,
}

impl Sign {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let charter = Charter::parse(&self.file.display().to_string(), &read_text(&self.file)?)?;
        let named = charter.members.get(&self.member).ok_or_else(|| {
            Failure::bad_input(format!(
                "{} does not name member {}",
                self.file.display(),
                self.member
            ))
        })?;
        if charter.version == 1 {
            return Err(Failure::bad_input(
                "the first version is signed by nobody: its hash is the consortium's id",
            )
            .into());
        }
        self.late.check(&charter)?;
        let key = SigningKey::from_seed(*read_secret(&self.key)?);
        let (role, named) = if self.recovery {
            (Role::Recovery, named.recovery_key)
        } else {
            (Role::Governance, named.governance_key)
        };
        let signature = CharterSignature::new(self.member, role, &key, &charter.text);
        let entry = serde_json::to_string(&SignatureEntry::from(&signature))?;
        write_public(&self.out, &format!("{entry}\n"))?;
        output.result(&Signed {
            file: self.out,
            member: self.member,
            role: role.name(),
            version: charter.version,
            hash: charter.id().to_string(),
            effective_from: charter.effective_from.map(|from| from.to_string()),
            named: named == Some(key.public()),
        })?;
        Ok(Exit::Done)
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, member, role, version, hash, .. } = self;
        write!(f, "{member} signed version {version}, hash {hash}, with its {role} key")?;
        write!(f, "\nthe signature is in {}", file.display())?;
        if !self.named {
            write!(
                f,
                "\nnote: this version does not name that key: it counts only where the version before does"
            )?;
        }
        Ok(())
    }
}
