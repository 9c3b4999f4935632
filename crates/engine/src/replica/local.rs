//! What is local, in the replica: acts of this member's people, what it applies, what waits for a
//! person, the clock of disputes. Every act is one commit: its state, its journal entry, its entry
//! in the audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use interlock_record::{Digest, Measure, SubjectTag, Time};

use super::happening::Happening;
use super::local_happening::{DisputeEnd, LocalHappening};
use super::settle::{next_change, untold};
use super::{Effect, OpenError, Repeated, Replica, Request, Work};
use crate::ledger::rows::{
    ActRow, DecisionRow, DisputeRow, LocalRow, QueueRow, RequestRow, ScopeRow, SettingsRow,
};
use crate::ledger::{
    Column, DisputeOf, Draft, Ledger, LedgerFault, MetaKey, dispute_key, row, timer_key,
};
use crate::local::{
    Act, ActKind, Applied, Because, Entry, Ground, LocalDone, LocalRefused, LocalSettings,
    MAX_OVERRIDE, Mode, Person, append,
};
use crate::policy::Schedule;

/// At most so many subjects are decided anew in one step after the settings have changed.
pub const MAX_RESETTLED_A_STEP: usize = 256;

/// An act that a person asks for.
pub(super) struct Asked {
    pub ticket: u64,
    pub subject: SubjectTag,
    pub act: Act,
    pub person: Person,
    pub request: Option<Request>,
}

/// What a step gathers for what is local.
#[derive(Default)]
pub(super) struct LocalWork {
    /// Writes by a person, to be put into the audit log if they are done.
    pub attestations: Vec<super::simulated::Attestation>,
    /// The disputes that are open, of each subject that was decided anew from its evidence.
    pub disputes: BTreeMap<SubjectTag, Vec<DisputeRow>>,
    /// What would be decided with what is simulated, of each such subject.
    pub simulated: BTreeMap<SubjectTag, Option<ScopeRow>>,
    /// On whom a person has just acted.
    acting: Option<SubjectTag>,
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

/// How far deciding anew has come after the settings have changed.
#[derive(Debug)]
pub(super) struct Resettling {
    column: Column,
    from: Vec<u8>,
}

impl Replica {
    /// The same replica with its member's own settings. If they are not those under which it was
    /// decided before, everything is decided anew, some of it with each tick.
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
        if known != settings.digest() {
            self.resettling = Some(Resettling { column: Column::Evidence, from: Vec::new() });
        }
        self.settings = settings;
        Ok(self)
    }

    /// The member's own settings.
    pub const fn settings(&self) -> &LocalSettings {
        &self.settings
    }

    /// The charter's policies as this member sees them.
    pub(super) fn own_policies(&mut self) -> Arc<Schedule> {
        let id = self.charter.id();
        if let Some((of, policies)) = &self.own_policies.0
            && *of == id
        {
            return policies.clone();
        }
        let policies = Arc::new(self.settings.policies(&self.charter.policies));
        self.own_policies.0 = Some((id, policies.clone()));
        policies
    }

    /// Marks some subjects to be decided anew, where the settings have changed.
    pub(super) fn resettle_some(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let Some(resettling) = &mut self.resettling else { return Ok(()) };
        let Resettling { column, from } = resettling;
        let rows = work.draft.range(*column, from, &[0xff; 33], MAX_RESETTLED_A_STEP)?;
        let more = rows.len() == MAX_RESETTLED_A_STEP;
        if let Some((last, _)) = rows.last() {
            last.clone_into(from);
            from.push(0);
        }
        let subjects = rows.iter().filter_map(|(key, _)| SubjectTag::from_slice(key));
        work.touched.extend(subjects);
        if more {
            return Ok(());
        }
        if *column == Column::Evidence {
            // What people did on subjects of whom nothing else is known.
            *resettling = Resettling { column: Column::Local, from: Vec::new() };
        } else {
            self.resettling = None;
            let digest = self.settings.digest().0.to_vec();
            work.draft.put(MetaKey::LocalSettings.bytes().to_vec(), &SettingsRow { digest });
        }
        Ok(())
    }

    /// Does what people ask for, in order.
    pub(super) fn act_all(
        &mut self,
        acts: Vec<Asked>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        for asked in acts {
            let ticket = asked.ticket;
            let result = self.act(asked, work)?;
            work.effects.push(Effect::LocalDone { ticket, result });
        }
        Ok(())
    }

