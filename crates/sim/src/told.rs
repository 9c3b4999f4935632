//! What members said about subjects, out of a log of events, as the engine takes it; and what the
//! engine makes of it.

use std::collections::{BTreeMap, BTreeSet};

use interlock_engine::evidence::{Cure, Evidence, Flag, Origin};
use interlock_engine::policy::Schedule;
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{CureKind, FeedNumber, Measure, MemberId, Position, Time};

use crate::events::{Op, Said};
use crate::plain;

/// A member that copies another: what it flags after the other has is derived from the other's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Copying {
    /// Who copies.
    pub copier: MemberId,
    /// From whom.
    pub source: MemberId,
}

/// What members said about subjects.
#[derive(Debug, Clone, Default)]
pub struct Told {
    copies: Vec<Copying>,
    subjects: BTreeMap<String, Evidence>,
    members: BTreeSet<MemberId>,
    counts: Counts,
    last: Option<Time>,
}

/// How much was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flags.
    pub flags: u64,
    /// Those of them that were derived from others.
    pub echoes: u64,
    /// Events that take flags back.
    pub withdrawals: u64,
    /// Cures.
    pub cures: u64,
}

/// What became of the subjects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many were ever at the measure, or above it.
    pub ever: u64,
    /// How many of them came below it at an instant at which a flag was taken back that had
    /// supported it.
    pub opened_by_withdrawal: u64,
    /// How many were at the measure at the last event.
    pub at_end: u64,
}

impl Told {
    /// Nothing yet, of members of which these copy.
    pub fn with_copies(copies: Vec<Copying>) -> Self {
        Self { copies, ..Self::default() }
    }

    /// Adds what happened next: events come in order of time and, at one instant, of members.
    pub fn event(&mut self, at: Time, issuer: MemberId, op: Op, subject: &str, said: Said) {
        self.members.insert(issuer);
        self.last = self.last.max(Some(at));
        let evidence = match self.subjects.get_mut(subject) {
            Some(evidence) => evidence,
            None => self.subjects.entry(subject.to_owned()).or_default(),
        };
        let Counts { flags, withdrawals, cures, .. } = self.counts;
        let sequence = flags + withdrawals + cures + 1;
        let position =
            Position { time: at, member: issuer, feed: FeedNumber(1), sequence, index: 0 };
        match op {
            Op::Add => {
                let copied = |flag: &Flag| {
                    let source = flag.position.member;
                    self.copies.contains(&Copying { copier: issuer, source })
                };
                let echo = evidence.flags.iter().any(copied);
                self.counts.flags += 1;
                self.counts.echoes += u64::from(echo);
                let origin = if echo { Origin::Echo } else { Origin::FirstHand };
                evidence.flags.push(Flag { origin, ..plain::flag_saying(said, position) });
            }
            Op::Del => {
                self.counts.withdrawals += 1;
                for flag in &mut evidence.flags {
                    if flag.position.member == issuer {
                        flag.withdrawn_at.get_or_insert(at);
                    }
                }
            }
            Op::Repay => {
                self.counts.cures += 1;
                let cure = Cure { position, kind: CureKind::Repaid, withdrawn_at: None };
                evidence.cures.push(cure);
            }
        }
    }

    /// What the consortium decides under these policies, as far as it is about `measure`.
    pub fn outcome(&self, policies: &Schedule, measure: Measure) -> Outcome {
        let setting = Setting { policies, members: &self.members, view: View::Consortium };
        let mut outcome = Outcome::default();
        for evidence in self.subjects.values() {
            let timeline = timeline(&setting, evidence);
            let mut steps = timeline.transitions.iter();
            let opened = steps.any(|step| {
                let taken_back = |flag: &usize| evidence.flags[*flag].withdrawn_at == Some(step.at);
                step.from >= measure && step.to < measure && step.because.iter().any(taken_back)
            });
            let ever = timeline.transitions.iter().any(|step| step.to >= measure);
            let end = self.last.map_or(Measure::None, |last| timeline.announced(last));
            outcome.ever += u64::from(ever);
            outcome.opened_by_withdrawal += u64::from(opened);
            outcome.at_end += u64::from(end >= measure);
        }
        outcome
    }

    /// How much was said.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many subjects there are.
    pub fn subjects(&self) -> usize {
        self.subjects.len()
    }

    /// Who said anything.
    pub fn members(&self) -> &BTreeSet<MemberId> {
        &self.members
    }
}

#[cfg(test)]
mod tests {
    use interlock_engine::policy::Policy;

    use super::*;

    /// A source lists s1 and s2, a copier follows, and the source takes s1 back.
    fn told(copies: Vec<Copying>) -> Told {
        let mut told = Told::with_copies(copies);
        for (second, issuer, op, subject) in [
            (1, "copier", Op::Add, "s0"),
            (2, "source", Op::Add, "s0"),
            (3, "source", Op::Add, "s1"),
            (4, "source", Op::Add, "s2"),
            (5, "copier", Op::Add, "s1"),
            (6, "copier", Op::Add, "s2"),
            (7, "source", Op::Del, "s1"),
            (7, "source", Op::Del, "s1"),
            (8, "other", Op::Repay, "s2"),
        ] {
            let issuer = issuer.parse().expect(issuer);
            told.event(plain::second(second), issuer, op, subject, plain::SAID);
        }
        told
    }

    fn outcome(told: &Told, witnesses: u64) -> (u64, u64, u64) {
        let policy = plain::policy("", &[&format!("issuers = {witnesses}")]);
        let policies = Schedule::constant(Policy::from_toml("p.toml", &policy).expect("good"));
        let Outcome { ever, opened_by_withdrawal, at_end } = told.outcome(&policies, Measure::Lock);
        (ever, opened_by_withdrawal, at_end)
    }

    #[test]
    fn what_a_copier_flags_after_its_source_is_no_witness() {
        let apart = told(Vec::new());
        assert_eq!(apart.counts(), Counts { flags: 6, echoes: 0, withdrawals: 2, cures: 1 });
        assert_eq!((apart.subjects(), apart.members().len()), (3, 3));
        assert_eq!(outcome(&apart, 1), (3, 0, 3));
        assert_eq!(outcome(&apart, 2), (3, 1, 2));
        let id = |name: &str| name.parse().expect(name);
        let copying = Copying { copier: id("copier"), source: id("source") };
        let copied = told(vec![copying]);
        assert_eq!(copied.counts(), Counts { echoes: 2, ..apart.counts() });
        assert_eq!(outcome(&copied, 1), (3, 1, 2));
        // It was first to flag s0, so that is its own.
        assert_eq!(outcome(&copied, 2), (1, 0, 1));
    }
}
