//! The charter's document: every key, its range and its default.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    Digest, FeedNumber, MemberId, NEWEST_RULES, PublicKey, RecordId, Span, Time,
};

use super::{
    Allowance, CHARTER_FORMAT, Charter, DEFAULT_RELEASE_K, Feed, LastHead, Limits, Member,
    NOTICE_MARGIN, Quota, Status, id_of,
};
use crate::limits::{MAX_MEMBERS, MAX_THRESHOLD};
use crate::policy::Policy;
use crate::text::{FileError, Item, Table};

/// The most feeds of one member.
const MAX_FEEDS: usize = 64;
/// The most rival versions that one version takes the place of.
const MAX_RESOLVED: usize = 16;
/// The longest text for people, in bytes.
const MAX_TEXT_BYTES: usize = 256;
/// The most statements or disputes of a day.
const MAX_A_DAY: u64 = 1_000_000_000;
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
    let (issued_at, effective_from) = times(table, version)?;
    let resolves = resolves(table, version)?;
    let members = members(table)?;
    let active: BTreeSet<&str> = members
        .values()
        .filter(|member| member.status == Status::Active)
        .map(|member| member.group.as_str())
        .collect();
    if active.is_empty() {
        return Err(table.error("member: expected at least one active member"));
    }
    let quorum = quorum(table, u64::try_from(active.len()).unwrap_or(u64::MAX))?;
    let release_k = table
        .take("release_k")
        .map(|item| number(&item, 1, MAX_MEMBERS as u64))
        .transpose()?
        .unwrap_or(DEFAULT_RELEASE_K);
    let limits = table.take("limits").map(|item| item.table(limits)).transpose()?;
    let limits = limits.unwrap_or_default();
    let pepper_epoch = number(&table.require("pepper_epoch")?, 1, MAX_VERSION)?;
    let pepper_check = table.require("pepper_check")?.parse()?;
    let mut policy = policy(&table.require("policy")?, limits.max_clock_skew, &members)?;
    policy.release_k = release_k;
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
        issued_at,
        effective_from,
        resolves,
        limits,
        members,
        policy,
    })
}

/// When it was issued and from when policy and limits hold: every version but the first says so. None
/// holds from before it was issued: it would decide the past again.
fn times(table: &mut Table<'_>, version: u32) -> Read<(Option<Time>, Option<Time>)> {
    let issued = table.take("issued_at").map(|item| item.parse::<Time>()).transpose()?;
    if issued.is_some() != (version > 1) {
        return Err(table.error(
            "issued_at: expected the time at which this version was written, except in version 1",
        ));
    }
    let from = table.take("effective_from").map(|item| item.parse::<Time>()).transpose()?;
    if from.is_some() != (version > 1) {
        return Err(table.error(
            "effective_from: expected the record time from which policy and limits hold, except in version 1",
        ));
    }
    if let (Some(issued), Some(from)) = (issued, from)
        && from < issued
    {
        return Err(table.error(format!(
            "effective_from: expected a time not before issued_at, {issued}: a policy does not decide the past again"
        )));
    }
    Ok((issued, from))
}

fn resolves(table: &mut Table<'_>, version: u32) -> Read<BTreeSet<Digest>> {
    let Some(item) = table.take("resolves") else { return Ok(BTreeSet::new()) };
    let rivals = item.list(MAX_RESOLVED)?;
    let rivals: BTreeSet<Digest> = rivals.iter().map(Item::parse).collect::<Read<_>>()?;
    if version == 1 || rivals.len() < 2 {
        return Err(item.error("expected the hashes of at least two rival versions"));
    }
    Ok(rivals)
}

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

