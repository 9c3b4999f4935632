//! A bundle of ten flags: its size, how long making and checking it takes, and beside it as many
//! signatures checked alone, which no verifier can do without.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;
use interlock_engine::ledger::MemoryLedger;
use interlock_engine::proof::{Wanted, export, verify};
use interlock_engine::replica::{Input, Replica, Start};
use interlock_record::{Domain, FeedHead, FeedId, Seen, SeenHead, Statement, Time, VerifiedRecord};
use interlock_sim::chatter::{hard_flag, subject};
use interlock_sim::consortium::{Consortium, Shape, feed};
use interlock_sim::network::START_MICROS;

use crate::population::sign;
use crate::samples::Row;

/// How many members flag the subject.
const FLAGS: u32 = 10;
/// The most that a bundle of ten flags may take beside the charter.
const MOST_BYTES: usize = 64 * 1024;
/// The longest that checking it may take, in milliseconds.
const LONGEST_MS: f64 = 100.0;

/// A bundle of ten flags: size, making, checking.
#[derive(Debug, Args)]
pub(crate) struct Proof {
    /// How often it is made and checked.
    #[arg(long, default_value_t = 200)]
    times: usize,
    /// How many records each feed has.
    #[arg(long, default_value_t = 300)]
    records: u32,
}

impl Proof {
    pub(crate) fn run(self) -> anyhow::Result<Vec<Row>> {
        let consortium = Consortium::new(&Shape { members: FLAGS + 1, ..Shape::default() });
        let (ledger, replica, now) = flagged(&consortium, self.records)?;
        let charters = replica.charters();
        let (about, wanted) = (subject(0), Wanted::AsOf(now));
        let (mut made, mut checked, mut floor) = (Vec::new(), Vec::new(), Vec::new());
        let key = consortium.key(feed(1, 1));
        let message = [7; 200];
        let signature = key.sign(Domain::Record, &message);
        let mut file = Vec::new();
        let mut signatures = 0;
        for _ in 0..self.times {
            let start = Instant::now();
            file = export(&ledger, charters, about, wanted)?;
            made.push(start.elapsed());
            let start = Instant::now();
            let verdict = verify(&file, Some(consortium.id()))?;
            checked.push(start.elapsed());
            ensure!(verdict.said.len() == FLAGS as usize, "expected every member's flag");
            signatures = verdict.signatures;
            let start = Instant::now();
            for _ in 0..signatures {
                let good = key.public().verify(Domain::Record, black_box(&message), &signature);
                good.context("the signature is the key's")?;
            }
            floor.push(start.elapsed());
        }
        let beside = file.len() - consortium.charter.text.len();
        eprintln!(
            "bundle of {FLAGS} flags: {beside} bytes beside the charter (at most {MOST_BYTES}), \
             {signatures} signatures"
        );
        ensure!(beside <= MOST_BYTES, "the bundle takes {beside} bytes beside the charter");
        let floor = Row::spans("floor: as many signatures alone", floor);
        let once = floor.value();
        let checked = Row::spans("verify", checked);
        ensure!(checked.value() <= LONGEST_MS, "verifying takes {} ms", checked.value());
        Ok(vec![Row::spans("export", made).over(once), checked.over(once), floor])
    }
}

/// One subject that every member but the first has flagged, among many others, seen by all.
fn flagged(consortium: &Consortium, records: u32) -> anyhow::Result<(MemoryLedger, Replica, Time)> {
    let mut ledger = MemoryLedger::default();
    let mut replica = Replica::open(
        &ledger,
        consortium.opening(feed(0, 1), Start::Forced { reason: "a bench".to_owned() }),
    )?;
    let mut feeds: Vec<(FeedId, FeedHead)> =
        (1..=FLAGS).map(|number| (feed(number, 1), FeedHead::empty())).collect();
    let now = at(i64::from(records) + 100)?;
    for (feed, head) in &mut feeds {
        let mut said = Vec::new();
        for index in 0..records {
            let time = at(i64::from(index))?;
            let about = if index + 10 == records { 0 } else { 1 + (index % 100) as u8 };
            let flag = Statement::Flag(hard_flag(subject(about), time));
            said.push(sign(consortium, *feed, head, time, &[flag])?);
        }
        take(&mut replica, &mut ledger, now, said)?;
    }
    let heads = feeds.iter().filter_map(|(feed, head)| {
        Some(SeenHead { feed: *feed, sequence: head.sequence, id: head.id? })
    });
    let seen = Statement::Seen(Seen { heads: heads.collect() });
    for (feed, head) in &mut feeds {
        let record =
            sign(consortium, *feed, head, at(i64::from(records))?, std::slice::from_ref(&seen))?;
        take(&mut replica, &mut ledger, now, vec![record])?;
    }
    Ok((ledger, replica, now))
}

fn at(secs: i64) -> anyhow::Result<Time> {
    Time::from_micros(START_MICROS + secs * 1_000_000).context("a time that can be written")
}

fn take(
    replica: &mut Replica,
    ledger: &mut MemoryLedger,
    now: Time,
    records: Vec<VerifiedRecord>,
) -> anyhow::Result<()> {
    for record in records {
        let from = record.header().feed.member;
        let inputs = vec![Input::Records { from, records: vec![record] }];
        let step = replica.step(ledger, now, inputs)?;
        ledger.commit(&step.changes);
    }
    Ok(())
}
