//! Generates the gRPC types without a `protoc`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "interlock/v1/platform.proto",
        "interlock/v1/operator.proto",
        "interlock/v1/governance.proto",
        "interlock/v1/review.proto",
        "interlock/v1/backup.proto",
        "interlock/v1/proof.proto",
        "interlock/peer/v1/peer.proto",
    ];
    let root = "../../proto";
    println!("cargo:rerun-if-changed={root}");
    let descriptors = protox::compile(files, [root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("interlock.binpb");
    std::fs::write(out, prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
