//! Gathers the metrics, and writes them as text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use interlock_engine::ledger::{Column, Ledger as _, timer_key};
use interlock_engine::replica::WithholdingSign;
use interlock_record::{MemberId, SubjectTag, Time};
use interlock_store::Store;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::WriterMeters;
use crate::clock::now;
use crate::peers::Links;
use crate::peers::porter::AccountView;
use crate::withholding::lag_seconds;
use crate::writer::{Report, WriterHandle};

/// Timers that are due are counted up to this.
pub const MAX_DUE_COUNTED: usize = 10_000;

/// Labels and their values.
type Labels = Vec<(&'static str, String)>;

/// Where the metrics come from.
#[derive(Debug)]
pub struct Source {
    /// The writer.
    pub writer: WriterHandle,
    /// What it measures of itself.
    pub meters: WriterMeters,
    /// The ways to the peers.
    pub links: Arc<Links>,
    /// The store.
    pub store: Store,
    /// Where the store is.
    pub data: PathBuf,
}

/// All that one scrape tells, but for the writer's durations.
struct Scrape {
    report: Report,
    accounts: Vec<(MemberId, AccountView)>,
    refusals: Vec<(&'static str, u64)>,
    waiting: Vec<(MemberId, usize)>,
    queued: usize,
    timers_due: usize,
    store_bytes: u64,
    at: Time,
}

impl Source {
    /// The metrics as Prometheus reads them.
    pub(super) async fn text(&self) -> anyhow::Result<String> {
        let report = self.writer.report().await?;
        let at = now();
        let (store, data) = (self.store.clone(), self.data.clone());
        let (timers_due, store_bytes) = tokio::task::spawn_blocking(move || {
            let end = timer_key(at, SubjectTag([0xff; 32]));
            let due = store.range(Column::Timers, &[], &end, MAX_DUE_COUNTED)?.len();
            anyhow::Ok((due, bytes_in(&data)?))
        })
        .await??;
        let members = report.peers.iter().map(|peer| peer.member);
        let scrape = Scrape {
            accounts: members.map(|member| (member, self.links.porter.view(member))).collect(),
            refusals: self.links.refusals(),
            waiting: self.links.waiting(),
            queued: self.writer.queued(),
            report,
            timers_due,
            store_bytes,
            at,
        };
        Ok(scrape.text(&self.meters)?)
    }
}

/// Bytes of the files in a directory. Those that go away meanwhile count for nothing.
fn bytes_in(directory: &Path) -> std::io::Result<u64> {
    let mut bytes: u64 = 0;
    for entry in std::fs::read_dir(directory)? {
        let file = entry?.metadata().ok().filter(std::fs::Metadata::is_file);
        bytes = bytes.saturating_add(file.map_or(0, |file| file.len()));
    }
    Ok(bytes)
}

fn whole(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Takes metrics one by one, each with its help.
struct Teller {
    registry: Registry,
}

impl Teller {
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.registry.register(name, help, counter);
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.registry.register(name, help, gauge);
    }

    fn counters(&mut self, name: &str, help: &str, values: impl Iterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.registry.register(name, help, family);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl Iterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Gauge>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        self.registry.register(name, help, family);
    }
}

fn peer(member: MemberId) -> Labels {
    vec![("peer", member.to_string())]
}

fn peer_and(member: MemberId, label: &'static str, value: &str) -> Labels {
    vec![("peer", member.to_string()), (label, value.to_owned())]
}

impl Scrape {
    fn text(&self, meters: &WriterMeters) -> Result<String, std::fmt::Error> {
        let mut teller = Teller { registry: Registry::with_prefix("interlock") };
        self.node(&mut teller);
        self.peers(&mut teller);
        self.budgets(&mut teller);
        self.withholding(&mut teller);
        let registry = &mut teller.registry;
        registry.register("writer_step_seconds", "Duration of a step", meters.step.clone());
        let help = "Duration of a commit with its fsync";
        registry.register("writer_commit_seconds", help, meters.commit.clone());
        let mut text = String::new();
        prometheus_text::encode(&mut text, &teller.registry)?;
        Ok(text)
    }

    fn node(&self, to: &mut Teller) {
        let counters = self.report.counters;
        to.counter("records", "Records accepted", counters.arrivals);
        to.counter("statements", "Statements in the records accepted", counters.statements);
        to.counter("journal_entries", "Entries in the journal", counters.journal);
        to.counter("held_records", "Records that the breaker has held", counters.held);
        to.counter("equivocations", "Equivocations known", counters.equivocations);
        to.counter("late_records", "Records much later than their time", counters.late_records);
        to.counter("late_bursts", "Bursts of late flags", counters.late_bursts);
        let alarms = whole(self.report.late_feeds.len());
        to.gauge("late_alarms", "Feeds whose late flags raise an alarm", alarms);
        let not_signing = u64::from(self.report.not_signing.is_some());
        to.gauge("not_signing", "Whether the node does not sign", not_signing);
        to.gauge("writer_waiting_commands", "Commands that wait", whole(self.queued));
        to.gauge("timers_due", "Timers that are due and have not fired", whole(self.timers_due));
        to.gauge("store_bytes", "Size of the store on disk", self.store_bytes);
        let refusals = self.refusals.iter();
        let refusals =
            refusals.map(|(reason, count)| (vec![("reason", (*reason).to_owned())], *count));
        to.counters("refusals", "Connections, calls and frames refused", refusals);
    }

    fn peers(&self, to: &mut Teller) {
        let peers = || self.report.peers.iter();
        let reached = peers().map(|view| (peer(view.member), u64::from(view.dialled)));
        to.gauges("peer_reached", "Whether this node reaches it", reached);
        let heard = peers().map(|view| (peer(view.member), u64::from(view.heard)));
        to.gauges("peer_heard", "Whether it reaches this node", heard);
        let behind = peers().map(|view| (peer(view.member), view.behind));
        to.gauges("peer_behind_records", "Records that it has and this node has not", behind);
        let waits = |member| self.waiting.iter().find(|(of, _)| *of == member);
        let waiting = peers().map(|view| {
            (peer(view.member), waits(view.member).map_or(0, |(_, frames)| whole(*frames)))
        });
        to.gauges("peer_waiting_frames", "Frames that wait to be pushed to it", waiting);
    }

    fn budgets(&self, to: &mut Teller) {
        let accounts = || self.accounts.iter();
        let refusals = accounts().flat_map(|(member, account)| {
            let refused = account.refused.iter();
            refused.map(|(reason, count)| (peer_and(*member, "reason", reason), *count))
        });
        to.counters("peer_refusals", "What it sent and was refused", refusals);
        let pauses = accounts().map(|(member, account)| (peer(*member), account.pauses));
        to.counters("peer_pauses", "How often it was not read for a while", pauses);
        let shut_outs = accounts().map(|(member, account)| (peer(*member), account.shut_outs));
        to.counters("peer_shut_outs", "How often it was shut out", shut_outs);
        let standing = accounts().flat_map(|(member, account)| {
            ["OPEN", "PAUSED", "SHUT"].map(|standing| {
                let is = u64::from(account.standing == standing);
                (peer_and(*member, "standing", standing), is)
            })
        });
        to.gauges("peer_standing", "How its budget stands", standing);
    }

    fn withholding(&self, to: &mut Teller) {
        let views = || self.report.withholding.iter();
        let lag = views().map(|view| (peer(view.member), view.lag_records));
        to.gauges("peer_lag_records", "Records that it has not told of", lag);
        let lag = views().map(|view| (peer(view.member), lag_seconds(view, self.at)));
        to.gauges("peer_lag_seconds", "How long it could have told of them", lag);
        let undelivered = views().map(|view| (peer(view.member), view.undelivered));
        to.counters("peer_undelivered_pulls", "Pulls that brought nothing", undelivered);
        let hidden = views().map(|view| (peer(view.member), whole(view.hidden.len())));
        to.gauges("peer_hidden_feeds", "Feeds of which it has never told", hidden);
        let signs = views().flat_map(|view| {
            WithholdingSign::ALL.map(|sign| {
                let is = u64::from(view.signs.contains(&sign));
                (peer_and(view.member, "sign", sign.name()), is)
            })
        });
        to.gauges("peer_withholds", "Whether it seems to withhold", signs);
    }
}

#[cfg(test)]
mod tests;
