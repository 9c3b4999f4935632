//! Reading what people wrote, with errors that name file and line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use interlock_engine::text::FileError;

use crate::exit::Failure;

/// How a gzip file begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The contents of a file, or of stdin for `-`, gzipped or not.
///
/// # Errors
/// When it cannot be read; the program ends with [`crate::exit::Exit::BadInput`].
pub(crate) fn open_maybe_zipped(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let opened: io::Result<Box<dyn Read>> = if path.as_os_str() == "-" {
        Ok(Box::new(io::stdin()))
    } else {
        File::open(path).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let unreadable = |error| Failure::bad_input(format!("cannot read {}: {error}", path.display()));
    let mut input = BufReader::new(opened.map_err(unreadable)?);
    let zipped = input.fill_buf().map_err(unreadable)?.starts_with(&GZIP_MAGIC);
    Ok(if zipped { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) })
}

/// The text of a file, gzipped or not, or of stdin for `-`.
///
/// # Errors
/// When it cannot be read or is not UTF-8; the program ends with [`crate::exit::Exit::BadInput`].
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let name = path.display();
    let mut bytes = Vec::new();
    open_maybe_zipped(path)?
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::bad_input(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let breaks = valid.split(|byte| *byte == b'\n').count() - 1;
        FileError {
            file: name.to_string(),
            line: u32::try_from(breaks).map_or(u32::MAX, |breaks| breaks.saturating_add(1)),
            message: "expected text in UTF-8".to_owned(),
        }
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_named_by_line() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("x.toml");
        fs::write(&path, b"version = 1\n# \xff\n").expect("it can be written");
        let error = read_text(&path).expect_err("not UTF-8").to_string();
        assert!(error.ends_with("x.toml:2: expected text in UTF-8"), "{error}");
    }
}
