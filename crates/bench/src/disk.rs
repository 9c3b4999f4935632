//! What one publication by itself costs on the disk: the step with its commit, without and with the
//! write to `last-signed` that comes before the signature leaves. Both in the same run, on the same
//! files that a node uses; no node runs.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;
use interlock_engine::replica::{Drafted, Input, Replica, Start};
use interlock_node::clock::{now, random};
use interlock_node::custody::last_signed::LastSigned;
use interlock_record::Statement;
use interlock_sim::chatter::{hard_flag, subject};
use interlock_sim::consortium::{Consortium, Shape, feed};
use interlock_store::Store;

use crate::floor;
use crate::samples::Row;

/// One flag at a time, written as a node writes it.
#[derive(Debug, Args)]
pub(crate) struct Disk {
    /// How many flags.
    #[arg(long, default_value_t = 500)]
    flags: u32,
    /// Where to write: not on a tmpfs.
    #[arg(long)]
    directory: PathBuf,
}

impl Disk {
    pub(crate) fn run(self) -> anyhow::Result<Vec<Row>> {
        let consortium = Consortium::new(&Shape::default());
        let own = feed(0, 1);
        let store = Store::open(&self.directory.join("store"), random()?)?;
        let mut last_signed = LastSigned::open(&self.directory.join("last-signed"), own)?;
        let start = Start::Forced { reason: "a bench".to_owned() };
        let mut replica = Replica::open(&store, consortium.opening(own, start))?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        let (mut commits, mut remembers) = (Vec::new(), Vec::new());
        for number in 0..self.flags {
            let about = subject((number % 200) as u8 + 1);
            let flag = Statement::Flag(hard_flag(about, now()));
            let statements = vec![Drafted { salt: random()?, statement: flag }];
            let publish = Input::Publish { ticket: 1, statements, request: None };
            let begun = Instant::now();
            let step = replica.step(&store, now(), vec![publish])?;
            let stepped = begun.elapsed();
            store.commit(&step.changes)?;
            let committed = begun.elapsed();
            last_signed.remember(step.signed.context("it signed the flag")?)?;
            let remembered = begun.elapsed();
            without.push(committed);
            with.push(remembered);
            commits.push(committed.saturating_sub(stepped));
            remembers.push(remembered.saturating_sub(committed));
        }
        ensure!(replica.counters().arrivals == u64::from(self.flags), "each was a record");
        let floor = Row::spans("floor: an fsync", floor::fsyncs(&self.directory, with.len())?);
        let commit = Row::spans("a step's commit", commits).over(floor.value());
        let remember = Row::spans("last-signed alone", remembers).over(floor.value());
        let without = Row::spans("publish without last-signed", without);
        let with =
            Row::spans("publish with last-signed, as a node does", with).over(without.value());
        Ok(vec![with, without, commit, remember, floor])
    }
}
