//! `interlock charter propose`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use interlock_engine::charter::{Charter, Status};
use interlock_engine::policy::Policy;
use interlock_record::{FeedId, FeedNumber, MemberId, Pepper, PublicKey, RecordId};
use serde::Serialize;
use toml_edit::{Array, Item, value};

use super::changes::{
    FeedAllowance, FeedQuota, Last, LimitChange, Moment, NewFeed, Of, Retirement, Trusteeship,
    of_key, of_text,
};
use super::diff::{Change, changes};
use super::edit::{NextDocument, inline, last_item, quota_item};
use super::member::MemberLine;
use crate::chain::CharterFile;
use crate::client::NodeArgs;
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::file::read_text;
use crate::output::Output;
use crate::secret::{read_secret, write_public};

/// Write the next version of a charter, for the members to look at and sign.
///
/// It begins with the newest version, that of the node or of --from, and changes what is asked for;
/// without any change it is a text to be edited by hand. Once somebody has signed it, not a byte of it
/// may change. Where the end of a feed is not given, it is the head that the node knows.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock charter propose --policy policy-2.toml --effective-from 2026-07-01T00:00:00Z --out v2.toml
  interlock charter propose --retire acme/1 --add-feed acme/2=$(cat new/feed.pub) --out v3.toml
  interlock charter propose --from chain.json --allow acme/1=20000:+1h:+25h --out v4.toml")]
