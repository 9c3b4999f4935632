//! Settling: deciding anew on every subject that something touched or whose time has come, and
//! journaling what changed.

use interlock_record::{Digest, Measure, StatementId, SubjectTag, Time};

use super::happening::{Decided, Happening};
use super::meaning::Meaning;
use super::{MAX_TIMERS_A_STEP, Replica, Work};
use crate::charter::Charters;
use crate::evidence::{Evidence, assemble};
use crate::ledger::rows::{
    DecisionRow, EffectiveRow, EvidenceRow, Placed, RevisitRow, ScopeRow, TransitionRow, measure,
};
use crate::ledger::{
    Column, Ledger, LedgerFault, MetaKey, number_key, row, timer_key, timer_of_key,
};
use crate::local::Mode;
use crate::policy::{PeerReceipts, Schedule};
use crate::timeline::{Setting, Timeline, View, timeline};

/// How many subjects that wait to be decided anew are taken up in one step.
pub const MAX_REVISITS_A_STEP: usize = 256;

/// Everything known on a subject, read back: the statements that concern it, the evidence they
/// make, and the id of each of the evidence's flags.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The statements, in their order.
    pub statements: Vec<Placed>,
    /// The evidence.
    pub evidence: Evidence,
    /// The ids of its flags.
    pub flag_ids: Vec<StatementId>,
}

/// Reads back everything known on a subject that means something.
///
/// # Errors
/// [`LedgerFault`].
pub fn known(
    ledger: &dyn Ledger,
    charters: &Charters,
    subject: SubjectTag,
) -> Result<Known, LedgerFault> {
    let Some(rows) = row::<EvidenceRow>(ledger, subject.as_bytes())? else {
        return Ok(Known::default());
    };
    let mut meaning = Meaning::new(ledger, charters);
    let mut statements = Vec::with_capacity(rows.statements.len());
    for row in &rows.statements {
        if let (placed, None) = meaning.of(row)? {
            statements.push(placed);
        }
    }
    let (evidence, flag_ids) = assemble(&statements);
    Ok(Known { statements, evidence, flag_ids })
}

/// Whether a member's own decision can differ from the consortium's at all.
pub fn own_may_differ(charters: &Charters) -> bool {
    charters.policies().all().any(|policy| {
        policy.peer_receipts == PeerReceipts::Count
            || policy.reasons.values().any(|reason| !reason.propagates)
    })
}

impl Replica {
    /// Has every subject decided anew, some at each step.
    pub(super) fn revisit_everybody(work: &mut Work<'_>) {
        work.draft.put(MetaKey::Revisit.bytes().to_vec(), &RevisitRow::default());
        work.revisits = true;
    }

    /// Whether subjects wait to be decided anew: the next step should follow at once.
    pub const fn is_revisiting(&self) -> bool {
        self.revisiting
    }

    /// Takes up some of the subjects that wait to be decided anew.
    pub(super) fn revisit(work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if !work.revisits {
            return Ok(());
        }
        let some = work.draft.range(Column::Revisits, &[], &[0xff; 33], MAX_REVISITS_A_STEP)?;
        work.revisits = some.len() == MAX_REVISITS_A_STEP;
        for (key, _) in some {
            work.touched.extend(SubjectTag::from_slice(&key));
            work.draft.remove(Column::Revisits, key);
        }
        let key = MetaKey::Revisit.bytes();
        let Some(all) = work.draft.row::<RevisitRow>(key)?.filter(|all| !all.done) else {
            return Ok(());
        };
        let from = &all.next;
        let some = work.draft.range(Column::Evidence, from, &[0xff; 33], MAX_REVISITS_A_STEP)?;
        let done = some.len() < MAX_REVISITS_A_STEP;
        work.revisits |= !done;
        let mut next = some.last().map(|(key, _)| key.clone()).unwrap_or_default();
        next.push(0);
        work.touched.extend(some.iter().filter_map(|(key, _)| SubjectTag::from_slice(key)));
        work.draft.put(key.to_vec(), &RevisitRow { next, done });
        Ok(())
    }

