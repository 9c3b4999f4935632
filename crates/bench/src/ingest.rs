//! Statements that come from other members: verified, chained, decided, written with one fsync a
//! batch. Beside it the floor: the same bytes written by the same store in the same batches, and
//! hashed and verified.
//!
//! What a socket costs is not in it: frames are decoded from bytes in memory. As in the node, one
//! thread verifies and another owns the replica and the disk.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use interlock_engine::ledger::Changes;
use interlock_record::{SignedRecord, VerifiedRecord, peek_header, verify};
use interlock_sim::consortium::{Consortium, Shape};
use interlock_store::Store;

use crate::population::{Node, POLICY, SENDERS, Senders};
use crate::samples::Row;

/// How many batches wait between the thread that verifies and the one that writes.
const UNDER_WAY: usize = 4;

/// Statements that come from other members, a second.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// How many subjects the store has beforehand.
    #[arg(long, default_value_t = 1_000_000)]
    subjects: u64,
    /// How many statements to take in for each size of batch, at most.
    #[arg(long, default_value_t = 200_000)]
    statements: u64,
    /// How many statements a batch has; may be repeated.
    #[arg(long = "batch", default_values_t = [1, 16, 256])]
    batches: Vec<u64>,
    /// A directory for the stores: on a disk, not in memory.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

impl Ingest {
    pub(crate) fn run(self) -> anyhow::Result<Vec<Row>> {
        let consortium =
            Consortium::new(&Shape { members: SENDERS + 1, policy: POLICY, ..Shape::default() });
        let mut senders = Senders::new(&consortium);
        let mut node = Node::open(&consortium, &self.directory.join("store"))?;
        let begun = Instant::now();
        node.fill(&mut senders, self.subjects)?;
        eprintln!("{} subjects in {:.1} s", self.subjects, begun.elapsed().as_secs_f64());
        let mut rows = Vec::new();
        for size in &self.batches {
            // Small batches are slow: fewer of them tell as much.
            let count = (self.statements / size).min(4_000);
            let bytes: Vec<Vec<u8>> = (0..count)
                .map(|_| Ok(senders.any(*size, self.subjects)?.signed().encode()))
                .collect::<anyhow::Result<_>>()?;
            let (took, written) = node.ingest(&consortium, bytes.clone())?;
            let floor =
                floor(&consortium, &self.directory.join(format!("floor-{size}")), bytes, &written)?;
            let statements = usize::try_from(count * size)?;
            let rate = |name: String, took| Row::rate(name, statements, took, "statements/s");
            let floor = rate(format!("floor: the same bytes, batches of {size}"), floor);
            let row = rate(format!("ingest, batches of {size}"), took).over(floor.value());
            rows.push(row.aim(if *size == 256 { "0.5" } else { "" }));
            rows.push(floor);
        }
        Ok(rows)
    }
}

impl Node {
    /// Takes in what came; says how long it took, and what was written.
    fn ingest(
        &mut self,
        consortium: &Consortium,
        frames: Vec<Vec<u8>>,
    ) -> anyhow::Result<(Duration, Vec<Changes>)> {
        let before = self.replica.counters().statements;
        let expected = frames.len();
        let begun = Instant::now();
        let verified = verifying(consortium, frames);
        let mut written = Vec::with_capacity(expected);
        for record in verified {
            written.push(self.take(vec![record?])?);
        }
        let took = begun.elapsed();
        ensure!(written.len() == expected, "expected {expected} batches, got {}", written.len());
        ensure!(self.replica.counters().statements > before, "expected statements to be taken");
        Ok((took, written))
    }
}

/// Verifies on a thread of its own.
fn verifying(
    consortium: &Consortium,
    frames: Vec<Vec<u8>>,
) -> Receiver<anyhow::Result<VerifiedRecord>> {
    let (sender, verified) = sync_channel(UNDER_WAY);
    let charter = consortium.charter.clone();
    let id = consortium.id();
    std::thread::spawn(move || {
        for frame in frames {
            let verify_one = || {
                let record = SignedRecord::decode(&frame)?;
                let feed = peek_header(&record)?.feed;
                let member = &charter.members[&feed.member];
                let key = member.feeds.get(&feed.number).context("a feed of the charter")?.key;
                Ok(verify(record, &id, &key)?)
            };
            if sender.send(verify_one()).is_err() {
                return;
            }
        }
    });
    verified
}

/// The same bytes hashed, verified, and written in the same batches by the same store, with nothing
/// decided.
fn floor(
    consortium: &Consortium,
    path: &std::path::Path,
    frames: Vec<Vec<u8>>,
    written: &[Changes],
) -> anyhow::Result<Duration> {
    let store = Store::open(path, [2; 8])?;
    let begun = Instant::now();
    let verified = verifying(consortium, frames);
    for (record, changes) in verified.into_iter().zip(written) {
        record?;
        store.commit(changes)?;
    }
    Ok(begun.elapsed())
}
