//! How large things may be. Fixed by the protocol: nodes that disagree here would split.

/// The longest header, in bytes.
pub const MAX_HEADER_BYTES: usize = 512;
/// The longest statement, in bytes; a longer one means nothing.
pub const MAX_STATEMENT_BYTES: usize = 1024;
/// The most statements in one record.
pub const MAX_STATEMENTS: usize = 256;
/// The largest body: the sum of salt and statement over the entries that were not erased, in bytes.
pub const MAX_BODY_BYTES: usize = 240 * 1024;
/// The largest record as sent: header, signature and body with their framing, in bytes.
pub const MAX_RECORD_BYTES: usize = MAX_BODY_BYTES + 12 * 1024;
/// The random bytes in front of each statement.
pub const SALT_BYTES: usize = 16;
/// The most entries of any list in a statement.
pub const MAX_LIST: usize = 16;
/// The longest rule version, in bytes; the shortest is 1.
pub const MAX_RULE_VERSION_BYTES: usize = 64;
/// The longest case reference, in bytes; the shortest is 1.
pub const MAX_CASE_REF_BYTES: usize = 128;
/// The highest confidence; the lowest is 1.
pub const MAX_CONFIDENCE: u8 = 100;
/// The longest device identifier, in bytes; the shortest is 1.
pub const MAX_DEVICE_BYTES: usize = 256;
/// The version of headers that this crate reads and writes.
pub const HEADER_VERSION: u32 = 1;
/// The only scheme of subject tags so far (see [`crate::subject`]).
pub const TAG_SCHEME: u32 = 1;
/// The newest version of the consortium's rules whose statements this crate understands.
pub const NEWEST_RULES: u32 = 1;
