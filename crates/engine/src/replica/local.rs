//! What is local, in the replica: what this member applies, what waits for a person, the clock of
//! disputes, and the member's own settings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use interlock_record::{Digest, Measure, SubjectTag, Time};

use super::happening::Happening;
use super::local_happening::{DisputeEnd, LocalHappening};
use super::settle::{next_change, untold};
use super::{OpenError, Replica, Work};
use crate::ledger::rows::{
    ActRow, DecisionRow, DisputeRow, LocalRow, QueueRow, ScopeRow, SettingsRow,
};
use crate::ledger::{Column, DisputeOf, Ledger, LedgerFault, MetaKey, dispute_key, row, timer_key};
use crate::local::{ActKind, Applied, Because, Ground, LocalSettings, Mode};
use crate::policy::Schedule;

/// What a step gathers for what is local.
#[derive(Default)]
pub(super) struct LocalWork {
    /// Writes by a person, to be put into the audit log if they are done.
    pub attestations: Vec<super::simulated::Attestation>,
    /// The disputes that are open, of each subject that was decided anew from its evidence, and as
    /// of when: the clocks of other members may be a little ahead.
    pub disputes: BTreeMap<SubjectTag, (Time, Vec<DisputeRow>)>,
    /// What would be decided with what is simulated, of each such subject.
    pub simulated: BTreeMap<SubjectTag, Option<ScopeRow>>,
    /// On whom a person has just acted.
    pub acting: Option<SubjectTag>,
    /// Who is decided anew because the settings have changed: what that changes changes now.
    pub changes_now: BTreeSet<SubjectTag>,
}

impl LocalWork {
    /// Takes out what people asked for among these callers.
    pub(super) fn take_attestations(
        &mut self,
        callers: &[super::publish::Caller],
    ) -> Vec<super::simulated::Attestation> {
        let asked = |ticket: u64| callers.iter().any(|caller| caller.ticket == ticket);
        let all = std::mem::take(&mut self.attestations);
        let (theirs, others) = all.into_iter().partition(|of| asked(of.ticket));
        self.attestations = others;
        theirs
    }
}

/// What has become of a subject, as far as it is local.
pub(super) struct Settled {
    pub applied: Measure,
    pub applied_since: Option<i64>,
    /// When to look again.
    pub due: Option<Time>,
}

/// The charter's policies as this member sees them, kept until the charter is another.
#[derive(Debug, Default)]
pub(super) struct OwnPolicies(Option<(Digest, Arc<Schedule>)>);

impl Replica {
    /// The same replica with its member's own settings. If they are not those under which it was
    /// decided before, everybody is decided anew, some at each step.
    ///
    /// # Errors
    /// [`OpenError`]; nothing has changed.
    pub fn with_settings(
        mut self,
        ledger: &dyn Ledger,
        settings: LocalSettings,
    ) -> Result<Self, OpenError> {
        let known = row::<SettingsRow>(ledger, MetaKey::LocalSettings.bytes())?;
        let known = known.and_then(|row| Digest::from_slice(&row.digest));
        let known = known.unwrap_or_else(|| LocalSettings::default().digest());
        self.other_settings = known != settings.digest();
        self.revisiting |= self.other_settings;
        self.settings = settings;
        Ok(self)
    }

    /// The member's own settings.
    pub const fn settings(&self) -> &LocalSettings {
        &self.settings
    }

    /// The charter's policies as this member sees them.
    pub(super) fn own_policies(&mut self) -> Arc<Schedule> {
        let id = self.charters.newest().id();
        if let Some((of, policies)) = &self.own_policies.0
            && *of == id
        {
            return policies.clone();
        }
        let policies = Arc::new(self.settings.policies(self.charters.policies()));
        self.own_policies.0 = Some((id, policies.clone()));
        policies
    }

    /// Looks again at a subject on whom nothing was decided anew.
    pub(super) fn redecide(
        &mut self,
        subject: SubjectTag,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let decided = work.draft.row::<DecisionRow>(subject.as_bytes())?.unwrap_or_default();
        let consortium = decided.consortium.as_ref().map(untold).unwrap_or_default();
        let own = decided.own.as_ref().map(untold);
        let frontier = self.frontier_digest();
        self.decide(subject, consortium, own, frontier, work)
    }

