//! Publishing: the platform's statements, checked, packed into records of this node's own feed. They
//! are signed in `attempt`, and accepted like anyone's.

use interlock_record::{
    Digest, MAX_BODY_BYTES, MAX_STATEMENTS, MemberId, Release, SALT_BYTES, SealError,
    SigningFailed, Span, Statement, StatementError, StatementId, Time,
};

use super::{Effect, Replica, Work, record_at};
use crate::ledger::LedgerFault;
use crate::ledger::rows::{RequestRow, TargetRow};

/// A statement to be published, with its salt.
#[derive(Debug, Clone)]
pub struct Drafted {
    /// Sixteen fresh random bytes.
    pub salt: [u8; SALT_BYTES],
    /// What is to be said.
    pub statement: Statement,
}

/// What makes a second try the same write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The caller's name for the write.
    pub key: String,
    /// Hash of what was asked.
    pub digest: Digest,
}

/// What was published: in the ledger, and to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The statements, in the order of the request.
    pub statements: Vec<StatementId>,
    /// The time of the last record that carries them.
    pub time: Time,
    /// That record's sequence number.
    pub sequence: u64,
    /// Whether an earlier request with the same key had written them.
    pub repeated: Repeated,
}

/// Whether a write had been done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// It is new.
    No,
    /// An earlier request with the same key did it.
    Yes,
}

/// Why nothing was published. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefused {
    /// A statement is not within its limits.
    #[error("statement {index}: {error}")]
    Statement {
        /// Which of the request, from 0.
        index: usize,
        /// What is wrong.
        error: StatementError,
    },
    /// A flag's ground lies in the future.
    #[error("statement {index}: observed_at lies {ahead} in the future")]
    ObservedLater {
        /// Which of the request, from 0.
        index: usize,
        /// How far.
        ahead: Span,
    },
    /// A statement names another that this node does not know.
    #[error("statement {index}: {target} is not known here")]
    UnknownTarget {
        /// Which of the request, from 0.
        index: usize,
        /// What it names.
        target: StatementId,
    },
    /// A statement names another that this member may not speak to: it would be inert.
    #[error("statement {index}: {why}")]
    NotEntitled {
        /// Which of the request, from 0.
        index: usize,
        /// Why.
        why: &'static str,
    },
    /// A dispute would not open, or an answer finds none that is open: it would mean nothing.
    #[error("statement {index}: {why}")]
    NoSuchDispute {
        /// Which of the request, from 0.
        index: usize,
        /// Why.
        why: String,
    },
    /// Flags that are only simulated come together with what is real.
    #[error(
        "statement {index}: flags for this reason are only simulated here: raise them in a request of their own"
    )]
    SimulatedApart {
        /// Which of the request, from 0.
        index: usize,
    },
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The node must not sign now.
    #[error("the node does not sign at the moment: {0}")]
    NotSigning(String),
    /// The signer did not sign.
    #[error(transparent)]
    SignerFailed(SigningFailed),
    /// The records could not be sealed.
    #[error("cannot seal a record: {0}")]
    Seal(SealError),
}

impl From<SealError> for PublishRefused {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Signer(failed) => Self::SignerFailed(failed),
            error => Self::Seal(error),
        }
    }
}

/// What waits to be published: the caller, its statements, and what makes it the same write.
pub(super) type Waiting = (u64, Vec<Drafted>, Option<Request>);

impl Replica {
    /// Publishes all that waits, in as few records as it fits.
    pub(super) fn publish(
        &mut self,
        waiting: Vec<Waiting>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        if !waiting.is_empty() {
            self.ask_again(work)?;
        }
        let mut pack = Pack::default();
        for (ticket, drafts, request) in waiting {
            // A second try may stand right behind the first: it must see it done.
            if request.as_ref().is_some_and(|request| pack.names(request)) {
                self.write_pack(std::mem::take(&mut pack), work)?;
            }
            match self.check(&drafts, request.as_ref(), work)? {
                Ok(Checked::Write(statements)) => {
                    if !pack.has_room_for(&statements) {
                        self.write_pack(std::mem::take(&mut pack), work)?;
                    }
                    pack.push(ticket, statements, request);
                }
                Ok(Checked::Done(published)) => {
                    work.effects.push(Effect::Published { ticket, result: Ok(published) });
                }
                Err(refused) => {
                    work.effects.push(Effect::Published { ticket, result: Err(refused) });
                }
            }
        }
        self.write_pack(pack, work)
    }

    pub(super) fn check(
        &self,
        drafts: &[Drafted],
        request: Option<&Request>,
        work: &Work<'_>,
    ) -> Result<Result<Checked, PublishRefused>, LedgerFault> {
        if let Some(request) = request
            && let Some(done) = work.draft.row::<RequestRow>(request.key.as_bytes())?
        {
            if done.digest != request.digest.0 {
                return Ok(Err(PublishRefused::KeyReused));
            }
            return Ok(Ok(Checked::Done(Published {
                statements: done
                    .statements
                    .iter()
                    .filter_map(|id| StatementId::from_slice(id))
                    .collect(),
                time: Time::from_micros(done.time).unwrap_or(work.now),
                sequence: done.sequence,
                repeated: Repeated::Yes,
            })));
        }
        if let Some(why) = self.not_signing(work.now).or_else(|| self.clock_behind(work.now)) {
            return Ok(Err(PublishRefused::NotSigning(why)));
        }
        if drafts.is_empty() {
            return Ok(Err(SealError::StatementCount { got: 0 }.into()));
        }
        let mut statements = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.iter().enumerate() {
            if let Err(refused) = self.check_meaning(index, &draft.statement, work)? {
                return Ok(Err(refused));
            }
            match draft.statement.encode() {
                Ok(bytes) => statements.push((draft.salt, bytes)),
                Err(error) => return Ok(Err(PublishRefused::Statement { index, error })),
            }
        }
        Ok(Ok(Checked::Write(statements)))
    }

