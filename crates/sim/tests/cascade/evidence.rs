//! The plan, written as an evidence file and evaluated by the engine alone, gives the same decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use interlock_engine::evidence::jsonl::EvidenceFile;
use interlock_engine::policy::Policy;
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{MemberId, Statement, StatementId};
use interlock_sim::cascade::{Plan, Scenario, plans};

use crate::shipped;

/// A plan as lines of an evidence file.
fn lines(plan: &Plan, text: &mut String) {
    let name = |id: &StatementId| format!("{id}");
    let borrower = plan.borrower;
    let positions: BTreeMap<_, _> = plan
        .acts
        .iter()
        .map(|act| {
            let position = act.placed.position;
            ((position.member, position.sequence), act.placed.id)
        })
        .collect();
    let mut released = BTreeSet::new();
    for act in &plan.acts {
        let position = act.placed.position;
        let (id, at, issuer) = (name(&act.placed.id), position.time, position.member);
        let line = match &act.placed.statement {
            Statement::Flag(flag) => {
                let derived: Vec<String> =
                    flag.derived_from.iter().map(|id| format!("{:?}", name(id))).collect();
                let expires =
                    flag.expires_at.map_or(String::new(), |at| format!(r#","expires_at":"{at}""#));
                let rule = flag
                    .rule_version
                    .as_ref()
                    .map_or(String::new(), |rule| format!(r#","rule_version":"{rule}""#));
                format!(
                    r#"{{"kind":"flag","id":"{id}","issuer":"{issuer}","subject":"{borrower}","reason":"{}","severity":"{}","confidence":{},"applied_measure":"{}","time":"{at}","observed_at":"{}","id_type":"{}","derived_from":[{}],"held":{}{expires}{rule}}}"#,
                    flag.reason,
                    flag.severity,
                    flag.confidence,
                    flag.applied_measure,
                    flag.observed_at,
                    flag.id_type,
                    derived.join(","),
                    act.placed.held,
                )
            }
            Statement::Withdraw(withdraw) => format!(
                r#"{{"kind":"withdraw","target":"{}","issuer":"{issuer}","cause":"{}","time":"{at}"}}"#,
                name(&withdraw.statement),
                withdraw.cause
            ),
            Statement::Recall(recall) => format!(
                r#"{{"kind":"recall","issuer":"{issuer}","from":null,"to":null,"reason":null,"rule_version":"{}","cause":"{}","time":"{at}"}}"#,
                recall.rule_version.as_deref().unwrap_or_default(),
                recall.cause
            ),
            Statement::Dispute(dispute) => format!(
                r#"{{"kind":"dispute","id":"{id}","flag":"{}","issuer":"{issuer}","time":"{at}"}}"#,
                name(&dispute.flag)
            ),
            Statement::Resolve(resolve) => format!(
                r#"{{"kind":"resolve","flag":"{}","issuer":"{issuer}","outcome":"{}","time":"{at}"}}"#,
                name(&resolve.flag),
                resolve.outcome
            ),
            Statement::Cure(cure) => format!(
                r#"{{"kind":"cure","id":"{id}","issuer":"{issuer}","subject":"{borrower}","cure":"{}","time":"{at}"}}"#,
                cure.kind
            ),
            Statement::Release(release) => {
                // One line stands for the quorum's: the one that makes it.
                let flag = positions[&(release.feed.member, release.sequence)];
                if released.insert(flag) {
                    continue;
                }
                format!(
                    r#"{{"kind":"release","issuer":"{issuer}","flag":"{}","time":"{at}"}}"#,
                    name(&flag)
                )
            }
            other => panic!("no part of a plan: {}", other.kind()),
        };
        writeln!(text, "{line}").expect("written");
    }
}

fn check(scenario: &Scenario) -> usize {
    let members: BTreeSet<MemberId> =
        (0..scenario.platforms.count).map(|platform| scenario.member(platform)).collect();
    let all: Vec<_> = plans(scenario, 3).expect("a world").collect();
    let mut text = String::new();
    for (plan, _) in &all {
        lines(plan, &mut text);
    }
    let file = EvidenceFile::parse("plan.jsonl", &text).unwrap_or_else(|error| panic!("{error}"));
    let subjects = file.subjects(&members);
    // In a policy file one line of a release stands for the quorum's.
    let policies = scenario.policies.map(|policy| Policy { release_k: 1, ..policy.clone() });
    let mut decided = 0;
    for (plan, decisions) in &all {
        let Some(evidence) = subjects.get(&plan.borrower.to_string()) else {
            assert!(decisions.iter().all(|some| some.timeline.transitions.is_empty()));
            continue;
        };
        for decision in decisions {
            let view = match decision.platforms.as_slice() {
                [one] if scenario.platforms.count > 1 => View::Member(scenario.member(*one)),
                _ => View::Consortium,
            };
            let setting = Setting { policies: &policies, members: &members, view };
            let expected = timeline(&setting, &evidence.evidence);
            assert_eq!(decision.timeline, expected, "borrower {}", plan.borrower);
            decided += expected.transitions.len();
            let names: Vec<String> = decision.flags.iter().map(ToString::to_string).collect();
            assert_eq!(names, evidence.flag_ids);
        }
    }
    decided
}

#[test]
fn a_plan_as_an_evidence_file_is_decided_alike() {
    for name in [
        "collective-lock",
        "limit-zeroed-after-settlement",
        "overdue-forgotten",
        "frozen-account",
        "limit-cut-after-repayment",
        "one-platform-fault",
    ] {
        let scenario = shipped(name, &["borrowers.count=1500"]);
        assert!(check(&scenario) > 20, "{name}");
    }
    let released =
        ["borrowers.count=1500", "platforms.breaker.releases=all", "platforms.breaker.flags=5"];
    assert!(check(&shipped("one-platform-fault", &released)) > 20);
}
