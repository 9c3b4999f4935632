//! A signer that remembers what it signed, and whose answers get lost: the node asks for the very same
//! record again, and goes on.

use std::sync::{Arc, Mutex};

use interlock_engine::local::Person;
use interlock_engine::replica::{
    Effect, Input, Opening, PublishRefused, Published, Repeated, Replica, Request, Start, Step,
};
use interlock_record::{
    Digest, Domain, Header, PublicKey, Signature, Signer, SigningFailed, SigningKey, Statement,
    record_id,
};
use interlock_sim::checks::records;
use interlock_sim::consortium::{Consortium, Shape, feed, member};

use crate::world::{Lone, Pen, at, drafts, flag};

/// Signs each number once and the last header again, as a careful signer does.
#[derive(Debug)]
struct Strict {
    key: SigningKey,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    last: Option<Vec<u8>>,
    /// What the next questions come to; then all is well.
    ways: Vec<Way>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Well,
    /// It signs, and nobody hears of it.
    Lost,
    /// It is not even asked.
    Away,
    /// It will not.
    Refuses,
}

impl Signer for Strict {
    fn public(&self) -> PublicKey {
        self.key.public()
    }

    fn sign(&self, domain: Domain, payload: &[u8]) -> Result<Signature, SigningFailed> {
        let mut memory = self.memory.lock().expect("nobody panics with it");
        let way = if memory.ways.is_empty() { Way::Well } else { memory.ways.remove(0) };
        match way {
            Way::Away => return Err(SigningFailed::Unavailable("away".into())),
            Way::Refuses => return Err(SigningFailed::Refused("NO: no".into())),
            Way::Well | Way::Lost => {}
        }
        let header = Header::decode(payload).expect("nodes ask for good headers");
        if let Some(last) = memory.last.as_ref().filter(|last| *last != payload) {
            let before = Header::decode(last).expect("it was one");
            let follows =
                header.sequence == before.sequence + 1 && header.previous == Some(record_id(last));
            if !follows {
                let why = format!("ALREADY_SIGNED: {} after {}", header.sequence, before.sequence);
                return Err(SigningFailed::Refused(why));
            }
        }
        memory.last = Some(payload.to_vec());
        match way {
            Way::Lost => Err(SigningFailed::Unanswered("lost".into())),
            _ => Ok(self.key.sign(domain, payload)),
        }
    }
}

fn lone() -> (Lone, Arc<Strict>) {
    let consortium = Consortium::new(&Shape::default());
    let feed = feed(0, 1);
    let strict = Arc::new(Strict { key: consortium.key(feed), memory: Mutex::default() });
    let mut lone = Lone::new(consortium, feed);
    let opening = lone.consortium.opening(feed, Start::Careful { last_signed: None });
    let opening = Opening { signer: strict.clone(), ..opening };
    lone.replica = Replica::open(&lone.ledger, opening).expect("it opens");
    lone.answered();
    (lone, strict)
}

fn comes(strict: &Strict, ways: &[Way]) {
    strict.memory.lock().expect("nobody panics with it").ways = ways.to_vec();
}

fn asks(ticket: u64, statements: Vec<Statement>) -> Input {
    let key = format!("key {ticket}");
    let request = Some(Request { key, digest: Digest([1; 32]) });
    Input::Publish { ticket, statements: drafts(statements), request }
}

fn answer(step: &Step, ticket: u64) -> Result<Published, PublishRefused> {
    let mut answers = step.effects.iter().filter_map(|effect| match effect {
        Effect::Published { ticket: of, result } if *of == ticket => Some(result.clone()),
        _ => None,
    });
    answers.next_back().expect("it was answered")
}

fn flags(count: u16) -> Vec<Statement> {
    (0..count).map(|n| flag((n % 200) as u8, at(0))).collect()
}

/// The numbers of the records that are written, and how many statements each has.
fn written(lone: &Lone) -> Vec<(u64, u32)> {
    let all = records(&lone.ledger);
    all.iter().map(|record| (record.header().sequence, record.header().statements)).collect()
}

