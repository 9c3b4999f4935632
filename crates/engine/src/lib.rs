//! The deterministic core: policy, timeline, breaker, charter rules and one replica of the
//! consortium as a pure state machine. No clock, no I/O, no floating point, no unordered iteration.
#![deny(clippy::float_arithmetic, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod limits;
pub mod text;

pub mod policy;

pub mod evidence;

pub mod timeline;

pub mod breaker;
pub mod charter;

pub mod ledger;
pub mod local;
pub mod replica;

pub mod proof;
