//! `interlock replay`: a file of events played through running nodes, and what came of it.

pub(crate) mod events;
mod map;
mod observer;
mod player;
mod report;
mod settle;
mod speed;
pub(crate) mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use interlock_record::{IdType, Span, Time, WithdrawCause};
use interlock_sim::events::{Events, Purpose, Reading};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Node, NodeAddress, duration, random_key};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::term::term;
use observer::Observer;
use player::{ObservedAt, Player, Score, Sent};
use report::Report;
use settle::Settling;
use speed::{Pace, Speed};

/// Play a file of events through running nodes, and compare what they decided.
///
/// The file is CSV, gzipped or not, with a header: time, issuer, op and subject, in any order; other
/// columns are ignored, but for reason, severity, confidence and measure, which say what one flag
/// says where it differs from the options. `add` raises a flag, `del` withdraws the flag that the
/// issuer has on that subject, `repay` is a cure. Each issuer's events go through its own node in
/// their order, a batch when the one before it is acknowledged; all issuers go at once. Nothing is
/// sent unless the whole file is in order.
///
/// The events happen now: the file's times only say in which order, and with --speed N how fast.
///
/// Ends when all nodes know the same records and everything announced is in force: exit code 0 if
/// all nodes decided alike, 1 if not, 7 if it takes longer than --settle-limit.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock replay events.csv.gz --map acme=http://127.0.0.1:7101 --map bolt=http://127.0.0.1:7102
  interlock replay events.csv.gz --map nodes.toml --speed 86400")]
pub(crate) struct Replay {
    /// The events; - reads stdin.
    #[arg(value_name = "FILE.csv[.gz]")]
    file: PathBuf,
    /// The node of an issuer, or a TOML file of lines like `acme = "unix:acme.sock"`; may be
    /// repeated. Issuers with one node are one member, and their flags replace each other.
    #[arg(long = "map", value_name = "ISSUER=ADDR|FILE", required = true)]
    map: Vec<String>,
    /// As fast as the nodes take it (max), or so many times as fast as it happened.
    #[arg(long, value_name = "max|N", default_value = "max")]
    speed: Speed,
    /// What kind of identifier the subjects are.
    #[arg(long, value_name = "TYPE", ignore_case = true, default_value = "DEVICE", value_parser = term::<IdType>())]
    id_type: IdType,
    #[command(flatten)]
    said: events::SaidArgs,
    /// Why flags are withdrawn.
    #[arg(long, value_name = "CAUSE", ignore_case = true, default_value = "ERROR", value_parser = term::<WithdrawCause>())]
    cause: WithdrawCause,
    /// When a flag's ground is said to have been observed: when it is sent, or at its event's time.
    #[arg(long, value_enum, default_value = "now")]
    observed_at: ObservedAt,
    /// How long the nodes may take to come to rest after the last event.
    #[arg(long, value_name = "DURATION", default_value = "120s")]
    settle_limit: Span,
    /// How long one call may take.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    timeout: Span,
}

impl Replay {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let map = map::read(&self.map)?;
        let said = self.said.said();
        let mapped = map.keys().cloned().collect();
        let purpose = Purpose::Sending { id_type: self.id_type, issuers: &mapped };
        let reading = Reading { said, purpose };
        let events = events::read(&self.file, &reading)?;
        let subjects: BTreeSet<String> =
            events.values().flatten().map(|event| event.subject.clone()).collect();
        let (issuers, count) = (events.len(), events.values().map(Vec::len).sum::<usize>() as u64);
        let observers = self.observe(&map).await?;

        let started = Instant::now();
        let sent = self.play(events, &map, &observers, count).await?;
        let sending = started.elapsed();

        let settling = Settling {
            observers: &observers,
            subjects: subjects.iter().map(String::as_str).collect(),
            id_type: self.id_type,
            limit: duration(self.settle_limit),
        };
        let outcome = settling.outcome().await.map_err(|failure| {
            let sent =
                format!("{} flags and {} withdrawals were sent", sent.flags, sent.withdrawals);
            anyhow::Error::from(failure).context(sent)
        })?;
        let locks: Vec<_> = observers.iter().map(Observer::locks).collect();
        let report = Report {
            issuers,
            events: count,
            subjects: subjects.len(),
            ..Report::new(sent, sending, &locks, outcome)
        };
        output.result(&report)?;
        Ok(if report.alike { Exit::Done } else { Exit::No })
    }

    /// Reaches every node and begins to watch it.
    async fn observe(&self, map: &map::NodeMap) -> anyhow::Result<Vec<Observer>> {
        let addresses: BTreeSet<&NodeAddress> = map.values().collect();
        let mut starts = JoinSet::new();
        for address in addresses {
            let (address, timeout) = (address.clone(), duration(self.timeout));
            starts.spawn(
                async move { Observer::start(Node::connect(&address, timeout).await?).await },
            );
        }
        let observers: Result<Vec<_>, Failure> = starts.join_all().await.into_iter().collect();
        let mut observers = observers?;
        observers.sort_by(|one, other| one.member.cmp(&other.member));
        if let Some(pair) =
            observers.windows(2).find(|pair| pair[0].consortium != pair[1].consortium)
        {
            let message = format!(
                "expected nodes of one consortium: those at {} and {} are of two",
                pair[0].node.address, pair[1].node.address
            );
            return Err(Failure::bad_input(message).into());
        }
        Ok(observers)
    }

    /// Plays every issuer's events through its node, all at once.
    async fn play(
        &self,
        events: Events,
        map: &map::NodeMap,
        observers: &[Observer],
        count: u64,
    ) -> anyhow::Result<Sent> {
        let nodes: BTreeMap<&NodeAddress, &Node> =
            observers.iter().map(|observer| (&observer.node.address, &observer.node)).collect();
        let first = events.values().filter_map(|events| events.first()).map(|event| event.at).min();
        let score = Arc::new(Score {
            file: self.file.display().to_string(),
            run: random_key()?,
            id_type: self.id_type,
            observed_at: self.observed_at,
            cause: self.cause,
            pace: Pace::starting_now(self.speed, first.unwrap_or(Time::MIN)),
            progress: progress(count),
        });
        let mut players = JoinSet::new();
        for (issuer, events) in events {
            // Reading the file made sure that every issuer has a node.
            if let Some(node) = map.get(&issuer).and_then(|address| nodes.get(address)) {
                players.spawn(Player::new(Arc::clone(&score), (*node).clone()).play(events));
            }
        }
        let mut sent = Sent::default();
        while let Some(done) = players.join_next().await {
            sent.add(done??);
        }
        score.progress.finish_and_clear();
        Ok(sent)
    }
}

/// A bar on stderr; hidden where that is no terminal.
fn progress(events: u64) -> ProgressBar {
    let bar = ProgressBar::new(events);
    let template =
        "{elapsed_precise} {wide_bar} {human_pos}/{human_len} events, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