    /// Puts the decision and what is local together, and tells what changed. `scope` is this
    /// member's own decision, `old` what was told before.
    pub(super) fn settle_local(
        &mut self,
        subject: SubjectTag,
        scope: &ScopeRow,
        old: &DecisionRow,
        work: &mut Work<'_>,
    ) -> Result<Settled, LedgerFault> {
        let now = work.now;
        let policies = self.own_policies();
        let key = subject.0.to_vec();
        let before = work.draft.row::<LocalRow>(&key)?;
        let mut local = before.clone().unwrap_or_default();
        if let Some(simulated) = work.local.simulated.remove(&subject) {
            local.simulated = simulated;
        }
        let ended = end_acts(subject, scope, &policies, &mut local, work);
        self.tell_disputes(subject, &mut local, work);

        let ground = Ground { scope, policies: &policies, local: &local };
        let applied = match self.settings.mode {
            Mode::Real => ground.apply(now),
            Mode::Simulated => Applied { measure: Measure::None, because: Because::Simulated },
        };
        let proposal = ground.proposal(now);
        let due = ground.next_change(now);
        let due = due.into_iter().chain(local.disputes.iter().filter_map(deadline));
        let due = due.chain(local.simulated.as_ref().and_then(|scope| next_change(scope, now)));
        let due = due.min();

        let at_once =
            work.local.acting == Some(subject) || work.local.changes_now.contains(&subject);
        let last = ground.last_change(now).into_iter().chain(ended).max();
        let at = last.filter(|_| !at_once).unwrap_or(now);
        let from = crate::ledger::rows::measure(old.applied);
        let mut applied_since = old.applied_since;
        if applied.measure != from {
            applied_since = Some(at.micros());
            work.events.push(Happening::Local(LocalHappening::Applied {
                subject,
                from,
                to: applied.measure,
                at,
                because: applied.because,
            }));
        }
        let would = self.would(scope, &policies, &local, now);
        let before_then = local.would.map_or(from, crate::ledger::rows::measure);
        tell_would(subject, (before_then, applied.measure), would, &mut local, work);
        queue(subject, proposal, &mut local, work);
        if before.as_ref() != Some(&local) {
            if local != LocalRow::default() {
                work.draft.put(key, &local);
            } else if before.is_some() {
                work.draft.remove(Column::Local, key);
            }
        }
        Ok(Settled { applied: applied.measure, applied_since, due })
    }

    /// What would be applied if nothing were simulated, and since when, where anything is.
    fn would(
        &self,
        scope: &ScopeRow,
        policies: &Schedule,
        local: &LocalRow,
        now: Time,
    ) -> Option<(Measure, Time)> {
        let simulates = self.settings.mode == Mode::Simulated || local.simulated.is_some();
        let scope = local.simulated.as_ref().unwrap_or(scope);
        let ground = Ground { scope, policies, local };
        simulates.then(|| (ground.apply(now).measure, ground.last_change(now).unwrap_or(now)))
    }

    /// Tells which disputes are open now and which are not any longer, and keeps the list of them.
    fn tell_disputes(&self, subject: SubjectTag, local: &mut LocalRow, work: &mut Work<'_>) {
        let (as_of, open) = work.local.disputes.remove(&subject).unwrap_or_else(|| {
            let open = local.disputes.iter().filter(|row| row.deadline > work.now.micros());
            (work.now, open.cloned().collect())
        });
        if open == local.disputes {
            return;
        }
        let old = std::mem::replace(&mut local.disputes, open);
        for row in &old {
            if let Some(key) = self.key_of(subject, row) {
                work.draft.remove(Column::Disputes, key);
            }
            if !local.disputes.iter().any(|other| same_identity(other, row)) {
                work.events.extend(closed(subject, row, as_of, work.now));
            }
        }
        for row in &local.disputes {
            if let Some(key) = self.key_of(subject, row) {
                work.draft.put(key, row);
            }
            if !old.iter().any(|other| same_identity(other, row)) {
                work.events.extend(opened(subject, row));
            }
        }
    }

    fn key_of(&self, subject: SubjectTag, row: &DisputeRow) -> Option<Vec<u8>> {
        let (issuer, reason, _) = parties(row)?;
        let whose = if issuer == self.me { DisputeOf::Own } else { DisputeOf::Others };
        Some(dispute_key(whose, deadline(row)?, subject, issuer, reason))
    }
}

