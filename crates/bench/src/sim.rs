//! The simulator's speed: a cascade counted by the engine's own rule, beside the plainest search over
//! the same graph. CPU time of one thread.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use interlock_engine::policy::Policy;
use interlock_sim::dice::Dice;
use interlock_sim::graph::{Chance, Graph, erdos_renyi};
use interlock_sim::plain;
use interlock_sim::spread::{Spread, Thresholds};
use rustix::time::{ClockId, clock_gettime};

use crate::samples::Row;

/// Members, and how many peers each has on average.
const MEMBERS: u32 = 10_000;
const PEERS: u32 = 4;
/// More peers than any of them has.
const MOST_PEERS: u32 = 64;
/// The longest that one cascade may take, in microseconds.
const LONGEST_US: u64 = 1_000;

/// A cascade over ten thousand members, decided by the engine's own rule; no node runs.
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// How many cascades, each over a graph of its own.
    #[arg(long, default_value_t = 300)]
    cascades: usize,
    /// The same seed makes the same graphs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Sim {
    pub(crate) fn run(self) -> anyhow::Result<Vec<Row>> {
        let text = plain::policy("peer_receipts = \"count\"", &["peer_permille = 180"]);
        let policy = Policy::from_toml("policy", &text)?;
        let thresholds = Thresholds::of_receipts(&policy, MOST_PEERS);
        let mut dice = Dice::new(self.seed);
        let mut spread = Spread::default();
        let (mut cascade, mut asking, mut with_graph, mut floor) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        while cascade.len() < self.cascades {
            let joined = Chance::of(u64::from(PEERS), u64::from(MEMBERS - 1));
            let (graph, drawn) = timed(|| erdos_renyi(MEMBERS, joined, &mut dice))?;
            let graph = graph?;
            let first = u32::try_from(dice.below(u64::from(MEMBERS)))?;
            let needed = |member| thresholds.of_peers(graph.degree(member));
            let (locked, took) = timed(|| spread.run(&graph, needed, &[first]))?;
            // Those that come to nothing would take next to no time.
            if locked < MEMBERS as usize / 10 {
                continue;
            }
            cascade.push(took);
            with_graph.push(drawn + took);
            let (again, took) = timed(|| {
                let thresholds = Thresholds::of_receipts(black_box(&policy), MOST_PEERS);
                spread.run(&graph, |member| thresholds.of_peers(graph.degree(member)), &[first])
            })?;
            asking.push(took);
            let needed: Vec<u32> = (0..MEMBERS).map(needed).collect();
            let (searched, took) = timed(|| search(black_box(&graph), &needed, first))?;
            floor.push(took);
            ensure!(
                locked == again && locked == searched,
                "they differ: {locked} {again} {searched}"
            );
        }
        let floor = Row::new("floor: a search with an array of thresholds", floor);
        let cascade = Row::new("cascade of 10,000 members, z = 4", cascade);
        ensure!(cascade.p50 <= LONGEST_US, "a cascade takes {} µs of CPU", cascade.p50);
        let once = floor.p50;
        Ok(vec![
            cascade.over(once),
            Row::new("the same, the engine asked anew", asking).over(once),
            Row::new("the same, the graph drawn anew", with_graph).over(once),
            floor,
        ])
    }
}

/// The plainest way to find who locks: no policy, no engine.
fn search(graph: &Graph, needed: &[u32], first: u32) -> usize {
    let mut left = needed.to_vec();
    let mut queue = Vec::with_capacity(left.len());
    left[first as usize] = 0;
    queue.push(first);
    let mut next = 0;
    while next < queue.len() {
        for peer in graph.neighbours(queue[next]) {
            let left = &mut left[*peer as usize];
            if *left > 0 {
                *left -= 1;
                if *left == 0 {
                    queue.push(*peer);
                }
            }
        }
        next += 1;
    }
    queue.len()
}

/// What something gives, and the CPU time that it took in this thread.
fn timed<T>(what: impl FnOnce() -> T) -> anyhow::Result<(T, Duration)> {
    let start = cpu()?;
    let result = black_box(what());
    Ok((result, cpu()?.saturating_sub(start)))
}

fn cpu() -> anyhow::Result<Duration> {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).context("the clock of this thread's CPU time")
}
