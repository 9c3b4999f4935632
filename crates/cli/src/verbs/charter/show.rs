//! `interlock charter show`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::{Charter, LastHead, Member};
use interlock_record::MemberId;
use serde::Serialize;

use crate::chain::{Chain, CharterFile};
use crate::client::NodeArgs;
use crate::exit::Exit;
use crate::output::Output;
use crate::table::Table;
use crate::view::{or_dash, short};

/// Show what a charter says: its members, their feeds, keys and quotas, the limits, who signed it.
///
/// Of a chain, or of a node where no file is given, every version is checked from the first to the
/// last, and the newest that holds is shown.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter show charter.toml
  interlock charter show --node unix:/run/interlock.sock")]
pub(crate) struct Show {
    /// A version's document, or a chain; - reads stdin. Default: what the node knows.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct CharterView {
    name: String,
    /// The hash of version 1, where that is known.
    consortium: Option<String>,
    hash: String,
    version: u32,
    previous: Option<String>,
    issued_at: Option<String>,
    effective_from: Option<String>,
    resolves: Vec<String>,
    rules: u32,
    quorum: u32,
    groups: usize,
    release_k: u32,
    pepper_epoch: u32,
    pepper_check: String,
    max_clock_skew: String,
    min_keep: String,
    retention: String,
    statements_a_day: u64,
    disputes_a_day: u64,
    members: Vec<MemberRow>,
    feeds: Vec<FeedRow>,
    /// The versions of a chain, the first one first; empty where only a document was given.
    versions: Vec<VersionRow>,
    /// Rivals that keep the chain from going on.
    rivals: Vec<String>,
}

#[derive(Debug, Serialize)]
struct MemberRow {
    member: MemberId,
    name: String,
    group: String,
    status: &'static str,
    address: String,
    contact: String,
    governance_key: Option<String>,
    recovery_key: Option<String>,
}

#[derive(Debug, Serialize)]
struct FeedRow {
    member: MemberId,
    feed: u32,
    key: String,
    quota: Option<String>,
    allowance: Option<String>,
    /// The last record that counts, where the feed has ended.
    last: Option<String>,
    trustee: Option<MemberId>,
}

#[derive(Debug, Serialize)]
struct VersionRow {
    version: u32,
    hash: String,
    effective_from: Option<String>,
    holds: bool,
    /// The groups of the version before that signed it.
    signed: BTreeSet<String>,
    /// Its own groups that signed it.
    signed_own: BTreeSet<String>,
}

impl Show {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let file = match &self.file {
            Some(file) => CharterFile::read(file)?,
            None => CharterFile::Chain(self.node.connect().await?.charters().await?),
        };
        let mut view = CharterView::of(file.newest());
        if let CharterFile::Chain(chain) = &file {
            view.consortium = Some(chain.charters.consortium().to_string());
            view.versions = versions(chain);
            let rivals = chain.charters.rivals();
            let rivals = rivals.map(|rivals| rivals.ids.iter().map(ToString::to_string).collect());
            view.rivals = rivals.unwrap_or_default();
        }
        output.result(&view)?;
        Ok(Exit::Done)
    }
}

fn versions(chain: &Chain) -> Vec<VersionRow> {
    let mut known: Vec<&Charter> = chain.charters.known().map(AsRef::as_ref).collect();
    known.sort_by_key(|charter| (charter.version, charter.id()));
    let row = |charter: &&Charter| {
        let [signed, signed_own] = chain.signed_by(charter).unwrap_or_default();
        VersionRow {
            version: charter.version,
            hash: charter.id().to_string(),
            effective_from: charter.effective_from.map(|from| from.to_string()),
            holds: chain.charters.chain().iter().any(|held| held.id() == charter.id()),
            signed,
            signed_own,
        }
    };
    known.iter().map(row).collect()
}

impl CharterView {
    fn of(charter: &Charter) -> Self {
        let limits = charter.limits;
        Self {
            name: charter.name.clone(),
            consortium: (charter.version == 1).then(|| charter.id().to_string()),
            hash: charter.id().to_string(),
            version: charter.version,
            previous: charter.previous.map(|id| id.to_string()),
            issued_at: charter.issued_at.map(|at| at.to_string()),
            effective_from: charter.effective_from.map(|from| from.to_string()),
            resolves: charter.resolves.iter().map(ToString::to_string).collect(),
            rules: charter.rules,
            quorum: charter.quorum,
            groups: charter.groups().len(),
            release_k: charter.release_k,
            pepper_epoch: charter.pepper_epoch,
            pepper_check: charter.pepper_check.to_string(),
            max_clock_skew: limits.max_clock_skew.to_string(),
            min_keep: limits.min_keep.to_string(),
            retention: limits.retention.to_string(),
            statements_a_day: limits.statements_a_day,
            disputes_a_day: limits.disputes_a_day,
            members: charter
                .members
                .iter()
                .map(|(id, member)| MemberRow::of(*id, member))
                .collect(),
            feeds: charter.members.iter().flat_map(|(id, member)| feeds(*id, member)).collect(),
            versions: Vec::new(),
            rivals: Vec::new(),
        }
    }
}