    fn act(
        &mut self,
        asked: Asked,
        work: &mut Work<'_>,
    ) -> Result<Result<LocalDone, LocalRefused>, LedgerFault> {
        let Asked { subject, act, person, request, .. } = asked;
        if let Some(request) = &request
            && let Some(done) = work.draft.row::<RequestRow>(request.key.as_bytes())?
        {
            if done.digest != request.digest.0 {
                return Ok(Err(LocalRefused::KeyReused));
            }
            let applied = applied_to(&work.draft, subject)?;
            let repeated = Repeated::Yes;
            return Ok(Ok(LocalDone { audit: done.sequence, applied, repeated }));
        }
        let key = subject.0.to_vec();
        let mut local = work.draft.row::<LocalRow>(&key)?.unwrap_or_default();
        let audit = audit_after(&work.draft)?;
        let change = match self.change(&act, subject, &local, work)? {
            Ok(change) => change,
            Err(refused) => return Ok(Err(refused)),
        };
        let Change { measure, until, announced_since } = change;
        let row = ActRow {
            measure: u32::from(measure.number()),
            at: work.now.micros(),
            until: until.map(Time::micros),
            announced_since: announced_since.map(Time::micros),
            by: person.by().to_owned(),
            why: person.why().to_owned(),
            audit,
        };
        keep(&mut local, &act, row);
        let detail = detail(&act, change);
        let entry = Entry { person: &person, act: act.name(), subject: Some(subject), detail };
        append(&mut work.draft, work.now, entry)?;
        work.draft.put(key, &local);
        work.events.push(Happening::Local(LocalHappening::Acted {
            act: act.name(),
            subject,
            measure,
            until,
            audit,
        }));
        if let Some(request) = request {
            let row = RequestRow {
                digest: request.digest.0.to_vec(),
                statements: Vec::new(),
                time: work.now.micros(),
                sequence: audit,
            };
            work.draft.put(request.key.into_bytes(), &row);
        }
        self.write_events(work);
        work.local.acting = Some(subject);
        self.redecide(subject, work)?;
        work.local.acting = None;
        let applied = applied_to(&work.draft, subject)?;
        Ok(Ok(LocalDone { audit, applied, repeated: Repeated::No }))
    }

    /// Whether an act can be done, and what it comes to.
    fn change(
        &mut self,
        act: &Act,
        subject: SubjectTag,
        local: &LocalRow,
        work: &Work<'_>,
    ) -> Result<Result<Change, LocalRefused>, LedgerFault> {
        let now = work.now;
        let later = |until: Time| {
            if until > now { Ok(()) } else { Err(LocalRefused::UntilPast { until, now }) }
        };
        let for_a_while = |measure, until| {
            later(until).map(|()| Change { measure, until: Some(until), announced_since: None })
        };
        Ok(match *act {
            Act::Exempt { greatest, until } => for_a_while(greatest, until),
            Act::Override { measure, .. } if measure > MAX_OVERRIDE => {
                Err(LocalRefused::OverrideTooGrave)
            }
            Act::Override { measure, until } => for_a_while(measure, until),
            Act::Lift(kind) => lifted(local, kind, now),
            Act::Confirm { measure, seen_since } | Act::Refuse { measure, seen_since } => {
                let decided = work.draft.row::<DecisionRow>(subject.as_bytes())?;
                let decided = decided.unwrap_or_default();
                let scope = decided.own.or(decided.consortium).unwrap_or_default();
                let policies = self.own_policies();
                let ground = Ground { scope: &scope, policies: &policies, local };
                let refuses = matches!(act, Act::Refuse { .. });
                answered(&ground, measure, seen_since, refuses, now)
            }
        })
    }

