//! From frames to what they say, checked.

use interlock_engine::charter::Charter;
use interlock_engine::replica::HeadClaim;
use interlock_record::{
    BadFork, ConsortiumId, FeedId, ForkProof, Header, RecordError, SignedRecord, VerifiedFork,
    VerifiedRecord, peek_header, verify,
};
use interlock_wire::peer;

/// Why a frame is refused. Nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct FrameRefused {
    /// A stable name.
    pub code: &'static str,
    /// More, for people.
    pub detail: String,
}

impl FrameRefused {
    pub(super) fn new(code: &'static str, detail: &dyn std::fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

fn refused(error: &RecordError) -> FrameRefused {
    FrameRefused::new(error.code(), error)
}

fn unknown_feed(feed: FeedId) -> FrameRefused {
    FrameRefused::new("UNKNOWN_FEED", &format!("the charter names no feed {feed}"))
}

/// Checks the signatures of records.
pub(super) fn records(
    charter: &Charter,
    consortium: &ConsortiumId,
    records: &[Vec<u8>],
) -> Result<Vec<VerifiedRecord>, FrameRefused> {
    let refused = |error| refused(&error);
    records
        .iter()
        .map(|bytes| {
            let record = SignedRecord::decode(bytes).map_err(refused)?;
            let header = peek_header(&record).map_err(refused)?;
            // Feeds and keys may be others by a charter that is not known here yet.
            let newer = header.charter_version > charter.version;
            let Some(feed) = charter.feed(header.feed) else {
                return Err(if newer {
                    unknown_charter(&header)
                } else {
                    unknown_feed(header.feed)
                });
            };
            match verify(record, consortium, &feed.key) {
                Err(RecordError::BadSignature) if newer => Err(unknown_charter(&header)),
                verdict => verdict.map_err(refused),
            }
        })
        .collect()
}

fn unknown_charter(header: &Header) -> FrameRefused {
    let Header { feed, sequence, charter_version, .. } = header;
    let detail = format!("{feed} #{sequence} goes by charter version {charter_version}");
    FrameRefused::new("UNKNOWN_CHARTER", &detail)
}

/// Checks proofs of equivocation.
pub(super) fn forks(
    charter: &Charter,
    consortium: &ConsortiumId,
    proofs: &[Vec<u8>],
) -> Result<Vec<VerifiedFork>, FrameRefused> {
    let refused = |error: BadFork| FrameRefused::new("BAD_FORK", &error);
    proofs
        .iter()
        .map(|bytes| {
            let proof = ForkProof::decode(bytes).map_err(refused)?;
            let feed = proof.feed().map_err(refused)?;
            let feed = charter.feed(feed).ok_or_else(|| unknown_feed(feed))?;
            proof.verify(consortium, &feed.key).map_err(refused)
        })
        .collect()
}

/// Reads heads.
pub(super) fn heads(frontier: &peer::Frontier) -> Result<Vec<HeadClaim>, FrameRefused> {
    frontier
        .heads
        .iter()
        .map(|head| {
            HeadClaim::try_from(head).map_err(|error| FrameRefused::new("BAD_FRAME", &error))
        })
        .collect()
}
