//! What travels, and how it is sent and received.

use interlock_engine::charter::{Charters, SignedCharter};
use interlock_engine::replica::{
    CharterClaim, Extent, HeadClaim, Input, PullEnd, PullRange, branch_records, signed_charters,
};
use interlock_record::{ForkProof, MemberId, SignedRecord, VerifiedFork, VerifiedRecord, verify};

use super::Network;

/// The most records of one answer to a pull.
const CHUNK: usize = 8;
/// The most records of one range that are answered.
const MAX_RANGE: u64 = 4_096;

/// What is pushed.
#[derive(Debug, Clone)]
pub(super) enum Frame {
    Records(Vec<Vec<u8>>),
    Frontier(Vec<HeadClaim>, CharterClaim, Extent),
    Forks(Vec<Vec<u8>>),
}

/// What arrives at a member.
#[derive(Debug, Clone)]
pub(super) enum Arrival {
    Tick,
    Pushed {
        from: MemberId,
        frame: Frame,
    },
    /// Another member asks for records.
    Asked {
        by: MemberId,
        ranges: Vec<PullRange>,
    },
    /// Some of what was asked for.
    Pulled {
        from: MemberId,
        records: Vec<Vec<u8>>,
    },
    PullEnded {
        from: MemberId,
        ended: PullEnd,
    },
    /// Another member asks for charter versions from this one on.
    ChartersAsked {
        by: MemberId,
        version: u32,
    },
    /// What was answered.
    Charters {
        from: MemberId,
        charters: Vec<SignedCharter>,
    },
}

impl Arrival {
    pub(super) const fn from(&self) -> Option<MemberId> {
        match self {
            Self::Tick => None,
            Self::Pushed { from, .. }
            | Self::Asked { by: from, .. }
            | Self::ChartersAsked { by: from, .. }
            | Self::Charters { from, .. }
            | Self::Pulled { from, .. }
            | Self::PullEnded { from, .. } => Some(*from),
        }
    }
}

impl Network {
    /// Sends a frame over the member's links.
    pub(super) fn push(&mut self, member: MemberId, to: Option<MemberId>, frame: &Frame) {
        let peers: Vec<MemberId> = self.hosts[&member]
            .links
            .iter()
            .filter(|(peer, link)| link.up && to.is_none_or(|to| to == **peer))
            .map(|(peer, _)| *peer)
            .collect();
        let mut made_good = Vec::new();
        for peer in peers {
            let lost = self.dice.permille(self.faults.lost_permille);
            let delay = self.faults.delay(&mut self.dice);
            let copies = 1 + u32::from(self.dice.permille(self.faults.twice_permille));
            let link =
                self.hosts.get_mut(&member).expect("a member").links.entry(peer).or_default();
            if lost {
                link.lost = true;
                continue;
            }
            if std::mem::take(&mut link.lost) {
                made_good.push(peer);
            }
            let mut at = self.now.plus(delay).max(link.last.unwrap_or(self.now));
            for _ in 0..copies {
                let pushed = Arrival::Pushed { from: member, frame: frame.clone() };
                self.send(at, peer, pushed);
                at = at.plus(delay);
            }
            let link =
                self.hosts.get_mut(&member).expect("a member").links.entry(peer).or_default();
            link.last = Some(self.now.plus(delay).max(link.last.unwrap_or(self.now)));
        }
        for peer in made_good {
            self.step(member, vec![Input::Dialled(peer)]);
        }
    }

    pub(super) fn pull(&mut self, member: MemberId, from: MemberId, ranges: Vec<PullRange>) {
        let at = self.now.plus(self.faults.delay(&mut self.dice));
        if self.reaches(member, from) {
            self.send(at, from, Arrival::Asked { by: member, ranges });
        } else {
            self.send(at, member, Arrival::PullEnded { from, ended: PullEnd::Failed });
        }
    }

    pub(super) fn fetch_charters(&mut self, member: MemberId, from: MemberId, version: u32) {
        if self.reaches(member, from) {
            let at = self.now.plus(self.faults.delay(&mut self.dice));
            self.send(at, from, Arrival::ChartersAsked { by: member, version });
        }
    }

    fn reaches(&self, member: MemberId, peer: MemberId) -> bool {
        self.hosts.get(&peer).is_some_and(|host| host.side == self.hosts[&member].side)
    }