/// Takes out acts that have come to their end; tells of those that time has ended, and when.
fn end_acts(
    subject: SubjectTag,
    scope: &ScopeRow,
    policies: &Schedule,
    local: &mut LocalRow,
    work: &mut Work<'_>,
) -> Option<Time> {
    let now = work.now;
    let mut last = None;
    for (kind, slot) in
        [(ActKind::Exemption, &mut local.exemption), (ActKind::Override, &mut local.overriding)]
    {
        let end = slot.as_ref().and_then(ActRow::ends_at).filter(|end| *end <= now);
        if let Some((act, at)) = end.and_then(|end| Some((slot.take()?, end))) {
            let measure = act.measure();
            let expired = LocalHappening::Expired { kind, subject, measure, at };
            work.events.push(Happening::Local(expired));
            last = last.max(Some(at));
        }
    }
    // Answers end with what they answer.
    let whole = local.clone();
    let ground = Ground { scope, policies, local: &whole };
    let seen_at = |act: &ActRow| Time::from_micros(act.at).map_or(now, |at| at.max(now));
    local.confirmations.retain(|act| ground.confirmation(act.measure(), seen_at(act)).is_some());
    local.refusal =
        local.refusal.take().filter(|act| ground.refusal(act.measure(), seen_at(act)).is_some());
    last
}

/// Tells what would be applied, where that has changed. Once nothing is simulated, it is what is
/// applied.
fn tell_would(
    subject: SubjectTag,
    (from, applied): (Measure, Measure),
    would: Option<(Measure, Time)>,
    local: &mut LocalRow,
    work: &mut Work<'_>,
) {
    let (to, at) = would.unwrap_or((applied, work.now));
    if to != from && (would.is_some() || local.would.is_some()) {
        let told = LocalHappening::Simulated { subject, from, to, at };
        work.events.push(Happening::Local(told));
    }
    let differs = would.is_some() && to != applied;
    local.would = differs.then(|| u32::from(to.number()));
}

/// Keeps the subject's place in the queue.
fn queue(
    subject: SubjectTag,
    proposal: Option<crate::local::Proposal>,
    local: &mut LocalRow,
    work: &mut Work<'_>,
) {
    let queued = local.queued.and_then(Time::from_micros);
    let since = proposal.map(|proposal| proposal.since);
    if let Some(old) = queued.filter(|old| since != Some(*old)) {
        work.draft.remove(Column::Queue, timer_key(old, subject));
    }
    local.queued = since.map(Time::micros);
    if let Some(proposal) = proposal.filter(|proposal| queued != Some(proposal.since)) {
        let measure = proposal.measure;
        let row = QueueRow { measure: u32::from(measure.number()) };
        work.draft.put(timer_key(proposal.since, subject), &row);
        let at = proposal.since;
        work.events.push(Happening::Local(LocalHappening::Proposed { subject, measure, at }));
    }
}

fn deadline(row: &DisputeRow) -> Option<Time> {
    Time::from_micros(row.deadline)
}

fn parties(
    row: &DisputeRow,
) -> Option<(interlock_record::MemberId, interlock_record::Reason, Time)> {
    let reason = interlock_record::Reason::from_number(row.reason)?;
    Some((row.issuer.parse().ok()?, reason, Time::from_micros(row.since)?))
}

fn same_identity(one: &DisputeRow, other: &DisputeRow) -> bool {
    (&one.issuer, one.reason) == (&other.issuer, other.reason)
}

fn opened(subject: SubjectTag, row: &DisputeRow) -> Option<Happening> {
    let (issuer, reason, at) = parties(row)?;
    let deadline = deadline(row)?;
    let opened = LocalHappening::DisputeOpened { subject, issuer, reason, at, deadline };
    Some(Happening::Local(opened))
}

fn closed(subject: SubjectTag, row: &DisputeRow, as_of: Time, now: Time) -> Option<Happening> {
    let (issuer, reason, _) = parties(row)?;
    let deadline = deadline(row)?;
    let (at, end) = if deadline <= as_of {
        (deadline, DisputeEnd::Lapsed)
    } else {
        (now, DisputeEnd::Answered)
    };
    Some(Happening::Local(LocalHappening::DisputeClosed { subject, issuer, reason, at, end }))
}
