//! Telling: what changed between two decisions on one subject, as entries of the journal. However a
//! subject came to be decided anew, this is the one place that tells.

use interlock_record::{Digest, Measure, StatementId, SubjectTag, Time};

use super::happening::{Decided, Happening};
use crate::ledger::rows::{EffectiveRow, ScopeRow, TransitionRow, measure};

/// Tells the journal what changed between two decisions on one subject.
pub(super) struct Teller {
    pub subject: SubjectTag,
    pub frontier: Digest,
    pub arrivals: u64,
    pub now: Time,
}

impl Teller {
    /// Tells what is new in `new` against what was told of `old`, as entries from number `first`.
    pub(super) fn tell(
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
