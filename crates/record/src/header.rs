//! The signed part of a record. It commits to everything else: the body, and all records before.

use prost::Message as _;

use crate::limits::{HEADER_VERSION, MAX_HEADER_BYTES, MAX_STATEMENTS};
use crate::{
    ConsortiumId, Digest, FeedId, FeedNumber, MemberId, RecordError, RecordId, Time, proto,
};

/// What a header says. The bytes it was read from are what counts; they are kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// The version of the header's format, [`HEADER_VERSION`].
    pub version: u32,
    /// The consortium.
    pub consortium: ConsortiumId,
    /// Whose record it is, and in which feed.
    pub feed: FeedId,
    /// The record's number in its feed, from 1.
    pub sequence: u64,
    /// The record before it; none for sequence 1 and only there.
    pub previous: Option<RecordId>,
    /// RFC 9162 tree hash over the ids of all records of the feed before this one.
    pub feed_root: Digest,
    /// When it was signed.
    pub time: Time,
    /// The charter version the issuer acted under, from 1.
    pub charter_version: u32,
    /// How subject tags are made, from 1.
    pub tag_scheme: u32,
    /// The epoch of the consortium's pepper, from 1.
    pub pepper_epoch: u32,
    /// How many entries the body has, 1 to 256.
    pub statements: u32,
    /// How many of the statements are flags.
    pub flags: u32,
    /// RFC 9162 tree hash over the body's entries.
    pub body_root: Digest,
}

impl Header {
    /// The header's bytes, in its one spelling.
    pub fn encode(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// What the bytes of a header say.
    ///
    /// # Errors
    /// When they are too long, no header, of an unknown version, not in the one spelling, or a
    /// field is out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(RecordError::OversizedHeader { bytes: bytes.len() });
        }
        let message = proto::Header::decode(bytes)
            .map_err(|_| RecordError::Undecodable { what: "header" })?;
        if message.version != HEADER_VERSION {
            return Err(RecordError::UnknownVersion { version: message.version });
        }
        if message.encode_to_vec() != bytes {
            return Err(RecordError::NotCanonical);
        }
        Self::from_proto(&message)
    }

    fn to_proto(&self) -> proto::Header {
        proto::Header {
            version: self.version,
            consortium: self.consortium.0.to_vec(),
            member: self.feed.member.to_string(),
            feed: self.feed.number.0,
            sequence: self.sequence,
            previous: self.previous.map(|id| id.0.to_vec()).unwrap_or_default(),
            feed_root: self.feed_root.0.to_vec(),
            time: self.time.micros(),
            charter_version: self.charter_version,
            tag_scheme: self.tag_scheme,
            pepper_epoch: self.pepper_epoch,
            statements: self.statements,
            flags: self.flags,
            body_root: self.body_root.0.to_vec(),
        }
    }

    fn from_proto(message: &proto::Header) -> Result<Self, RecordError> {
        let out_of_range = |field| RecordError::OutOfRange { field };
        let previous = match message.previous.as_slice() {
            [] => None,
            id => Some(RecordId::from_slice(id).ok_or(out_of_range("previous"))?),
        };
        let header = Self {
            version: message.version,
            consortium: ConsortiumId::from_slice(&message.consortium)
                .ok_or(out_of_range("consortium"))?,
            feed: FeedId {
                member: message.member.parse::<MemberId>().map_err(|_| out_of_range("member"))?,
                number: FeedNumber(message.feed),
            },
            sequence: message.sequence,
            previous,
            feed_root: Digest::from_slice(&message.feed_root).ok_or(out_of_range("feed_root"))?,
            time: Time::from_micros(message.time).ok_or(out_of_range("time"))?,
            charter_version: message.charter_version,
            tag_scheme: message.tag_scheme,
            pepper_epoch: message.pepper_epoch,
            statements: message.statements,
            flags: message.flags,
            body_root: Digest::from_slice(&message.body_root).ok_or(out_of_range("body_root"))?,
        };
        header.check()?;
        Ok(header)
    }

    /// Checks every number against its range. Tag schemes that do not exist yet are in range: what
    /// is inside such a record is for the charter's rules to judge, and the chain must go on.
    pub(crate) fn check(&self) -> Result<(), RecordError> {
        let statements_in_range =
            (1..=MAX_STATEMENTS).contains(&usize::try_from(self.statements).unwrap_or(usize::MAX));
        for (holds, field) in [
            (self.feed.number.0 >= 1, "feed"),
            (self.sequence >= 1, "sequence"),
            (self.previous.is_some() == (self.sequence > 1), "previous"),
            (self.charter_version >= 1, "charter_version"),
            (self.tag_scheme >= 1, "tag_scheme"),
            (self.pepper_epoch >= 1, "pepper_epoch"),
            (statements_in_range, "statements"),
            (self.flags <= self.statements, "flags"),
        ] {
            if !holds {
                return Err(RecordError::OutOfRange { field });
            }
        }
        Ok(())
    }
}