pub(crate) struct Propose {
    /// The charter or chain to begin with. Default: what the node knows.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// From which record time policy and limits hold: a time to come, or +DURATION from now. Leave
    /// time for signing, and for the version to reach everybody.
    #[arg(long, value_name = "TIME|+DURATION", default_value = "+1h")]
    effective_from: Moment,
    #[command(flatten)]
    members: MemberChanges,
    #[command(flatten)]
    rules: RuleChanges,
    /// Take the place of every rival: the version that ends a charter fork.
    #[arg(long)]
    resolves: bool,
    /// Where to write it; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

/// Changes of members and feeds. All may be repeated.
#[derive(Debug, Args)]
#[command(next_help_heading = "Members and feeds (may be repeated)")]
struct MemberChanges {
    /// Add a member: as in `charter init`.
    #[arg(long, value_name = "MEMBER")]
    add_member: Vec<MemberLine>,
    /// Add a feed: MEMBER/FEED=KEY, and ,quota=FLAGS/WINDOW.
    #[arg(long, value_name = "FEED")]
    add_feed: Vec<NewFeed>,
    /// End a feed: MEMBER/FEED, and =SEQUENCE:RECORD-ID of the last record that counts (=0: none).
    #[arg(long, value_name = "FEED")]
    retire: Vec<Retirement>,
    /// Suspend a member: its feeds end, it comes back with --reinstate and --add-feed.
    #[arg(long, value_name = "MEMBER")]
    suspend: Vec<MemberId>,
    /// Remove a member for good: its feeds end.
    #[arg(long, value_name = "MEMBER")]
    remove: Vec<MemberId>,
    /// Let a suspended member take part again.
    #[arg(long, value_name = "MEMBER")]
    reinstate: Vec<MemberId>,
    /// Let a trustee sign for a member that is gone: GONE/FEED=TRUSTEE:KEY.
    #[arg(long, value_name = "FEED")]
    trustee: Vec<Trusteeship>,
    /// Another quota: MEMBER/FEED=FLAGS/WINDOW, or =none.
    #[arg(long, value_name = "QUOTA")]
    quota: Vec<FeedQuota>,
    /// Flags beside the quota, once: MEMBER/FEED=FLAGS:FROM:UNTIL, each a time or +DURATION.
    #[arg(long, value_name = "ALLOWANCE")]
    allow: Vec<FeedAllowance>,
    /// Another group: MEMBER=GROUP.
    #[arg(long, value_name = "GROUP", value_parser = of_text)]
    group: Vec<Of<String>>,
    /// Another address: MEMBER=HOST:PORT.
    #[arg(long = "address", value_name = "ADDRESS", value_parser = of_text)]
    member_address: Vec<Of<String>>,
    /// Another governance key: MEMBER=KEY.
    #[arg(long, value_name = "KEY", value_parser = of_key)]
    governance_key: Vec<Of<PublicKey>>,
    /// Another recovery key: MEMBER=KEY.
    #[arg(long, value_name = "KEY", value_parser = of_key)]
    recovery_key: Vec<Of<PublicKey>>,
}

/// Changes of what holds for all.
#[derive(Debug, Args)]
#[command(next_help_heading = "What holds for all")]
struct RuleChanges {
    /// Another policy.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Another limit: `max_clock_skew`, `min_keep`, `retention` (durations), `statements_a_day`,
    /// `disputes_a_day` (counts); may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    limit: Vec<LimitChange>,
    /// A new pepper, of the next epoch.
    #[arg(long, value_name = "FILE")]
    pepper: Option<PathBuf>,
    /// How many groups sign a new version.
    #[arg(long, value_name = "GROUPS")]
    quorum: Option<u32>,
    /// How many groups release a held record.
    #[arg(long, value_name = "GROUPS")]
    release_k: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Proposed {
    file: PathBuf,
    version: u32,
    hash: String,
    effective_from: Option<String>,
    /// How many groups of the version before, and of this one, sign it.
    quorum: [u32; 2],
    changes: Vec<Change>,
}

impl Propose {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let known = match &self.from {
            Some(file) => CharterFile::read(file)?,
            None => CharterFile::Chain(self.node.connect().await?.charters().await?),
        };
        let previous = known.newest().clone();
        let mut next = NextDocument::after(&previous)?;
        let issued_at = now();
        let effective_from = self.effective_from.from(issued_at);
        if effective_from < issued_at {
            return Err(Failure::bad_input(format!(
                "--effective-from: {effective_from} has passed: a policy does not decide the past again. Expected a time to come, or +DURATION"
            ))
            .into());
        }
        next.set("issued_at", value(issued_at.to_string()));
        next.set("effective_from", value(effective_from.to_string()));
        if self.resolves {
            next.set("resolves", rivals(&known)?);
        }
        let ends = self.ends(&previous).await?;
        self.members.apply(&mut next, &ends)?;
        self.rules.apply(&previous, &mut next)?;
        let text = next.text();
        let charter = Charter::parse(&self.out.display().to_string(), &text).map_err(|error| {
            Failure::bad_input(format!("the version would be refused: {}", error.message))
        })?;
        charter.may_follow(&previous).map_err(|error| {
            Failure::bad_input(format!("the version would be refused: {error}"))
        })?;
        write_public(&self.out, &text)?;
        output.result(&Proposed {
            file: self.out,
            version: charter.version,
            hash: charter.id().to_string(),
            effective_from: charter.effective_from.map(|from| from.to_string()),
            quorum: [previous.quorum, charter.quorum],
            changes: changes(&previous, &charter)?,
        })?;
        Ok(Exit::Done)
    }

