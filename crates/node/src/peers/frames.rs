//! From frames to what they say, checked.

use interlock_engine::charter::Charters;
use interlock_engine::replica::{CharterClaim, Extent, HeadClaim};
use interlock_record::{
    BadFork, FeedId, ForkProof, Header, RecordError, SignedRecord, VerifiedFork, VerifiedRecord,
    peek_header, verify,
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
    charters: &Charters,
    records: &[Vec<u8>],
) -> Result<Vec<VerifiedRecord>, FrameRefused> {
    let refused = |error| refused(&error);
    records
        .iter()
        .map(|bytes| {
            let record = SignedRecord::decode(bytes).map_err(refused)?;
            let header = peek_header(&record).map_err(refused)?;
            // Feeds and keys may be others by a charter that is not known here yet.
            let newer = header.charter_version > charters.newest().version;
            let Some(feed) = charters.feed(header.feed) else {
                return Err(if newer {
                    unknown_charter(&header)
                } else {
                    unknown_feed(header.feed)
                });
            };
            match verify(record, &charters.consortium(), &feed.key) {
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
    charters: &Charters,
    proofs: &[Vec<u8>],
) -> Result<Vec<VerifiedFork>, FrameRefused> {
    let refused = |error: BadFork| FrameRefused::new("BAD_FORK", &error);
    proofs
        .iter()
        .map(|bytes| {
            let proof = ForkProof::decode(bytes).map_err(refused)?;
            let feed = proof.feed().map_err(refused)?;
            let feed = charters.feed(feed).ok_or_else(|| unknown_feed(feed))?;
            proof.verify(&charters.consortium(), &feed.key).map_err(refused)
        })
        .collect()
}

/// Reads what a frontier says of the sender's charters.
pub(super) fn charters(frontier: &peer::Frontier) -> Result<Option<CharterClaim>, FrameRefused> {
    interlock_wire::charter_claim(frontier).map_err(|error| FrameRefused::new("BAD_FRAME", &error))
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

/// Whether a frontier is all that its sender knows.
pub(super) const fn extent(frontier: &peer::Frontier) -> Extent {
    if frontier.complete { Extent::Complete } else { Extent::Changes }
}
