//! Proofs of equivocation: two validly signed headers for the same feed and sequence.

use prost::Message as _;

use crate::{
    ConsortiumId, FeedId, Header, PublicKey, RecordError, Signature, proto, record_id,
    verify_header,
};

/// Two headers that may prove an equivocation. Nothing has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    /// One header, as it was signed, and its signature.
    pub a: (Vec<u8>, Signature),
    /// The other.
    pub b: (Vec<u8>, Signature),
}

/// A proof that was checked. Only [`ForkProof::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFork {
    feed: FeedId,
    sequence: u64,
    proof: ForkProof,
}

/// Why two headers prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFork {
    /// The bytes are no proof.
    #[error("the bytes are not a proof of equivocation")]
    Undecodable,
    /// One of the headers is not validly signed.
    #[error("one of the headers is refused: {0}")]
    Header(#[from] RecordError),
    /// The headers are of different feeds or sequences, or the same record.
    #[error("the headers are not two records in one place")]
    NoConflict,
}

impl ForkProof {
    /// The proof in protobuf.
    pub fn encode(&self) -> Vec<u8> {
        proto::Fork {
            header_a: self.a.0.clone(),
            signature_a: self.a.1.0.to_vec(),
            header_b: self.b.0.clone(),
            signature_b: self.b.1.0.to_vec(),
        }
        .encode_to_vec()
    }

    /// The proof of such bytes.
    ///
    /// # Errors
    /// [`BadFork::Undecodable`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFork> {
        let fork = proto::Fork::decode(bytes).map_err(|_| BadFork::Undecodable)?;
        let signature = |bytes: &[u8]| Signature::from_slice(bytes).ok_or(BadFork::Undecodable);
        Ok(Self {
            a: (fork.header_a, signature(&fork.signature_a)?),
            b: (fork.header_b, signature(&fork.signature_b)?),
        })
    }

    /// The feed whose key must have signed both headers.
    ///
    /// # Errors
    /// [`BadFork::Header`] where the first header does not decode.
    pub fn feed(&self) -> Result<FeedId, BadFork> {
        Ok(Header::decode(&self.a.0)?.feed)
    }

    /// Checks the proof.
    ///
    /// # Errors
    /// [`BadFork`].
    pub fn verify(
        self,
        consortium: &ConsortiumId,
        key: &PublicKey,
    ) -> Result<VerifiedFork, BadFork> {
        let a = verify_header(&self.a.0, &self.a.1, consortium, key)?;
        let b = verify_header(&self.b.0, &self.b.1, consortium, key)?;
        let same_place = a.feed == b.feed && a.sequence == b.sequence;
        if !same_place || record_id(&self.a.0) == record_id(&self.b.0) {
            return Err(BadFork::NoConflict);
        }
        Ok(VerifiedFork { feed: a.feed, sequence: a.sequence, proof: self })
    }
}

impl VerifiedFork {
    /// The forked feed.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// The sequence number that stands twice.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The proof.
    pub const fn proof(&self) -> &ForkProof {
        &self.proof
    }
}
