//! The members as the charter and their feeds have them.

use std::fmt;

use interlock_record::Time;
use interlock_wire::v1;
use serde::Serialize;

use super::seen::Seen;
use crate::table::Table;
use crate::view::{or_dash, time};

/// All members.
#[derive(Debug, Serialize)]
pub(super) struct ListView {
    issuers: Vec<IssuerView>,
}

/// One member.
#[derive(Debug, Serialize)]
struct IssuerView {
    member: String,
    name: String,
    group: String,
    feeds: Vec<FeedView>,
    flags: u64,
    /// Of the flags, those that were derived from others.
    echoes: u64,
    last_record_at: Option<Time>,
}

/// One feed.
#[derive(Debug, Serialize)]
struct FeedView {
    feed: u32,
    sequence: u64,
    last_record_at: Option<Time>,
}

impl ListView {
    pub(super) fn of(seen: &Seen, issuers: Vec<v1::Issuer>) -> Self {
        let view = |issuer: v1::Issuer| {
            let count = seen.counts.get(&issuer.member).copied().unwrap_or_default();
            let feed = |head: v1::FeedHead| FeedView {
                feed: head.feed,
                sequence: head.sequence,
                last_record_at: time(head.time),
            };
            let feeds: Vec<FeedView> = issuer.feeds.into_iter().map(feed).collect();
            IssuerView {
                member: issuer.member,
                name: issuer.name,
                group: issuer.group,
                last_record_at: feeds.iter().filter_map(|feed| feed.last_record_at).max(),
                feeds,
                flags: count.flags,
                echoes: count.echoes,
            }
        };
        Self { issuers: issuers.into_iter().map(view).collect() }
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles =
            ["MEMBER", "NAME", "GROUP", "FEEDS", "RECORDS", "FLAGS", "ECHOES", "LAST RECORD"];
        let mut table = Table::new(&titles).right(&["RECORDS", "FLAGS", "ECHOES"]);
        for issuer in &self.issuers {
            let feeds: Vec<String> =
                issuer.feeds.iter().map(|feed| feed.feed.to_string()).collect();
            table.row([
                issuer.member.clone(),
                issuer.name.clone(),
                issuer.group.clone(),
                feeds.join(","),
                issuer.feeds.iter().map(|feed| feed.sequence).sum::<u64>().to_string(),
                issuer.flags.to_string(),
                issuer.echoes.to_string(),
                or_dash(issuer.last_record_at.as_ref()),
            ]);
        }
        write!(f, "{table}")
    }
}
