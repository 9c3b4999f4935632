//! The writer: the one thread that owns the replica and writes the store.
//!
//! Whatever queued up while the last fsync ran is the next step: one batch, one fsync. Effects run
//! after that. Everything else in the node holds a [`WriterHandle`] and waits its turn.

mod handle;

use std::collections::HashMap;
use std::time::Duration;

use interlock_engine::charter::BadCharter;
use interlock_engine::ledger::rows::CountersRow;
use interlock_engine::ledger::{Column, timer_of_key};
use interlock_engine::replica::{Drafted, Effect, Input, Replica, Step};
use interlock_record::{Span, Time};
use interlock_store::Store;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::{now, random};
use crate::custody::last_signed::LastSigned;
use crate::metrics::WriterMeters;
use crate::withholding::Watch;

use handle::Command;
pub use handle::{
    Acting, Freshness, LocalResult, PublishResult, Publishing, Report, WriterGone, WriterHandle,
};

/// How many commands wait for the writer at most; senders wait beyond that.
pub const MAX_QUEUED: usize = 4_096;
/// How many commands go into one step at most.
pub const MAX_BATCH: usize = 1_024;
/// A step takes no further command once it has so many statements: timers wait for its end.
pub const MAX_BATCH_STATEMENTS: usize = 512;
/// How often the replica is told that time has passed.
const TICK: Duration = Duration::from_millis(100);
/// A member that was not heard for so long may be ahead of this node.
const UNHEARD_AFTER_MICROS: i64 = 5_000_000;

/// Runs a step's effects on other members. Must not wait.
pub trait Outbox: Send {
    /// Runs one effect; [`Effect::Published`] and [`Effect::LocalDone`] never come here.
    fn run(&mut self, effect: Effect);
}

/// Makes the writer's queue. `outbox` is made with a handle of its own.
pub fn channel(replica: &Replica) -> (WriterHandle, WriterQueue) {
    let (commands, queue) = mpsc::channel(MAX_QUEUED);
    let (journal_tell, journal) = watch::channel(replica.counters().journal);
    let (freshness_tell, freshness) = watch::channel(freshness_of(replica, now()));
    let handle = WriterHandle { commands, journal, freshness };
    (handle, WriterQueue { queue, journal: journal_tell, freshness: freshness_tell })
}

/// The writer's end of its queue.
pub struct WriterQueue {
    queue: mpsc::Receiver<Command>,
    journal: watch::Sender<u64>,
    freshness: watch::Sender<Freshness>,
}

/// What the writer does beside its steps.
pub struct Upkeep {
    /// Remembers what was signed last.
    pub last_signed: LastSigned,
    /// How often to say which heads were seen.
    pub seen_every: Span,
    /// Measures the steps.
    pub meters: WriterMeters,
}

/// Starts the writer on a thread of its own, which ends with an error if the disk fails.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn(
    replica: Replica,
    store: Store,
    queue: WriterQueue,
    outbox: Box<dyn Outbox>,
    upkeep: Upkeep,
) -> std::io::Result<std::thread::JoinHandle<anyhow::Result<()>>> {
    std::thread::Builder::new().name("writer".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let due = replica.next_due(&store)?;
        let Upkeep { last_signed, seen_every, meters } = upkeep;
        let writer = Writer {
            last_signed,
            queue,
            outbox,
            callers: HashMap::new(),
            amenders: HashMap::new(),
            actors: HashMap::new(),
            tickets: 0,
            seen_every,
            due,
            next_tick: Instant::now(),
            replica,
            store,
            watch: Watch::default(),
            meters,
        };
        runtime.block_on(writer.run())
    })
}

