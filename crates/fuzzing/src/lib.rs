//! What must hold of any bytes that come from outside: one function for each decoder, which panics
//! where it does not hold. `fuzz/` feeds them what a fuzzer finds, this crate's tests the corpus in
//! `corpus/`, whose seeds are made in [`seeds`]. See `docs/fuzzing.md`.
#![allow(clippy::missing_panics_doc, reason = "panicking is how a target says that it failed")]

mod bundles;
mod frames;
mod records;
mod texts;
mod world;

pub mod seeds;

pub use bundles::{bundle, signed_again};
pub use frames::{
    fetched_charter, pull_request, pull_response, push_frame, reply_frame, timestamp,
};
pub use records::{feed_head, fork, header, record, statement};
pub use texts::{
    charter, charter_file, evidence, identifier, instant, played_events, policy, signer_lines,
};

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 20] = [
    ("bundle", bundle),
    ("charter", charter),
    ("charter_file", charter_file),
    ("evidence", evidence),
    ("feed_head", feed_head),
    ("fetched_charter", fetched_charter),
    ("fork", fork),
    ("header", header),
    ("identifier", identifier),
    ("instant", instant),
    ("played_events", played_events),
    ("policy", policy),
    ("pull_request", pull_request),
    ("pull_response", pull_response),
    ("push_frame", push_frame),
    ("record", record),
    ("reply_frame", reply_frame),
    ("signer_lines", signer_lines),
    ("statement", statement),
    ("timestamp", timestamp),
];
