//! The file of events, gzipped or not.

use std::path::Path;

use clap::Args;
use interlock_record::{Measure, Reason, Severity};
use interlock_sim::events::{self, Events, Reading, Said};

use crate::file::open_maybe_zipped;
use crate::term::term;

/// What a flag says where its line does not.
#[derive(Debug, Args)]
pub(crate) struct SaidArgs {
    /// What flags say.
    #[arg(long, ignore_case = true, default_value = "FRAUD_SUSPECTED", value_parser = term::<Reason>())]
    reason: Reason,
    /// How grave they are.
    #[arg(long, ignore_case = true, default_value = "HIGH", value_parser = term::<Severity>())]
    severity: Severity,
    /// How sure the issuers are, in percent.
    #[arg(long, value_name = "1..100", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    confidence: u8,
    /// What the issuers did themselves.
    #[arg(long, value_name = "MEASURE", ignore_case = true, default_value = "LOCK", value_parser = term::<Measure>())]
    applied_measure: Measure,
}

impl SaidArgs {
    pub(crate) const fn said(&self) -> Said {
        Said {
            reason: self.reason,
            severity: self.severity,
            confidence: self.confidence,
            measure: self.applied_measure,
        }
    }
}

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
    use interlock_sim::events::{Op, Purpose};

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