    /// Whether a ledger says that subjects wait to be decided anew.
    pub(super) fn revisits(ledger: &dyn Ledger) -> Result<bool, LedgerFault> {
        let all = row::<RevisitRow>(ledger, MetaKey::Revisit.bytes())?;
        Ok(all.is_some_and(|all| !all.done)
            || !ledger.range(Column::Revisits, &[], &[0xff; 33], 1)?.is_empty())
    }

    pub(super) fn settle_all(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        self.write_events(work);
        let touched = std::mem::take(&mut work.touched);
        if touched.is_empty() {
            return Ok(());
        }
        let charters = self.charters.clone();
        let members = charters.member_ids();
        let frontier = self.frontier_digest();
        let own_policies = self.own_policies();
        let own_too = own_may_differ(&charters) || self.settings.overlay.is_some();
        for subject in touched {
            let known = known(&work.draft, &charters, subject)?;
            let scope = |view: View, policies: &Schedule| {
                let setting = Setting { policies, members: &members, view };
                let timeline = timeline(&setting, &known.evidence);
                scope_row(&timeline, &known.flag_ids, policies)
            };
            let consortium = scope(View::Consortium, charters.policies());
            let own = own_too.then(|| scope(View::Member(self.me), &own_policies));
            let own = own.filter(|own| *own != consortium);
            self.look_at_local(subject, &known, &members, work)?;
            self.decide(subject, consortium, own, frontier, work)?;
        }
        self.write_events(work);
        Ok(())
    }

    /// Fires the timers that are due.
    pub(super) fn fire_timers(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        self.write_events(work);
        let to = timer_key(work.now, SubjectTag([0xff; 32]));
        // What fired lies behind as tombstones, which a range from the start would wade through.
        let from = timer_key(self.fired_through, SubjectTag([0; 32]));
        let due = work.draft.range(Column::Timers, &from, &to, MAX_TIMERS_A_STEP)?;
        if due.len() < MAX_TIMERS_A_STEP {
            self.fired_through = work.now;
        }
        let frontier = self.frontier_digest();
        for (key, _) in due {
            let subject = timer_of_key(&key).map(|(_, subject)| subject);
            let decided = match subject {
                Some(subject) => row::<DecisionRow>(&work.draft, subject.as_bytes())?
                    .map(|decided| (subject, decided)),
                None => None,
            };
            match decided {
                Some((subject, DecisionRow { consortium: Some(consortium), own, .. })) => {
                    self.decide(
                        subject,
                        untold(&consortium),
                        own.as_ref().map(untold),
                        frontier,
                        work,
                    )?;
                }
                _ => work.draft.remove(Column::Timers, key),
            }
        }
        self.write_events(work);
        Ok(())
    }