    /// What an arrival is to the replica.
    pub(super) fn receive(&mut self, member: MemberId, arrival: Arrival) -> Option<Input> {
        let from = arrival.from()?;
        if !self.reaches(member, from) {
            // It was under way when the network parted.
            return match arrival {
                Arrival::PullEnded { .. } => {
                    Some(Input::PullEnded { from, ended: PullEnd::Failed })
                }
                Arrival::Asked { by, .. } => {
                    self.send(
                        self.now,
                        by,
                        Arrival::PullEnded { from: member, ended: PullEnd::Failed },
                    );
                    None
                }
                Arrival::Tick
                | Arrival::Pushed { .. }
                | Arrival::Pulled { .. }
                | Arrival::ChartersAsked { .. }
                | Arrival::Charters { .. } => None,
            };
        }
        match arrival {
            Arrival::Tick => None,
            Arrival::Pushed { frame: Frame::Records(records), .. }
            | Arrival::Pulled { records, .. } => {
                let charters = self.hosts[&member].replica.charters();
                // A feed that is not known yet is not taken from anybody.
                let records =
                    records.iter().filter_map(|bytes| verified(charters, bytes)).collect();
                Some(Input::Records { from, records })
            }
            Arrival::Pushed { frame: Frame::Frontier(heads, charters, extent), .. } => {
                Some(Input::Frontier { from, heads, charters: Some(charters), extent })
            }
            Arrival::Pushed { frame: Frame::Forks(proofs), .. } => {
                let charters = self.hosts[&member].replica.charters();
                let forks = proofs.iter().map(|bytes| verified_fork(charters, bytes)).collect();
                Some(Input::Forks { from, forks })
            }
            Arrival::Charters { charters, .. } => Some(Input::Charters { from, charters }),
            Arrival::ChartersAsked { by, version } => {
                let charters = signed_charters(&self.hosts[&member].ledger, version);
                let charters = charters.expect("memory does not fail");
                let at = self.now.plus(self.faults.delay(&mut self.dice));
                self.send(at, by, Arrival::Charters { from: member, charters });
                None
            }
            Arrival::PullEnded { ended, .. } => Some(Input::PullEnded { from, ended }),
            Arrival::Asked { by, ranges } => {
                let ranges = match self.hosts[&member].vice {
                    Some(vice) => vice.handed_out(member, ranges),
                    None => ranges,
                };
                self.answer_pull(member, by, &ranges);
                None
            }
        }
    }

    /// Answers a pull out of the ledger; perhaps only half of it.
    fn answer_pull(&mut self, member: MemberId, by: MemberId, ranges: &[PullRange]) {
        let mut records = Vec::new();
        for range in ranges {
            let last = match range.head {
                Some(_) => range.last,
                None => range.last.min(range.first.saturating_add(MAX_RANGE)),
            };
            let ledger = &self.hosts[&member].ledger;
            branch_records(ledger, range.feed, (range.first, last), range.head, |row| {
                records.push(row.record);
                true
            })
            .expect("memory does not fail");
        }
        let broken = self.dice.permille(self.faults.broken_pulls_permille);
        if broken {
            records.truncate(records.len() / 2);
        }
        let mut at = self.now;
        for chunk in records.chunks(CHUNK) {
            at = at.plus(self.faults.delay(&mut self.dice));
            self.send(at, by, Arrival::Pulled { from: member, records: chunk.to_vec() });
        }
        let ended = if broken { PullEnd::Failed } else { PullEnd::Complete };
        at = at.plus(self.faults.delay(&mut self.dice));
        self.send(at, by, Arrival::PullEnded { from: member, ended });
    }
}

/// The hosts are honest: whatever they send verifies, if its feed is known.
fn verified(charters: &Charters, bytes: &[u8]) -> Option<VerifiedRecord> {
    let record = SignedRecord::decode(bytes).expect("a record that a host sent");
    let header = interlock_record::peek_header(&record).expect("a record that a host sent");
    let key = charters.feed(header.feed)?.key;
    Some(verify(record, &charters.consortium(), &key).expect("a record that a host sent"))
}

fn verified_fork(charters: &Charters, bytes: &[u8]) -> VerifiedFork {
    let proof = ForkProof::decode(bytes).expect("a proof that a host sent");
    let feed = proof.feed().expect("a proof that a host sent");
    let key = charters.feed(feed).expect("a feed of the charter").key;
    proof.verify(&charters.consortium(), &key).expect("a proof that a host sent")
}
