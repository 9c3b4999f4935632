//! The program as scripts see it: what it prints, on which stream, and how it ends.

mod fake;
mod issuers;
mod offline;
mod online;
mod replay;
mod sim;

use std::process::{Command, Output, Stdio};

/// How a run of the program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Ended {
    /// Asserts that it failed so, with one line on stderr that contains `expected`.
    fn failed(&self, code: i32, expected: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.contains(expected), "{self:?}");
    }

    /// Asserts that it ended so, without a word on stderr.
    fn ended(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(code), ""), "{self:?}");
        &self.stdout
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interlock"));
    command
        .args(words)
        .env_remove("INTERLOCK_NODE")
        .env_remove("INTERLOCK_REAL_LOG")
        .stdin(Stdio::null());
    command
}

fn run(words: &[&str]) -> Ended {
    command(words).output().expect("the program starts").into()
}
