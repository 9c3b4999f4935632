mod limits;

use std::fmt::Write as _;
use std::sync::Arc;

use interlock_record::{
    FeedHead, FeedId, FeedNumber, Flag, IdType, Measure, Reason, SealContext, Seen, SeenHead,
    Severity, SigningKey, TAG_SCHEME, VerifiedRecord, hex, seal as seal_record,
};
use prost::Message as _;

use super::file::{open, seal};
use super::*;
use crate::charter::{Charter, Charters};
use crate::ledger::MemoryLedger;
use crate::replica::{Input, Opening, Replica, Start};
use interlock_record::{Domain, Signature, Statement, SubjectTag, Time};

const SUBJECT: SubjectTag = SubjectTag([7; 32]);
const POLICY: &str = r#"
[policy]
version = 1
notice_delay = "2s"
[policy.reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "180d"
ceiling = "LOCK"
[[policy.measure.REVIEW.rule]]
points = 40
[[policy.measure.LOCK.rule]]
points = 100
issuers = 2
"#;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed([number + 1; 32])
}

fn feed(number: u8) -> FeedId {
    let member = char::from(b'a' + number).to_string().parse().expect("an id");
    FeedId { member, number: FeedNumber(1) }
}

fn charter_text(nonce: u8) -> String {
    let (nonce, check) = (hex(&[nonce; 32]), hex(&[5; 32]));
    let mut text = format!(
        "format = 1\nname = \"n\"\nversion = 1\nrules = 1\nnonce = \"{nonce}\"\n\
         pepper_epoch = 1\npepper_check = \"{check}\"\n"
    );
    for number in 0..4 {
        let _ = write!(
            text,
            "[[member]]\nid = \"{}\"\naddress = \"h:1\"\n[[member.feed]]\nnumber = 1\n\
             key = \"{}\"\nquota = {{ flags = 9, window = \"60s\" }}\n",
            feed(number).member,
            key(number).public(),
        );
    }
    text + POLICY
}

fn at(secs: i64) -> Time {
    Time::from_micros(1_767_225_600_000_000 + secs * 1_000_000).expect("in range")
}

fn flag(subject: SubjectTag, time: Time) -> Statement {
    Statement::Flag(Flag {
        subject,
        id_type: IdType::IdNumber,
        reason: Reason::Overdue,
        severity: Severity::High,
        confidence: 100,
        applied_measure: Measure::Lock,
        observed_at: time,
        expires_at: None,
        evidence_digest: None,
        rule_version: None,
        case_ref: None,
        derived_from: Vec::new(),
    })
}

/// Four members; the first one's replica has what the others say.
struct World {
    charter: Charter,
    ledger: MemoryLedger,
    replica: Replica,
    heads: [FeedHead; 4],
}

impl World {
    fn new() -> Self {
        let charter = Charter::parse("c.toml", &charter_text(3)).expect("no mistake");
        let ledger = MemoryLedger::default();
        let first = charter.clone();
        let opening = Opening {
            first,
            later: Vec::new(),
            feed: feed(0),
            signer: Arc::new(key(0)),
            start: Start::Forced { reason: "alone".into() },
        };
        let replica = Replica::open(&ledger, opening).expect("it opens");
        Self { charter, ledger, replica, heads: Default::default() }
    }

    fn say(&mut self, by: u8, time: Time, statements: &[Statement]) -> VerifiedRecord {
        let context = SealContext {
            consortium: Charters::first(self.charter.clone()).consortium(),
            feed: feed(by),
            time,
            charter_version: 1,
            tag_scheme: TAG_SCHEME,
            pepper_epoch: 1,
        };
        let body =
            (1..).zip(statements).map(|(salt, said)| ([salt; 16], said.encode().expect("ok")));
        let head = &self.heads[usize::from(by)];
        let record = seal_record(&key(by), head, context, body.collect()).expect("a record");
        self.heads[usize::from(by)] = head.next(&record).expect("it follows");
        let inputs = vec![Input::Records { from: feed(by).member, records: vec![record.clone()] }];
        let step = self.replica.step(&self.ledger, at(1_000), inputs).expect("memory");
        self.ledger.commit(&step.changes);
        record
    }

