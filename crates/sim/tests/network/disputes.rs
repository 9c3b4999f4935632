//! The clock of disputes, cures and their withdrawal: at every node, also where nothing else happens.

use interlock_engine::ledger::rows::{DisputeRow, StoredRow as _};
use interlock_engine::ledger::{Column, Ledger as _, MemoryLedger};
use interlock_engine::replica::{DisputeEnd, Happening, LocalHappening, PublishRefused};
use interlock_record::{
    Cure, CureKind, Dispute, Measure, MemberId, Outcome, Resolve, Span, Statement, StatementId,
};
use interlock_sim::chatter::subject;
use interlock_sim::checks::{agree, journal, journal_is_true};
use interlock_sim::consortium::{Consortium, POLICY, Shape, member};
use interlock_sim::network::{Faults, Network};

use crate::world::{flag, secs, withdraw};

/// Nothing ages, disputes have 20 s and rest for 10.
fn network(faults: Faults) -> Network {
    let decay = "decay = [{ after = \"5s\", percent = 70 }, { after = \"15s\", percent = 30 }]\n";
    let policy = POLICY.replace(decay, "").replace("max_life = \"60s\"", "max_life = \"600s\"");
    Network::new(Consortium::new(&Shape { policy: &policy, ..Shape::default() }), faults, 7)
}

/// Publishes one statement, which must be well; its id.
fn say(network: &mut Network, who: u32, statement: Statement) -> StatementId {
    let ticket = network.publish(member(who), vec![statement], None);
    let done = network.answer(ticket).expect("at once").as_ref().expect("a good statement");
    done.statements[0]
}

fn refused(network: &mut Network, who: u32, statement: Statement) -> PublishRefused {
    let ticket = network.publish(member(who), vec![statement], None);
    network.answer(ticket).expect("at once").clone().expect_err("it means nothing")
}

fn dispute(flag: StatementId) -> Statement {
    Statement::Dispute(Dispute { flag })
}

fn resolve(flag: StatementId, outcome: Outcome) -> Statement {
    Statement::Resolve(Resolve { flag, outcome })
}

/// Two members flag subject 1, and all know it: it is locked.
fn locked(network: &mut Network) -> [StatementId; 2] {
    let flags = [0, 1].map(|who| {
        let observed = network.clock(member(who));
        say(network, who, flag(1, observed))
    });
    network.run(secs(4));
    assert_eq!(in_force(network), [Measure::Lock; 4]);
    flags
}

fn in_force(network: &Network) -> Vec<Measure> {
    let of = |member: MemberId| {
        let events = journal(network.ledger(member)).into_iter();
        let mut told = events.filter_map(|event| match event.happening {
            Happening::Local(LocalHappening::Applied { subject: of, to, .. })
                if of == subject(1) =>
            {
                Some(to)
            }
            _ => None,
        });
        told.next_back().unwrap_or(Measure::None)
    };
    network.members().into_iter().map(of).collect()
}

/// The open disputes as a node lists them: whether its own, and by whom.
fn open(ledger: &MemoryLedger) -> Vec<(bool, DisputeRow)> {
    let rows = ledger.range(Column::Disputes, &[], &[0xff; 128], 100).expect("memory");
    let row = |bytes: &[u8]| DisputeRow::decode(bytes).expect("a row");
    rows.into_iter().map(|(key, value)| (key[0] == 0, row(&value))).collect()
}

fn ends(network: &Network, who: u32) -> Vec<(DisputeEnd, interlock_record::Time)> {
    let events = journal(network.ledger(member(who))).into_iter();
    let told = events.filter_map(|event| match event.happening {
        Happening::Local(LocalHappening::DisputeClosed { end, at, .. }) => Some((end, at)),
        _ => None,
    });
    told.collect()
}

fn true_everywhere(network: &Network) {
    agree(network).expect("all decide alike");
    for member in network.members() {
        journal_is_true(network.replica(member), network.ledger(member)).expect("true");
    }
}

