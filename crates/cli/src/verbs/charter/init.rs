//! `interlock charter init`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::{CHARTER_FORMAT, Charter};
use interlock_engine::policy::Policy;
use interlock_record::{Digest, NEWEST_RULES, Pepper, Span};
use serde::Serialize;

use super::member::MemberLine;
use crate::client::fill_random;
use crate::exit::{Exit, Failure};
use crate::file::read_text;
use crate::output::Output;
use crate::secret::{read_secret, write_public};

const FIRST_VERSION: u32 = 1;
const FIRST_EPOCH: u32 = 1;

/// Write a consortium's first charter: its members, their quotas and the policy.
///
/// The charter's hash is the consortium's id: every member gets this very file, byte for byte.
/// Members of one group (affiliated companies) are one witness; without a group a member is alone.
/// Only members with a governance key can sign later versions: where too few have one, this charter
/// stays as it is for ever.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter init --name north --policy policy.toml --pepper pepper.1 \\
      --member \"acme=10.0.0.1:7001=$(cat acme/feed.pub),governance=$(cat acme.gov/governance.pub),quota=500/1h\" \\
      --member \"bolt=10.0.0.2:7001=$(cat bolt/feed.pub),group=bolt-holding\" --out charter.toml")]
pub(crate) struct Init {
    /// The consortium's name.
    #[arg(long)]
    name: String,
    /// The policy by which all decide.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The consortium's pepper, of which the charter shows a hash.
    #[arg(long, value_name = "FILE")]
    pepper: PathBuf,
    /// A member: ID=HOST:PORT=PUBLICKEY and, each after a comma, what else there is of group=GROUP,
    /// name=NAME, contact=TEXT, quota=FLAGS/WINDOW, governance=KEY, recovery=KEY; may be repeated.
    #[arg(long = "member", value_name = "MEMBER", required = true)]
    members: Vec<MemberLine>,
    /// How many groups sign a new version. Default: two thirds, rounded up.
    #[arg(long, value_name = "GROUPS")]
    quorum: Option<u32>,
    /// How many groups release a held record.
    #[arg(long, value_name = "GROUPS")]
    release_k: Option<u32>,
    /// How far ahead of a node's clock a record may be.
    #[arg(long, value_name = "DURATION")]
    max_clock_skew: Option<Span>,
    /// Where to write it; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The document, in the order in which it is written.
#[derive(Debug, Serialize)]
struct Document {
    format: u64,
    name: String,
    version: u32,
    rules: u32,
    nonce: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_k: Option<u32>,
    pepper_epoch: u32,
    pepper_check: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    member: Vec<MemberLine>,
    policy: toml::Table,
}

#[derive(Debug, Serialize)]
struct Limits {
    max_clock_skew: Span,
}

#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    consortium: String,
    members: usize,
}

impl Init {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let out = self.out.clone();
        let text = self.document()?;
        let charter = Charter::parse(&out.display().to_string(), &text).map_err(|error| {
            Failure::bad_input(format!("the charter would be refused: {}", error.message))
        })?;
        write_public(&out, &text)?;
        output.result(&Written {
            file: out,
            consortium: charter.id().to_string(),
            members: charter.members.len(),
        })?;
        Ok(Exit::Done)
    }

    fn document(self) -> anyhow::Result<String> {
        let policy_file = self.policy.display().to_string();
        let policy_text = read_text(&self.policy)?;
        // Read as a policy first: its errors have the lines of its own file.
        Policy::from_toml(&policy_file, &policy_text)?;
        let policy: toml::Table = policy_text.parse()?;
        let pepper = Pepper::from_bytes(*read_secret(&self.pepper)?);
        let mut nonce = [0; 32];
        fill_random(&mut nonce)?;
        let document = Document {
            format: CHARTER_FORMAT,
            name: self.name,
            version: FIRST_VERSION,
            rules: NEWEST_RULES,
            nonce: Digest(nonce),
            quorum: self.quorum,
            release_k: self.release_k,
            pepper_epoch: FIRST_EPOCH,
            pepper_check: pepper.check(),
            limits: self.max_clock_skew.map(|max_clock_skew| Limits { max_clock_skew }),
            member: self.members,
            policy,
        };
        Ok(toml::to_string(&document)?)
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.consortium)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use interlock_record::SigningKey;

    use super::*;
    use crate::secret::{new_secret, write_secret};

    const POLICY: &str = "version = 1\n[reason.OVERDUE]\npoints = { LOW = 1, MEDIUM = 2, HIGH = 3, CRITICAL = 4 }\nmax_life = \"180d\"\nceiling = \"LOCK\"\n[[measure.LOCK.rule]]\npoints = 3\nissuers = 2\n";

    fn init(dir: &std::path::Path, policy: &str, members: &[&str]) -> anyhow::Result<String> {
        let (policy_file, pepper) = (dir.join("policy.toml"), dir.join("pepper"));
        fs::write(&policy_file, policy)?;
        if !pepper.exists() {
            write_secret(&pepper, &new_secret()?)?;
        }
        let member = |(seed, member): (u8, &&str)| {
            let key = SigningKey::from_seed([seed; 32]).public();
            member.replace('K', &key.to_string()).parse().expect("a member")
        };
        Init {
            name: "north".to_owned(),
            policy: policy_file,
            pepper,
            members: (1..).zip(members).map(member).collect(),
            quorum: None,
            release_k: Some(1),
            max_clock_skew: None,
            out: dir.join("charter.toml"),
        }
        .document()
    }

    #[test]
    fn what_is_written_is_a_charter() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let members = ["a=h:1=K,group=g,quota=5/1h", "b=h:2=K,group=g", "c=h:3=K"];
        let text = init(dir.path(), POLICY, &members).expect("all is well");
        let charter = Charter::parse("charter.toml", &text).expect("it is a charter");
        assert_eq!((charter.members.len(), charter.release_k), (3, 1));
        let again = init(dir.path(), POLICY, &members).expect("all is well");
        assert_ne!(text, again, "two consortia with the same members have ids of their own");
    }

    #[test]
    fn a_mistake_in_the_policy_is_shown_in_its_own_file() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let policy = POLICY.replace("points = 3", "points = -3");
        let error = init(dir.path(), &policy, &["a=h:1=K"]).expect_err("a wrong policy");
        assert!(format!("{error:#}").contains("policy.toml:7: "), "{error:#}");
    }
}
