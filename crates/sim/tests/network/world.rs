//! Helpers of these tests: short ways to say things.

use interlock_engine::ledger::MemoryLedger;
use interlock_engine::replica::{Drafted, Effect, Extent, Input, Replica, Start, Step};
use interlock_record::{
    FeedHead, FeedId, Flag, SealContext, Span, Statement, StatementId, TAG_SCHEME, Time,
    VerifiedRecord, Withdraw, WithdrawCause, seal, statement_id,
};
use interlock_sim::chatter::{hard_flag, subject};
use interlock_sim::consortium::Consortium;

/// 2026-01-01T00:00:00Z and so many milliseconds.
pub(crate) fn at(ms: i64) -> Time {
    Time::from_micros(interlock_sim::network::START_MICROS + ms * 1_000).expect("in range")
}

pub(crate) fn secs(secs: u32) -> Span {
    Span::from_secs(secs)
}

/// A hard flag on a subject, observed at its time.
pub(crate) fn flag(number: u8, time: Time) -> Statement {
    Statement::Flag(hard_flag(subject(number), time))
}

pub(crate) fn flag_of(change: impl FnOnce(&mut Flag), number: u8, time: Time) -> Statement {
    let mut flag = hard_flag(subject(number), time);
    change(&mut flag);
    Statement::Flag(flag)
}

pub(crate) fn withdraw(statement: StatementId) -> Statement {
    Statement::Withdraw(Withdraw { statement, cause: WithdrawCause::Error })
}

/// Signs a feed without a node: what another process of the member would sign.
#[derive(Clone)]
pub(crate) struct Pen<'a> {
    consortium: &'a Consortium,
    feed: FeedId,
    pub(crate) head: FeedHead,
    salt: u8,
    pub(crate) charter_version: u32,
}

impl<'a> Pen<'a> {
    pub(crate) fn new(consortium: &'a Consortium, feed: FeedId) -> Self {
        Self { consortium, feed, head: FeedHead::empty(), salt: 0, charter_version: 1 }
    }

    pub(crate) fn sign(&mut self, time: Time, statements: &[Statement]) -> VerifiedRecord {
        self.salt = self.salt.wrapping_add(1);
        let context = SealContext {
            consortium: self.consortium.id(),
            feed: self.feed,
            time,
            charter_version: self.charter_version,
            tag_scheme: TAG_SCHEME,
            pepper_epoch: 1,
        };
        let body = statements.iter().map(|s| ([self.salt; 16], s.encode().expect("in range")));
        let key = self.consortium.key(self.feed);
        let record = seal(&key, &self.head, context, body.collect()).expect("a good record");
        self.head = self.head.next(&record).expect("it follows");
        record
    }
}

pub(crate) fn id(record: &VerifiedRecord, index: u32) -> StatementId {
    statement_id(&record.id(), index)
}

/// One replica by itself.
pub(crate) struct Lone {
    pub(crate) consortium: Consortium,
    pub(crate) feed: FeedId,
    pub(crate) replica: Replica,
    pub(crate) ledger: MemoryLedger,
}

impl Lone {
    /// A replica that may sign: all others have told it that they know nothing.
    pub(crate) fn new(consortium: Consortium, feed: FeedId) -> Self {
        let ledger = MemoryLedger::default();
        let replica = open(&consortium, &ledger, feed, Start::Careful { last_signed: None });
        let mut lone = Self { consortium, feed, replica, ledger };
        lone.asked();
        lone
    }

    pub(crate) fn reopen(&mut self) {
        self.reopen_unasked(Start::Careful { last_signed: None });
        self.asked();
    }

    /// Opens it again; nobody has answered it yet.
    pub(crate) fn reopen_unasked(&mut self, start: Start) {
        self.replica = open(&self.consortium, &self.ledger, self.feed, start);
    }

    fn asked(&mut self) {
        assert!(self.answered().changes.is_empty(), "nothing has happened");
    }

    /// All others tell it that they know nothing, so that it may sign.
    pub(crate) fn answered(&mut self) -> Step {
        let others = self.consortium.members().into_iter();
        let answers = others.filter(|member| *member != self.feed.member).map(knows_nothing);
        self.step(at(0), answers.collect())
    }

    pub(crate) fn step(&mut self, now: Time, inputs: Vec<Input>) -> Step {
        let step = self.replica.step(&self.ledger, now, inputs).expect("memory does not fail");
        self.ledger.commit(&step.changes);
        step
    }

    pub(crate) fn take(&mut self, now: Time, records: &[&VerifiedRecord]) -> Step {
        let inputs = records.iter().map(|record| {
            let from = record.header().feed.member;
            Input::Records { from, records: vec![(*record).clone()] }
        });
        self.step(now, inputs.collect())
    }

    pub(crate) fn tick(&mut self, now: Time) -> Step {
        self.step(now, vec![Input::Tick])
    }
}

fn open(consortium: &Consortium, ledger: &MemoryLedger, feed: FeedId, start: Start) -> Replica {
    Replica::open(ledger, consortium.opening(feed, start)).expect("opens")
}

/// A peer tells that it knows no record at all.
pub(crate) fn knows_nothing(from: interlock_record::MemberId) -> Input {
    Input::Frontier { from, heads: Vec::new(), charters: None, extent: Extent::Complete }
}

pub(crate) fn drafts(statements: Vec<Statement>) -> Vec<Drafted> {
    statements.into_iter().map(|statement| Drafted { salt: [9; 16], statement }).collect()
}

pub(crate) fn pulls(step: &Step) -> usize {
    step.effects.iter().filter(|effect| matches!(effect, Effect::Pull { .. })).count()
}