    /// Looks again at a subject on whom nothing was decided anew.
    fn redecide(&mut self, subject: SubjectTag, work: &mut Work<'_>) -> Result<(), LedgerFault> {
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

        let at = match work.local.acting {
            Some(acting) if acting == subject => now,
            _ => ground.last_change(now).into_iter().chain(ended).max().unwrap_or(now),
        };
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
        tell_would(subject, would, at, &mut local, work);
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

    /// What would be applied if nothing were simulated, where anything is.
    fn would(
        &self,
        scope: &ScopeRow,
        policies: &Schedule,
        local: &LocalRow,
        now: Time,
    ) -> Option<Measure> {
        let simulates = self.settings.mode == Mode::Simulated || local.simulated.is_some();
        let scope = local.simulated.as_ref().unwrap_or(scope);
        simulates.then(|| Ground { scope, policies, local }.apply(now).measure)
    }

    /// Tells which disputes are open now and which are not any longer, and keeps the list of them.
    fn tell_disputes(&self, subject: SubjectTag, local: &mut LocalRow, work: &mut Work<'_>) {
        let now = work.now;
        let fresh = work.local.disputes.remove(&subject);
        let still = |row: &&DisputeRow| row.deadline > now.micros();
        let open = fresh.unwrap_or_else(|| local.disputes.iter().filter(still).cloned().collect());
        if open == local.disputes {
            return;
        }
        let old = std::mem::replace(&mut local.disputes, open);
        for row in &old {
            if let Some(key) = self.key_of(subject, row) {
                work.draft.remove(Column::Disputes, key);
            }
            if !local.disputes.iter().any(|other| same_identity(other, row)) {
                work.events.extend(closed(subject, row, now));
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

/// What an act comes to.
#[derive(Clone, Copy)]
struct Change {
    measure: Measure,
    until: Option<Time>,
    announced_since: Option<Time>,
}

/// An answer to a measure that is announced and waits, by the policy, for a person.
fn answered(
    ground: &Ground<'_>,
    measure: Measure,
    seen_since: Option<Time>,
    refuses: bool,
    now: Time,
) -> Result<Change, LocalRefused> {
    let announced = ground.scope.announced(now);
    let not_proposed = LocalRefused::NotProposed { measure, announced };
    let latest = ground.scope.latest(now).and_then(|step| Time::from_micros(step.at));
    let Some(since) = latest.filter(|_| ground.answerable(measure, now).is_some()) else {
        return Err(not_proposed);
    };
    // A milder one than is announced may be confirmed instead; only what is announced is refused.
    if refuses && measure != announced {
        return Err(not_proposed);
    }
    if let Some(seen) = seen_since.filter(|seen| *seen != since) {
        return Err(LocalRefused::AnotherProposal { measure, since, seen });
    }
    Ok(Change { measure, until: None, announced_since: Some(since) })
}

/// The act of this kind that holds, to be lifted.
fn lifted(local: &LocalRow, kind: ActKind, now: Time) -> Result<Change, LocalRefused> {
    let act = match kind {
        ActKind::Exemption => local.exemption.as_ref(),
        ActKind::Override => local.overriding.as_ref(),
        ActKind::Confirmation => local.confirmations.last(),
        ActKind::Refusal => local.refusal.as_ref(),
    };
    let act = act.filter(|act| act.ends_at().is_none_or(|end| end > now));
    let act = act.ok_or(LocalRefused::NothingToLift(kind))?;
    Ok(Change { measure: act.measure(), until: None, announced_since: None })
}

fn keep(local: &mut LocalRow, act: &Act, row: ActRow) {
    match act {
        Act::Confirm { measure, .. } => {
            local.refusal = local.refusal.take().filter(|act| act.measure() != *measure);
            local.confirmations.retain(|act| act.measure() != *measure);
            local.confirmations.push(row);
        }
        Act::Refuse { measure, .. } => {
            local.confirmations.retain(|act| act.measure() != *measure);
            local.refusal = Some(row);
        }
        Act::Exempt { .. } => local.exemption = Some(row),
        Act::Override { .. } => local.overriding = Some(row),
        Act::Lift(ActKind::Exemption) => local.exemption = None,
        Act::Lift(ActKind::Override) => local.overriding = None,
        Act::Lift(ActKind::Confirmation) => local.confirmations.clear(),
        Act::Lift(ActKind::Refusal) => local.refusal = None,
    }
}

fn detail(act: &Act, change: Change) -> String {
    let Change { measure, until, announced_since } = change;
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    let since = announced_since.map(|at| format!(", announced since {at}")).unwrap_or_default();
    match act {
        Act::Exempt { .. } => format!("at most {measure}{until}"),
        Act::Override { .. } => format!("{measure}{until}"),
        Act::Confirm { .. } | Act::Refuse { .. } => format!("{measure}{since}"),
        Act::Lift(kind) => format!("{} of {measure}", kind.name()),
    }
}

/// The number that the next entry of the audit log gets.
fn audit_after(draft: &Draft<'_>) -> Result<u64, LedgerFault> {
    let head = draft.row(MetaKey::AuditHead.bytes())?;
    Ok(crate::local::AuditHead::of_row(head.as_ref()).number + 1)
}

fn applied_to(draft: &Draft<'_>, subject: SubjectTag) -> Result<Measure, LedgerFault> {
    let row = draft.row::<DecisionRow>(subject.as_bytes())?;
    Ok(row.map_or(Measure::None, |row| crate::ledger::rows::measure(row.applied)))
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

/// Tells what would be applied, where that has changed.
fn tell_would(
    subject: SubjectTag,
    would: Option<Measure>,
    at: Time,
    local: &mut LocalRow,
    work: &mut Work<'_>,
) {
    let from = local.would.map_or(Measure::None, crate::ledger::rows::measure);
    let to = would.unwrap_or(Measure::None);
    if would.is_some() && to != from {
        let told = LocalHappening::Simulated { subject, from, to, at };
        work.events.push(Happening::Local(told));
    }
    local.would = (to != Measure::None).then(|| u32::from(to.number()));
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

fn closed(subject: SubjectTag, row: &DisputeRow, now: Time) -> Option<Happening> {
    let (issuer, reason, _) = parties(row)?;
    let deadline = deadline(row)?;
    let (at, end) =
        if deadline <= now { (deadline, DisputeEnd::Lapsed) } else { (now, DisputeEnd::Answered) };
    Some(Happening::Local(LocalHappening::DisputeClosed { subject, issuer, reason, at, end }))
}
