//! What becomes of locks when members count as one witness.

use std::collections::BTreeSet;

use interlock_record::MemberId;
use interlock_sim::events::Events;
use interlock_sim::independence::witnesses::{Group, locks};
use serde::Serialize;

use crate::exit::Failure;
use crate::replay::told;

/// Locks with and without the groups.
#[derive(Debug, Serialize)]
pub(super) struct LocksView {
    pub subjects: u64,
    pub groups: Vec<Vec<String>>,
    pub by_witnesses: Vec<ByWitnesses>,
}

/// Subjects locked where a lock takes so many witnesses.
#[derive(Debug, Serialize)]
pub(super) struct ByWitnesses {
    pub witnesses: u64,
    pub ever: u64,
    pub ever_grouped: u64,
    pub at_end: u64,
    pub at_end_grouped: u64,
}

/// The groups that were given or, if there are none, those that were found.
///
/// # Errors
/// For a name that is no member's, or in two groups, and for a group of one.
pub(super) fn groups(given: &[String], found: &[Vec<String>]) -> Result<Vec<Group>, Failure> {
    if given.is_empty() {
        // They come from events whose issuers were checked.
        let members = |group: &Vec<String>| group.iter().filter_map(|id| id.parse().ok()).collect();
        return Ok(found.iter().map(members).collect());
    }
    let mut grouped: BTreeSet<MemberId> = BTreeSet::new();
    let mut groups = Vec::new();
    for text in given {
        let mut group = Group::new();
        for id in text.split(',') {
            let id: MemberId =
                id.parse().map_err(|error| Failure::usage(format!("--group {text}: {error}")))?;
            if !grouped.insert(id) {
                return Err(Failure::usage(format!(
                    "--group {text}: expected each member once, {id} is there twice"
                )));
            }
            group.insert(id);
        }
        if group.len() < 2 {
            return Err(Failure::usage(format!("--group {text}: expected at least two members")));
        }
        groups.push(group);
    }
    Ok(groups)
}

/// Asks the engine.
///
/// # Errors
/// For a number of witnesses that a policy cannot ask for, and a group of members that say nothing.
pub(super) fn count(
    events: &Events,
    witnesses: &[u64],
    groups: &[Group],
) -> anyhow::Result<LocksView> {
    if let Some(stranger) =
        groups.iter().flatten().find(|member| !events.contains_key(member.as_str()))
    {
        return Err(Failure::usage(format!(
            "--group: expected issuers of the file, got {stranger}"
        ))
        .into());
    }
    let told = told::told(events, Vec::new())?;
    let mut by_witnesses = Vec::new();
    for witnesses in witnesses {
        let apart = locks(&told, *witnesses, &[])?;
        let grouped = locks(&told, *witnesses, groups)?;
        by_witnesses.push(ByWitnesses {
            witnesses: *witnesses,
            ever: apart.ever,
            ever_grouped: grouped.ever,
            at_end: apart.at_end,
            at_end_grouped: grouped.at_end,
        });
    }
    let names = |group: &Group| group.iter().map(ToString::to_string).collect();
    Ok(LocksView {
        subjects: told.subjects() as u64,
        groups: groups.iter().map(names).collect(),
        by_witnesses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_given_or_found() {
        let found = [vec!["acme".to_owned(), "bolt".to_owned()]];
        let names = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(ToString::to_string).collect();
            groups(&given, &found).map(|groups| groups.iter().map(Group::len).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).expect("found"), [2]);
        assert_eq!(names(&["a,b,c", "d,e"]).expect("given"), [3, 2]);
        for (given, expected) in [
            (&["a"][..], "at least two"),
            (&["a,b", "b,c"], "b is there twice"),
            (&["a,"], "--group a,:"),
        ] {
            let error = names(given).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