    /// Two flags make a lock; the first stands beside another of somebody else, and behind more.
    fn lock() -> Self {
        let mut world = Self::new();
        let other = SubjectTag([8; 32]);
        world.say(1, at(1), &[flag(other, at(1))]);
        world.say(1, at(2), &[flag(other, at(2)), flag(SUBJECT, at(2)), flag(other, at(2))]);
        world.say(1, at(3), &[flag(other, at(3))]);
        let last = world.say(1, at(4), &[flag(other, at(4))]);
        world.say(2, at(5), &[flag(SUBJECT, at(5))]);
        for by in [2, 3] {
            let head = SeenHead { feed: feed(1), sequence: 4, id: last.id() };
            world.say(by, at(6), &[Statement::Seen(Seen { heads: vec![head] })]);
        }
        world
    }

    fn bundle(&self) -> Vec<u8> {
        let wanted = Wanted::AsOf(at(100));
        export(&self.ledger, self.replica.charters(), SUBJECT, wanted).expect("it is proven")
    }
}

/// What is made of a file in which something was changed by one who knows how it is made.
fn tampered(file: &[u8], change: impl FnOnce(&mut proto::Bundle)) -> Result<Verdict, NotVerified> {
    let mut bundle = open(file).expect("a bundle");
    change(&mut bundle);
    verify(&seal(&bundle), None)
}

#[test]
fn a_lock_is_proven_with_all_that_was_said() {
    let world = World::lock();
    let verdict = verify(&world.bundle(), Some(world.replica.charters().consortium()));
    let verdict = verdict.expect("it verifies");
    assert_eq!(verdict.decided.effective_now, Measure::Lock);
    assert_eq!(verdict.said.len(), 2, "others' flags are not revealed");
    let seen: Vec<u64> = verdict.said.iter().map(|said| said.seen_by.groups).collect();
    assert_eq!(seen, [2, 0], "nobody named the second member's record");
    assert!(verdict.on_its_word.is_empty(), "{:?}", verdict.on_its_word);
    assert_eq!(verdict.explanation.flags.iter().map(|flag| flag.points).sum::<u64>(), 100);
}

#[test]
fn any_changed_byte_any_cut_and_any_addition_is_found() {
    let file = World::lock().bundle();
    for index in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[index] ^= 1 << bit;
            assert!(verify(&changed, None).is_err(), "byte {index}, bit {bit}");
        }
    }
    for end in 0..file.len() {
        assert!(verify(&file[..end], None).is_err(), "cut at {end}");
    }
    for more in [0, 0x0a, 0xff] {
        assert!(verify(&[file.as_slice(), &[more]].concat(), None).is_err());
    }
}

#[test]
fn a_changed_byte_under_a_digest_made_anew_never_makes_another_decision() {
    let file = World::lock().bundle();
    let proven = verify(&file, None).expect("it verifies").decided;
    let message = &file[MAGIC.len()..file.len() - DIGEST_BYTES];
    for index in 0..message.len() {
        for bits in [0x01, 0x80] {
            let mut changed = message.to_vec();
            changed[index] ^= bits;
            let Ok(bundle) = proto::Bundle::decode(changed.as_slice()) else { continue };
            if let Ok(verdict) = verify(&seal(&bundle), None) {
                assert_eq!(verdict.decided.transitions, proven.transitions, "byte {index}");
                assert_eq!(verdict.decided.effective, proven.effective, "byte {index}");
            }
        }
    }
}

#[test]
fn what_is_not_in_the_one_spelling_or_of_another_version_is_refused() {
    let file = World::lock().bundle();
    let reseal = |message: Vec<u8>| {
        let mut bytes = [MAGIC.as_slice(), &message].concat();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
        bytes.extend(digest);
        verify(&bytes, None).expect_err("refused")
    };
    let message = file[MAGIC.len()..file.len() - DIGEST_BYTES].to_vec();
    let unknown = [message.as_slice(), &[0x78, 0x01]].concat();
    assert_eq!(reseal(unknown), NotVerified::NotCanonical);
    assert!(matches!(reseal(vec![0xff; 9]), NotVerified::Unreadable { .. }));
    let newer = tampered(&file, |bundle| bundle.version = 2).expect_err("refused");
    assert!(matches!(newer, NotVerified::Unreadable { .. }));
}

/// A change to a bundle that must make it prove nothing.
type Change = Box<dyn FnOnce(&mut proto::Bundle)>;

fn feed_b(bundle: &mut proto::Bundle) -> &mut proto::Feed {
    &mut bundle.feeds[0]
}

