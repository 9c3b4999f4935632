//! What a node answered instead of what was asked, in one line.

use std::error::Error;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::NodeAddress;
use crate::exit::{Exit, Failure};

/// Whether the call did not get through, so that it may be made again.
pub(crate) fn is_transient(status: &Status) -> bool {
    status.code() == Code::Unavailable || never_arrived(status)
}

/// Whether the status was made on this side: one from a node has no source.
fn never_arrived(status: &Status) -> bool {
    status.source().is_some()
}

/// The failure that a status is.
pub(crate) fn refusal(address: &NodeAddress, status: &Status) -> Failure {
    if never_arrived(status) {
        let cause = status.source().map_or_else(|| status.message().to_owned(), root_cause);
        let message = format!("lost the node at {address} ({cause}): is it running?");
        return Failure::new(Exit::Unreachable, message);
    }
    let text = explain(status);
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded => Failure::new(
            Exit::Unreachable,
            format!("the node at {address} is not available: {text}"),
        ),
        _ => Failure::new(Exit::Refused, format!("the node at {address} refused: {text}")),
    }
}

/// The status with its field violations and its stable reason.
pub(crate) fn explain(status: &Status) -> String {
    let details = status.get_error_details();
    let message = match status.message().trim() {
        "" => status.code().description(),
        message => message,
    };
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
    let violations = violations.iter().map(|bad| format!("{}: {}", bad.field, bad.description));
    let mut parts = vec![message.to_owned()];
    // A node's message is the first violation, for those who look no further.
    parts.extend(violations.filter(|violation| violation != message));
    let reason = details.error_info().map(|info| format!(" [{}]", info.reason));
    parts.join("; ") + &reason.unwrap_or_default()
}

/// What lies at the bottom of an error.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn violations_and_reason_are_in_the_line() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("flags[0].confidence", "expected 1 to 100, got 0");
        details.set_error_info("BAD_FIELD", "interlock", HashMap::new());
        let status =
            Status::with_error_details(Code::InvalidArgument, "the request is wrong", details);
        assert_eq!(
            explain(&status),
            "the request is wrong; flags[0].confidence: expected 1 to 100, got 0 [BAD_FIELD]"
        );
        assert!(!is_transient(&status));
    }

    #[test]
    fn a_status_without_words_is_explained_by_its_code() {
        let status = Status::new(Code::PermissionDenied, "");
        assert!(!explain(&status).is_empty());
    }
}
