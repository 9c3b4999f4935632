//! Who does something and why.

use clap::Args;

/// Who does it and why: both go into the node's audit log.
#[derive(Debug, Clone, Args)]
pub(crate) struct PersonArgs {
    /// Who does it.
    #[arg(long, value_name = "NAME", env = "INTERLOCK_BY", help_heading = "Audit")]
    pub by: String,
    /// Why. Never an identifier of a borrower: it is kept for good.
    #[arg(long, value_name = "TEXT", help_heading = "Audit")]
    pub why: String,
}

/// The same where it may be left out.
#[derive(Debug, Clone, Args)]
pub(crate) struct OptionalPersonArgs {
    /// Who does it, for the node's audit log.
    #[arg(long, value_name = "NAME", requires = "why", help_heading = "Audit")]
    by: Option<String>,
    /// Why. Never an identifier of a borrower: it is kept for good.
    #[arg(long, value_name = "TEXT", requires = "by", help_heading = "Audit")]
    why: Option<String>,
}

impl OptionalPersonArgs {
    /// As requests have it.
    pub(crate) fn into_fields(self) -> (String, String) {
        (self.by.unwrap_or_default(), self.why.unwrap_or_default())
    }
}
