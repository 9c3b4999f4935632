//! Made-up members that flag made-up subjects, and a replica on a real store that takes it in.

use anyhow::Context as _;
use interlock_engine::ledger::Changes;
use interlock_engine::replica::{Input, Replica, Start};
use interlock_record::{
    FeedHead, FeedId, Flag, Reason, SealContext, Severity, Statement, SubjectTag, TAG_SCHEME, Time,
    VerifiedRecord, seal,
};
use interlock_sim::chatter::hard_flag;
use interlock_sim::consortium::{Consortium, feed};
use interlock_sim::dice::Dice;
use interlock_sim::network::START_MICROS;
use interlock_store::Store;

/// How many members send.
pub(crate) const SENDERS: u32 = 20;
/// How many flags a record has where nothing else is asked for.
const FLAGS_A_RECORD: u64 = 256;
/// How far apart records are, µs: a feed's times rise.
const APART_MICROS: i64 = 1_000;
/// A policy as a consortium would have it: steps of decay, long lives, two witnesses to lock.
pub(crate) const POLICY: &str = r#"
[policy]
version = 1
notice_delay = "2s"
[policy.reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "180d"
ceiling = "LOCK"
decay = [{ after = "30d", percent = 70 }, { after = "90d", percent = 40 }]
[policy.reason.FRAUD_SUSPECTED]
points = { LOW = 20, MEDIUM = 40, HIGH = 60, CRITICAL = 90 }
max_life = "365d"
ceiling = "LOCK"
decay = [{ after = "180d", percent = 50 }]
[[policy.measure.REVIEW.rule]]
points = 40
[[policy.measure.FREEZE.rule]]
points = 60
issuers = 2
[[policy.measure.LOCK.rule]]
points = 100
issuers = 2
"#;

/// The other members.
pub(crate) struct Senders<'a> {
    consortium: &'a Consortium,
    feeds: Vec<(FeedId, FeedHead)>,
    next: usize,
    micros: i64,
    dice: Dice,
}

impl<'a> Senders<'a> {
    pub(crate) fn new(consortium: &'a Consortium) -> Self {
        let feeds = (1..=SENDERS).map(|number| (feed(number, 1), FeedHead::empty()));
        Self {
            consortium,
            feeds: feeds.collect(),
            next: 0,
            micros: START_MICROS,
            dice: Dice::new(1),
        }
    }

    /// Flags on subjects from `first` on.
    pub(crate) fn record(&mut self, count: u64, first: u64) -> anyhow::Result<VerifiedRecord> {
        let numbers: Vec<u64> = (first..first + count).collect();
        self.sign(&numbers)
    }

    /// Flags, every other one on a subject that the store may have.
    pub(crate) fn any(&mut self, count: u64, of: u64) -> anyhow::Result<VerifiedRecord> {
        let numbers: Vec<u64> = (0..count)
            .map(|index| {
                let known = index % 2 == 0 && of > 0;
                if known { self.dice.below(of) } else { of + self.dice.below(u64::MAX / 2) }
            })
            .collect();
        self.sign(&numbers)
    }

    fn sign(&mut self, numbers: &[u64]) -> anyhow::Result<VerifiedRecord> {
        self.next = (self.next + 1) % self.feeds.len();
        self.micros += APART_MICROS;
        let time = Time::from_micros(self.micros).context("a time of this century")?;
        let (feed, head) = &mut self.feeds[self.next];
        let said: Vec<Statement> =
            numbers.iter().map(|number| Statement::Flag(flag(tag(*number), time))).collect();
        sign(self.consortium, *feed, head, time, &said)
    }
}

/// Signs the next record of a feed, and moves its head on.
pub(crate) fn sign(
    consortium: &Consortium,
    feed: FeedId,
    head: &mut FeedHead,
    time: Time,
    statements: &[Statement],
) -> anyhow::Result<VerifiedRecord> {
    let context = SealContext {
        consortium: consortium.id(),
        feed,
        time,
        charter_version: 1,
        tag_scheme: TAG_SCHEME,
        pepper_epoch: 1,
    };
    let body = statements.iter().map(|statement| Ok(([9; 16], statement.encode()?)));
    let body = body.collect::<anyhow::Result<_>>()?;
    let record = seal(&consortium.key(feed), head, context, body)?;
    *head = head.next(&record)?;
    Ok(record)
}

/// Tags are as good as random: neighbours in number are not neighbours in the store.
fn tag(number: u64) -> SubjectTag {
    let mut tag = [0; 32];
    let mut word = number;
    for part in tag.chunks_mut(8) {
        word = (word ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29);
        part.copy_from_slice(&word.to_be_bytes());
    }
    SubjectTag(tag)
}

fn flag(subject: SubjectTag, observed_at: Time) -> Flag {
    let (reason, severity) = if subject.0[0].is_multiple_of(4) {
        (Reason::FraudSuspected, Severity::High)
    } else {
        (Reason::Overdue, Severity::Medium)
    };
    Flag { reason, severity, confidence: 90, ..hard_flag(subject, observed_at) }
}

/// A replica, and the store that it stands on.
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) replica: Replica,
}

impl Node {
    pub(crate) fn open(consortium: &Consortium, path: &std::path::Path) -> anyhow::Result<Self> {
        let store = Store::open(path, [1; 8])?;
        let start = Start::Forced { reason: "a bench".to_owned() };
        let replica = Replica::open(&store, consortium.opening(feed(0, 1), start))?;
        Ok(Self { store, replica })
    }

    /// A step and its commit, as the writer does them.
    pub(crate) fn take(&mut self, records: Vec<VerifiedRecord>) -> anyhow::Result<Changes> {
        let now = records.last().context("expected records")?.header().time;
        let from = records[0].header().feed.member;
        let inputs = vec![Input::Records { from, records }];
        let step = self.replica.step(&self.store, now, inputs)?;
        self.store.commit(&step.changes)?;
        Ok(step.changes)
    }

    /// Takes in one flag on each of so many subjects; says how many bytes of records that is.
    pub(crate) fn fill(&mut self, senders: &mut Senders<'_>, subjects: u64) -> anyhow::Result<u64> {
        let (mut done, mut bytes) = (0, 0);
        while done < subjects {
            let some = FLAGS_A_RECORD.min(subjects - done);
            let record = senders.record(some, done)?;
            bytes += record.signed().encode().len() as u64;
            self.take(vec![record])?;
            done += some;
        }
        Ok(bytes)
    }
}
