//! The engine is asked only where a receipt can matter: that changes nothing.

use super::*;
use crate::cascade::held::Held;
use crate::cascade::live::{in_force, own, viewers};
use crate::cascade::scenario::Scenario;
use crate::cascade::shipped::Shipped;

fn told_when(asking: Asking, scenario: &Scenario, seed: u64) -> Vec<Stories> {
    let world = World::new(scenario, seed).expect("a graph");
    let eyes = world.eyes.as_ref().expect("receipts count");
    let plans = (0..scenario.borrowers.count)
        .map(|borrower| Plan::of(scenario, &world.members, seed, borrower, &Held::nothing()));
    plans
        .filter(|plan| !plan.acts.is_empty())
        .map(|plan| {
            let viewers = viewers(&world, &plan);
            let alone = in_force(&world, &plan, &viewers);
            let own = own(&world, &plan);
            let table = Table::new(asking, &world, eyes, &plan, &own);
            told(table, &viewers, &alone).expect("it settles")
        })
        .collect()
}

#[test]
fn asking_where_it_matters_is_asking_always() {
    let base = ["borrowers.count=250", "platforms.count=12"];
    let cases: [&[&str]; 6] = [
        &["policy.measure.LOCK.rule.1.peer_permille=150"],
        &["policy.measure.LOCK.rule.1.peer_permille=150", "platforms.receipts=unnamed"],
        // Many are still within the notice delay when others act.
        &[
            "policy.measure.LOCK.rule.1.peer_permille=100",
            "policy.notice_delay=1h",
            "delays.gossip=[\"1s\",\"3h\"]",
        ],
        // Flags end by themselves while receipts rest on them.
        &[
            "policy.measure.LOCK.rule.1.peer_permille=100",
            "cause.mistake.expires=9d",
            "cause.mistake.withdrawn.share_ppm=0",
        ],
        &[
            "policy.measure.LOCK.rule.1.peer_permille=200",
            "platforms.follows={graph=\"random\",mean_degree_milli=4000}",
        ],
        &[
            "policy.measure.LOCK.rule.1.peer_permille=100",
            "policy.reason.FRAUD_SUSPECTED.max_life=12d",
            "policy.exit_percent=50",
        ],
    ];
    for case in cases {
        let settings: Vec<_> =
            base.iter().chain(case).map(|text| text.parse().expect("a setting")).collect();
        let scenario =
            Shipped::named("herding").expect("shipped").read(&settings).expect("good settings");
        let sparing = told_when(Asking::WhereItMatters, &scenario, 5);
        let always = told_when(Asking::Always, &scenario, 5);
        assert!(sparing.len() > 5);
        for (one, other) in sparing.iter().zip(&always) {
            assert_eq!(one.platforms, other.platforms, "{case:?}");
        }
    }
}
