//! The guard signs what it should once, the same again, and nothing else.

use interlock_record::{
    Cure, CureKind, Digest, FeedHead, FeedNumber, RecordId, SealContext, Signature, Statement,
    SubjectTag, Time, VerifiedRecord, seal,
};

use super::*;

const CONSORTIUM: ConsortiumId = ConsortiumId([5; 32]);

fn key() -> SigningKey {
    SigningKey::from_seed([6; 32])
}

fn feed(number: u32) -> FeedId {
    FeedId { member: "acme".parse().expect("valid"), number: FeedNumber(number) }
}

struct Desk {
    dir: tempfile::TempDir,
    guard: Guard,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let guard = open(dir.path(), None);
        Self { dir, guard }
    }

    /// As after a crash.
    fn reopen(&mut self, again: Option<u64>) {
        self.guard = open(self.dir.path(), again);
    }

    fn ask(&mut self, domain: Domain, payload: &[u8]) -> Result<Signature, String> {
        let question = Question::Sign { domain, payload: payload.to_vec() };
        match self.guard.answer(&question.to_string()) {
            Answer::Ok(bytes) => {
                let signature = Signature::from_slice(&bytes).expect("64 bytes");
                key().public().verify(domain, payload, &signature).expect("it is the key's");
                Ok(signature)
            }
            Answer::Refused { code, .. } | Answer::Failed { code, .. } => Err(code),
        }
    }

    fn header(&mut self, record: &VerifiedRecord) -> Result<(), String> {
        self.ask(Domain::Record, &record.signed().header).map(drop)
    }
}

fn open(dir: &std::path::Path, again: Option<u64>) -> Guard {
    let last = LastSigned::open(&dir.join("signed"), feed(1)).expect("it opens");
    Guard::new(key(), CONSORTIUM, feed(1), last).signing_again(again)
}

fn at(micros: i64) -> Time {
    Time::from_micros(micros).expect("in range")
}

fn record(head: &FeedHead, micros: i64, change: impl Fn(&mut SealContext)) -> VerifiedRecord {
    let cure = Cure { subject: SubjectTag([1; 32]), kind: CureKind::Repaid };
    let statement = Statement::Cure(cure).encode().expect("in range");
    let mut context = SealContext {
        consortium: CONSORTIUM,
        feed: feed(1),
        time: at(micros),
        charter_version: 1,
        tag_scheme: 1,
        pepper_epoch: 1,
    };
    change(&mut context);
    seal(&key(), head, context, vec![([9; 16], statement)]).expect("in range")
}

/// Records 1 to 4, and the heads before them.
fn chain() -> (Vec<FeedHead>, Vec<VerifiedRecord>) {
    let (mut heads, mut records) = (vec![FeedHead::empty()], Vec::new());
    for number in 1..=4 {
        let head = heads.last().expect("one");
        let next = record(head, number, |_| {});
        heads.push(head.next(&next).expect("it follows"));
        records.push(next);
    }
    (heads, records)
}

fn refused(code: &str) -> Result<(), String> {
    Err(code.to_owned())
}

#[test]
fn records_are_signed_in_order_and_the_last_again() {
    let (mut desk, (_, records)) = (Desk::new(), chain());
    for record in &records {
        assert_eq!(desk.header(record), Ok(()));
        assert_eq!(desk.header(record), Ok(()), "the same again, as after a lost answer");
        desk.reopen(None);
        assert_eq!(desk.header(record), Ok(()), "the same again, after a restart");
    }
    assert_eq!(desk.header(&records[0]), refused("OLDER"));
    assert_eq!(desk.header(&records[2]), refused("OLDER"));
}

#[test]
fn never_two_for_one_place() {
    let (mut desk, (heads, records)) = (Desk::new(), chain());
    assert_eq!(desk.header(&records[0]), Ok(()));
    assert_eq!(desk.header(&records[1]), Ok(()));
    let other = record(&heads[1], 77, |_| {});
    assert_eq!(desk.header(&other), refused("ALREADY_SIGNED"));
    desk.reopen(None);
    assert_eq!(desk.header(&other), refused("ALREADY_SIGNED"));
    // Nor what follows another branch than the one that was signed.
    let branch = heads[1].next(&other).expect("it follows");
    assert_eq!(desk.header(&record(&branch, 78, |_| {})), refused("FORK"));
    assert_eq!(desk.header(&records[2]), Ok(()));
}

