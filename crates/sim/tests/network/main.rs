//! Replicas over a virtual network: whatever order, loss, duplication, partition and restart do to
//! records, the replicas come to agree, and their journals are true.
//!
//! A failure names its seed; `PROPTEST_CASES=1` and that seed repeat it.

mod agreement;
mod late;
mod liars;
mod publishing;
mod telling;
mod world;