    /// The last records that count of all feeds that end; those not given are asked of the node.
    async fn ends(&self, previous: &Charter) -> anyhow::Result<BTreeMap<FeedId, Last>> {
        let mut ends = BTreeMap::new();
        let mut open = Vec::new();
        for end in &self.members.retire {
            match end.last {
                Some(last) => drop(ends.insert(end.feed, last)),
                None => open.push(end.feed),
            }
        }
        for member in self.members.suspend.iter().chain(&self.members.remove) {
            let named = previous.members.get(member).ok_or_else(|| {
                Failure::bad_input(format!("the charter does not name member {member}"))
            })?;
            let alive = named.feeds.iter().filter(|(_, feed)| feed.last.is_none());
            let feeds = alive.filter(|(_, feed)| feed.trustee.is_none());
            open.extend(feeds.map(|(number, _)| FeedId { member: *member, number: *number }));
        }
        open.retain(|feed| !ends.contains_key(feed));
        if open.is_empty() {
            return Ok(ends);
        }
        let heads = self.node.connect().await?.heads().await?;
        for feed in open {
            let head = heads.iter().find(|head| {
                head.member == feed.member.as_str() && FeedNumber(head.feed) == feed.number
            });
            let last = head.map_or(Last { sequence: 0, id: None }, |head| Last {
                sequence: head.sequence,
                id: RecordId::from_slice(&head.head),
            });
            ends.insert(feed, last);
        }
        Ok(ends)
    }
}

impl MemberChanges {
    fn apply(&self, next: &mut NextDocument, ends: &BTreeMap<FeedId, Last>) -> anyhow::Result<()> {
        for member in &self.add_member {
            next.add_member(member)?;
        }
        for (feed, last) in ends {
            next.set_feed(*feed, "last", Some(last_item(*last)?))?;
        }
        for (members, status) in [
            (&self.suspend, Status::Suspended),
            (&self.remove, Status::Removed),
            (&self.reinstate, Status::Active),
        ] {
            for member in members {
                next.set_member(*member, "status", value(status.name()))?;
            }
        }
        for new in &self.add_feed {
            let mut keys = vec![("key", value(new.key.to_string()))];
            if let Some(quota) = &new.quota {
                keys.push(("quota", quota_item(quota)?));
            }
            next.add_feed(new.feed, &keys)?;
        }
        for Trusteeship { feed, trustee, key } in &self.trustee {
            let keys = [("key", value(key.to_string())), ("trustee", value(trustee.as_str()))];
            next.add_feed(*feed, &keys)?;
        }
        for FeedQuota { feed, quota } in &self.quota {
            let quota = quota.as_ref().map(quota_item).transpose()?;
            next.set_feed(*feed, "quota", quota)?;
        }
        for allowance in &self.allow {
            next.set_feed(allowance.feed, "allowance", Some(allowance_item(allowance)?))?;
        }
        self.describe(next)
    }

    fn describe(&self, next: &mut NextDocument) -> anyhow::Result<()> {
        for (key, texts) in [("group", &self.group), ("address", &self.member_address)] {
            for text in texts {
                next.set_member(text.member, key, value(text.what.as_str()))?;
            }
        }
        for (key, keys) in
            [("governance_key", &self.governance_key), ("recovery_key", &self.recovery_key)]
        {
            for new in keys {
                next.set_member(new.member, key, value(new.what.to_string()))?;
            }
        }
        Ok(())
    }
}

impl RuleChanges {
    fn apply(&self, previous: &Charter, next: &mut NextDocument) -> anyhow::Result<()> {
        if let Some(file) = &self.policy {
            let text = read_text(file)?;
            // Read as a policy first: its errors have the lines of its own file.
            Policy::from_toml(&file.display().to_string(), &text)?;
            next.set_policy(&text)?;
        }
        for limit in &self.limit {
            next.set_limit(&limit.key, limit.item()?)?;
        }
        if let Some(file) = &self.pepper {
            let pepper = Pepper::from_bytes(*read_secret(file)?);
            next.set("pepper_epoch", value(i64::from(previous.pepper_epoch) + 1));
            next.set("pepper_check", value(pepper.check().to_string()));
        }
        for (key, groups) in [("quorum", self.quorum), ("release_k", self.release_k)] {
            if let Some(groups) = groups {
                next.set(key, value(i64::from(groups)));
            }
        }
        Ok(())
    }
}

fn allowance_item(allowance: &FeedAllowance) -> Result<Item, Failure> {
    let now = now();
    let flags = i64::try_from(allowance.flags)
        .map_err(|_| Failure::usage("--allow: expected fewer flags"))?;
    Ok(inline([
        ("flags", flags.into()),
        ("from", allowance.from.from(now).to_string().into()),
        ("until", allowance.until.from(now).to_string().into()),
    ]))
}

/// The hashes of all rivals that are known.
fn rivals(known: &CharterFile) -> Result<Item, Failure> {
    let rivals = match known {
        CharterFile::Chain(chain) => chain.charters.rivals(),
        CharterFile::Document(_) => None,
    };
    let rivals = rivals.ok_or_else(|| {
        Failure::bad_input("--resolves: no rivals are known there: nothing is to be resolved")
    })?;
    Ok(value(rivals.ids.iter().map(ToString::to_string).collect::<Array>()))
}

impl fmt::Display for Proposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        let [before, own] = self.quorum;
        writeln!(f, "version {} is in {}", self.version, self.file.display())?;
        write!(
            f,
            "hash {}: to be signed by {before} groups of the version before and {own} of this one",
            self.hash
        )
    }
}