/// The record of the second member that holds the flag.
fn record_b(bundle: &mut proto::Bundle) -> &mut proto::Record {
    let records = &mut feed_b(bundle).records;
    records.iter_mut().find(|record| !record.statements.is_empty()).expect("it has the flag")
}

fn claim(bundle: &mut proto::Bundle) -> &mut proto::Claim {
    bundle.claim.as_mut().expect("a claim")
}

fn moment(bundle: &mut proto::Bundle) -> &mut proto::Moment {
    bundle.moment.as_mut().expect("a moment")
}

#[test]
fn who_makes_a_bundle_cannot_make_it_say_something_else() {
    let file = World::lock().bundle();
    let foreign = |header: &[u8]| key(9).sign(Domain::Record, header).0.to_vec();
    let changes: Vec<(&str, Change)> = vec![
        ("a statement left out", Box::new(|b| record_b(b).statements.clear())),
        ("a feed left out", Box::new(|b| drop(b.feeds.remove(0)))),
        ("another time", Box::new(|b| claim(b).transitions[0].at += 1)),
        ("another measure", Box::new(|b| claim(b).transitions[1].to -= 1)),
        ("another ground", Box::new(|b| claim(b).transitions[0].because[0][0] ^= 1)),
        ("no transition", Box::new(|b| claim(b).transitions.clear())),
        ("another time in force", Box::new(|b| claim(b).effective[0].at -= 1)),
        ("another measure now", Box::new(|b| claim(b).effective_now = 7)),
        ("no claim", Box::new(|b| b.claim = None)),
        (
            "a foreign signature",
            Box::new(move |b| {
                let record = record_b(b);
                record.signature = foreign(&record.header);
            }),
        ),
        ("no signature", Box::new(|b| record_b(b).signature.clear())),
        ("a signature of zeros", Box::new(|b| record_b(b).signature = vec![0; 64])),
        ("another salt", Box::new(|b| record_b(b).statements[0].salt[0] ^= 1)),
        ("another index", Box::new(|b| record_b(b).statements[0].index = 0)),
        ("an index out of range", Box::new(|b| record_b(b).statements[0].index = u32::MAX)),
        ("half a path", Box::new(|b| drop(record_b(b).statements[0].path.pop()))),
        ("a swapped path", Box::new(|b| record_b(b).statements[0].path.reverse())),
        (
            "a statement twice",
            Box::new(|b| {
                let record = record_b(b);
                record.statements.push(record.statements[0].clone());
            }),
        ),
        ("a hold", Box::new(|b| record_b(b).held = true)),
        ("a day", Box::new(|b| record_b(b).day_before += 1)),
        ("a void", Box::new(|b| feed_b(b).void_from = 1)),
        ("records out of order", Box::new(|b| feed_b(b).records.reverse())),
        ("no feed", Box::new(|b| feed_b(b).feed = 9)),
        ("feeds out of order", Box::new(|b| b.feeds.reverse())),
        ("another member's feed", Box::new(|b| feed_b(b).member = "d".to_owned())),
        ("another frontier", Box::new(|b| moment(b).heads[0].sequence += 1)),
        ("less had come", Box::new(|b| moment(b).arrivals = 1)),
        ("a head left out", Box::new(|b| drop(moment(b).heads.remove(0)))),
        ("a decision of an entry", Box::new(|b| moment(b).entry = 1)),
        ("an entry's kind alone", Box::new(|b| moment(b).kind = 3)),
        ("no moment", Box::new(|b| b.moment = None)),
        ("another subject", Box::new(|b| b.subject = vec![8; 32])),
        ("another consortium", Box::new(|b| b.consortium = vec![8; 32])),
        ("no charter", Box::new(|b| b.charters.clear())),
        (
            "another consortium's charter",
            Box::new(|b| {
                let other = charter_text(4);
                let id = Charter::parse("c.toml", &other).expect("a charter").id();
                b.consortium = id.0.to_vec();
                b.charters[0].document = other;
            }),
        ),
        (
            "a charter twice",
            Box::new(|b| {
                let first = b.charters[0].clone();
                b.charters.push(first);
            }),
        ),
        ("a fork that is none", Box::new(|b| b.forks.push(vec![1]))),
    ];
    for (what, change) in changes {
        let verdict = tampered(&file, change);
        assert!(verdict.is_err(), "{what}: {:?}", verdict.map(|verdict| verdict.decided));
    }
}

