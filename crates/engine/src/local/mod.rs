//! What is local: acts of this member's own people, its own view of the policy, simulated mode, and
//! the log of who did what and why. None of it ever leaves the node.
//!
//! [`Ground::apply`] is the one place where decision and local acts come together: an override
//! comes first, then an exemption, then what was decided as far as it needs no person or has one.

mod act;
mod apply;
mod audit;
mod borrower;
mod overlay;
mod person;
mod settings;

pub use act::{Act, ActKind, LocalDone, LocalRefused};
pub use apply::{Applied, Because, Ground, MAX_OVERRIDE, Proposal};
pub use audit::{AuditBroken, AuditChain, AuditHead, Entry, append};
pub use borrower::{MAX_PRINCIPAL_REASONS, PrincipalReason, principal_reasons};
pub use overlay::Overlay;
pub use person::{BadPerson, MAX_BY_BYTES, MAX_WHY_BYTES, Person, identifier_in};
pub use settings::{LocalSettings, Mode};
