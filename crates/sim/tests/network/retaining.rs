//! Retention in rounds: a round costs what is new and what waits, not what is done, and finds all
//! that one without any mark would find.

use std::cell::Cell;

use interlock_engine::ledger::rows::{RetentionRow, StoredRow as _};
use interlock_engine::ledger::{Column, Ledger, LedgerFault, MemoryLedger, Row, feed_key};
use interlock_engine::replica::{
    Input, MAX_OPEN_BEHIND, ROUNDS_TO_A_DAYS_LIMIT, Replica, RetentionRound, record_at,
};
use interlock_record::{
    Erase, EraseGround, FeedHead, FeedId, Reason, Seen, SeenHead, Span, Statement, StatementId,
    SubjectTag, Time, VerifiedRecord,
};
use interlock_sim::chatter::{Topics, statement};
use interlock_sim::consortium::{Consortium, POLICY, Shape, feed, member};
use interlock_sim::dice::Dice;
use interlock_sim::network::{Faults, Network};
use proptest::prelude::*;

use crate::world::{Lone, Pen, at, drafts, flag, flag_of, id, secs, withdraw};

/// What ended five seconds ago is not kept, if it was kept for five seconds at least.
fn shape(policy: &str) -> Shape<'_> {
    Shape { policy, ..Shape::default() }
}

fn policy(limits: &str) -> String {
    format!("[limits]\nmin_keep = \"5s\"\nretention = \"5s\"\n{limits}{POLICY}")
}

/// A ledger that counts how many records are read.
struct Counting<'a> {
    ledger: &'a MemoryLedger,
    records: Cell<usize>,
}

impl<'a> Counting<'a> {
    fn new(ledger: &'a MemoryLedger) -> Self {
        Self { ledger, records: Cell::new(0) }
    }
}

impl Ledger for Counting<'_> {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerFault> {
        if column == Column::Log {
            self.records.set(self.records.get() + 1);
        }
        self.ledger.get(column, key)
    }

    fn range(
        &self,
        column: Column,
        from: &[u8],
        to: &[u8],
        most: usize,
    ) -> Result<Vec<Row>, LedgerFault> {
        assert_ne!(column, Column::Log, "it is counted one by one");
        self.ledger.range(column, from, to, most)
    }
}

/// One whole round: what is over, and what it marks.
fn round(
    ledger: &dyn Ledger,
    replica: &Replica,
    feed: FeedId,
    now: Time,
) -> (Vec<StatementId>, Vec<Input>) {
    let charters = replica.charters();
    let mut round = RetentionRound::begin(ledger, charters, feed, now).expect("memory");
    let mut over = Vec::new();
    loop {
        let found = round.look(ledger, charters, now, 7).expect("memory");
        over.extend(found.over);
        if !found.more {
            break;
        }
    }
    let mark = round.end(ledger).expect("memory");
    (over, mark.into_iter().map(Input::Retained).collect())
}

/// What a round would find that looks at everything.
fn from_the_start(
    ledger: &MemoryLedger,
    replica: &Replica,
    feed: FeedId,
    now: Time,
) -> Vec<StatementId> {
    let mut draft = interlock_engine::ledger::Draft::new(ledger);
    draft.remove(Column::Retention, feed_key(feed));
    round(&draft, replica, feed, now).0
}

fn marked(ledger: &MemoryLedger, feed: FeedId) -> (u64, Vec<u64>) {
    let row = ledger.get(Column::Retention, &feed_key(feed)).expect("memory");
    let row = row.map(|row| RetentionRow::decode(&row).expect("a row")).unwrap_or_default();
    (row.through, row.open)
}

fn erase(statement: StatementId) -> Statement {
    Statement::Erase(Erase { statement, ground: EraseGround::Retention })
}

/// The member's own feed, and two others who say what they have seen of it.
struct World {
    lone: Lone,
    seen_by: Vec<FeedHead>,
}

impl World {
    fn new(limits: &str) -> Self {
        let policy = policy(limits);
        let lone = Lone::new(Consortium::new(&shape(&policy)), feed(3, 1));
        Self { lone, seen_by: vec![FeedHead::default(); 2] }
    }

    fn own(&self) -> FeedId {
        self.lone.feed
    }

