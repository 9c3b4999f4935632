//! Runs of a scenario. A run goes over the borrowers one after another and keeps only what they came
//! to; borrowers do not depend on each other, except through the breaker, which is known beforehand.

use std::num::NonZeroUsize;

use interlock_engine::text::FileError;

use super::draw::seed_of_run;
use super::events::Log;
use super::feedback::Restless;
use super::held::{Held, seen};
use super::live::{Decided, decided};
use super::output::Row;
use super::plan::Plan;
use super::scenario::{Scenario, Setting};
use super::stories;
use super::tally::Tally;
use super::world::World;
use crate::graph::GraphError;
use crate::ordered::in_order;

/// So many borrowers are worked on at once by one thread.
const CHUNK: u32 = 512;

/// Why a run came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// There is no such graph of who follows whom.
    #[error("platforms.follows: {0}")]
    Graph(#[from] GraphError),
    /// Receipts go to and fro without an end.
    #[error(transparent)]
    Restless(#[from] Restless),
}

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number, from 0.
    pub number: u32,
    /// Its seed.
    pub seed: u64,
    /// What it came to.
    pub tally: Tally,
    /// What happened, one JSON object a line, where it was asked for.
    pub log: Option<Log>,
}

/// Which runs log what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// None.
    None,
    /// The first.
    First,
}

/// Several runs of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// The seed of the first; the others have seeds made of it.
    pub seed: u64,
    /// How many.
    pub reps: u32,
    /// How many threads work on them. The results are the same for any number.
    pub jobs: NonZeroUsize,
    /// Which of them log what happened.
    pub logged: Logged,
}

impl Runs {
    /// Runs a scenario, and gives each run to `take`, in order.
    ///
    /// # Errors
    /// [`RunError`], with no regard to what was taken before; or the first error of `take`.
    pub fn run<E: From<RunError>>(
        &self,
        scenario: &Scenario,
        mut take: impl FnMut(Run) -> Result<(), E>,
    ) -> Result<(), E> {
        let jobs = self.jobs.get();
        // Many small runs go side by side, a large one is divided.
        let chunks = scenario.borrowers.count.div_ceil(CHUNK) as usize;
        let (across, within) = if chunks >= 4 * jobs { (1, jobs) } else { (jobs, 1) };
        let one = |number: usize| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let logged = self.logged == Logged::First && number == 0;
            run(scenario, number, seed_of_run(self.seed, number), within, logged)
        };
        in_order(across, self.reps as usize, || (), |(), number| one(number), |run| take(run?))
    }
}

fn run(
    scenario: &Scenario,
    number: u32,
    seed: u64,
    jobs: usize,
    logged: bool,
) -> Result<Run, RunError> {
    let world = World::new(scenario, seed)?;
    let held = held(&world, jobs);
    let count = scenario.borrowers.count;
    let chunks = count.div_ceil(CHUNK) as usize;
    let chunk = |chunk: usize| {
        let first = u32::try_from(chunk).unwrap_or(u32::MAX).saturating_mul(CHUNK);
        let mut tally = Tally::default();
        let mut log = logged.then(Log::default);
        for borrower in first..count.min(first.saturating_add(CHUNK)) {
            let plan = Plan::of(scenario, &world.members, seed, borrower, &held);
            let stories = stories::of(&world, &plan)?;
            if let Some(log) = &mut log {
                log.borrower(&world, &plan, &stories);
            }
            tally.add(Tally::of(scenario, &plan, &stories));
        }
        Ok::<_, RunError>((tally, log))
    };
    let mut run = Run { number, seed, tally: Tally::default(), log: logged.then(Log::default) };
    in_order(
        jobs,
        chunks,
        || (),
        |(), number| chunk(number),
        |done| {
            let (tally, log) = done?;
            run.tally.add(tally);
            if let (Some(all), Some(log)) = (&mut run.log, log) {
                all.append(&log);
            }
            Ok::<_, RunError>(())
        },
    )?;
    Ok(run)
}

/// What the breaker holds in this world.
fn held(world: &World<'_>, jobs: usize) -> Held {
    let scenario = world.scenario;
    let Some(breaker) = &scenario.platforms.breaker else { return Held::nothing() };
    let count = scenario.borrowers.count;
    let nothing = Held::nothing();
    let chunk = |chunk: usize| {
        let first = u32::try_from(chunk).unwrap_or(u32::MAX).saturating_mul(CHUNK);
        let plans = first..count.min(first.saturating_add(CHUNK));
        let plan = |borrower| Plan::of(scenario, &world.members, world.seed, borrower, &nothing);
        plans.map(plan).flat_map(|plan| seen(&plan).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let mut flags = Vec::new();
    let taken: Result<(), std::convert::Infallible> = in_order(
        jobs,
        count.div_ceil(CHUNK) as usize,
        || (),
        |(), number| chunk(number),
        |some| {
            flags.extend(some);
            Ok(())
        },
    );
    match taken {
        Ok(()) => Held::of(breaker, flags),
        Err(never) => match never {},
    }
}

/// The plan of a scenario and a seed: what is said whatever anybody decides, borrower by borrower, so
/// that it can be said through real nodes as well.
///
/// # Errors
/// [`RunError::Graph`].
pub fn plans(
    scenario: &Scenario,
    seed: u64,
) -> Result<impl Iterator<Item = (Plan, Vec<Decided>)>, RunError> {
    let world = World::new(scenario, seed)?;
    let held = held(&world, 1);
    Ok((0..scenario.borrowers.count).map(move |borrower| {
        let plan = Plan::of(scenario, &world.members, seed, borrower, &held);
        let decided = decided(&world, &plan);
        (plan, decided)
    }))
}

/// Why a sweep ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The scenario of a point cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A run came to nothing.
    #[error("{point}: {error}")]
    Run {
        /// The settings of the point.
        point: String,
        /// Why.
        error: RunError,
    },
}

/// Runs every point of a sweep, all its runs one after another, and gives each run as a row to `take`,
/// in order. The first `done` runs are left out. `read` reads the scenario of a point.
///
/// # Errors
/// The first [`SweepError`], or the first error of `take`.
pub fn sweep<E: From<SweepError>>(
    points: &[Vec<Setting>],
    runs: &Runs,
    done: usize,
    read: impl Fn(&[Setting]) -> Result<Scenario, FileError> + Sync,
    mut take: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let reps = runs.reps as usize;
    let one = |piece: usize| {
        let piece = done + piece;
        let point = &points[piece / reps];
        let number = u32::try_from(piece % reps).unwrap_or(u32::MAX);
        let scenario = read(point)?;
        let run = run(&scenario, number, seed_of_run(runs.seed, number), 1, false);
        let run = run.map_err(|error| SweepError::Run {
            point: point.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            error,
        })?;
        Ok::<_, SweepError>(Row::of(&scenario, point, &run))
    };
    let left = (points.len() * reps).saturating_sub(done);
    in_order(runs.jobs.get(), left, || (), |(), number| one(number), |row| take(row?))
}
