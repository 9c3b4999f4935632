//! Errors as `google.rpc.Status` with details: a stable reason, and which fields are wrong.

use std::collections::HashMap;
use std::fmt::Display;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The domain of every reason.
pub const DOMAIN: &str = "interlock";

/// A status with a stable reason.
pub fn refusal(code: Code, reason: &str, message: impl Display) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(code, message.to_string(), details)
}

/// Fields of a request that are wrong.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: impl Into<String>, what: impl Display) {
        self.0.push(FieldViolation::new(field, what.to_string()));
    }

    /// The value, or a note that `field` is wrong.
    pub fn check<T, E: Display>(
        &mut self,
        field: impl Into<String>,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.add(field, error)).ok()
    }

    /// `value`, unless a field was wrong.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with every violation noted.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Box<Status>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                let first = self.0.first().map_or_else(String::new, |violation| {
                    format!("{}: {}", violation.field, violation.description)
                });
                let mut details = ErrorDetails::with_bad_request(self.0);
                details.set_error_info("BAD_REQUEST", DOMAIN, HashMap::new());
                Err(Box::new(Status::with_error_details(Code::InvalidArgument, first, details)))
            }
        }
    }
}
