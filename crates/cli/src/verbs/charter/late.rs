//! What is too late: a version whose time has come before it was signed or applied.

use clap::Args;
use interlock_engine::charter::Charter;
use interlock_record::Time;

use crate::clock::now;
use crate::exit::Failure;

/// Whether a version may be signed or applied although its time has come.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Late {
    /// Do it although `effective_from` has passed: nodes then decide anew what they decided since.
    #[arg(long)]
    late: bool,
}

impl Late {
    /// Refuses a version whose time has come, unless that is meant.
    pub(super) fn check(self, charter: &Charter) -> Result<(), Failure> {
        self.check_at(charter.effective_from, now())
    }

    fn check_at(self, from: Option<Time>, now: Time) -> Result<(), Failure> {
        match from.filter(|from| *from < now && !self.late) {
            None => Ok(()),
            Some(from) => Err(Failure::bad_input(format!(
                "effective_from {from} has passed: nodes would decide anew what they decided since. Propose the version again with a later time; or, if it must be this one, say --late"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_late_from_the_instant_after_its_time_on() {
        let at = |micros| Time::from_micros(micros).expect("in range");
        let (strict, late) = (Late { late: false }, Late { late: true });
        for (now, fine) in [(at(9), true), (at(10), true), (at(11), false)] {
            assert_eq!(strict.check_at(Some(at(10)), now).is_ok(), fine, "at {now}");
            assert!(late.check_at(Some(at(10)), now).is_ok());
            assert!(strict.check_at(None, now).is_ok(), "the first version has no such time");
        }
    }
}
