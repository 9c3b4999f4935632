//! The counting and the full timelines agree.

use interlock_engine::local::Overlay;
use proptest::prelude::*;

use super::*;
use crate::dice::Dice;
use crate::graph::{Chance, Direction, complete, erdos_renyi};

fn policy(head: &str, rule: &str) -> Policy {
    Policy::from_toml("p.toml", &plain::policy(head, &[rule])).expect("a policy")
}

/// Each member's policy: the consortium's, over it the member's own overlay that names its peers.
fn overlaid(policy: &Policy, peers: &Graph) -> Vec<Policy> {
    let overlay = |number: u32| {
        let names: Vec<String> = peers
            .neighbours(number)
            .iter()
            .map(|peer| format!("{:?}", plain::member(*peer).as_str()))
            .collect();
        // No peer at all would mean every member.
        let text = if names.is_empty() {
            "version = 1\npeer_receipts = \"ignore\"\n".to_owned()
        } else {
            format!("version = 1\npeers = [{}]\n", names.join(", "))
        };
        Overlay::parse("o.toml", &text).expect("an overlay").over(policy)
    };
    (0..peers.nodes()).map(overlay).collect()
}

fn waves_of(spread: &Spread, nodes: u32) -> Vec<Option<u32>> {
    let mut waves = vec![None; nodes as usize];
    for (wave, members) in (0..).zip(spread.waves()) {
        for member in members {
            assert_eq!(waves[*member as usize].replace(wave), None, "each locks once");
        }
    }
    waves
}

proptest! {
    #[test]
    fn counting_locks_whom_full_timelines_lock_in_the_same_order(
        nodes in 1_u32..16, dense in 0_u64..=10, permille in 1_u64..=1_000, seed: u64, one_way: bool,
    ) {
        let mut dice = Dice::new(seed);
        let graph = erdos_renyi(nodes, Chance::of(dense, 10), &mut dice).expect("small");
        // Whom a member follows: both ends the other, or only the smaller number the greater.
        let direction = if one_way { Direction::OneWay } else { Direction::Both };
        let peers = Graph::new(nodes, graph.pairs(), direction).expect("small");
        let policy = policy("peer_receipts = \"count\"", &format!("peer_permille = {permille}"));
        let first: Vec<u32> = (0..nodes).filter(|_| dice.below(4) == 0).collect();
        let thresholds = Thresholds::of_receipts(&policy, nodes);
        let mut spread = Spread::default();
        spread.run(&peers.reversed(), |member| thresholds.of_peers(peers.degree(member)), &first);
        let waves = waves_of(&spread, nodes);
        let by_timelines = lock_waves(&overlaid(&policy, &peers), &[], &waves);
        for member in 0..nodes {
            // Those that lock first do so on a ground of their own.
            if !first.contains(&member) {
                prop_assert_eq!(waves[member as usize], by_timelines[member as usize], "{}", member);
            }
        }
    }

    #[test]
    fn a_threshold_is_the_least_number_that_meets_the_rule(permille in 1_u64..=1_000, peers in 0_u32..300) {
        let policy = policy("peer_receipts = \"count\"", &format!("peer_permille = {permille}"));
        let needed = Thresholds::of_receipts(&policy, peers).of_peers(peers);
        // As SPEC has it: floor(1000 × acting / peers) >= permille.
        let met = |acting: u64| 1_000 * acting / u64::from(peers.max(1)) >= permille;
        let least = (0..=u64::from(peers)).find(|acting| peers > 0 && met(*acting));
        prop_assert_eq!(least, (needed != NEVER).then(|| u64::from(needed)));
    }
}

#[test]
fn flags_of_distinct_issuers_are_counted_by_the_engine() {
    let three = Thresholds::of_flags(&policy("", "issuers = 3"), 5);
    let needed: Vec<u32> = (0..=6).map(|peers| three.of_peers(peers)).collect();
    assert_eq!(needed, [NEVER, NEVER, NEVER, 3, 3, 3, NEVER]);
    assert_eq!(Thresholds::of_flags(&policy("", "points = 101"), 5).of_peers(5), 2);
}

#[test]
fn receipts_that_are_ignored_lock_nobody() {
    let thresholds = Thresholds::of_receipts(&policy("", "peer_permille = 1"), 5);
    assert!((0..=6).all(|peers| thresholds.of_peers(peers) == NEVER));
}

#[test]
fn a_run_leaves_nothing_to_the_next() {
    let graph = complete(10).expect("small");
    let mut spread = Spread::default();
    assert_eq!(spread.run(&graph, |_| 1, &[3, 3]), 10);
    assert_eq!(spread.waves().map(<[u32]>::len).collect::<Vec<_>>(), [1, 9]);
    assert_eq!(spread.run(&graph, |_| 2, &[3]), 1);
    assert_eq!(spread.run(&graph, |member| if member == 0 { 0 } else { NEVER }, &[0]), 1);
    assert_eq!(spread.waves().flatten().collect::<Vec<_>>(), [&0]);
}
