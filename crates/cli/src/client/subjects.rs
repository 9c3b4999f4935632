//! Borrowers on the command line: by raw identifier, which only this member's own node sees, or by
//! tag.

use std::io::{self, BufRead as _};

use clap::Args;
use interlock_record::{IdType, SubjectTag};
use interlock_wire::v1::{self, subject::By};

use crate::exit::Failure;
use crate::term::wire;

/// The most subjects that one call takes.
pub(crate) const MAX_SUBJECTS: usize = 1_000;
/// Where a value is this, the values are read from stdin, one a line.
const STDIN: &str = "-";

/// Which borrowers it is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct SubjectArgs {
    /// A resident identity number, 18 digits or the old 15; - reads them from stdin, one a line,
    /// which keeps them out of the shell's history and the list of processes.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, help_heading = "Subject")]
    id_number: Vec<String>,
    /// A telephone number, default region CN; - reads stdin.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, help_heading = "Subject")]
    phone: Vec<String>,
    /// A bank card number; - reads stdin.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, help_heading = "Subject")]
    bank_card: Vec<String>,
    /// A device identifier; - reads stdin.
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Subject")]
    device: Vec<String>,
    /// A subject's tag, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", help_heading = "Subject")]
    tag: Vec<SubjectTag>,
}

/// A borrower, and how to name it to whoever asked without repeating an identifier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    /// As the protocol has it.
    pub subject: v1::Subject,
    /// What kind of identifier it is, unless it is a tag.
    pub id_type: Option<IdType>,
    /// Which of the arguments it is: "phone 2".
    pub label: String,
}

impl SubjectArgs {
    /// The subjects, which may be none.
    ///
    /// # Errors
    /// [`Failure`] when there are too many, or when stdin does not give them.
    pub(crate) fn any(&self) -> anyhow::Result<Vec<Named>> {
        let mut named = Vec::new();
        let mut stdin_read = false;
        for (name, id_type, values) in [
            ("id-number", IdType::IdNumber, &self.id_number),
            ("phone", IdType::Phone, &self.phone),
            ("bank-card", IdType::BankCard, &self.bank_card),
            ("device", IdType::Device, &self.device),
        ] {
            let values = expand(values, &mut stdin_read)?;
            named.extend((1u32..).zip(values).map(|(number, value)| Named {
                subject: identifier(id_type, value),
                id_type: Some(id_type),
                label: format!("{name} {number}"),
            }));
        }
        named.extend((1u32..).zip(&self.tag).map(|(number, tag)| Named {
            subject: v1::Subject { by: Some(By::Tag(tag.as_bytes().to_vec())) },
            id_type: None,
            label: format!("tag {number}"),
        }));
        if named.len() > MAX_SUBJECTS {
            let message = format!("expected at most {MAX_SUBJECTS} subjects, got {}", named.len());
            return Err(Failure::usage(message).into());
        }
        Ok(named)
    }

    /// The subjects, at least one.
    ///
    /// # Errors
    /// [`Failure`] also when there is none.
    pub(crate) fn some(&self) -> anyhow::Result<Vec<Named>> {
        let named = self.any()?;
        if named.is_empty() {
            return Err(Failure::usage(EXPECTED).into());
        }
        Ok(named)
    }

    /// The one subject.
    ///
    /// # Errors
    /// [`Failure`] also when there is none or more than one.
    pub(crate) fn one(&self) -> anyhow::Result<Named> {
        let mut named = self.some()?;
        match named.pop() {
            Some(one) if named.is_empty() => Ok(one),
            _ => Err(Failure::usage("expected one subject, got several").into()),
        }
    }
}

const EXPECTED: &str = "expected a subject: --id-number, --phone, --bank-card, --device or --tag";

/// A subject by raw identifier.
pub(crate) fn identifier(id_type: IdType, value: String) -> v1::Subject {
    let identifier = v1::RawIdentifier { id_type: wire(id_type), value };
    v1::Subject { by: Some(By::Identifier(identifier)) }
}

/// The values, with those of stdin in place of `-`.
fn expand(values: &[String], stdin_read: &mut bool) -> anyhow::Result<Vec<String>> {
    let mut expanded = Vec::new();
    for value in values {
        if value != STDIN {
            expanded.push(value.clone());
            continue;
        }
        if std::mem::replace(stdin_read, true) {
            return Err(Failure::usage("expected - once: stdin can be read only once").into());
        }
        for line in io::stdin().lock().lines() {
            let line =
                line.map_err(|error| Failure::bad_input(format!("cannot read stdin: {error}")))?;
            if !line.trim().is_empty() {
                expanded.push(line);
            }
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        subjects: SubjectArgs,
    }

    fn parsed(words: &[&str]) -> SubjectArgs {
        Line::try_parse_from([&["x"], words].concat()).expect("the words parse").subjects
    }

    #[test]
    fn subjects_are_labelled_without_their_identifier() {
        let tag = "ab".repeat(32);
        let args =
            parsed(&["--phone", "13800138000", "--device", "d1", "--device", "d2", "--tag", &tag]);
        let labels: Vec<String> =
            args.any().expect("four subjects").into_iter().map(|named| named.label).collect();
        assert_eq!(labels, ["phone 1", "device 1", "device 2", "tag 1"]);
        assert!(args.one().is_err());
    }

    #[test]
    fn none_is_an_error_where_one_is_needed() {
        let args = parsed(&[]);
        assert!(args.any().expect("none is fine").is_empty());
        assert!(args.some().is_err());
    }
}
