//! Many replicas over a virtual network in virtual time, all from one seed: the replicas are the
//! engine's own, and so are their ledgers; only the wires and the clocks are made up.
//!
//! Records travel as the bytes that were signed and are verified on arrival. A link keeps the order
//! of its frames, links do not wait for each other. What a link lost, it makes good as the node
//! does: once a frame gets through again, the replica is told that it has reached the peer anew.
//! What arrives at a replica in one millisecond is one step, with the tick last.

mod faults;
mod host;
mod vices;
mod wire;

use std::collections::BTreeMap;

use interlock_engine::charter::SignedCharter;
use interlock_engine::ledger::MemoryLedger;
use interlock_engine::replica::{
    Drafted, Effect, Extent, Input, PublishRefused, Published, Replica, Request,
};
use interlock_record::{FeedNumber, MemberId, SALT_BYTES, Span, Statement, StatementId, Time};

pub use faults::Faults;
use host::Host;
pub use vices::Vice;
use wire::{Arrival, Frame};

use crate::consortium::Consortium;
use crate::dice::Dice;

/// How often a replica ticks when no timer is due sooner.
pub const TICK: Span = Span::from_millis(100);
/// How long everything goes well at first: the replicas reach each other, and may sign.
pub const CALM_START: Span = Span::from_secs(1);
/// When every network begins: 2026-01-01T00:00:00Z.
pub const START_MICROS: i64 = 1_767_225_600_000_000;

/// A consortium's replicas, each the first feed of its member, and the wires between them.
#[derive(Debug)]
pub struct Network {
    consortium: Consortium,
    faults: Faults,
    dice: Dice,
    now: Time,
    hosts: BTreeMap<MemberId, Host>,
    /// What is on its way, by when and where it arrives, in the order in which it was sent.
    under_way: BTreeMap<(Time, MemberId, u64), Arrival>,
    sent: u64,
    tickets: u64,
    answers: BTreeMap<u64, Result<Published, PublishRefused>>,
    applied: BTreeMap<u64, Result<u32, String>>,
}

impl Network {
    /// A network of all members, every link up, its clocks set apart as `faults` say. The faults
    /// begin after [`CALM_START`], which has passed when this returns.
    ///
    /// # Panics
    /// Never: it begins at an instant of this century.
    pub fn new(consortium: Consortium, faults: Faults, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let now = Time::from_micros(START_MICROS).expect("a time of this century");
        let hosts = consortium
            .members()
            .into_iter()
            .map(|member| (member, Host::new(&consortium, member, faults.skew(&mut dice))))
            .collect();
        let mut network = Self {
            consortium,
            faults: faults.calm(),
            dice,
            now,
            hosts,
            under_way: BTreeMap::new(),
            sent: 0,
            tickets: 0,
            answers: BTreeMap::new(),
            applied: BTreeMap::new(),
        };
        for member in network.members() {
            network.send(now, member, Arrival::Tick);
        }
        network.relink();
        network.run(CALM_START);
        network.faults = faults;
        network
    }

    /// The consortium.
    pub const fn consortium(&self) -> &Consortium {
        &self.consortium
    }

    /// All members, in order.
    pub fn members(&self) -> Vec<MemberId> {
        self.hosts.keys().copied().collect()
    }

    /// The true time, which no member knows.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The time that a member's clock shows.
    pub fn clock(&self, member: MemberId) -> Time {
        self.hosts[&member].clock(self.now)
    }

    /// A member's ledger.
    pub fn ledger(&self, member: MemberId) -> &MemoryLedger {
        &self.hosts[&member].ledger
    }

    /// A member's replica.
    pub fn replica(&self, member: MemberId) -> &Replica {
        &self.hosts[&member].replica
    }

    /// How many pulls a member has asked for.
    pub fn pulls(&self, member: MemberId) -> u64 {
        self.hosts[&member].pulls
    }

    /// How many frames of others a member has refused.
    pub fn refusals(&self, member: MemberId) -> u64 {
        self.hosts[&member].refusals
    }

    /// What became of a publication.
    pub fn answer(&self, ticket: u64) -> Option<&Result<Published, PublishRefused>> {
        self.answers.get(&ticket)
    }

