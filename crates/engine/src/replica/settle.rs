//! Settling: deciding anew on every subject that something touched or whose time has come, and
//! journaling what changed.

use interlock_record::{Digest, StatementId, SubjectTag, Time};

use super::meaning::Meaning;
use super::telling::Teller;
use super::{MAX_TIMERS_A_STEP, Replica, Work};
use crate::charter::Charters;
use crate::evidence::{Evidence, assemble};
use crate::ledger::rows::{
    DecisionRow, EffectiveRow, EvidenceRow, Placed, ScopeRow, TransitionRow,
};
use crate::ledger::{Column, Draft, Ledger, LedgerFault, number_key, row, timer_key, timer_of_key};
use crate::local::Mode;
use crate::policy::{PeerReceipts, Schedule};
use crate::timeline::{Setting, Timeline, View, timeline};

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
        if consortium.transitions.is_empty() && is_forgotten(subject, &work.draft)? {
            work.draft.remove(Column::Decisions, key);
            return Ok(());
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

/// Whether nothing is left of a subject: neither evidence nor anything local.
fn is_forgotten(subject: SubjectTag, draft: &Draft<'_>) -> Result<bool, LedgerFault> {
    Ok(draft.get(Column::Evidence, subject.as_bytes())?.is_none()
        && draft.get(Column::Local, subject.as_bytes())?.is_none())
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
