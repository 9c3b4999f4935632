//! The porter: who is let in at the door, what each member has cost so far, and who must wait.
//!
//! An account is a member's, with all of its connections together, and outlives them: coming again
//! pays no debts. There is one for each member that has come in, so never more than the charter has
//! members. The arithmetic is in [`super::budget`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interlock_record::MemberId;
use interlock_wire::refusal;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::budget::{Budget, Consequence, Harm, SHUT_OUT, Standing};
use super::cost::{self, Cost};

/// Connections that a member may have open at once. Further ones are closed.
pub const MAX_CONNECTIONS_A_MEMBER: usize = 16;
/// Streams that a member may push on at once: its nodes, and those that it has lost and not missed.
pub const MAX_STREAMS_A_MEMBER: usize = 8;
/// Pulls that a member may have under way at once.
pub const MAX_PULLS_A_MEMBER: usize = 4;

/// Lets members in, and keeps account of what they cost.
#[derive(Debug)]
pub struct Porter {
    started: Instant,
    accounts: Mutex<BTreeMap<MemberId, Account>>,
}

#[derive(Debug)]
struct Account {
    budget: Budget,
    refused: BTreeMap<&'static str, u64>,
    open: [usize; 3],
    /// So many known records were asked for, and are no offence.
    excused: u64,
    shut: watch::Sender<bool>,
}

/// What a member holds open at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connection,
    Stream,
    Pull,
}

/// Something that a member holds open; it counts until this is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    porter: Arc<Porter>,
    member: MemberId,
    kind: Kind,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.porter.with(self.member, |account, _| {
            let open = &mut account.open[self.kind as usize];
            *open = open.saturating_sub(1);
        });
    }
}

/// A member is shut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its budget is spent: this node does not listen to it for {} s", left.as_secs())]
pub(super) struct ShutOut {
    left: Duration,
}

impl From<ShutOut> for Status {
    fn from(shut: ShutOut) -> Self {
        refusal(Code::ResourceExhausted, SHUT, shut)
    }
}

/// The name of being shut out.
const SHUT: &str = "SHUT_OUT";

/// A call is refused before it is looked at.
#[derive(Debug)]
pub(super) struct TurnedAway {
    /// A stable name.
    pub code: &'static str,
    /// What the caller is told.
    pub status: Status,
}

/// How a member's account stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// `OPEN`, `PAUSED` or `SHUT`.
    pub standing: &'static str,
    /// For how long that will last, where it ends.
    pub left: Option<Duration>,
    /// Which bucket was overdrawn last.
    pub because: Option<&'static str>,
    /// How often it was paused.
    pub pauses: u64,
    /// How often it was shut out.
    pub shut_outs: u64,
    /// How often what it sent was refused, by reason.
    pub refused: Vec<(&'static str, u64)>,
}

impl Default for Porter {
    fn default() -> Self {
        Self { started: Instant::now(), accounts: Mutex::default() }
    }
}

impl Porter {
    fn with<T>(&self, member: MemberId, work: impl FnOnce(&mut Account, Duration) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.started.elapsed();
        let account = accounts.entry(member).or_insert_with(|| Account {
            budget: Budget::new(now),
            refused: BTreeMap::new(),
            open: [0; 3],
            excused: 0,
            shut: watch::channel(false).0,
        });
        if matches!(account.budget.standing(now), Standing::Open | Standing::Paused { .. }) {
            account.shut.send_if_modified(|shut| std::mem::replace(shut, false));
        }
        work(account, now)
    }

    /// Lets a connection in; nothing where there are too many.
    pub(crate) fn connection(
        self: &Arc<Self>,
        member: MemberId,
    ) -> Option<Arc<dyn std::any::Any + Send + Sync>> {
        let visit = self.enter(member, Kind::Connection, MAX_CONNECTIONS_A_MEMBER);
        if visit.is_none() {
            self.refused(member, "TOO_MANY_CONNECTIONS", Cost::Nothing);
        }
        Some(Arc::new(visit?))
    }

    /// Lets a stream in.
    pub(super) fn stream(self: &Arc<Self>, member: MemberId) -> Result<Visit, TurnedAway> {
        self.listens_to(member)?;
        self.charge(member, Cost::Stale(cost::STREAM));
        self.enter(member, Kind::Stream, MAX_STREAMS_A_MEMBER)
            .ok_or_else(|| self.too_many(member, "TOO_MANY_STREAMS", MAX_STREAMS_A_MEMBER))
    }