#[test]
fn a_path_in_the_feed_leads_to_its_own_place_only() {
    let file = World::lock().bundle();
    let paths = |bundle: &proto::Bundle| {
        let records = bundle.feeds[0].records.iter();
        records.filter(|record| !record.feed_path.is_empty()).count()
    };
    assert!(paths(&open(&file).expect("a bundle")) > 0, "there is one to try");
    let refused = tampered(&file, |bundle| {
        for record in &mut feed_b(bundle).records {
            record.feed_path.reverse();
            if let Some(hash) = record.feed_path.first_mut() {
                hash[0] ^= 1;
            }
        }
    });
    assert!(refused.is_err());
    // A path for a record from the future of the last one here.
    let refused = tampered(&file, |bundle| {
        let records = &mut feed_b(bundle).records;
        let path = records[0].feed_path.clone();
        records.last_mut().expect("some").feed_path =
            if path.is_empty() { vec![vec![0; 32]] } else { path };
    });
    assert!(refused.is_err());
}

#[test]
fn a_proof_of_two_records_in_one_place_takes_the_branch_away_unless_it_is_final() {
    let mut world = World::lock();
    let named = world.bundle();
    // Another record in the second place of the second member's feed.
    let mut twin = World::new();
    twin.say(1, at(1), &[flag(SubjectTag([8; 32]), at(1))]);
    let rival = twin.say(1, at(2), &[flag(SUBJECT, at(2))]);
    let line = crate::replica::record_at(&world.ledger, feed(1), 2).expect("memory");
    let line = line.expect("it is there").verified().expect("good");
    let proof = interlock_record::ForkProof {
        a: (line.signed().header.clone(), line.signed().signature),
        b: (rival.signed().header.clone(), rival.signed().signature),
    };
    let with_proof = |bundle: &mut proto::Bundle| bundle.forks = vec![proof.encode()];
    let verdict = tampered(&named, with_proof).expect("more than half have named this branch");
    assert_eq!(verdict.forks, [(feed(1), 2)]);
    let void = tampered(&named, |bundle| {
        with_proof(bundle);
        feed_b(bundle).void_from = 2;
    });
    let void = void.expect_err("it is final").to_string();
    assert!(void.contains("said to be void where it is final"), "{void}");
    let unseen = tampered(&named, |bundle| {
        with_proof(bundle);
        for feed in &mut bundle.feeds[1..] {
            feed.records.retain(|record| {
                record.statements.iter().any(|said| said.salt[0] > 1 || feed.member == "c")
            });
        }
        bundle.feeds.retain(|feed| feed.member != "d" && !feed.records.is_empty());
    });
    assert!(unseen.is_err(), "one group is not enough");
    let foreign = tampered(&named, |bundle| {
        let mut proof = proof.clone();
        proof.b.1 = Signature([1; 64]);
        bundle.forks = vec![proof.encode()];
    });
    assert!(foreign.is_err());
    let step = world.replica.step(
        &world.ledger,
        at(1_000),
        vec![Input::Records { from: feed(1).member, records: vec![rival] }],
    );
    world.ledger.commit(&step.expect("memory").changes);
    let verdict = verify(&world.bundle(), None).expect("it verifies");
    assert_eq!((verdict.forks, verdict.decided.effective_now), (vec![(feed(1), 2)], Measure::Lock));
}

#[test]
fn an_entry_of_before_arrivals_were_noted_is_refused_with_the_reason() {
    use crate::ledger::rows::{JournalRow, StoredRow};
    use crate::ledger::{Column, Draft, Ledger as _, number_key};
    let mut world = World::lock();
    let rows = world.ledger.range(Column::Journal, &[], &[0xff; 9], usize::MAX).expect("memory");
    let rows = rows.iter().zip(1..).map(|((_, value), number)| {
        (number, <JournalRow as StoredRow>::decode(value).expect("an entry"))
    });
    let (number, mut row) = rows
        .into_iter()
        .find(|(_, row)| row.kind == 3 && row.subject == SUBJECT.0)
        .expect("a lock");
    let wanted = Wanted::Entry(number);
    let charters = world.replica.charters().clone();
    export(&world.ledger, &charters, SUBJECT, wanted).expect("it is noted");
    row.arrivals = 0;
    let mut draft = Draft::new(&world.ledger);
    draft.put(number_key(number), &row);
    let changes = draft.into_changes();
    world.ledger.commit(&changes);
    let refused = export(&world.ledger, &charters, SUBJECT, wanted).expect_err("not noted");
    assert!(matches!(refused, ExportError::NotNoted { entry } if entry == number));
}
