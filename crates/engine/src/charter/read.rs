//! The charter's document: every key, its range and its default.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{Digest, FeedNumber, MemberId, NEWEST_RULES, PublicKey, Span};

use super::{
    CHARTER_FORMAT, Charter, DEFAULT_MAX_CLOCK_SKEW, DEFAULT_MIN_KEEP, DEFAULT_RELEASE_K, Feed,
    Member, NOTICE_MARGIN, Quota, id_of,
};
use crate::limits::{MAX_MEMBERS, MAX_THRESHOLD};
use crate::policy::{Policy, Schedule};
use crate::text::{FileError, Item, Table};

/// The most feeds of one member.
const MAX_FEEDS: usize = 64;
/// The longest text for people, in bytes.
const MAX_TEXT_BYTES: usize = 256;
const MAX_VERSION: u64 = u32::MAX as u64;

type Read<T> = Result<T, FileError>;

pub(super) fn charter(table: &mut Table<'_>, text: &str) -> Read<Charter> {
    table.require("format")?.whole(CHARTER_FORMAT..=CHARTER_FORMAT)?;
    let name = short_text(&table.require("name")?)?;
    let version = number(&table.require("version")?, 1, MAX_VERSION)?;
    let rules = number(&table.require("rules")?, 1, u64::from(NEWEST_RULES))?;
    let previous = table.take("previous").map(|item| item.parse::<Digest>()).transpose()?;
    if previous.is_some() != (version > 1) {
        return Err(
            table.error("previous: expected the hash of the version before, except in version 1")
        );
    }
    // Two consortia with the same members and policy must not share an id.
    table.require("nonce")?.parse::<Digest>()?;
    let members = members(table)?;
    let groups = groups(&members);
    let quorum = quorum(table, u64::try_from(groups.len()).unwrap_or(u64::MAX))?;
    let release_k = table
        .take("release_k")
        .map(|item| number(&item, 1, MAX_MEMBERS as u64))
        .transpose()?
        .unwrap_or(DEFAULT_RELEASE_K);
    let (max_clock_skew, min_keep) =
        table.take("limits").map(|item| item.table(limits)).transpose()?.unwrap_or(DEFAULT_LIMITS);
    let pepper_epoch = number(&table.require("pepper_epoch")?, 1, MAX_VERSION)?;
    let pepper_check = table.require("pepper_check")?.parse()?;
    let policy = policy(&table.require("policy")?, max_clock_skew, groups)?;
    Ok(Charter {
        id: id_of(text),
        text: text.to_owned(),
        name,
        version,
        rules,
        previous,
        quorum,
        release_k,
        pepper_epoch,
        pepper_check,
        max_clock_skew,
        min_keep,
        members,
        policies: Schedule::constant(policy),
    })
}

/// Clock skew and keeping time where there is no `[limits]` table.
const DEFAULT_LIMITS: (Span, Span) = (DEFAULT_MAX_CLOCK_SKEW, DEFAULT_MIN_KEEP);

fn number(item: &Item<'_>, least: u64, most: u64) -> Read<u32> {
    let number = item.whole(least..=most.min(u64::from(u32::MAX)))?;
    Ok(u32::try_from(number).expect("the range ends at u32::MAX"))
}

fn short_text(item: &Item<'_>) -> Read<String> {
    let text = item.text()?;
    if text.is_empty() || text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
        return Err(
            item.error(format!("expected 1 to {MAX_TEXT_BYTES} bytes without control characters"))
        );
    }
    Ok(text.to_owned())
}

fn limits(table: &mut Table<'_>) -> Read<(Span, Span)> {
    let mut span = |key, default| {
        table
            .take(key)
            .map(|item| item.parse::<Span>())
            .transpose()
            .map(|span| span.unwrap_or(default))
    };
    Ok((span("max_clock_skew", DEFAULT_MAX_CLOCK_SKEW)?, span("min_keep", DEFAULT_MIN_KEEP)?))
}

/// `⌈2n/3⌉` of the groups unless set, never half of them or less.
fn quorum(table: &mut Table<'_>, groups: u64) -> Read<u32> {
    match table.take("quorum") {
        Some(item) => number(&item, groups / 2 + 1, groups),
        None => Ok(u32::try_from((2 * groups).div_ceil(3)).unwrap_or(u32::MAX)),
    }
}