#[test]
fn an_operator_may_have_one_signed_again_once() {
    let (mut desk, (heads, records)) = (Desk::new(), chain());
    for record in &records[..2] {
        assert_eq!(desk.header(record), Ok(()));
    }
    let (other, third) = (record(&heads[1], 77, |_| {}), record(&heads[1], 88, |_| {}));
    desk.reopen(Some(1));
    assert_eq!(desk.header(&other), refused("ALREADY_SIGNED"), "that was another record");
    desk.reopen(Some(2));
    assert_eq!(desk.header(&other), Ok(()));
    assert_eq!(desk.header(&third), refused("ALREADY_SIGNED"));
    assert_eq!(desk.header(&records[1]), refused("ALREADY_SIGNED"));
}

#[test]
fn only_its_feed_and_consortium_and_only_headers() {
    let mut desk = Desk::new();
    let empty = FeedHead::empty();
    let elsewhere = record(&empty, 1, |context| context.consortium = ConsortiumId([1; 32]));
    assert_eq!(desk.header(&elsewhere), refused("WRONG_CONSORTIUM"));
    let other_feed = record(&empty, 1, |context| context.feed = feed(2));
    assert_eq!(desk.header(&other_feed), refused("WRONG_FEED"));
    let good = record(&empty, 1, |_| {});
    let header = &good.signed().header;
    for (domain, payload, code) in [
        (Domain::Record, &header[1..], "BAD_HEADER"),
        (Domain::Record, b"anything", "BAD_HEADER"),
        (Domain::Charter, header, "WRONG_DOMAIN"),
        (Domain::Hello, header, "WRONG_DOMAIN"),
        (Domain::Transport, header, "BAD_BINDING"),
    ] {
        assert_eq!(desk.ask(domain, payload).map(drop), refused(code));
    }
    assert_eq!(desk.guard.last.head(), None, "nothing was signed");
    let public = desk.guard.answer(&Question::Public.to_string());
    assert_eq!(public, Answer::Ok(key().public().as_bytes().to_vec()));
    let code = |answer| matches!(answer, Answer::Refused { code, .. } if code == "NOT_UNDERSTOOD");
    assert!(code(desk.guard.answer("give me the key")));
}

#[test]
fn a_transport_key_is_bound_for_so_long_and_no_longer() {
    let mut desk = Desk::new();
    let binding = |consortium, number, lasts: Span| Binding {
        consortium,
        feed: feed(number),
        not_before: at(0),
        not_after: at(0).plus(lasts),
    };
    let longer = Span::from_micros(MAX_BINDING.micros() + 1).expect("in range");
    for (binding, expected) in [
        (binding(CONSORTIUM, 1, MAX_BINDING), Ok(())),
        (binding(CONSORTIUM, 1, longer), refused("BINDING_TOO_LONG")),
        (binding(CONSORTIUM, 2, MAX_BINDING), refused("WRONG_FEED")),
        (binding(ConsortiumId([1; 32]), 1, MAX_BINDING), refused("WRONG_CONSORTIUM")),
    ] {
        let message = binding.message(Digest([8; 32]));
        assert_eq!(desk.ask(Domain::Transport, &message).map(drop), expected, "{binding:?}");
    }
    assert_eq!(desk.guard.last.head(), None, "that is no record");
}

#[test]
fn what_cannot_be_remembered_is_not_signed() {
    let (mut desk, (_, records)) = (Desk::new(), chain());
    let full = std::path::Path::new("/dev/full");
    let head = SignedHead { sequence: 1, id: RecordId([1; 32]) };
    desk.guard.last = LastSigned::broken(full, feed(1));
    assert_eq!(desk.header(&records[0]), refused("DISK_FAILED"));
    assert!(desk.guard.last.remember(head).is_err());
}