#[test]
fn a_record_whose_signature_got_lost_is_asked_for_again_as_it_was() {
    let (mut lone, strict) = lone();
    comes(&strict, &[Way::Lost]);
    let step = lone.step(at(1), vec![asks(1, flags(1)), asks(2, flags(2))]);
    for ticket in [1, 2] {
        let refused = answer(&step, ticket).expect_err("nothing is written");
        assert!(refused.to_string().contains("may have signed"), "{refused}");
    }
    assert!(step.changes.is_empty());
    // Time goes by: the signer is away, and it is lost again. Nothing else is signed in its place.
    comes(&strict, &[Way::Away, Way::Lost, Way::Away]);
    for ms in [500, 600, 700] {
        let step = lone.step(at(ms), vec![asks(3, flags(4))]);
        assert!(answer(&step, 3).is_err());
        assert!(written(&lone).is_empty());
    }
    // Now it comes through, before what is asked for now. Whoever tries again finds it done.
    let step = lone.step(at(900), vec![asks(2, flags(2)), asks(4, flags(5))]);
    assert_eq!(written(&lone), [(1, 3), (2, 5)]);
    let second = answer(&step, 2).expect("it is done");
    assert_eq!((second.repeated, second.time), (Repeated::Yes, at(1)));
    assert_eq!(answer(&step, 4).expect("it is done").repeated, Repeated::No);
    let step = lone.step(at(901), vec![asks(1, flags(1)), asks(3, flags(4))]);
    assert_eq!(answer(&step, 1).expect("it is done").repeated, Repeated::Yes);
    assert_eq!(answer(&step, 3).expect("it was never asked for").repeated, Repeated::No);
    assert_eq!(written(&lone).len(), 3);
}

#[test]
fn a_write_of_several_records_goes_on_where_it_stopped() {
    for way in [Way::Lost, Way::Away] {
        let (mut lone, strict) = lone();
        comes(&strict, &[Way::Well, way]);
        let step = lone.step(at(1), vec![asks(1, flags(600))]);
        assert!(answer(&step, 1).is_err() && step.changes.is_empty(), "all or nothing");
        let step = lone.step(at(2), vec![asks(1, flags(600))]);
        let done = answer(&step, 1).expect("it is done");
        assert_eq!((done.repeated, done.statements.len()), (Repeated::Yes, 600));
        assert_eq!(written(&lone), [(1, 256), (2, 256), (3, 88)], "{way:?}");
    }
}

#[test]
fn what_was_not_asked_for_or_is_refused_is_given_up() {
    for way in [Way::Away, Way::Refuses] {
        let (mut lone, strict) = lone();
        comes(&strict, &[way]);
        assert!(answer(&lone.step(at(1), vec![asks(1, flags(1))]), 1).is_err());
        let step = lone.step(at(2), vec![asks(2, flags(2))]);
        assert_eq!(answer(&step, 2).expect("it signs").repeated, Repeated::No);
        assert_eq!(written(&lone), [(1, 2)], "{way:?}");
    }
    // Also where it was lost before: whoever signs no more of it holds nothing up.
    let (mut lone, strict) = lone();
    comes(&strict, &[Way::Lost, Way::Refuses]);
    assert!(answer(&lone.step(at(1), vec![asks(1, flags(1))]), 1).is_err());
    strict.memory.lock().expect("nobody panics with it").last = None;
    let step = lone.step(at(2), vec![asks(2, flags(2))]);
    assert!(answer(&step, 2).is_ok());
    assert_eq!(written(&lone), [(1, 2)]);
}

#[test]
fn a_record_that_came_back_from_others_is_not_asked_for_again() {
    let (mut lone, strict) = lone();
    comes(&strict, &[Way::Lost]);
    assert!(answer(&lone.step(at(1), vec![asks(1, flags(1))]), 1).is_err());
    // The member's standby, say, had written that very place, and the signer with it.
    let consortium = lone.consortium.clone();
    let mut pen = Pen::new(&consortium, lone.feed);
    let other = pen.sign(at(2), &flags(3));
    let came = Input::Records { from: member(1), records: vec![other.clone()] };
    lone.step(at(3), vec![came]);
    strict.memory.lock().expect("nobody panics with it").last = Some(other.signed().header.clone());
    let step = lone.step(at(4), vec![asks(2, flags(2))]);
    assert!(answer(&step, 2).is_ok());
    assert_eq!(written(&lone), [(1, 3), (2, 2)]);
}

#[test]
fn what_a_person_asked_for_is_in_the_audit_log_once_it_is_done() {
    let (mut lone, strict) = lone();
    let person = Person::new("li.na", "C-1", Some(1_000)).expect("a person");
    let attested = |ticket| Input::Attested {
        ticket,
        statements: drafts(flags(1)),
        request: Some(Request { key: "k".into(), digest: Digest([1; 32]) }),
        person: person.clone(),
    };
    comes(&strict, &[Way::Lost, Way::Lost]);
    let entries = |lone: &Lone| {
        interlock_sim::checks::count(&lone.ledger, interlock_engine::ledger::Column::Audit)
    };
    lone.step(at(1), vec![attested(1)]);
    lone.step(at(2), vec![attested(2)]);
    assert_eq!(entries(&lone), 0);
    let step = lone.step(at(3), vec![attested(3)]);
    assert_eq!(answer(&step, 3).expect("it is done").repeated, Repeated::Yes);
    assert_eq!((entries(&lone), written(&lone).len()), (1, 1));
}