struct Writer {
    replica: Replica,
    store: Store,
    last_signed: LastSigned,
    queue: WriterQueue,
    outbox: Box<dyn Outbox>,
    callers: HashMap<u64, oneshot::Sender<PublishResult>>,
    amenders: HashMap<u64, oneshot::Sender<Result<u32, BadCharter>>>,
    actors: HashMap<u64, oneshot::Sender<LocalResult>>,
    tickets: u64,
    /// How often to say which heads were seen.
    seen_every: Span,
    /// When the next timer is due.
    due: Option<Time>,
    next_tick: Instant,
    watch: Watch,
    meters: WriterMeters,
}

/// One step's worth of commands.
#[derive(Default)]
struct Batch {
    inputs: Vec<Input>,
    statements: usize,
    taken: Vec<oneshot::Sender<()>>,
    reports: Vec<oneshot::Sender<Report>>,
    ends: bool,
}

impl Batch {
    fn has_room(&self) -> bool {
        self.inputs.len() < MAX_BATCH && self.statements < MAX_BATCH_STATEMENTS && !self.ends
    }

    fn push(&mut self, input: Input) {
        self.statements += match &input {
            Input::Publish { statements, .. } | Input::Attested { statements, .. } => {
                statements.len()
            }
            Input::Records { records, .. } => {
                records.iter().map(|record| record.signed().body.len()).sum()
            }
            _ => 0,
        };
        self.inputs.push(input);
    }
}

