//! How the program ends: its exit codes, and the one line that says what went wrong.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use interlock_engine::text::FileError;

use crate::output::printable;

/// What the exit code tells a script. [`HELP`] is the same for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked for is done; where a question was asked, the answer is not "no".
    Done = 0,
    /// The program worked, and the answer is "no".
    No = 1,
    /// The command line is not understood. Nothing was done.
    Usage = 2,
    /// A file that was given, or a value in it, is not what it should be. Nothing was sent.
    BadInput = 3,
    /// The node is not there, or did not answer in time.
    Unreachable = 4,
    /// The node refused. Nothing changed there.
    Refused = 5,
    /// Ctrl-C or SIGTERM.
    Interrupted = 6,
    /// What was waited for did not happen within the limit.
    TimedOut = 7,
    /// Anything else.
    Failed = 8,
}

/// The exit codes, for the end of `interlock --help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done; where a question was asked, the answer is not \"no\"
  1  the answer is \"no\": check --at-least found a subject at or above the measure,
     policy check --deny-warnings had a warning, replay found nodes that decided differently,
     audit --verify found an entry that is not what was written,
     charter apply left a version that does not hold,
     decision verify found that the file proves nothing, audit replay found a difference,
     sim validate found a figure that is not as expected
  2  the command line is not understood; nothing was done
  3  a file, or a value in it, is not what it should be; nothing was sent
  4  the node is not reachable, or did not answer in time
  5  the node refused; nothing changed there
  6  interrupted
  7  what was waited for did not happen within the limit
  8  anything else, such as a file that cannot be written";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows how the program ends.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// An error of this kind, that says what to do.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The command line is not understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file, or a value in it, is not what it should be.
    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }
}

/// Writes the error to stderr in one line; returns how the program ends.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let exit = exit_of(error);
    if exit == Exit::Done {
        return exit;
    }
    // A mistake in a file begins with file and line, as editors like it.
    let in_file = error.chain().any(<dyn Error>::is::<FileError>);
    let text = format!("{error:#}");
    say(&if in_file { text } else { format!("interlock: {text}") });
    exit
}

fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_cause).unwrap_or(Exit::Failed)
}

fn exit_of_cause(cause: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.exit);
    }
    if cause.is::<FileError>() {
        return Some(Exit::BadInput);
    }
    // Whoever read our output has enough of it (`interlock ... | head`): that is no failure.
    let io = cause.downcast_ref::<io::Error>()?;
    (io.kind() == io::ErrorKind::BrokenPipe).then_some(Exit::Done)
}

/// Shows help on stdout, or what is wrong with the command line in one line on stderr.
pub(crate) fn report_usage(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody can be told that stdout is closed.
            let _ = error.print();
            Exit::Done
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Exit::Usage
        }
        _ => {
            say(&format!("interlock: {}", usage_line(&error.to_string())));
            Exit::Usage
        }
    }
}

/// What clap says in a paragraph, in one line.
fn usage_line(text: &str) -> String {
    let message = text.split("\n\nUsage:").next().unwrap_or(text);
    let message = message.split("\n\nFor more information").next().unwrap_or(message);
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let words: Vec<&str> = message.split_whitespace().collect();
    format!("{} (--help says what there is)", words.join(" "))
}

/// One line on stderr, whatever `text` contains.
pub(crate) fn say(text: &str) {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Nobody can be told that stderr is closed.
    let _ = writeln!(io::stderr(), "{}", printable(&line));
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_keeps_its_exit_under_context() {
        let failure = Err::<(), _>(Failure::new(Exit::Refused, "no")).context("raising");
        let error = failure.expect_err("it failed");
        assert_eq!(exit_of(&error), Exit::Refused);
        assert_eq!(format!("{error:#}"), "raising: no");
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_other_io_is() {
        let closed: anyhow::Error = io::Error::from(io::ErrorKind::BrokenPipe).into();
        assert_eq!(exit_of(&closed), Exit::Done);
        let denied: anyhow::Error = io::Error::from(io::ErrorKind::PermissionDenied).into();
        assert_eq!(exit_of(&denied), Exit::Failed);
    }

    #[test]
    fn usage_errors_are_one_line() {
        let text = "error: invalid value 'X' for '--at <TIME>': expected\n  a time\n\nUsage: interlock x\n\nFor more information, try '--help'.\n";
        assert_eq!(
            usage_line(text),
            "invalid value 'X' for '--at <TIME>': expected a time (--help says what there is)"
        );
    }

    #[test]
    fn every_exit_is_in_the_help() {
        for code in 0..=Exit::Failed as u8 {
            assert!(HELP.contains(&format!("\n  {code}  ")), "{code} must be explained");
        }
    }
}