#[test]
fn a_dispute_that_nobody_answers_lapses_everywhere_at_the_deadline_by_itself() {
    for faults in [Faults::NONE, Faults { skew_ms: 240, ..Faults::NONE }] {
        let mut network = network(faults);
        let [first, _] = locked(&mut network);
        let opened = network.clock(member(2));
        say(&mut network, 2, dispute(first));
        network.run(secs(2));
        assert_eq!(in_force(&network), [Measure::Review; 4], "the disputed ceiling");
        for who in 0..4 {
            let listed = open(network.ledger(member(who)));
            let [(own, row)] = &listed[..] else { panic!("{listed:?}") };
            assert_eq!((*own, row.issuer.as_str()), (who == 0, "m0"), "who must answer");
            assert_eq!(row.deadline - row.since, secs(20).micros());
            assert_eq!((row.since, row.flag.as_slice()), (opened.micros(), &first.0[..]));
        }
        // Nothing else happens.
        network.run(secs(17));
        assert_eq!(open(network.ledger(member(3))).len(), 1);
        network.run(secs(2));
        for who in 0..4 {
            assert_eq!(open(network.ledger(member(who))), [], "m{who}");
            let told = ends(&network, who);
            assert_eq!(told, [(DisputeEnd::Lapsed, opened.plus(secs(20)))], "m{who}");
        }
        assert_eq!(in_force(&network), [Measure::Review; 4], "one flag is left");
        // An answer now is too late, and is told so rather than signed.
        let late = refused(&mut network, 0, resolve(first, Outcome::Rejected));
        assert!(late.to_string().contains("no dispute of it is open"), "{late}");
        true_everywhere(&network);
    }
}

#[test]
fn a_rejected_dispute_restores_and_rests_and_may_then_open_anew() {
    let mut network = network(Faults::NONE);
    let [first, second] = locked(&mut network);
    let early = refused(&mut network, 0, resolve(first, Outcome::Rejected));
    assert!(early.to_string().contains("no dispute of it is open"), "{early}");
    say(&mut network, 2, dispute(first));
    network.run(secs(3));
    say(&mut network, 0, resolve(first, Outcome::Rejected));
    network.run(secs(3));
    assert_eq!(in_force(&network), [Measure::Lock; 4], "restored");
    assert_eq!(ends(&network, 3).len(), 1);
    assert_eq!(ends(&network, 3)[0].0, DisputeEnd::Answered);
    let resting = refused(&mut network, 3, dispute(first));
    assert!(resting.to_string().contains("further ones rest until"), "{resting}");
    // Another flag's dispute is another matter.
    say(&mut network, 3, dispute(second));
    network.run(secs(8));
    say(&mut network, 3, dispute(first));
    network.run(secs(1));
    assert_eq!(open(network.ledger(member(0))).len(), 2);
    assert!(
        open(network.ledger(member(0)))[0].0,
        "its own comes first, though its deadline is later"
    );
    true_everywhere(&network);
}

#[test]
fn an_upheld_dispute_ends_the_flag_and_flagging_again_does_not_shake_it_off() {
    let mut network = network(Faults::NONE);
    let [first, _] = locked(&mut network);
    let observed = network.now();
    say(&mut network, 2, dispute(first));
    network.run(secs(1));
    // Flagged again while it is open, the new flag is disputed too.
    say(&mut network, 0, flag(1, observed));
    network.run(secs(3));
    assert_eq!(in_force(&network), [Measure::Review; 4]);
    say(&mut network, 0, resolve(first, Outcome::Upheld));
    network.run(secs(3));
    say(&mut network, 0, flag(1, observed));
    network.run(secs(3));
    assert_eq!(in_force(&network), [Measure::Review; 4], "what was observed before is settled");
    let anew = network.now();
    say(&mut network, 0, flag(1, anew));
    network.run(secs(4));
    assert_eq!(in_force(&network), [Measure::Lock; 4]);
    true_everywhere(&network);
}

#[test]
fn a_cure_opens_and_its_withdrawal_closes_again() {
    let mut network = network(Faults::NONE);
    locked(&mut network);
    let cure = Cure { subject: subject(1), kind: CureKind::Repaid };
    let cure = say(&mut network, 0, Statement::Cure(cure));
    network.run(secs(1));
    assert_eq!(in_force(&network), [Measure::Review; 4]);
    say(&mut network, 0, withdraw(cure));
    network.run(secs(4));
    assert_eq!(in_force(&network), [Measure::Lock; 4]);
    network.run(Span::from_millis(100));
    true_everywhere(&network);
}
