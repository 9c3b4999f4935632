//! Frontiers and ranges between nodes.

use interlock_engine::charter::{CharterSignature, Role, SignedCharter};
use interlock_engine::replica::{CharterClaim, HeadClaim, PullRange};
use interlock_record::{Digest, FeedId, FeedNumber, PublicKey, RecordId, Signature};

use crate::peer;

/// A frame that says something impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct BadFrame(pub &'static str);

fn feed(member: &str, number: u32) -> Result<FeedId, BadFrame> {
    let member = member.parse().map_err(|_| BadFrame("a member id"))?;
    Ok(FeedId { member, number: FeedNumber(number) })
}

impl From<&HeadClaim> for peer::Head {
    fn from(claim: &HeadClaim) -> Self {
        Self {
            member: claim.feed.member.to_string(),
            feed: claim.feed.number.0,
            sequence: claim.sequence,
            id: claim.id.0.to_vec(),
        }
    }
}

impl TryFrom<&peer::Head> for HeadClaim {
    type Error = BadFrame;

    fn try_from(head: &peer::Head) -> Result<Self, BadFrame> {
        if head.sequence == 0 {
            return Err(BadFrame("a sequence number from 1"));
        }
        Ok(Self {
            feed: feed(&head.member, head.feed)?,
            sequence: head.sequence,
            id: RecordId::from_slice(&head.id).ok_or(BadFrame("a record id of 32 bytes"))?,
        })
    }
}

impl From<&PullRange> for peer::Range {
    fn from(range: &PullRange) -> Self {
        Self {
            member: range.feed.member.to_string(),
            feed: range.feed.number.0,
            first: range.first,
            last: range.last,
            head: range.head.map(|head| head.0.to_vec()).unwrap_or_default(),
        }
    }
}

impl TryFrom<&peer::Range> for PullRange {
    type Error = BadFrame;

    fn try_from(range: &peer::Range) -> Result<Self, BadFrame> {
        if range.first == 0 || range.first > range.last {
            return Err(BadFrame("a range with 1 <= first <= last"));
        }
        let head = match range.head.as_slice() {
            [] => None,
            head => Some(RecordId::from_slice(head).ok_or(BadFrame("a record id of 32 bytes"))?),
        };
        let feed = feed(&range.member, range.feed)?;
        Ok(Self { feed, first: range.first, last: range.last, head })
    }
}

/// What a frontier says of the sender's charters, if anything.
///
/// # Errors
/// [`BadFrame`] where the digest is none.
pub fn charter_claim(frontier: &peer::Frontier) -> Result<Option<CharterClaim>, BadFrame> {
    if frontier.charter_version == 0 {
        return Ok(None);
    }
    let known = Digest::from_slice(&frontier.charters).ok_or(BadFrame("a digest of 32 bytes"))?;
    Ok(Some(CharterClaim { version: frontier.charter_version, known }))
}

impl From<&SignedCharter> for peer::FetchChartersResponse {
    fn from(charter: &SignedCharter) -> Self {
        let signatures = charter.signatures.iter().map(|signature| peer::CharterSignature {
            member: signature.member.to_string(),
            role: signature.role.name().to_owned(),
            key: signature.key.as_bytes().to_vec(),
            signature: signature.signature.0.to_vec(),
        });
        Self { document: charter.document.clone().into_bytes(), signatures: signatures.collect() }
    }
}

impl TryFrom<peer::FetchChartersResponse> for SignedCharter {
    type Error = BadFrame;

    fn try_from(charter: peer::FetchChartersResponse) -> Result<Self, BadFrame> {
        let signature = |signed: peer::CharterSignature| {
            charter_signature(&signed.member, &signed.role, &signed.key, &signed.signature)
        };
        Ok(Self {
            document: String::from_utf8(charter.document)
                .map_err(|_| BadFrame("a charter in UTF-8"))?,
            signatures: charter.signatures.into_iter().map(signature).collect::<Result<_, _>>()?,
        })
    }
}

/// A charter's signature of its parts.
///
/// # Errors
/// [`BadFrame`] with the part that is none.
pub fn charter_signature(
    member: &str,
    role: &str,
    key: &[u8],
    signature: &[u8],
) -> Result<CharterSignature, BadFrame> {
    Ok(CharterSignature {
        member: member.parse().map_err(|_| BadFrame("a member id"))?,
        role: Role::from_name(role).ok_or(BadFrame("the role governance or recovery"))?,
        key: PublicKey::from_bytes(key).map_err(|_| BadFrame("a public key of 32 bytes"))?,
        signature: Signature::from_slice(signature).ok_or(BadFrame("a signature of 64 bytes"))?,
    })
}
