//! Which record was signed last, remembered in a small file beside the store and not in it: a store
//! that is restored from a backup does not take this back with it.
//!
//! The file has two places of the same size that are written in turn, each with a count and a
//! checksum, so that a write that a power cut breaks off leaves the one before. It is text.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use interlock_engine::replica::SignedHead;
use interlock_record::{FeedId, RecordId, hex};
use sha2::{Digest as _, Sha256};

/// The bytes of one place: what disks write at once.
const PLACE_BYTES: usize = 4_096;
const PLACES: usize = 2;
const TITLE: &str = "interlock last signed, version 1";
const CHECK_DOMAIN: &[u8] = b"interlock/last-signed/v1\0";

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum LastSignedError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is not what this program wrote.
    #[error(
        "{}: neither of its two places can be read: if the store is surely no old copy, move the \
         file away, and a new one is made from the store",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It is about another feed.
    #[error("{}: expected the last signed record of feed {expected}, it is of {found}", path.display())]
    OtherFeed {
        /// The file.
        path: PathBuf,
        /// The feed that it should be about.
        expected: FeedId,
        /// The feed that it names.
        found: String,
    },
}

/// The file, open.
#[derive(Debug)]
pub struct LastSigned {
    path: PathBuf,
    file: File,
    feed: FeedId,
    /// How often it was written.
    count: u64,
    head: Option<SignedHead>,
}

impl LastSigned {
    /// Opens the file of a feed; makes an empty one where there is none.
    ///
    /// # Errors
    /// [`LastSignedError`].
    pub fn open(path: &Path, feed: FeedId) -> Result<Self, LastSignedError> {
        let failed = |error| LastSignedError::Io { path: path.to_owned(), error };
        if !path.try_exists().map_err(failed)? {
            make(path).map_err(failed)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        let most = (PLACES * PLACE_BYTES + 1) as u64;
        (&file).take(most).read_to_end(&mut bytes).map_err(failed)?;
        let damaged = || LastSignedError::Damaged { path: path.to_owned() };
        if bytes.len() != PLACES * PLACE_BYTES {
            return Err(damaged());
        }
        let places: Vec<Place> = bytes.chunks(PLACE_BYTES).filter_map(Place::read).collect();
        let mut this = Self { path: path.to_owned(), file, feed, count: 0, head: None };
        match places.into_iter().max_by_key(|place| place.count) {
            Some(place) if place.feed != feed.to_string() => {
                let (path, expected, found) = (this.path, feed, place.feed);
                return Err(LastSignedError::OtherFeed { path, expected, found });
            }
            Some(place) => (this.count, this.head) = (place.count, Some(place.head)),
            None if bytes.iter().all(|byte| *byte == b'\n') => {}
            None => return Err(damaged()),
        }
        Ok(this)
    }

    /// The record that was signed last, as far as the file knows.
    pub const fn head(&self) -> Option<SignedHead> {
        self.head
    }

    /// Remembers a record; on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written. The signature must not be used then.
    pub fn remember(&mut self, head: SignedHead) -> Result<(), LastSignedError> {
        let count = self.count + 1;
        let place = Place { feed: self.feed.to_string(), head, count };
        // The place that does not have the latest.
        let offset = (count % PLACES as u64) * PLACE_BYTES as u64;
        self.file
            .write_all_at(&place.write(), offset)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| LastSignedError::Io { path: self.path.clone(), error })?;
        (self.count, self.head) = (count, Some(head));
        Ok(())
    }
}

#[cfg(test)]
impl LastSigned {
    /// A file that cannot be written.
    pub(super) fn broken(path: &Path, feed: FeedId) -> Self {
        let file = OpenOptions::new().write(true).open(path).expect("it is there");
        Self { path: path.to_owned(), file, feed, count: 0, head: None }
    }
}

/// An empty file, on disk with its name.
fn make(path: &Path) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&[b'\n'; PLACES * PLACE_BYTES])?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// What one place says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    feed: String,
    head: SignedHead,
    count: u64,
}

