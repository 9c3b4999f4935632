//! Replicas over a virtual network: whatever order, loss, duplication, partition and restart do to
//! records, the replicas come to agree, and their journals are true.
//!
//! A failure names its seed; `PROPTEST_CASES=1` and that seed repeat it.

// Small numbers made up for a test: none comes near the bounds of its type.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod agreement;
mod amending;
mod both_final;
mod careful;
mod disputes;
mod documents;
mod erasing;
mod late;
mod lateness;
mod liars;
mod limits;
mod people;
mod proving;
mod publishing;
mod rebuilding;
mod retaining;
mod revisiting;
mod simulating;
mod telling;
mod trust;
mod unanswered;
mod withholding;
mod world;