    fn publish(&mut self, ms: i64, statements: Vec<Statement>) -> u64 {
        let publish = Input::Publish { ticket: 1, statements: drafts(statements), request: None };
        self.lone.step(at(ms), vec![publish]);
        self.lone.replica.heads()[&self.own()].sequence
    }

    /// All that this node has signed is final from now on.
    fn seen(&mut self, ms: i64) {
        let own = self.own();
        let head = &self.lone.replica.heads()[&own];
        let head = SeenHead { feed: own, sequence: head.sequence, id: head.id.expect("a record") };
        let consortium = self.lone.consortium.clone();
        for (number, known) in self.seen_by.iter_mut().enumerate() {
            let mut pen = Pen::new(&consortium, feed(number as u32, 1));
            pen.head = known.clone();
            let said = pen.sign(at(ms), &[Statement::Seen(Seen { heads: vec![head.clone()] })]);
            *known = pen.head.clone();
            self.lone.take(at(ms), &[&said]);
        }
        // Only so much is destroyed in one step.
        while !self.lone.tick(at(ms)).changes.is_empty() {}
    }

    /// One round, and what comes of it; says how many statements it asked for and how many records
    /// it read.
    fn round(&mut self, ms: i64) -> (usize, usize) {
        let counting = Counting::new(&self.lone.ledger);
        let (over, mark) = round(&counting, &self.lone.replica, self.own(), at(ms));
        let records = counting.records.get();
        assert_eq!(
            over,
            from_the_start(&self.lone.ledger, &self.lone.replica, self.own(), at(ms)),
            "what a look at everything would find"
        );
        if !over.is_empty() {
            self.publish(ms, over.iter().copied().map(erase).collect());
        }
        self.lone.step(at(ms), mark);
        (over.len(), records)
    }

    fn record(&self, sequence: u64) -> VerifiedRecord {
        let row = record_at(&self.lone.ledger, self.own(), sequence).expect("memory");
        row.expect("a record").verified().expect("good")
    }

    fn marked(&self) -> (u64, Vec<u64>) {
        marked(&self.lone.ledger, self.own())
    }
}

/// Flags that are taken back at once.
fn flag_and_withdraw(world: &mut World, ms: i64) {
    let sequence = world.publish(ms, vec![flag(1, at(ms))]);
    let flagged = id(&world.record(sequence), 0);
    world.publish(ms + 1, vec![withdraw(flagged)]);
}

#[test]
fn a_round_costs_what_is_new_and_not_what_is_done() {
    let mut costs = Vec::new();
    for done in [10, 200] {
        let mut world = World::new("");
        for number in 0..done {
            flag_and_withdraw(&mut world, number * 10);
        }
        let (asked, read) = world.round(20_000);
        assert_eq!(asked as i64, done);
        assert!(read as i64 >= 2 * done, "the first round looks at everything");
        world.seen(20_500);
        world.round(21_000);
        assert_eq!(world.marked(), (2 * done as u64, vec![]), "all of that is done");
        let before = world.lone.ledger.clone();
        let (asked, read) = world.round(22_000);
        assert_eq!((asked, world.lone.ledger == before), (0, true), "and is left alone");
        flag_and_withdraw(&mut world, 22_100);
        let (asked, more) = world.round(40_000);
        assert_eq!(asked, 1);
        costs.push((read, more));
        // The mark is in the ledger: a node that starts anew begins there.
        world.lone.reopen();
        assert_eq!(world.round(40_100).0, 0);
    }
    assert!(costs[0].0 <= 2, "{costs:?}");
    assert_eq!(costs[0].0, costs[1].0, "a round with nothing to do");
    // What is new is one flag, its withdrawal, and the records with the erasures so far.
    assert!(costs[1].1 - costs[0].1 <= 1, "{costs:?}");
}

#[test]
fn what_has_not_ended_is_looked_at_again_and_holds_nothing_up() {
    let mut world = World::new("");
    let long = flag_of(|flag| flag.reason = Reason::FraudSuspected, 2, at(0));
    let first = world.publish(0, vec![long]);
    for number in 1..20 {
        flag_and_withdraw(&mut world, number * 10);
    }
    assert_eq!(world.round(20_000).0, 19);
    world.seen(20_500);
    world.round(21_000);
    assert_eq!(world.marked(), (39, vec![first]), "the flag that stands is named");
    // It is taken back, and five seconds later it is over.
    let flagged = id(&world.record(first), 0);
    world.publish(22_000, vec![withdraw(flagged)]);
    assert_eq!(world.round(26_000).0, 0);
    assert_eq!(world.round(27_000).0, 1);
    // Asked for, but not final: it stays open, and is asked for once.
    assert_eq!(world.round(28_000).0, 0);
    assert!(world.marked().1.contains(&first));
    world.seen(28_500);
    world.round(29_000);
    assert!(!world.marked().1.contains(&first));
}

