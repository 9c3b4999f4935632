//! What processes say to each other: the generated gRPC types and their conversion to and from domain
//! types, and the lines of a signer.

mod generated;
mod peer_frames;
mod refusal;
mod terms;
mod time;

pub mod signer;

pub use generated::{DESCRIPTORS, peer, v1};
pub use peer_frames::{BadFrame, charter_claim, charter_signature};
pub use refusal::{DOMAIN, Violations, refusal};
pub use terms::Unspecified;
pub use time::{BadTimestamp, time, timestamp};
