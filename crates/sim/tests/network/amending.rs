//! Charters that change while the network lives: whoever was away, started from nothing or heard of
//! rivals first ends with the same chain and the same decisions.

use std::collections::BTreeMap;

use interlock_engine::charter::{Charter, SignedCharter};
use interlock_engine::replica::Happening;
use interlock_record::{MemberId, Time};
use interlock_sim::checks::{agree, journal};
use interlock_sim::consortium::{Consortium, Shape, feed, feed_key, member};
use interlock_sim::network::{Faults, Network};

use crate::world::{Pen, at, flag, secs};

fn network() -> Network {
    Network::new(Consortium::new(&Shape::default()), Faults::NONE, 1)
}

fn newest(network: &Network, number: u32) -> std::sync::Arc<Charter> {
    network.replica(member(number)).charters().newest().clone()
}

fn amend(network: &Network, from: Time, edit: impl FnOnce(String) -> String) -> SignedCharter {
    let signers: Vec<MemberId> = (0..3).map(member).collect();
    Consortium::amendment(&newest(network, 0), from, edit, &signers)
}

/// Nothing supports anything above `OBSERVE` any more.
fn mild(text: &str) -> String {
    text.replace("ceiling = \"LOCK\"", "ceiling = \"OBSERVE\"")
}

#[test]
fn a_policy_switches_at_one_instant_everywhere_and_leaves_the_past_alone() {
    let mut network = network();
    for number in 0..2 {
        let clock = network.clock(member(number));
        network.publish(member(number), vec![flag(1, clock)], None);
        network.run(secs(1));
    }
    network.run(secs(3));
    let switch = network.now().plus(secs(5));
    let signed = amend(&network, switch, |text| mild(&text));
    assert_eq!(network.amend(member(2), signed), Ok(2));
    network.run(secs(15));
    for number in 0..4 {
        assert_eq!(newest(&network, number).version, 2, "at m{number}");
        let events = journal(network.ledger(member(number)));
        let decided = events.iter().filter_map(|event| match &event.happening {
            Happening::Announced(decided) => Some(decided.at),
            _ => None,
        });
        let decided: Vec<Time> = decided.collect();
        assert_eq!(decided.last(), Some(&switch), "at m{number}: {decided:?}");
        assert!(decided[0] < switch, "what was decided before stays");
        let revised = |event: &&interlock_engine::replica::Event| {
            matches!(event.happening, Happening::Revised { .. })
        };
        assert_eq!(events.iter().filter(revised).count(), 0, "the past is not decided again");
    }
    agree(&network).expect("alike");
}

#[test]
fn who_was_away_for_ten_versions_gets_and_checks_them_all() {
    let mut network = network();
    network.part(&BTreeMap::from([(member(3), 1)]));
    for round in 0..10 {
        let from = network.now().plus(secs(1 + round));
        let signed = amend(&network, from, |text| text);
        assert_eq!(network.amend(member(round % 3), signed), Ok(round + 2));
        network.run(secs(15));
    }
    assert_eq!(newest(&network, 3).version, 1);
    network.heal();
    network.run(secs(30));
    assert_eq!(newest(&network, 3).id(), newest(&network, 0).id());
    assert_eq!(network.replica(member(3)).charters().chain().len(), 11);
    network.restart(member(3));
    assert_eq!(newest(&network, 3).version, 11, "it is on disk");
}

#[test]
fn an_unsigned_version_is_refused_and_changes_nothing() {
    let mut network = network();
    let two: Vec<MemberId> = (0..2).map(member).collect();
    let from = network.now().plus(secs(1));
    let signed = Consortium::amendment(&newest(&network, 0), from, |text| mild(&text), &two);
    let refused = network.amend(member(0), signed).expect_err("too few");
    assert!(refused.contains("signed by 2 of the 3 groups"), "{refused}");
    network.run(secs(15));
    assert!((0..4).all(|number| newest(&network, number).version == 1));
}

