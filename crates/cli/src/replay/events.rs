//! The file of events, gzipped or not.

use std::path::Path;

use interlock_sim::events::{self, Events, Reading};

use crate::file::open_maybe_zipped;

/// Reads the file, gzipped or not; `-` is stdin.
///
/// # Errors
/// With file and line for the first event that is not understood.
pub(crate) fn read(path: &Path, reading: &Reading<'_>) -> anyhow::Result<Events> {
    Ok(events::read(&path.display().to_string(), open_maybe_zipped(path)?, reading)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use interlock_record::{Measure, Reason, Severity};
    use interlock_sim::events::{Op, Purpose, Said};

    use super::*;

    #[test]
    fn a_gzipped_file_is_read_by_its_content() {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("events.csv");
        let file = std::fs::File::create(&path).expect("created");
        let mut zip = GzEncoder::new(file, Compression::fast());
        zip.write_all(b"time,issuer,op,subject\n2026-01-01T00:00:00Z,a,repay,s\n")
            .expect("written");
        zip.finish().expect("written");
        let said = Said {
            reason: Reason::Overdue,
            severity: Severity::High,
            confidence: 90,
            measure: Measure::Lock,
        };
        let reading = Reading { said, purpose: Purpose::LookingAt };
        assert_eq!(read(&path, &reading).expect("all is well")["a"][0].op, Op::Repay);
    }
}