impl Place {
    fn write(&self) -> Vec<u8> {
        let mut text = format!(
            "{TITLE}\nfeed = {}\nsequence = {}\nrecord = {}\ncount = {}\n",
            self.feed, self.head.sequence, self.head.id, self.count
        );
        let check = checksum(&text);
        text = format!("{text}check = {check}\n");
        let mut bytes = text.into_bytes();
        bytes.resize(PLACE_BYTES, b'\n');
        bytes
    }

    /// Nothing, where a write broke off or there never was one.
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name).map(str::to_owned);
        value(TITLE)?;
        let place = Self {
            feed: value("feed = ")?,
            head: SignedHead {
                sequence: value("sequence = ")?.parse().ok()?,
                id: value("record = ")?.parse::<RecordId>().ok()?,
            },
            count: value("count = ")?.parse().ok()?,
        };
        // One spelling: this checks the checksum too.
        (place.write() == bytes).then_some(place)
    }
}

fn checksum(text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(CHECK_DOMAIN);
    hash.update(text.as_bytes());
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use interlock_record::FeedNumber;

    use super::*;

    fn feed(number: u32) -> FeedId {
        FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(number) }
    }

    fn head(sequence: u64) -> SignedHead {
        SignedHead { sequence, id: RecordId([u8::try_from(sequence % 251).unwrap_or(0); 32]) }
    }

    fn kept(path: &Path) -> Option<SignedHead> {
        LastSigned::open(path, feed(1)).expect("it opens").head()
    }

    #[test]
    fn the_last_that_was_remembered_is_known_again() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("last-signed");
        assert_eq!(kept(&path), None, "made, and empty");
        assert_eq!(kept(&path), None, "opened, and empty");
        for sequence in 1..=5 {
            let mut file = LastSigned::open(&path, feed(1)).expect("it opens");
            file.remember(head(sequence)).expect("it is ours");
            assert_eq!(file.head(), Some(head(sequence)));
            assert_eq!(kept(&path), Some(head(sequence)));
        }
        // An operator may force a node to sign on an older head.
        let mut file = LastSigned::open(&path, feed(1)).expect("it opens");
        file.remember(head(2)).expect("it is ours");
        assert_eq!(kept(&path), Some(head(2)));
        let other = LastSigned::open(&path, feed(2)).expect_err("of another feed").to_string();
        assert!(other.contains("acme/2") && other.contains("acme/1"), "{other}");
    }

    #[test]
    fn a_write_that_breaks_off_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("last-signed");
        let mut file = LastSigned::open(&path, feed(1)).expect("it opens");
        file.remember(head(1)).expect("it is ours");
        let before = std::fs::read(&path).expect("it is there");
        file.remember(head(2)).expect("it is ours");
        let after = std::fs::read(&path).expect("it is there");
        for cut in (0..before.len()).step_by(7) {
            let torn = [&after[..cut], &before[cut..]].concat();
            std::fs::write(&path, &torn).expect("it is ours");
            let known = kept(&path).expect("one of the two");
            assert!([head(1), head(2)].contains(&known), "cut at {cut}: {known:?}");
        }
    }

    #[test]
    fn damage_is_told() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("last-signed");
        LastSigned::open(&path, feed(1)).expect("it opens").remember(head(1)).expect("it is ours");
        let good = std::fs::read(&path).expect("it is there");
        let text = String::from_utf8_lossy(&good).into_owned();
        let at = text.find("sequence").expect("it is there");
        for at in at..at + 200 {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).expect("it is ours");
            let error = LastSigned::open(&path, feed(1)).expect_err("damaged");
            assert!(matches!(error, LastSignedError::Damaged { .. }), "{error}");
        }
        for wrong in [&good[1..], &[&good[..], b"\n"].concat(), b""] {
            std::fs::write(&path, wrong).expect("it is ours");
            let error = LastSigned::open(&path, feed(1)).expect_err("damaged");
            assert!(matches!(error, LastSignedError::Damaged { .. }), "{error}");
        }
    }
}
