//! The node: configuration, clock, writer, peers and services around the engine's replica.
//!
//! One thread owns the state and the disk ([`writer`]); everything else holds a handle to it and
//! bounded channels. [`run`](run()) says what is started and how it ends.

pub mod audit;
pub mod clock;
pub mod config;
pub mod peppers;

pub mod custody;
pub mod hardening;

pub mod destroyer;
pub mod writer;

pub mod transport;

pub mod peers;

pub mod retention;
pub mod services;

mod backup;
pub mod metrics;

mod withholding;

mod run;

pub use backup::{RestoreAsked, restore};
pub use config::{Config, Materials};
pub use run::{FirstSignature, run};