    /// Brings a charter version to a member, at once; says which holds there then.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn amend(&mut self, member: MemberId, charter: SignedCharter) -> Result<u32, String> {
        self.tickets += 1;
        let ticket = self.tickets;
        self.step(member, vec![Input::ApplyCharter { ticket, charter }]);
        self.applied.remove(&ticket).unwrap_or(Err("no answer".to_owned()))
    }

    /// Has a member say which heads it has seen, if it has anything to say.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn see(&mut self, member: MemberId) {
        let host = self.hosts.get_mut(&member).expect("a member");
        let clock = host.clock(self.now);
        let seen = host.replica.seen_due(clock, Span::from_millis(0));
        if !seen.is_empty() {
            self.publish(member, seen, None);
        }
    }

    /// The statements of every publication that was done.
    pub fn published(&self) -> impl Iterator<Item = StatementId> {
        self.answers.values().flatten().flat_map(|done| done.statements.iter().copied())
    }

    /// From now on the network is as `faults` say; clocks stay as they are.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// From now on a member holds back what it knows.
    ///
    /// # Panics
    /// When the consortium has no such member.
    pub fn set_vice(&mut self, member: MemberId, vice: Vice) {
        self.hosts.get_mut(&member).expect("a member").vice = Some(vice);
    }

    /// Publishes statements at a member, at once; returns the ticket of the answer.
    pub fn publish(
        &mut self,
        member: MemberId,
        statements: Vec<Statement>,
        request: Option<Request>,
    ) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        let statements = statements
            .into_iter()
            .map(|statement| Drafted { salt: self.salt(), statement })
            .collect();
        self.step(member, vec![Input::Publish { ticket, statements, request }]);
        ticket
    }

    /// Hands a replica whatever a test likes, at once.
    pub fn inject(&mut self, member: MemberId, inputs: Vec<Input>) {
        self.step(member, inputs);
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Span) {
        let end = self.now.plus(span);
        while let Some((at, member)) = self.next_arrival().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.arrive(member);
        }
        self.now = end;
    }

    /// Parts the network: a member is cut off from those on another side. Members that are not
    /// named are on side 0.
    pub fn part(&mut self, sides: &BTreeMap<MemberId, u32>) {
        for (member, host) in &mut self.hosts {
            host.side = sides.get(member).copied().unwrap_or(0);
        }
        self.relink();
    }

    /// Heals every partition.
    pub fn heal(&mut self) {
        self.part(&BTreeMap::new());
    }

    /// Ends every fault, heals the network, and lets it come to rest.
    pub fn calm(&mut self) {
        self.faults = self.faults.calm();
        self.heal();
        for member in self.members() {
            for peer in self.members() {
                self.relink_one(member, peer, Relink::Anew);
            }
        }
        self.run(Span::from_secs(15));
    }

    /// Kills a member's node and opens it again on what its ledger has. Frames under way to it or
    /// from it are lost.
    ///
    /// # Panics
    /// When the ledger cannot be opened.
    pub fn restart(&mut self, member: MemberId) {
        let ledger = self.ledger(member).clone();
        self.restore(member, ledger, Memory::Kept);
    }

    /// As [`Network::restart`], but the node opens on another ledger: an old copy of its own, say.
    ///
    /// # Panics
    /// When the ledger cannot be opened.
    pub fn restore(&mut self, member: MemberId, ledger: MemoryLedger, last_signed: Memory) {
        let host = self.hosts.get_mut(&member).expect("a member");
        host.ledger = ledger;
        if last_signed == Memory::Lost {
            host.forget_last_signed();
        }
        host.reopen(&self.consortium);
        self.under_way.retain(|(_, to, _), arrival| match arrival {
            Arrival::Tick => true,
            _ => *to != member && arrival.from() != Some(member),
        });
        for peer in self.members() {
            self.relink_one(member, peer, Relink::Anew);
            self.relink_one(peer, member, Relink::Anew);
            // Pulls that died with the node have ended for whoever waits for them.
            let ended = Arrival::PullEnded {
                from: member,
                ended: interlock_engine::replica::PullEnd::Failed,
            };
            if peer != member {
                self.send(self.now, peer, ended);
            }
        }
    }

    fn salt(&mut self) -> [u8; SALT_BYTES] {
        let mut salt = [0; SALT_BYTES];
        salt[..8].copy_from_slice(&self.dice.next().to_be_bytes());
        salt[8..].copy_from_slice(&self.dice.next().to_be_bytes());
        salt
    }

    fn next_arrival(&self) -> Option<(Time, MemberId)> {
        self.under_way.keys().next().map(|(at, member, _)| (*at, *member))
    }

    fn send(&mut self, at: Time, to: MemberId, arrival: Arrival) {
        self.sent += 1;
        // Whole milliseconds, so that things do arrive together.
        let micros = at.micros().div_euclid(1_000) * 1_000;
        let at = Time::from_micros(micros).map_or(at, |at| at.max(self.now));
        self.under_way.insert((at, to, self.sent), arrival);
    }

    /// Everything that arrives at a member now is one step, with the tick last.
    fn arrive(&mut self, member: MemberId) {
        let mut inputs = Vec::new();
        let mut ticks = false;
        while let Some(key) = self.under_way.keys().next().copied() {
            if (key.0, key.1) != (self.now, member) {
                break;
            }
            let arrival = self.under_way.remove(&key).expect("it is there");
            match arrival {
                Arrival::Tick => ticks = true,
                arrival => inputs.extend(self.receive(member, arrival)),
            }
        }
        if ticks {
            inputs.push(Input::Tick);
        }
        if !inputs.is_empty() {
            self.step(member, inputs);
        }
        if ticks {
            let next = self.hosts[&member].next_tick(self.now);
            self.send(next, member, Arrival::Tick);
        }
    }

    fn step(&mut self, member: MemberId, inputs: Vec<Input>) {
        let now = self.now;
        let effects = self.hosts.get_mut(&member).expect("a member").step(now, inputs);
        for effect in effects {
            self.perform(member, effect);
        }
    }

    fn perform(&mut self, member: MemberId, effect: Effect) {
        match effect {
            Effect::Published { ticket, result } => {
                self.answers.insert(ticket, result);
            }
            Effect::Push(record) => self.push(member, None, &Frame::Records(vec![record.to_vec()])),
            Effect::Announce { to, heads, charters } => {
                let heads = match self.hosts[&member].vice {
                    Some(vice) => vice.told(member, heads),
                    None => heads,
                };
                let extent = if to.is_some() { Extent::Complete } else { Extent::Changes };
                self.push(member, to, &Frame::Frontier(heads, charters, extent));
            }
            Effect::SpreadForks(proofs) => {
                let proofs = proofs.iter().map(|proof| proof.to_vec()).collect();
                self.push(member, None, &Frame::Forks(proofs));
            }
            Effect::Pull { from, ranges } => {
                self.hosts.get_mut(&member).expect("a member").pulls += 1;
                self.pull(member, from, ranges);
            }
            Effect::Refuse { .. } => {
                self.hosts.get_mut(&member).expect("a member").refusals += 1;
            }
            Effect::FetchCharters { from, version } => self.fetch_charters(member, from, version),
            Effect::CharterApplied { ticket, result } => {
                self.applied.insert(ticket, result.map_err(|error| error.to_string()));
            }
            // Memory keeps nothing that is gone, and nobody acts on what is local.
            Effect::CharterChanged(_)
            | Effect::Destroyed(_)
            | Effect::LocalDone { .. }
            | Effect::Weighed { .. } => {}
        }
    }

    /// Brings every link up or down as the partition has it.
    fn relink(&mut self) {
        for member in self.members() {
            for peer in self.members() {
                self.relink_one(member, peer, Relink::Changed);
            }
        }
    }

    fn relink_one(&mut self, from: MemberId, to: MemberId, relink: Relink) {
        if from == to {
            return;
        }
        let up = self.hosts[&from].side == self.hosts[&to].side;
        let link = self.hosts.get_mut(&from).expect("a member").links.entry(to).or_default();
        if link.up == up && relink == Relink::Changed {
            return;
        }
        let was_up = std::mem::replace(&mut link.up, up);
        link.lost = false;
        if was_up {
            self.step(from, vec![Input::DialLost(to)]);
            self.step(to, vec![Input::Unheard(from)]);
        }
        if up {
            self.step(to, vec![Input::Heard(from)]);
            self.step(from, vec![Input::Dialled(to)]);
        }
    }
}

/// Whether a node that is restored still knows which record it signed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It does.
    Kept,
    /// That is gone too, as on a new machine.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relink {
    /// Only where it is to be otherwise than it is.
    Changed,
    /// In any case.
    Anew,
}

/// The feed of a member that its replica signs.
const FIRST_FEED: FeedNumber = FeedNumber(1);
