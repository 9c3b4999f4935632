//! Generates the protobuf types of `proto/interlock/proof/v1` without a `protoc`.

use std::error::Error;

const PROTO_ROOT: &str = "../../proto";
const FILE: &str = "interlock/proof/v1/bundle.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}/{FILE}");
    let descriptors = protox::compile([FILE], [PROTO_ROOT])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
