//! Frames: the pieces of a backup's file, each with a check over all that stands before it, so that
//! damage, a missing piece or a foreign one is noticed where it is.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::{FORMAT, MAGIC};

/// A frame is closed once it has so many bytes.
pub(super) const FRAME_BYTES: usize = 128 * 1024;
/// The longest payload of a frame, in bytes; one row that is larger cannot be backed up.
pub(super) const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;
/// How long the check behind a frame is.
const CHECK_BYTES: usize = 16;
/// How long what stands before a frame's payload is: its kind, and the payload's length.
const HEAD_BYTES: usize = 5;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Begin,
    Records,
    Rows,
    End,
}

impl FrameKind {
    const ALL: [Self; 4] = [Self::Begin, Self::Records, Self::Rows, Self::End];

    const fn number(self) -> u8 {
        match self {
            Self::Begin => 1,
            Self::Records => 2,
            Self::Rows => 3,
            Self::End => 4,
        }
    }
}

/// Why a file cannot be read on. Nothing of the frame was taken.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The file cannot be read.
    #[error("cannot read the backup: {0}")]
    Read(#[source] io::Error),
    /// It is no backup.
    #[error("this is no backup: expected a file that `interlock backup` wrote")]
    Foreign,
    /// A newer program wrote it.
    #[error(
        "the backup has format {found}; this program knows formats up to {FORMAT}: use a newer one"
    )]
    Newer {
        /// Its format.
        found: u32,
    },
    /// It ends too early.
    #[error("the backup is cut off at byte {at}: its end is missing")]
    CutOff {
        /// Where.
        at: u64,
    },
    /// It is not what was written.
    #[error("the backup is damaged before byte {at}: {what}")]
    Damaged {
        /// Where it was noticed.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Writes frames.
pub(super) struct FrameWriter<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
    bytes: u64,
}

impl<'a> FrameWriter<'a> {
    /// Begins a file.
    pub(super) fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut this = Self { out, hash: Sha256::new(), bytes: 0 };
        this.put(MAGIC)?;
        this.put(&FORMAT.to_be_bytes())?;
        Ok(this)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// Also when the payload is too long.
    pub(super) fn frame(&mut self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).ok();
        let length = length.filter(|_| payload.len() <= MAX_FRAME_BYTES).ok_or_else(|| {
            io::Error::other(format!(
                "a row is too large for a backup: {} bytes, at most {MAX_FRAME_BYTES} are allowed",
                payload.len()
            ))
        })?;
        self.put(&[kind.number()])?;
        self.put(&length.to_be_bytes())?;
        self.put(payload)?;
        let check = check(&self.hash);
        self.put(&check)
    }

    /// SHA-256 of the whole file, and its length.
    pub(super) fn finish(self) -> io::Result<([u8; 32], u64)> {
        self.out.flush()?;
        Ok((self.hash.finalize().into(), self.bytes))
    }
}

/// The check behind a frame: the first bytes of SHA-256 over all of the file up to there.
fn check(hash: &Sha256) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = hash.clone().finalize().into();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}

/// Reads frames.
pub(super) struct FrameReader<'a> {
    input: &'a mut dyn Read,
    hash: Sha256,
    bytes: u64,
}

impl<'a> FrameReader<'a> {
    /// Reads how a file begins.
    pub(super) fn begin(input: &'a mut dyn Read) -> Result<Self, FrameError> {
        let mut this = Self { input, hash: Sha256::new(), bytes: 0 };
        let magic: Option<[u8; MAGIC.len()]> = this.take()?;
        if magic.as_ref() != Some(MAGIC) {
            return Err(FrameError::Foreign);
        }
        let format: [u8; 4] = this.take()?.ok_or(FrameError::CutOff { at: this.bytes })?;
        match u32::from_be_bytes(format) {
            FORMAT => Ok(this),
            0 => Err(this.damaged("its format is 0")),
            found => Err(FrameError::Newer { found }),
        }
    }

    /// Where the reader is.
    pub(super) fn damaged(&self, what: &'static str) -> FrameError {
        FrameError::Damaged { at: self.bytes, what }
    }

    fn take<const N: usize>(&mut self) -> Result<Option<[u8; N]>, FrameError> {
        let mut bytes = [0; N];
        Ok(self.fill(&mut bytes)?.then_some(bytes))
    }

    /// Fills `bytes`; says whether there were enough.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, FrameError> {
        match self.input.read_exact(bytes) {
            Ok(()) => {
                self.hash.update(&*bytes);
                self.bytes += bytes.len() as u64;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(FrameError::Read(error)),
        }
    }

    /// Reads the next frame.
    pub(super) fn frame(&mut self) -> Result<(FrameKind, Vec<u8>), FrameError> {
        let cut_off = FrameError::CutOff { at: self.bytes };
        let Some(head) = self.take::<HEAD_BYTES>()? else { return Err(cut_off) };
        let [number, length @ ..] = head;
        let kind = FrameKind::ALL.into_iter().find(|kind| kind.number() == number);
        let kind = kind.ok_or_else(|| self.damaged("a frame of a kind that there is not"))?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(self.damaged("a frame that is too long"));
        }
        let mut payload = vec![0; length];
        let expected = if self.fill(&mut payload)? { Some(check(&self.hash)) } else { None };
        let (Some(expected), Some(found)) = (expected, self.take::<CHECK_BYTES>()?) else {
            return Err(cut_off);
        };
        if found == expected {
            Ok((kind, payload))
        } else {
            Err(self.damaged("a check does not fit"))
        }
    }

    /// SHA-256 of the whole file, which must end here.
    pub(super) fn finish(mut self) -> Result<[u8; 32], FrameError> {
        let digest = self.hash.clone().finalize().into();
        match self.take::<1>()? {
            None => Ok(digest),
            Some(_) => Err(self.damaged("there is more behind its end")),
        }
    }
}