    /// Replaces what was decided on a subject, journals what changed, and sets the next timer.
    pub(super) fn decide(
        &mut self,
        subject: SubjectTag,
        consortium: ScopeRow,
        own: Option<ScopeRow>,
        frontier: Digest,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let key = subject.as_bytes().to_vec();
        let old = work.draft.row::<DecisionRow>(&key)?.unwrap_or_default();
        let arrivals = self.counters.arrivals;
        let teller = Teller { subject, frontier, arrivals, now: work.now };
        let first = self.counters.journal + 1;
        let old_consortium = old.consortium.clone().unwrap_or_default();
        // What is its own was the consortium's until they parted, and is again once they meet.
        let old_own = old.own.clone().unwrap_or_else(|| old_consortium.clone());
        let parted = old.own.is_some() || own.is_some();
        let differs = own.is_some();
        let new_own = own.unwrap_or_else(|| consortium.clone());
        let consortium = teller.tell(false, &old_consortium, consortium, first, &mut work.events);
        let own = if parted {
            let told = first + work.events.len() as u64;
            let told = teller.tell(true, &old_own, new_own, told, &mut work.events);
            differs.then_some(told)
        } else {
            None
        };
        self.write_events(work);
        let local = self.settle_local(subject, own.as_ref().unwrap_or(&consortium), &old, work)?;
        self.write_events(work);
        let due = [Some(&consortium), own.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|scope| next_change(scope, work.now))
            .chain(local.due)
            .min();
        if old.due != due.map(Time::micros) {
            if let Some(old) = old.due.and_then(Time::from_micros) {
                work.draft.remove(Column::Timers, timer_key(old, subject));
            }
            if let Some(due) = due {
                self.fired_through = self.fired_through.min(due);
                work.draft.put_key(Column::Timers, timer_key(due, subject));
            }
        }
        let decided = DecisionRow {
            consortium: Some(consortium),
            own,
            due: due.map(Time::micros),
            applied: u32::from(local.applied.number()),
            applied_since: local.applied_since,
        };
        work.draft.put(key, &decided);
        Ok(())
    }

    /// The number that the next journal entry gets.
    pub(super) fn next_entry(&self, work: &Work<'_>) -> u64 {
        self.counters.journal + work.events.len() as u64 + 1
    }

    /// Numbers and writes what happened.
    pub(super) fn write_events(&mut self, work: &mut Work<'_>) {
        for event in work.events.drain(..) {
            self.counters.journal += 1;
            let mut row = event.to_row(work.now);
            row.simulated = self.settings.mode == Mode::Simulated;
            work.draft.put(number_key(self.counters.journal), &row);
        }
    }
}

/// A timeline as a row, with nothing told yet.
pub(crate) fn scope_row(
    timeline: &Timeline,
    flag_ids: &[StatementId],
    policies: &Schedule,
) -> ScopeRow {
    let transitions = timeline.transitions.iter().map(|step| TransitionRow {
        at: step.at.micros(),
        from: u32::from(step.from.number()),
        to: u32::from(step.to.number()),
        because: step.because.iter().map(|index| flag_ids[*index].0.to_vec()).collect(),
        number: 0,
    });
    let effective = timeline.effective_changes(policies).into_iter();
    let effective = effective.map(|(at, measure)| EffectiveRow {
        at: at.micros(),
        measure: u32::from(measure.number()),
    });
    ScopeRow {
        transitions: transitions.collect(),
        effective: effective.collect(),
        told: 0,
        settled_at: 0,
    }
}

/// The same plan as one whose telling begins anew: what was told is taken from the old row.
pub(super) fn untold(scope: &ScopeRow) -> ScopeRow {
    let mut scope = scope.clone();
    for step in &mut scope.transitions {
        step.number = 0;
    }
    scope
}

pub(super) fn next_change(scope: &ScopeRow, now: Time) -> Option<Time> {
    scope.until(now).into_iter().chain(scope.effective_until(now)).min()
}

/// Tells the journal what changed between two decisions on one subject.
struct Teller {
    subject: SubjectTag,
    frontier: Digest,
    arrivals: u64,
    now: Time,
}