impl MemberRow {
    fn of(id: MemberId, member: &Member) -> Self {
        Self {
            member: id,
            name: member.name.clone(),
            group: member.group.clone(),
            status: member.status.name(),
            address: member.address.clone(),
            contact: member.contact.clone(),
            governance_key: member.governance_key.map(|key| key.to_string()),
            recovery_key: member.recovery_key.map(|key| key.to_string()),
        }
    }
}

fn feeds(id: MemberId, member: &Member) -> impl Iterator<Item = FeedRow> + '_ {
    member.feeds.iter().map(move |(number, feed)| FeedRow {
        member: id,
        feed: number.0,
        key: feed.key.to_string(),
        quota: feed.quota.map(|quota| format!("{}/{}", quota.flags, quota.window)),
        allowance: feed.allowance.map(|allowance| {
            format!("{} from {} to {}", allowance.flags, allowance.from, allowance.until)
        }),
        last: feed.last.map(last),
        trustee: feed.trustee,
    })
}

fn last(last: LastHead) -> String {
    match last.id {
        Some(id) => format!("{}:{id}", last.sequence),
        None => "0".to_owned(),
    }
}

impl fmt::Display for CharterView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rivals.is_empty() {
            writeln!(
                f,
                "CHARTER FORK: version {} has {} rivals, none of them holds until a version that names them all is signed (charter propose --resolves): {}",
                self.version.saturating_add(1),
                self.rivals.len(),
                self.rivals.join(", ")
            )?;
        }
        writeln!(f, "name      {}", self.name)?;
        writeln!(f, "hash      {} (of version 1: the consortium's id)", self.hash)?;
        if let Some(consortium) = self.consortium.as_ref().filter(|id| **id != self.hash) {
            writeln!(f, "of        consortium {consortium}")?;
        }
        writeln!(f, "version   {}, rules {}", self.version, self.rules)?;
        if let Some(at) = &self.issued_at {
            writeln!(f, "issued    {at}")?;
        }
        if let Some(from) = &self.effective_from {
            writeln!(f, "in force  policy and limits for records from {from} on")?;
        }
        writeln!(
            f,
            "quorum    {} of {} groups, {} release a held record",
            self.quorum, self.groups, self.release_k
        )?;
        writeln!(f, "pepper    epoch {}, check {}", self.pepper_epoch, short(&self.pepper_check))?;
        writeln!(
            f,
            "limits    clock skew {}, kept at least {} and {} after its end, {} statements and {} disputes a day",
            self.max_clock_skew,
            self.min_keep,
            self.retention,
            self.statements_a_day,
            self.disputes_a_day
        )?;
        write!(f, "{}\n{}", self.member_table(), self.feed_table())?;
        if self.versions.is_empty() { Ok(()) } else { write!(f, "\n{}", self.version_table()) }
    }
}

impl CharterView {
    fn member_table(&self) -> Table {
        let titles = ["MEMBER", "GROUP", "STATUS", "ADDRESS", "GOVERNANCE KEY", "RECOVERY KEY"];
        let mut table = Table::new(&titles);
        let key = |key: &Option<String>| key.as_deref().map_or_else(|| "-".to_owned(), short);
        for row in &self.members {
            table.row([
                row.member.to_string(),
                row.group.clone(),
                row.status.to_owned(),
                row.address.clone(),
                key(&row.governance_key),
                key(&row.recovery_key),
            ]);
        }
        table
    }

    fn feed_table(&self) -> Table {
        let titles = ["MEMBER", "FEED", "QUOTA", "ALLOWANCE", "ENDED AT", "TRUSTEE", "KEY"];
        let mut table = Table::new(&titles).right(&["FEED"]);
        for row in &self.feeds {
            let ended = row.last.as_deref().map(|last| match last.split_once(':') {
                Some((sequence, id)) => format!("{sequence}:{}", short(id)),
                None => last.to_owned(),
            });
            table.row([
                row.member.to_string(),
                row.feed.to_string(),
                or_dash(row.quota.as_ref()),
                or_dash(row.allowance.as_ref()),
                or_dash(ended.as_ref()),
                or_dash(row.trustee.as_ref()),
                row.key.clone(),
            ]);
        }
        table
    }

    fn version_table(&self) -> Table {
        let titles = ["VERSION", "HASH", "POLICY FROM", "HOLDS", "SIGNED BY GROUPS"];
        let mut table = Table::new(&titles).right(&["VERSION"]);
        for row in &self.versions {
            let signed: Vec<&str> = row.signed.union(&row.signed_own).map(String::as_str).collect();
            table.row([
                row.version.to_string(),
                short(&row.hash),
                or_dash(row.effective_from.as_ref()),
                if row.holds { "yes" } else { "no" }.to_owned(),
                if row.version == 1 { "-".to_owned() } else { signed.join(", ") },
            ]);
        }
        table
    }
}
