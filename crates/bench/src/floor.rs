//! Floors: what the machine itself takes for the steps that cannot be left out.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use interlock_engine::ledger::{Column, Draft, Ledger as _, MemoryLedger};
use interlock_store::Store;
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

/// How long a write of one small row through the store takes, with its fsync.
pub(crate) fn store_writes(directory: &Path, count: usize) -> anyhow::Result<Vec<Duration>> {
    let (path, store) = fresh_store(directory)?;
    let mut spans = Vec::with_capacity(count);
    for number in 0..count as u64 {
        let changes = one_row(number);
        let start = Instant::now();
        store.commit(&changes)?;
        spans.push(start.elapsed());
    }
    drop(store);
    std::fs::remove_dir_all(path)?;
    Ok(spans)
}

/// How long it takes to read one row of those.
pub(crate) fn store_reads(directory: &Path, count: usize) -> anyhow::Result<Vec<Duration>> {
    let (path, store) = fresh_store(directory)?;
    for number in 0..count as u64 {
        store.commit(&one_row(number))?;
    }
    let mut spans = Vec::with_capacity(count);
    for number in 0..count as u64 {
        let start = Instant::now();
        let row = store.get(Column::Requests, &row_key(number))?;
        spans.push(start.elapsed());
        anyhow::ensure!(row.is_some(), "expected the row that was written");
    }
    drop(store);
    std::fs::remove_dir_all(path)?;
    Ok(spans)
}

fn fresh_store(directory: &Path) -> anyhow::Result<(std::path::PathBuf, Store)> {
    let path = directory.join("store-floor");
    let store = Store::open(&path, [9; 8])?;
    Ok((path, store))
}

fn row_key(number: u64) -> Vec<u8> {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(4)
}

fn one_row(number: u64) -> interlock_engine::ledger::Changes {
    let nothing = MemoryLedger::default();
    let mut draft = Draft::new(&nothing);
    draft.put_key(Column::Requests, row_key(number));
    draft.into_changes()
}
