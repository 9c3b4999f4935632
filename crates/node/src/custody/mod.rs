//! Custody of the feed's key: where it is, how the node has things signed with it, and what it
//! remembers of what was signed. What must hold before a record is signed is the engine's affair.

pub mod external;
pub mod guard;
pub mod key_file;
pub mod last_signed;
pub mod passphrase;
pub mod serve;
mod transport_keys;

use std::path::Path;

use anyhow::bail;

pub(crate) use transport_keys::TransportKeys;

/// Refuses a file that others than its owner may read.
///
/// # Errors
/// When they may, or it is not there.
pub fn owner_only(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "expected a file that only its owner may read, its mode is {mode:03o}: run chmod 600"
        );
    }
    Ok(())
}
