//! A member on the command line: `ID=ADDRESS=PUBLICKEY[,group=G][,quota=N/WINDOW]...`.

use std::str::FromStr;

use interlock_record::{MemberId, PublicKey, Span};
use serde::Serialize;

const FIRST_FEED: u32 = 1;
const EXPECTED: &str = "ID=HOST:PORT=PUBLICKEY[,group=GROUP][,name=NAME][,contact=TEXT][,quota=FLAGS/WINDOW][,governance=KEY][,recovery=KEY]";

/// A member as a first charter writes it, with its first feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct MemberLine {
    pub id: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    governance_key: Option<PublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_key: Option<PublicKey>,
    feed: [FeedLine; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FeedLine {
    number: u32,
    key: PublicKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct QuotaLine {
    pub flags: u64,
    pub window: Span,
}

impl FromStr for MemberLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let head: Vec<&str> = parts.next().unwrap_or_default().split('=').collect();
        let [id, address, key] = head[..] else {
            return Err(format!("expected {EXPECTED}, got {text:?}"));
        };
        let key = public_key(key)?;
        let mut member = Self {
            id: id.parse().map_err(|error| format!("{error}"))?,
            name: None,
            group: None,
            contact: None,
            address: address.to_owned(),
            governance_key: None,
            recovery_key: None,
            feed: [FeedLine { number: FIRST_FEED, key, quota: None }],
        };
        for part in parts {
            match part.split_once('=') {
                Some(("name", name)) => member.name = Some(name.to_owned()),
                Some(("group", group)) => member.group = Some(group.to_owned()),
                Some(("contact", contact)) => member.contact = Some(contact.to_owned()),
                Some(("governance", key)) => member.governance_key = Some(public_key(key)?),
                Some(("recovery", key)) => member.recovery_key = Some(public_key(key)?),
                Some(("quota", quota)) => member.feed[0].quota = Some(quota.parse()?),
                _ => return Err(format!("expected {EXPECTED}, got {part:?}")),
            }
        }
        Ok(member)
    }
}

/// A public key as `interlock keygen` prints it.
pub(super) fn public_key(text: &str) -> Result<PublicKey, String> {
    text.parse().map_err(|error| format!("{error}, got {text:?}"))
}

impl FromStr for QuotaLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let quota = text.split_once('/').and_then(|(flags, window)| {
            Some(Self { flags: flags.parse().ok()?, window: window.parse().ok()? })
        });
        quota.ok_or_else(|| format!("expected a quota like 500/1h, got {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use interlock_record::SigningKey;

    use super::*;

    fn key() -> PublicKey {
        SigningKey::from_seed([1; 32]).public()
    }

    #[test]
    fn a_member_is_read_with_group_and_quota() {
        let text = format!("acme=127.0.0.1:7001={},group=g,quota=500/1h", key());
        let member: MemberLine = text.parse().expect("it is well formed");
        assert_eq!((member.id.as_str(), member.address.as_str()), ("acme", "127.0.0.1:7001"));
        assert_eq!(member.group.as_deref(), Some("g"));
        let quota = member.feed[0].quota.as_ref().expect("it has one");
        assert_eq!((quota.flags, quota.window), (500, "1h".parse().expect("a span")));
    }

    #[test]
    fn other_members_are_refused_with_what_was_expected() {
        for (text, expected) in [
            ("acme".to_owned(), "expected ID=HOST:PORT=PUBLICKEY"),
            ("acme=h:1=00".to_owned(), "expected a public key"),
            (format!("a b=h:1={}", key()), "expected a member id"),
            (format!("acme=h:1={},quota=5", key()), "expected a quota like"),
            (format!("acme=h:1={},governance=12", key()), "expected a public key"),
            (format!("acme=h:1={},colour=red", key()), "got \"colour=red\""),
        ] {
            let error = text.parse::<MemberLine>().expect_err(&text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