    /// A record signed now would be in everybody's future.
    fn clock_behind(&self, now: Time) -> Option<String> {
        let last = self.heads.get(&self.feed)?.time?;
        (last > now.plus(self.charters.limits_at(now).max_clock_skew))
            .then(|| format!("its clock says {now}, but its last record is of {last}"))
    }

    /// Whether a statement would mean something; one that would not is refused here rather than
    /// published and inert.
    fn check_meaning(
        &self,
        index: usize,
        statement: &Statement,
        work: &Work<'_>,
    ) -> Result<Result<(), PublishRefused>, LedgerFault> {
        let not_entitled = |why| Ok(Err(PublishRefused::NotEntitled { index, why }));
        if !self.charters.may_say(self.feed, statement) {
            return not_entitled("a trustee only withdraws, recalls and resolves");
        }
        if let Statement::Flag(flag) = statement
            && flag.observed_at > work.now
        {
            let ahead = flag.observed_at.since(work.now);
            return Ok(Err(PublishRefused::ObservedLater { index, ahead }));
        }
        if let Statement::Release(release) = statement {
            return self.check_release(index, release, work);
        }
        let (target, flags_only) = match statement {
            Statement::Erase(erase) => {
                let row = work.draft.row::<TargetRow>(erase.statement.as_bytes())?;
                return Ok(match row.filter(|row| row.subject().is_some()) {
                    Some(_) => Ok(()),
                    None => Err(PublishRefused::UnknownTarget { index, target: erase.statement }),
                });
            }
            Statement::Withdraw(withdraw) => (withdraw.statement, false),
            Statement::Dispute(dispute) => (dispute.flag, true),
            Statement::Resolve(resolve) => (resolve.flag, true),
            _ => return Ok(Ok(())),
        };
        let row = work.draft.row::<TargetRow>(target.as_bytes())?;
        let Some(row) = row.filter(|row| row.subject().is_some()) else {
            return Ok(Err(PublishRefused::UnknownTarget { index, target }));
        };
        if flags_only && row.cure {
            return not_entitled("expected a flag, this is a cure");
        }
        let own = row.issuer == self.me.as_str();
        let own_group = row.issuer.parse().is_ok_and(|issuer| self.is_own_group(issuer));
        match statement {
            Statement::Dispute(_) if own_group => {
                not_entitled("a flag of this member's own group cannot be disputed by it")
            }
            Statement::Withdraw(_) if !own => not_entitled("only its issuer withdraws a statement"),
            Statement::Resolve(_) if !own => {
                not_entitled("only its issuer resolves a dispute of a flag")
            }
            _ => self.check_dispute(index, statement, target, &row, work),
        }
    }

    fn is_own_group(&self, member: MemberId) -> bool {
        let charter = self.charters.newest();
        charter.group_of(member) == charter.group_of(self.me)
    }

    fn check_release(
        &self,
        index: usize,
        release: &Release,
        work: &Work<'_>,
    ) -> Result<Result<(), PublishRefused>, LedgerFault> {
        let not_entitled = |why| Ok(Err(PublishRefused::NotEntitled { index, why }));
        if self.is_own_group(release.feed.member) {
            return not_entitled("a record of this member's own group is released by others");
        }
        match record_at(&work.draft, release.feed, release.sequence)? {
            None => not_entitled("expected a record that is known here"),
            Some(row) if !row.held => not_entitled("expected a record that the breaker holds"),
            Some(_) => Ok(Ok(())),
        }
    }
}

pub(super) type Salted = ([u8; SALT_BYTES], Vec<u8>);

pub(super) enum Checked {
    Write(Vec<Salted>),
    Done(Published),
}

/// Statements of several callers, in the order in which they came.
#[derive(Default)]
pub(super) struct Pack {
    pub(super) statements: Vec<Salted>,
    pub(super) callers: Vec<Caller>,
}

/// Who asked for how many of them.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) ticket: u64,
    pub(super) statements: usize,
    pub(super) request: Option<Request>,
}

impl Pack {
    fn names(&self, request: &Request) -> bool {
        let same = |other: &Request| other.key == request.key;
        self.callers.iter().any(|caller| caller.request.as_ref().is_some_and(same))
    }

    /// Callers are not parted over records where that can be helped: a pack is one record, unless
    /// one caller alone needs more.
    fn has_room_for(&self, statements: &[Salted]) -> bool {
        let bytes: usize = self.statements.iter().chain(statements).map(size).sum();
        self.statements.is_empty()
            || (self.statements.len() + statements.len() <= MAX_STATEMENTS
                && bytes <= MAX_BODY_BYTES)
    }

    fn push(&mut self, ticket: u64, statements: Vec<Salted>, request: Option<Request>) {
        self.callers.push(Caller { ticket, statements: statements.len(), request });
        self.statements.extend(statements);
    }
}

fn size((salt, statement): &Salted) -> usize {
    salt.len() + statement.len()
}

/// Statements, cut into bodies that fit a record.
pub(super) fn bodies(statements: Vec<Salted>) -> Vec<Vec<Salted>> {
    let mut bodies: Vec<Vec<Salted>> = Vec::new();
    let mut bytes = 0;
    for statement in statements {
        let more = size(&statement);
        match bodies.last_mut() {
            Some(body) if body.len() < MAX_STATEMENTS && bytes + more <= MAX_BODY_BYTES => {
                bytes += more;
                body.push(statement);
            }
            _ => {
                bytes = more;
                bodies.push(vec![statement]);
            }
        }
    }
    bodies
}
