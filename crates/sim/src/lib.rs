//! Many replicas in virtual time, and generated populations of borrowers and lenders. Everything
//! comes from a seed; nothing here reads a clock or touches a disk.
#![deny(clippy::float_arithmetic)]

pub mod dice;

mod ordered;

pub mod events;

pub mod graph;

pub mod plain;
pub mod spread;
pub mod told;
pub mod validate;

pub mod delinquency;
pub mod population;

pub mod independence;

pub mod chatter;
pub mod consortium;

pub mod checks;
pub mod network;

pub mod cascade;
pub mod plot;
