//! Floors: what the machine itself takes for the steps that cannot be left out.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// How long an empty call to a node takes.
pub(crate) async fn empty_calls(channel: &Channel, count: usize) -> anyhow::Result<Vec<Duration>> {
    let mut client = HealthClient::new(channel.clone());
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        client.check(HealthCheckRequest { service: String::new() }).await?;
        spans.push(start.elapsed());
    }
    Ok(spans)
}

/// How long it takes to append a flag's worth of bytes to a file and have them on disk.
pub(crate) fn fsyncs(directory: &Path, count: usize) -> anyhow::Result<Vec<Duration>> {
    const BYTES: usize = 512;
    let path = directory.join("fsync-floor");
    let what = || format!("cannot write to {}", path.display());
    let mut file = File::create(&path).with_context(what)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&[0x5a; BYTES]).with_context(what)?;
        file.sync_data().with_context(what)?;
        spans.push(start.elapsed());
    }
    std::fs::remove_file(&path).with_context(what)?;
    Ok(spans)
}