impl Teller {
    /// Tells what is new in `new` against what was told of `old`, as entries from number `first`.
    fn tell(
        &self,
        own: bool,
        old: &ScopeRow,
        mut new: ScopeRow,
        first: u64,
        events: &mut Vec<Happening>,
    ) -> ScopeRow {
        let base = events.len();
        let now = self.horizon(old, &new);
        let number = |events: &Vec<Happening>| first + (events.len() - base) as u64;
        let told: Vec<&TransitionRow> =
            old.transitions.iter().filter(|step| step.number > 0).collect();
        let past = new.transitions.iter().filter(|step| step.at <= now.micros()).count();
        let mut same = 0;
        while same < told.len().min(past) && told[same].same_as(&new.transitions[same]) {
            new.transitions[same].number = told[same].number;
            same += 1;
        }
        if let Some(wrong) = told.get(same) {
            let last = told.last().map_or(Measure::None, |step| measure(step.to));
            let now_is = new.announced(now);
            let because = new.latest(now).map(|step| ids(&step.because)).unwrap_or_default();
            let decided = self.decided(own, last, now_is, wrong.at, because);
            events.push(Happening::Revised { decided, corrects: wrong.number });
        }
        for step in &mut new.transitions[same..past] {
            step.number = number(events);
            let decided = self.decided(
                own,
                measure(step.from),
                measure(step.to),
                step.at,
                ids(&step.because),
            );
            events.push(Happening::Announced(decided));
        }
        self.tell_effective(own, old, &new, now, events);
        new.told = u32::from(new.in_force(now).number());
        new.settled_at = now.micros();
        new
    }

    /// Up to when to tell: now, or up to where it was told already where the clock was set back and
    /// nothing up to there has changed, so that it is not all taken back and told anew.
    fn horizon(&self, old: &ScopeRow, new: &ScopeRow) -> Time {
        let Some(settled) = Time::from_micros(old.settled_at).filter(|at| *at > self.now) else {
            return self.now;
        };
        let announced = |scope: &ScopeRow| -> Vec<(i64, u32)> {
            let steps = scope.transitions.iter().filter(|step| step.at <= settled.micros());
            steps.map(|step| (step.at, step.to)).collect()
        };
        let in_force = |scope: &ScopeRow| -> Vec<EffectiveRow> {
            let steps = scope.effective.iter().filter(|step| step.at <= settled.micros());
            steps.copied().collect()
        };
        let same = announced(old) == announced(new) && in_force(old) == in_force(new);
        if same { settled } else { self.now }
    }

    /// Every change of the measure in force since the last telling; and where the past itself
    /// changed, what is in force now.
    fn tell_effective(
        &self,
        own: bool,
        old: &ScopeRow,
        new: &ScopeRow,
        now: Time,
        events: &mut Vec<Happening>,
    ) {
        let mut told = measure(old.told);
        let fresh = old.transitions.is_empty() && old.effective.is_empty();
        let due = new
            .effective
            .iter()
            .filter(|step| (fresh || step.at > old.settled_at) && step.at <= now.micros());
        for step in due {
            let to = measure(step.measure);
            if to != told {
                self.put_in_force(own, told, to, step.at, new, events);
                told = to;
            }
        }
        let now_is = new.in_force(now);
        if now_is != told {
            let since = new.effective.iter().rev().find(|step| step.at <= now.micros());
            let at = since.map_or(now.micros(), |step| step.at);
            self.put_in_force(own, told, now_is, at, new, events);
        }
    }

    fn put_in_force(
        &self,
        own: bool,
        from: Measure,
        to: Measure,
        at: i64,
        new: &ScopeRow,
        events: &mut Vec<Happening>,
    ) {
        let because = Time::from_micros(at).and_then(|at| new.latest(at));
        let because = because.map(|step| ids(&step.because)).unwrap_or_default();
        events.push(Happening::Effective(self.decided(own, from, to, at, because)));
    }

    fn decided(
        &self,
        own: bool,
        from: Measure,
        to: Measure,
        at: i64,
        because: Vec<StatementId>,
    ) -> Decided {
        Decided {
            subject: self.subject,
            own,
            from,
            to,
            at: Time::from_micros(at).unwrap_or(self.now),
            because,
            frontier: self.frontier,
            arrivals: self.arrivals,
        }
    }
}

impl TransitionRow {
    fn same_as(&self, other: &Self) -> bool {
        (self.at, self.from, self.to) == (other.at, other.from, other.to)
    }
}

fn ids(because: &[Vec<u8>]) -> Vec<StatementId> {
    because.iter().filter_map(|id| StatementId::from_slice(id)).collect()
}