#[test]
fn another_charter_finds_what_is_over_by_its_word() {
    let mut world = World::new("");
    flag_and_withdraw(&mut world, 0);
    flag_and_withdraw(&mut world, 8_000);
    assert_eq!(world.round(10_000).0, 1, "the second is too young");
    let amend = |world: &mut World, retention: &str| {
        let signers: Vec<_> = (0..3).map(member).collect();
        let newest = world.lone.replica.charters().newest().clone();
        let charter = Consortium::amendment(
            &newest,
            at(10_100),
            |text| {
                let text =
                    text.replace("retention = \"5s\"", &format!("retention = \"{retention}\""));
                text.replace("min_keep = \"5s\"", "min_keep = \"1s\"")
            },
            &signers,
        );
        world.lone.step(at(10_200), vec![Input::ApplyCharter { ticket: 1, charter }]);
    };
    amend(&mut world, "1s");
    assert_eq!(world.round(10_300).0, 1, "now it is over");
    let mut world = World::new("");
    flag_and_withdraw(&mut world, 0);
    amend(&mut world, "60s");
    assert_eq!(world.round(20_000).0, 0, "kept for longer now");
    assert_eq!(world.round(61_500).0, 1);
}

#[test]
fn so_many_open_records_are_named_and_beyond_that_the_mark_waits() {
    for open in [MAX_OPEN_BEHIND - 1, MAX_OPEN_BEHIND, MAX_OPEN_BEHIND + 1] {
        let mut world = World::new("");
        for number in 0..open {
            let mut tag = [7; 32];
            tag[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let stands = flag_of(
                |flag| {
                    flag.subject = SubjectTag(tag);
                    flag.reason = Reason::FraudSuspected;
                },
                1,
                at(number as i64),
            );
            world.publish(number as i64, vec![stands]);
        }
        flag_and_withdraw(&mut world, 5_000);
        assert_eq!(world.round(20_000).0, 1, "what lies behind is found all the same");
        assert_eq!(world.round(21_000).0, 0);
        world.seen(21_500);
        world.round(22_000);
        let (through, named) = world.marked();
        assert_eq!(named.len(), open.min(MAX_OPEN_BEHIND));
        let all = open as u64 + 2;
        let expected = if open > MAX_OPEN_BEHIND { MAX_OPEN_BEHIND as u64 } else { all };
        assert_eq!(through, expected, "with {open} open records");
    }
}

#[test]
fn a_round_asks_for_no_more_than_its_part_of_the_day() {
    let part = 2;
    let limits = format!("statements_a_day = {}\n", part * ROUNDS_TO_A_DAYS_LIMIT);
    let mut world = World::new(&limits);
    for number in 0..5 {
        flag_and_withdraw(&mut world, number * 10);
    }
    let mut asked = Vec::new();
    for ms in [20_000, 21_000, 22_000, 23_000] {
        asked.push(world.round(ms).0);
    }
    assert_eq!(asked, [2, 2, 1, 0]);
}

#[test]
fn an_erasure_past_the_days_limit_is_asked_for_again_the_day_after() {
    // A day's statements are used up by flags.
    let mut world = World::new("statements_a_day = 10\n");
    for number in 0..5 {
        flag_and_withdraw(&mut world, number * 10);
    }
    assert_eq!(world.round(20_000).0, 1);
    assert_eq!(world.round(21_000).0, 1, "the first was asked for in vain, but not for long yet");
    let day = 24 * 3_600 * 1_000;
    let asked: usize = (1..9).map(|second| world.round(day + second * 1_000).0).sum();
    assert_eq!(asked, 5, "both again, and the others");
    world.seen(day + 9_500);
    assert_eq!(world.round(day + 10_000).0, 0);
    let (through, open) = world.marked();
    assert!(through >= 10 && open.is_empty(), "{through} {open:?}");
}

/// The node's own feed has forked, and the branch that is final is not the one that it looked through.
#[test]
fn what_takes_records_off_the_line_takes_the_mark_back() {
    let mut world = World::new("");
    let own = world.own();
    let consortium = world.lone.consortium.clone();
    let mut pen = Pen::new(&consortium, own);
    let mut common = vec![pen.sign(at(0), &[flag(1, at(0))])];
    common.push(pen.sign(at(1), &[withdraw(id(&common[0], 0))]));
    let mut rival = pen.clone();
    let branch = |number: u8, pen: &mut Pen<'_>| {
        let flagged = pen.sign(at(i64::from(number)), &[flag(number, at(2))]);
        let back = pen.sign(at(100), &[withdraw(id(&flagged, 0))]);
        [flagged, back]
    };
    let (one, other) = (branch(2, &mut pen), branch(3, &mut rival));
    world.lone.take(at(200), &common.iter().chain(&one).collect::<Vec<_>>());
    // What it finds is not asked for: the feed is signed by the pens here.
    let look = |world: &World| {
        let (over, marks) = round(&world.lone.ledger, &world.lone.replica, own, at(20_000));
        let [Input::Retained(mark)] = &marks[..] else { panic!("there is something to mark") };
        (over, mark.clone())
    };
    let (over, mark) = look(&world);
    assert_eq!(over, [id(&common[0], 0), id(&one[0], 0)]);
    world.lone.step(at(20_000), vec![Input::Retained(mark.clone())]);
    assert_eq!(world.marked(), (4, vec![1, 3]));
    let head = SeenHead { feed: own, sequence: 4, id: other[1].id() };
    for number in 0..2 {
        let mut pen = Pen::new(&consortium, feed(number, 1));
        let seen = Statement::Seen(Seen { heads: vec![head.clone()] });
        world.lone.take(at(20_100), &[&pen.sign(at(20_050), &[seen])]);
    }
    world.lone.take(at(20_200), &other.iter().collect::<Vec<_>>());
    assert_eq!(world.record(4).id(), other[1].id(), "the line is the final branch");
    assert_eq!(world.marked(), (2, vec![1]));
    // What was found on the line that was is not marked any more.
    world.lone.step(at(20_300), vec![Input::Retained(mark)]);
    assert_eq!(world.marked(), (2, vec![1]));
    let (over, mark) = look(&world);
    assert_eq!(over, [id(&common[0], 0), id(&other[0], 0)]);
    assert_eq!((mark.through(), mark.open()), (4, &[1, 3][..]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Members talk, everything goes wrong, and each looks from time to time: it finds whatever one
    /// would find that looks at everything.
    #[test]
    fn nothing_is_missed_that_a_look_at_everything_would_find(seed: u64) {
        let policy = policy("");
        let mut dice = Dice::new(seed);
        let mut network = Network::new(Consortium::new(&shape(&policy)), Faults::ROUGH, dice.next());
        let members = network.members();
        let feeds: Vec<FeedId> = (0..4).map(|number| feed(number, 1)).collect();
        let mut found = 0;
        for _ in 0..60 {
            let number = dice.below(members.len() as u64) as usize;
            let (member, own) = (members[number], feeds[number]);
            let now = network.clock(member);
            match dice.below(8) {
                0 => network.restart(member),
                1 => network.see(member),
                2..=4 => {
                    let (over, mark) = round(network.ledger(member), network.replica(member), own, now);
                    let all = from_the_start(network.ledger(member), network.replica(member), own, now);
                    prop_assert_eq!(&over, &all, "{} at {}", member, now);
                    found += over.len();
                    if !over.is_empty() {
                        network.publish(member, over.into_iter().map(erase).collect(), None);
                    }
                    network.inject(member, mark);
                }
                _ => {
                    let known: Vec<StatementId> = network.published().collect();
                    let topics = Topics { subjects: 3, statements: &known, feeds: &feeds };
                    let said = vec![statement(&mut dice, &topics, now)];
                    network.publish(member, said, None);
                }
            }
            network.run(Span::from_millis(dice.below(3_000) as u32));
        }
        network.calm();
        network.run(secs(5));
        let marks: u64 = members.iter().zip(&feeds).map(|(id, own)| marked(network.ledger(*id), *own).0).sum();
        prop_assert!(found == 0 || marks > 0, "what was found lies behind a mark");
    }
}