fn members(table: &mut Table<'_>) -> Read<BTreeMap<MemberId, Member>> {
    let list = table.require("member")?;
    let mut members = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for item in list.list(MAX_MEMBERS)? {
        let (id, member) = item.table(|table| member(table, &mut keys))?;
        if members.insert(id, member).is_some() {
            return Err(item.error(format!("expected each member once, {id} is named twice")));
        }
    }
    let mut governance = BTreeSet::new();
    for (id, member) in &members {
        if member.governance_key.is_some_and(|key| !governance.insert(key)) {
            return Err(list.error(format!(
                "expected a governance_key of its own for each member, {id}'s is used twice"
            )));
        }
    }
    if members.is_empty() {
        return Err(list.error("expected at least one member"));
    }
    Ok(members)
}

fn member(table: &mut Table<'_>, keys: &mut BTreeSet<PublicKey>) -> Read<(MemberId, Member)> {
    let id_item = table.require("id")?;
    let id: MemberId = id_item.parse()?;
    if id.as_str() == "default" {
        return Err(id_item.error("expected another id: [trust] means everybody by \"default\""));
    }
    let mut text = |key| table.take(key).map(|item| short_text(&item)).transpose();
    let name = text("name")?.unwrap_or_else(|| id.to_string());
    let group = text("group")?.unwrap_or_else(|| id.to_string());
    let contact = text("contact")?.unwrap_or_default();
    let address_item = table.require("address")?;
    let address = short_text(&address_item)?;
    if address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).is_none() {
        return Err(address_item.error(format!("expected host:port, got {address:?}")));
    }
    let governance_key = table.take("governance_key").map(|item| item.parse()).transpose()?;
    let feed_list = table.require("feed")?;
    let mut feeds = BTreeMap::new();
    for item in feed_list.list(MAX_FEEDS)? {
        let (number, feed) = item.table(feed)?;
        if !keys.insert(feed.key) {
            return Err(
                item.error("expected a key of its own for each feed, this one is used twice")
            );
        }
        if feeds.insert(number, feed).is_some() {
            return Err(item.error(format!("expected each feed once, {number} is named twice")));
        }
    }
    if feeds.is_empty() {
        return Err(feed_list.error("expected at least one feed"));
    }
    Ok((id, Member { name, group, contact, address, governance_key, feeds }))
}

fn feed(table: &mut Table<'_>) -> Read<(FeedNumber, Feed)> {
    let feed_number = FeedNumber(number(&table.require("number")?, 1, MAX_VERSION)?);
    let key = table.require("key")?.parse()?;
    let quota = table
        .take("quota")
        .map(|item| {
            item.table(|table| {
                Ok(Quota {
                    flags: table.require("flags")?.whole(1..=MAX_THRESHOLD)?,
                    window: table.require("window")?.parse()?,
                })
            })
        })
        .transpose()?;
    Ok((feed_number, Feed { key, quota }))
}

/// The members of each group of more than one.
fn groups(members: &BTreeMap<MemberId, Member>) -> Vec<BTreeSet<MemberId>> {
    let mut groups: BTreeMap<&str, BTreeSet<MemberId>> = BTreeMap::new();
    for (id, member) in members {
        groups.entry(&member.group).or_default().insert(*id);
    }
    groups.into_values().collect()
}

fn policy(item: &Item<'_>, max_clock_skew: Span, groups: Vec<BTreeSet<MemberId>>) -> Read<Policy> {
    let mut policy = item.table(Policy::from_table)?;
    if !policy.groups.is_empty() {
        return Err(item.error("groups: expected none here, a charter's members name their group"));
    }
    let least = max_clock_skew.micros() + NOTICE_MARGIN.micros();
    if policy.notice_delay.micros() < least {
        return Err(item.error(format!(
            "notice_delay: expected at least max_clock_skew + {NOTICE_MARGIN} = {least}us, got {}",
            policy.notice_delay
        )));
    }
    policy.groups = groups;
    Ok(policy)
}
