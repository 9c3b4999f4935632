//! The bounds within which the engine's arithmetic fits 64 bits, and those of what people write.

/// The most base points a flag of one severity can have.
pub const MAX_BASE_POINTS: u64 = 1_000_000;
/// The greatest cap, and the greatest threshold of a rule.
pub const MAX_THRESHOLD: u64 = 1_000_000_000;
/// The greatest trust in an issuer, in percent.
pub const MAX_TRUST_PERCENT: u64 = 200;
/// The most decay steps of one reason.
pub const MAX_DECAY_STEPS: usize = 64;
/// The most rules of one measure.
pub const MAX_RULES: usize = 64;
/// The most members a policy or charter names.
pub const MAX_MEMBERS: usize = 1_024;
/// The longest text that a policy carries for people, in bytes.
pub const MAX_CRITERION_BYTES: usize = 1_024;
/// The largest policy file, in bytes.
pub const MAX_POLICY_BYTES: usize = 256 * 1_024;
/// The most policies over time that one evaluation takes.
pub const MAX_POLICIES: usize = 1_024;