fn limits(table: &mut Table<'_>) -> Read<Limits> {
    let mut limits = Limits::default();
    let spans = [
        ("max_clock_skew", &mut limits.max_clock_skew),
        ("min_keep", &mut limits.min_keep),
        ("retention", &mut limits.retention),
    ];
    for (key, span) in spans {
        if let Some(item) = table.take(key) {
            *span = item.parse()?;
        }
    }
    let counts = [
        ("statements_a_day", &mut limits.statements_a_day),
        ("disputes_a_day", &mut limits.disputes_a_day),
    ];
    for (key, count) in counts {
        if let Some(item) = table.take(key) {
            *count = item.whole(1..=MAX_A_DAY)?;
        }
    }
    Ok(limits)
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
    // A key that signs for two members would be counted for both.
    for (id, member) in &members {
        for key in [member.governance_key, member.recovery_key].into_iter().flatten() {
            if !keys.insert(key) {
                return Err(list.error(format!(
                    "expected governance and recovery keys that are used nowhere else, {id} has one that is"
                )));
            }
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
    let recovery_key = table.take("recovery_key").map(|item| item.parse()).transpose()?;
    let status = table.take("status").map(|item| status(&item)).transpose()?;
    let status = status.unwrap_or(Status::Active);
    let feed_list = table.require("feed")?;
    let mut feeds = BTreeMap::new();
    for item in feed_list.list(MAX_FEEDS)? {
        let (number, feed) = item.table(feed)?;
        if status == Status::Active && feed.trustee.is_some() {
            return Err(item.error("trustee: expected one only for a member that is not active"));
        }
        if status != Status::Active && feed.last.is_none() && feed.trustee.is_none() {
            return Err(item.error("last: required, since the member is not active"));
        }
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
    Ok((id, Member { name, group, contact, address, status, governance_key, recovery_key, feeds }))
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
    let allowance = table.take("allowance").map(|item| allowance(&item)).transpose()?;
    let last = table.take("last").map(|item| last(&item)).transpose()?;
    let trustee = table.take("trustee").map(|item| item.parse()).transpose()?;
    Ok((feed_number, Feed { key, quota, allowance, last, trustee }))
}

fn allowance(item: &Item<'_>) -> Read<Allowance> {
    let allowance = item.table(|table| {
        Ok(Allowance {
            flags: table.require("flags")?.whole(1..=MAX_THRESHOLD)?,
            from: table.require("from")?.parse()?,
            until: table.require("until")?.parse()?,
        })
    })?;
    if allowance.until <= allowance.from {
        return Err(item.error("expected until to be later than from"));
    }
    Ok(allowance)
}

fn last(item: &Item<'_>) -> Read<LastHead> {
    let last = item.table(|table| {
        Ok(LastHead {
            sequence: table.require("sequence")?.whole(0..=i64::MAX.unsigned_abs())?,
            id: table.take("id").map(|item| item.parse::<RecordId>()).transpose()?,
        })
    })?;
    if last.id.is_some() != (last.sequence > 0) {
        return Err(
            item.error("expected the id of the last record that counts, except for sequence 0")
        );
    }
    Ok(last)
}

fn status(item: &Item<'_>) -> Read<Status> {
    match item.text()? {
        "active" => Ok(Status::Active),
        "suspended" => Ok(Status::Suspended),
        "removed" => Ok(Status::Removed),
        other => Err(item.error(format!("expected active, suspended or removed, got {other:?}"))),
    }
}

/// The members of each group of more than one.
fn groups(members: &BTreeMap<MemberId, Member>) -> Vec<BTreeSet<MemberId>> {
    let mut groups: BTreeMap<&str, BTreeSet<MemberId>> = BTreeMap::new();
    for (id, member) in members {
        groups.entry(&member.group).or_default().insert(*id);
    }
    groups.into_values().collect()
}

fn policy(
    item: &Item<'_>,
    max_clock_skew: Span,
    members: &BTreeMap<MemberId, Member>,
) -> Read<Policy> {
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
    policy.groups = groups(members);
    if policy.peers.is_empty() {
        // Named, so that who the peers are is settled by the version that is in force.
        let active = members.iter().filter(|(_, member)| member.status == Status::Active);
        policy.peers = active.map(|(id, _)| *id).collect();
    }
    Ok(policy)
}