impl Writer {
    async fn run(mut self) -> anyhow::Result<()> {
        loop {
            let mut batch = Batch::default();
            let wake = self.wake();
            tokio::select! {
                biased;
                command = self.queue.queue.recv() => match command {
                    Some(command) => self.gather(command, &mut batch),
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(wake) => {}
            }
            while batch.has_room() {
                let Ok(command) = self.queue.queue.try_recv() else { break };
                self.gather(command, &mut batch);
            }
            self.step(batch.inputs)?;
            for done in batch.taken {
                let _ = done.send(());
            }
            for done in batch.reports {
                let _ = done.send(self.report());
            }
            if batch.ends {
                return Ok(());
            }
        }
    }

    /// The next tick, or the next timer where that comes first.
    fn wake(&self) -> Instant {
        if self.replica.is_revisiting() {
            return Instant::now();
        }
        let Some(due) = self.due else { return self.next_tick };
        let micros = due.since(now()).micros().unsigned_abs();
        self.next_tick.min(Instant::now() + Duration::from_micros(micros))
    }

    fn gather(&mut self, command: Command, batch: &mut Batch) {
        match command {
            Command::Input(input) => batch.push(input),
            Command::Taken(input, done) => {
                batch.push(input);
                batch.taken.push(done);
            }
            Command::Publish(Publishing { statements, request, person }, done) => {
                self.tickets += 1;
                self.callers.insert(self.tickets, done);
                let ticket = self.tickets;
                batch.push(match person {
                    None => Input::Publish { ticket, statements, request },
                    Some(person) => Input::Attested { ticket, statements, request, person },
                });
            }
            Command::Local(Acting { subject, act, person, request }, done) => {
                self.tickets += 1;
                self.actors.insert(self.tickets, done);
                let ticket = self.tickets;
                batch.push(Input::Local { ticket, subject, act, person, request });
            }
            Command::ApplyCharter(charter, done) => {
                self.tickets += 1;
                self.amenders.insert(self.tickets, done);
                batch.push(Input::ApplyCharter { ticket: self.tickets, charter });
            }
            Command::Report(done) => batch.reports.push(done),
            Command::Shutdown => batch.ends = true,
        }
    }

    fn step(&mut self, mut inputs: Vec<Input>) -> anyhow::Result<()> {
        let at = now();
        let ticks = Instant::now() >= self.next_tick || self.due.is_some_and(|due| due <= at);
        if ticks {
            inputs.push(Input::Tick);
            self.next_tick = Instant::now() + TICK;
            inputs.extend(self.seen(at)?);
        }
        if inputs.is_empty() && !self.replica.is_revisiting() {
            return Ok(());
        }
        if ticks {
            self.watch.look(&self.replica, at);
        }
        let before = self.replica.counters();
        let begun = Instant::now();
        let Step { changes, effects, journal, signed } =
            self.replica.step(&self.store, at, inputs)?;
        self.meters.stepped(begun.elapsed());
        if !changes.is_empty() {
            let begun = Instant::now();
            self.store.commit(&changes)?;
            self.meters.committed(begun.elapsed());
        }
        if let Some(signed) = signed {
            // Before anybody sees the signature: a copy of the store that is older is known then.
            self.last_signed.remember(signed)?;
        }
        warn_of(before, self.replica.counters());
        for effect in effects {
            self.run_effect(effect);
        }
        self.queue.journal.send_if_modified(|last| std::mem::replace(last, journal) != journal);
        if ticks || !changes.is_empty() {
            let fresh = freshness_of(&self.replica, at);
            self.queue.freshness.send_if_modified(|last| {
                let moved = *last != fresh;
                *last = fresh;
                moved
            });
        }
        if self.due.is_some_and(|due| due <= at) {
            self.due = self.replica.next_due(&self.store)?;
        } else {
            let set = changes
                .iter()
                .filter(|(column, _, value)| *column == Column::Timers && value.is_some());
            let set = set.filter_map(|(_, key, _)| timer_of_key(key)).map(|(due, _)| due);
            self.due = set.chain(self.due).min();
        }
        Ok(())
    }

    /// Answers whoever asked; everything else goes out. A caller that went away has its write all
    /// the same.
    fn run_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Published { ticket, result } => {
                if let Some(caller) = self.callers.remove(&ticket) {
                    let _ = caller.send(result);
                }
            }
            Effect::CharterApplied { ticket, result } => {
                if let Some(caller) = self.amenders.remove(&ticket) {
                    let _ = caller.send(result);
                }
            }
            Effect::LocalDone { ticket, result } => {
                if let Some(actor) = self.actors.remove(&ticket) {
                    let _ = actor.send(result);
                }
            }
            effect => self.outbox.run(effect),
        }
    }

    /// What this node has to say of the heads that it knows.
    fn seen(&mut self, at: Time) -> anyhow::Result<Option<Input>> {
        let seen = self.replica.seen_due(at, self.seen_every);
        if seen.is_empty() {
            return Ok(None);
        }
        let statements = seen
            .into_iter()
            .map(|statement| Ok(Drafted { salt: random()?, statement }))
            .collect::<anyhow::Result<Vec<_>>>()?;
        // Nobody waits for the answer.
        Ok(Some(Input::Publish { ticket: 0, statements, request: None }))
    }

    fn report(&self) -> Report {
        Report {
            heads: self.replica.heads().iter().map(|(feed, head)| (*feed, head.clone())).collect(),
            peers: self.replica.peers(),
            counters: self.replica.counters(),
            not_signing: self.replica.not_signing(now()),
            withholding: self.replica.withholding(now()),
            late_feeds: self.replica.late_feeds(now()),
        }
    }
}

/// What an operator should not have to look for in the journal.
fn warn_of(before: CountersRow, after: CountersRow) {
    if after.held > before.held {
        let records = after.held - before.held;
        tracing::warn!(records, "the breaker tripped: records are held until they are released");
    }
    if after.late_bursts > before.late_bursts {
        tracing::warn!(
            "many flags of one feed came much later than their time: see the journal's LATE_BURST entry"
        );
    }
    if after.equivocations > before.equivocations {
        tracing::error!(
            "a feed has two records in one place: see the journal's EQUIVOCATION entry"
        );
    }
}

fn freshness_of(replica: &Replica, at: Time) -> Freshness {
    let unheard = replica.peers().into_iter().filter(|peer| {
        peer.heard_at.is_none_or(|heard| at.since(heard).micros() > UNHEARD_AFTER_MICROS)
    });
    Freshness {
        frontier: replica.frontier_digest(),
        unheard: unheard.map(|peer| peer.member).collect(),
    }
}
