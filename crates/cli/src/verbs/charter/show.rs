//! `interlock charter show`.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::Charter;
use serde::Serialize;

use crate::exit::Exit;
use crate::file::read_text;
use crate::output::Output;
use crate::table::Table;
use crate::view::{or_dash, short};

/// Show what a charter says: the consortium's id, its members, their keys and quotas.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter show charter.toml")]
pub(crate) struct Show {
    /// The charter; - reads stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Serialize)]
struct CharterView {
    name: String,
    hash: String,
    version: u32,
    rules: u32,
    quorum: u32,
    release_k: u32,
    pepper_epoch: u32,
    pepper_check: String,
    max_clock_skew: String,
    min_keep: String,
    feeds: Vec<FeedRow>,
}

#[derive(Debug, Serialize)]
struct FeedRow {
    member: String,
    name: String,
    group: String,
    address: String,
    feed: u32,
    key: String,
    quota: Option<String>,
}

impl Show {
    pub(super) fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let charter = Charter::parse(&self.file.display().to_string(), &read_text(&self.file)?)?;
        output.result(&CharterView::of(&charter))?;
        Ok(Exit::Done)
    }
}

impl CharterView {
    fn of(charter: &Charter) -> Self {
        let mut feeds = Vec::new();
        for (id, member) in &charter.members {
            for (number, feed) in &member.feeds {
                feeds.push(FeedRow {
                    member: id.to_string(),
                    name: member.name.clone(),
                    group: member.group.clone(),
                    address: member.address.clone(),
                    feed: number.0,
                    key: feed.key.to_string(),
                    quota: feed.quota.map(|quota| format!("{}/{}", quota.flags, quota.window)),
                });
            }
        }
        Self {
            name: charter.name.clone(),
            hash: charter.id().to_string(),
            version: charter.version,
            rules: charter.rules,
            quorum: charter.quorum,
            release_k: charter.release_k,
            pepper_epoch: charter.pepper_epoch,
            pepper_check: charter.pepper_check.to_string(),
            max_clock_skew: charter.limits.max_clock_skew.to_string(),
            min_keep: charter.limits.min_keep.to_string(),
            feeds,
        }
    }
}

impl fmt::Display for CharterView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name      {}", self.name)?;
        writeln!(f, "hash      {} (of version 1: the consortium's id)", self.hash)?;
        writeln!(f, "version   {}, rules {}", self.version, self.rules)?;
        writeln!(f, "quorum    {} groups, {} release a held record", self.quorum, self.release_k)?;
        writeln!(f, "pepper    epoch {}, check {}", self.pepper_epoch, short(&self.pepper_check))?;
        writeln!(
            f,
            "limits    clock skew {}, kept at least {}",
            self.max_clock_skew, self.min_keep
        )?;
        let titles = ["MEMBER", "GROUP", "ADDRESS", "FEED", "QUOTA", "KEY"];
        let mut table = Table::new(&titles).right(&["FEED"]);
        for row in &self.feeds {
            table.row([
                row.member.clone(),
                row.group.clone(),
                row.address.clone(),
                row.feed.to_string(),
                or_dash(row.quota.as_ref()),
                row.key.clone(),
            ]);
        }
        write!(f, "{table}")
    }
}
