//! What becomes of locks when members count as one witness: the engine's own answer, with policies
//! that ask for so many witnesses and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use interlock_engine::evidence::{Evidence, Flag, Hold, Origin};
use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::text::FileError;
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{FeedNumber, IdType, Measure, MemberId, Position, Reason, Severity, Time};

use crate::events::Op;

/// Members that are one witness.
pub type Group = BTreeSet<MemberId>;

/// What members said about subjects, as the engine takes it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    subjects: BTreeMap<String, Evidence>,
    members: BTreeSet<MemberId>,
    statements: u64,
    last: Option<Time>,
}

/// How many subjects were locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locks {
    /// At some time.
    pub ever: u64,
    /// At the last event.
    pub at_end: u64,
}

impl Told {
    /// Adds what happened next: events come in order of time.
    pub fn event(&mut self, at: Time, issuer: MemberId, op: Op, subject: &str) {
        self.statements += 1;
        self.members.insert(issuer);
        self.last = self.last.max(Some(at));
        let evidence = match self.subjects.get_mut(subject) {
            Some(evidence) => evidence,
            None => self.subjects.entry(subject.to_owned()).or_default(),
        };
        match op {
            Op::Add => evidence.flags.push(flag(Position {
                time: at,
                member: issuer,
                feed: FeedNumber(1),
                sequence: self.statements,
                index: 0,
            })),
            Op::Del => {
                let mut own =
                    evidence.flags.iter_mut().rev().filter(|flag| flag.position.member == issuer);
                if let Some(flag) = own.next().filter(|flag| flag.withdrawn_at.is_none()) {
                    flag.withdrawn_at = Some(at);
                }
            }
            // The policies here give cures no effect.
            Op::Repay => {}
        }
    }

    /// How many subjects the engine locks where it takes so many witnesses, and `groups` are one each.
    ///
    /// # Errors
    /// For a number of witnesses that a policy cannot ask for.
    pub fn locks(&self, witnesses: u64, groups: &[Group]) -> Result<Locks, FileError> {
        let mut policy = Policy::from_toml("the policy", &policy(witnesses))?;
        policy.groups = groups.to_vec();
        let policies = Schedule::constant(policy);
        let setting =
            Setting { policies: &policies, members: &self.members, view: View::Consortium };
        let mut locks = Locks { ever: 0, at_end: 0 };
        for evidence in self.subjects.values() {
            let timeline = timeline(&setting, evidence);
            let ever = timeline.transitions.iter().any(|step| step.to >= Measure::Lock);
            let end = self.last.map_or(Measure::None, |last| timeline.announced(last));
            locks.ever += u64::from(ever);
            locks.at_end += u64::from(end >= Measure::Lock);
        }
        Ok(locks)
    }

    /// How many subjects there are.
    pub fn subjects(&self) -> usize {
        self.subjects.len()
    }
}

/// Every flag weighs the same and lives until it is withdrawn.
fn policy(witnesses: u64) -> String {
    format!(
        "version = 1\nissuer_cap = 100\nwitness_points = 100\n\
         [reason.OTHER]\npoints = {{ LOW = 100, MEDIUM = 100, HIGH = 100, CRITICAL = 100 }}\n\
         max_life = \"36500d\"\nceiling = \"LOCK\"\n\
         [[measure.LOCK.rule]]\nissuers = {witnesses}\n"
    )
}

fn flag(position: Position) -> Flag {
    Flag {
        position,
        id_type: IdType::IdNumber,
        reason: Reason::Other,
        severity: Severity::High,
        confidence: 100,
        applied_measure: Measure::Lock,
        observed_at: position.time,
        expires_at: None,
        origin: Origin::FirstHand,
        hold: Hold::Free,
        withdrawn_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> MemberId {
        name.parse().expect(name)
    }

    /// Two on s1, of which one is taken back; three on s2; s3 listed, taken off and listed again.
    fn told() -> Told {
        let mut told = Told::default();
        for (second, issuer, op, subject) in [
            (1, "acme", Op::Add, "s1"),
            (2, "bolt", Op::Add, "s1"),
            (3, "acme", Op::Add, "s2"),
            (4, "bolt", Op::Add, "s2"),
            (5, "cask", Op::Add, "s2"),
            (6, "bolt", Op::Del, "s1"),
            (7, "bolt", Op::Del, "s1"),
            (8, "cask", Op::Del, "s3"),
            (9, "acme", Op::Add, "s3"),
            (10, "acme", Op::Del, "s3"),
            (11, "cask", Op::Add, "s3"),
            (12, "acme", Op::Add, "s3"),
            (13, "acme", Op::Repay, "s2"),
        ] {
            let at = Time::from_micros(second * 1_000_000).expect("in range");
            told.event(at, member(issuer), op, subject);
        }
        told
    }

    #[test]
    fn members_of_a_group_are_one_witness() {
        let told = told();
        let locks = |witnesses, groups: &[Group]| told.locks(witnesses, groups).expect("a policy");
        assert_eq!(told.subjects(), 3);
        assert_eq!(locks(1, &[]), Locks { ever: 3, at_end: 3 });
        assert_eq!(locks(2, &[]), Locks { ever: 3, at_end: 2 });
        assert_eq!(locks(3, &[]), Locks { ever: 1, at_end: 1 });
        let groups = [Group::from([member("acme"), member("bolt")])];
        assert_eq!(locks(2, &groups), Locks { ever: 2, at_end: 2 });
        assert_eq!(locks(3, &groups), Locks { ever: 0, at_end: 0 });
        let all = [Group::from([member("acme"), member("bolt"), member("cask")])];
        assert_eq!(locks(2, &all), Locks { ever: 0, at_end: 0 });
    }

    #[test]
    fn no_witness_at_all_is_refused() {
        assert!(told().locks(0, &[]).is_err());
    }
}