    /// Lets a pull in.
    pub(super) fn pull(self: &Arc<Self>, member: MemberId) -> Result<Visit, TurnedAway> {
        self.listens_to(member)?;
        let visit = self
            .enter(member, Kind::Pull, MAX_PULLS_A_MEMBER)
            .filter(|_| self.with(member, |account, now| account.budget.pull(now)));
        visit.ok_or_else(|| self.too_many(member, "TOO_MANY_PULLS", MAX_PULLS_A_MEMBER))
    }

    /// Turns away a call of a member that is shut out.
    fn listens_to(&self, member: MemberId) -> Result<(), TurnedAway> {
        self.let_in(member).map_err(|shut| {
            self.refused(member, SHUT, Cost::Nothing);
            TurnedAway { code: SHUT, status: shut.into() }
        })
    }

    fn let_in(&self, member: MemberId) -> Result<(), ShutOut> {
        self.with(member, |account, now| match account.budget.standing(now) {
            Standing::Shut { until } => Err(ShutOut { left: until.saturating_sub(now) }),
            Standing::Open | Standing::Paused { .. } => Ok(()),
        })
    }

    fn enter(self: &Arc<Self>, member: MemberId, kind: Kind, most: usize) -> Option<Visit> {
        let entered = self.with(member, |account, _| {
            let open = &mut account.open[kind as usize];
            let entered = *open < most;
            *open += usize::from(entered);
            entered
        });
        entered.then(|| Visit { porter: self.clone(), member, kind })
    }

    fn too_many(&self, member: MemberId, code: &'static str, most: usize) -> TurnedAway {
        self.refused(member, code, cost::of(code));
        let detail = format!("expected at most {most} at once, and fewer a second");
        TurnedAway { code, status: refusal(Code::ResourceExhausted, code, detail) }
    }

    /// A frame has come, of so many bytes, and as heavy as so many records.
    pub(super) fn frame(&self, member: MemberId, bytes: usize, records: usize) {
        let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.with(member, |account, now| {
            account.budget.volume(whole(bytes), whole(records), now);
        });
    }

    /// Something that a member sent is refused.
    pub(super) fn refused(&self, member: MemberId, code: &'static str, cost: Cost) {
        self.with(member, |account, _| *account.refused.entry(code).or_default() += 1);
        self.charge(member, cost);
    }

    /// What a member's frame was worth.
    pub(super) fn weighed(&self, member: MemberId, new: u64, stale: u64) {
        let stale = self.with(member, |account, now| {
            account.budget.brought(new, now);
            let excused = stale.min(account.excused);
            account.excused -= excused;
            stale - excused
        });
        self.charge(member, Cost::Stale(stale));
    }

    /// Until this is said anew, so many known records are no offence: they were asked for.
    pub(super) fn excuse(&self, member: MemberId, records: usize) {
        let records = u64::try_from(records).unwrap_or(u64::MAX);
        self.with(member, |account, _| account.excused = records);
    }

    fn charge(&self, member: MemberId, cost: Cost) {
        let (harm, cost) = match cost {
            Cost::Nothing => return,
            Cost::Stale(cost) => (Harm::Stale, cost),
            Cost::Refused(cost) => (Harm::Refusals, cost),
        };
        let consequence = self.with(member, |account, now| {
            let consequence = account.budget.harm(harm, cost, now);
            if consequence == Some(Consequence::ShutOut) {
                account.shut.send_replace(true);
            }
            consequence
        });
        let because = harm.name();
        match consequence {
            None => {}
            Some(Consequence::Paused(pause)) => {
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(peer = %member, because, pause_ms, "a peer has spent its budget: it is not read for a while");
            }
            Some(Consequence::ShutOut) => {
                let seconds = SHUT_OUT.as_secs();
                tracing::warn!(peer = %member, because, seconds, "a peer goes on spending more than its budget: it is shut out");
            }
        }
    }

    /// Waits until a member's next frame may be read.
    pub(super) async fn admit(&self, member: MemberId) -> Result<(), ShutOut> {
        loop {
            self.let_in(member)?;
            let wait = self.with(member, |account, now| account.budget.wait(now));
            match wait {
                Some(Duration::ZERO) => return Ok(()),
                Some(wait) => tokio::time::sleep(wait).await,
                None => {}
            }
        }
    }

    /// Waits as long as a member has brought more than it may, whatever else it has done.
    pub(super) async fn pace(&self, member: MemberId) {
        let paced = self.with(member, |account, now| account.budget.paced(now));
        if !paced.is_zero() {
            tokio::time::sleep(paced).await;
        }
    }

