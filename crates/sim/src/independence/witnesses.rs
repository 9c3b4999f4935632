//! What becomes of locks when members count as one witness: the engine's own answer, with policies
//! that ask for so many witnesses and nothing else.

use std::collections::BTreeSet;

use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::text::FileError;
use interlock_record::{Measure, MemberId};

use crate::plain;
use crate::told::Told;

/// Members that are one witness.
pub type Group = BTreeSet<MemberId>;

/// How many subjects were locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locks {
    /// At some time.
    pub ever: u64,
    /// At the last event.
    pub at_end: u64,
}

/// How many subjects the engine locks where it takes so many witnesses, and `groups` are one each.
///
/// # Errors
/// For a number of witnesses that a policy cannot ask for.
pub fn locks(told: &Told, witnesses: u64, groups: &[Group]) -> Result<Locks, FileError> {
    let rule = format!("issuers = {witnesses}");
    let mut policy = Policy::from_toml("the policy", &plain::policy("", &[&rule]))?;
    policy.groups = groups.to_vec();
    let outcome = told.outcome(&Schedule::constant(policy), Measure::Lock);
    Ok(Locks { ever: outcome.ever, at_end: outcome.at_end })
}

#[cfg(test)]
mod tests {
    use interlock_record::Time;

    use super::*;
    use crate::events::Op;

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
            told.event(at, member(issuer), op, subject, plain::SAID);
        }
        told
    }

    #[test]
    fn members_of_a_group_are_one_witness() {
        let told = told();
        let locks =
            |witnesses, groups: &[Group]| super::locks(&told, witnesses, groups).expect("a policy");
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
        assert!(locks(&told(), 0, &[]).is_err());
    }
}
