//! Backups: a ledger as one file that can be read from front to back, and a ledger made from it.
//!
//! `docs/backup.md` has the format. Header, signature and leaf hashes of every record are in clear,
//! so that the feeds can be checked; each statement's content is encrypted under a key of its own
//! that is in no backup ([`ContentKeys`](crate::ContentKeys)).

mod frames;
mod messages;
mod read;
mod seal;
mod write;

pub use read::{RestoreError, Restored, restore};
pub use write::{BackupError, BackupMade};

/// How a backup's file begins; the version of the format follows as 4 bytes, big-endian.
const MAGIC: &[u8; 16] = b"interlock-backup";
/// The version of the format that this program writes.
///
/// History: 1, the first.
const FORMAT: u32 = 1;

#[cfg(test)]
mod tests;
