//! How often the report on independence errs, measured on made-up members.
//!
//! `cargo test --release -p interlock-sim --test independence -- --ignored --nocapture` measures it
//! at length and prints the tables of `docs/independence.md`.

// Small numbers made up for a test: none comes near the bounds of its type.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod errors;
mod world;
