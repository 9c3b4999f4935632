//! What `build.rs` made of `proto/`. The comments on its items are those of the proto files.
#![allow(missing_docs, clippy::pedantic, unreachable_pub)]

/// The platform's and the operator's API.
pub mod v1 {
    tonic::include_proto!("interlock.v1");
}

/// The protocol between nodes.
pub mod peer {
    tonic::include_proto!("interlock.peer.v1");
}

/// All descriptors, for the reflection service.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/interlock.binpb"));