#[test]
fn rivals_take_everybody_back_and_the_one_that_names_both_forward_again() {
    let mut network = network();
    for number in 0..2 {
        let clock = network.clock(member(number));
        network.publish(member(number), vec![flag(1, clock)], None);
        network.run(secs(1));
    }
    network.run(secs(3));
    network.part(&BTreeMap::from([(member(2), 1), (member(3), 1)]));
    let first = newest(&network, 0);
    let from = network.now().plus(secs(1));
    let all: Vec<MemberId> = (0..4).map(member).collect();
    let one = Consortium::amendment(&first, from, |text| mild(&text), &all);
    let other = Consortium::amendment(&first, from, |text| text + "\n# another\n", &all);
    network.amend(member(0), one.clone()).expect("signed");
    network.amend(member(2), other.clone()).expect("signed");
    network.run(secs(5));
    assert!((0..4).all(|number| newest(&network, number).version == 2));
    network.heal();
    network.run(secs(40));
    for number in 0..4 {
        let charters = network.replica(member(number)).charters().clone();
        assert_eq!(charters.newest().version, 1, "m{number} is back at the version before");
        assert_eq!(charters.rivals().map(|rivals| rivals.ids.len()), Some(2));
        let events = journal(network.ledger(member(number)));
        let told =
            events.iter().any(|event| matches!(event.happening, Happening::CharterForked { .. }));
        assert!(told, "m{number} tells of it");
    }
    agree(&network).expect("alike");
    let ids: Vec<String> = network
        .replica(member(0))
        .charters()
        .rivals()
        .expect("rivals")
        .ids
        .iter()
        .map(|id| format!("\"{id}\""))
        .collect();
    let resolve = |text: String| {
        text.replacen("rules = ", &format!("resolves = [{}]\nrules = ", ids.join(", ")), 1)
    };
    let from = network.now().plus(secs(1));
    let resolving = Consortium::amendment(&first, from, resolve, &all);
    assert_eq!(network.amend(member(3), resolving), Ok(2));
    network.run(secs(20));
    assert!((0..4).all(|number| newest(&network, number).version == 2));
    agree(&network).expect("alike");
}

#[test]
fn a_rival_of_what_everybody_holds_reaches_everybody() {
    let mut network = network();
    let first = newest(&network, 0);
    let from = network.now().plus(secs(1));
    let all: Vec<MemberId> = (0..4).map(member).collect();
    let one = Consortium::amendment(&first, from, |text| mild(&text), &all);
    let other = Consortium::amendment(&first, from, |text| text + "\n# another\n", &all);
    network.amend(member(0), one).expect("signed");
    network.run(secs(15));
    assert!((0..4).all(|number| newest(&network, number).version == 2));
    // Whoever it is brought to falls back below the others, who have to ask it all the same.
    assert_eq!(network.amend(member(2), other), Ok(1));
    network.run(secs(15));
    for number in 0..4 {
        let charters = network.replica(member(number)).charters().clone();
        assert_eq!(charters.newest().version, 1, "at m{number}");
        assert_eq!(charters.rivals().map(|rivals| rivals.ids.len()), Some(2), "at m{number}");
    }
}

#[test]
fn a_feed_that_has_ended_counts_up_to_its_last_head_and_a_new_one_takes_over() {
    let mut network = network();
    let consortium = network.consortium().clone();
    let mut pen = Pen::new(&consortium, feed(3, 1));
    network.part(&BTreeMap::from([(member(3), 1)]));
    let good = pen.sign(at(1), &[flag(1, at(0))]);
    let stolen = pen.sign(at(2), &[flag(2, at(0))]);
    for record in [&good, &stolen] {
        let records = vec![record.clone()];
        network.inject(
            member(0),
            vec![interlock_engine::replica::Input::Records { from: member(3), records }],
        );
    }
    network.run(secs(3));
    let revoke = |text: String| {
        let key = feed_key(3, 1).public().to_string();
        let new = feed_key(3, 2).public();
        let last = format!(
            "key = \"{key}\"\nlast = {{ sequence = 1, id = \"{}\" }}\n[[member.feed]]\nnumber = 2\nkey = \"{new}\"",
            good.id()
        );
        text.replace(&format!("key = \"{key}\""), &last)
    };
    let signed = amend(&network, network.now().plus(secs(1)), revoke);
    assert_eq!(network.amend(member(1), signed), Ok(2));
    network.run(secs(15));
    let mut fresh = Pen::new(&consortium, feed(3, 2));
    fresh.charter_version = 2;
    let records = vec![fresh.sign(network.now(), &[flag(3, at(0))])];
    network.inject(
        member(2),
        vec![interlock_engine::replica::Input::Records { from: member(3), records }],
    );
    network.run(secs(5));
    for number in 0..3 {
        let ledger = network.ledger(member(number));
        let charters = network.replica(member(number)).charters();
        let flags = |subject: u8| {
            let known = interlock_engine::replica::known(
                ledger,
                charters,
                interlock_record::SubjectTag([subject; 32]),
            );
            known.expect("memory").evidence.flags.len()
        };
        assert_eq!((flags(1), flags(2), flags(3)), (1, 0, 1), "at m{number}");
    }
    // The old key's holder is told why it cannot sign.
    network.heal();
    network.run(secs(20));
    let why = network.replica(member(3)).not_signing(network.now()).expect("it must not");
    assert!(why.contains("ended feed"), "{why}");
}
