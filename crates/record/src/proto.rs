//! The generated protobuf types. They stay inside this crate.
#![allow(missing_docs, unreachable_pub, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/interlock.record.v1.rs"));