    /// Waits until a member is shut out.
    pub(super) async fn shut_out(&self, member: MemberId) -> ShutOut {
        let mut shut = self.with(member, |account, _| account.shut.subscribe());
        // The sender lives as long as the account, which lives as long as this.
        let _ = shut.wait_for(|shut| *shut).await;
        self.let_in(member).err().unwrap_or(ShutOut { left: Duration::ZERO })
    }

    /// How a member's account stands.
    pub fn view(&self, member: MemberId) -> AccountView {
        self.with(member, |account, now| {
            let (standing, left) = match account.budget.standing(now) {
                Standing::Open => ("OPEN", None),
                Standing::Paused { until } => ("PAUSED", Some(until.saturating_sub(now))),
                Standing::Shut { until } => ("SHUT", Some(until.saturating_sub(now))),
            };
            AccountView {
                standing,
                left,
                because: account.budget.because().map(Harm::name),
                pauses: account.budget.pauses(),
                shut_outs: account.budget.shut_outs(),
                refused: account.refused.iter().map(|(code, count)| (*code, *count)).collect(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::{PULLS_BURST, REFUSALS_BURST};
    use super::*;

    fn mallory() -> MemberId {
        "mallory".parse().expect("a member id")
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_and_no_more_at_once() {
        let porter = Arc::new(Porter::default());
        let mut open = Vec::new();
        for _ in 0..MAX_STREAMS_A_MEMBER {
            open.push(porter.stream(mallory()).expect("there is room"));
        }
        assert!(porter.stream(mallory()).is_err());
        assert!(porter.stream("acme".parse().expect("a member id")).is_ok());
        open.pop();
        open.push(porter.stream(mallory()).expect("there is room again"));
        let pulls: Vec<_> = (0..MAX_PULLS_A_MEMBER).map(|_| porter.pull(mallory())).collect();
        assert!(pulls.iter().all(Result::is_ok) && porter.pull(mallory()).is_err());
        let connections: Vec<_> =
            (0..=MAX_CONNECTIONS_A_MEMBER).map(|_| porter.connection(mallory())).collect();
        assert_eq!(connections.iter().flatten().count(), MAX_CONNECTIONS_A_MEMBER);
        let refused = porter.view(mallory()).refused;
        let once = |code| (code, 1);
        assert_eq!(
            refused,
            ["TOO_MANY_CONNECTIONS", "TOO_MANY_PULLS", "TOO_MANY_STREAMS"].map(once)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn pulls_one_after_another_are_bounded_too() {
        let porter = Arc::new(Porter::default());
        let granted = (0..2 * PULLS_BURST).filter(|_| porter.pull(mallory()).is_ok()).count();
        assert_eq!(u64::try_from(granted), Ok(PULLS_BURST));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_paused_waits_and_whoever_goes_on_is_shut_out() {
        let porter = Arc::new(Porter::default());
        let waiting = porter.clone();
        let told = tokio::spawn(async move { waiting.shut_out(mallory()).await });
        let mut pauses = 0;
        let shut = loop {
            porter.refused(mallory(), "BAD_SIGNATURE", Cost::Refused(2 * REFUSALS_BURST));
            let view = porter.view(mallory());
            if view.standing == "SHUT" {
                break porter.admit(mallory()).await.expect_err("it is shut out");
            }
            assert_eq!(view.standing, "PAUSED");
            assert_eq!(view.because, Some("REFUSED_FRAMES"));
            let before = Instant::now();
            porter.admit(mallory()).await.expect("it is let in again");
            assert_eq!(Some(before.elapsed().as_millis()), view.left.map(|left| left.as_millis()));
            pauses += 1;
        };
        assert_eq!(pauses, super::super::budget::MAX_PAUSES);
        assert!(shut.left <= SHUT_OUT);
        told.await.expect("it does not panic");
        assert!(porter.stream(mallory()).is_err() && porter.pull(mallory()).is_err());
        // Somebody else is as welcome as ever.
        porter.admit("acme".parse().expect("a member id")).await.expect("it did nothing");
        tokio::time::sleep(SHUT_OUT).await;
        assert!(porter.stream(mallory()).is_ok());
        assert_eq!(porter.view(mallory()).standing, "OPEN");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_is_no_offence() {
        let porter = Porter::default();
        porter.excuse(mallory(), 500_000);
        porter.weighed(mallory(), 0, 500_000);
        assert_eq!(porter.view(mallory()).pauses, 0);
        porter.excuse(mallory(), 0);
        porter.weighed(mallory(), 0, 500_000);
        assert_eq!(porter.view(mallory()).pauses, 1);
    }
}
