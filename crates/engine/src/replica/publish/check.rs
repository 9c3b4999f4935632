//! Before anything is signed: a write that was done already is not done again, and what would mean
//! nothing is refused rather than published and inert.

use interlock_record::{MemberId, Release, SealError, Statement, StatementId, Time};

use super::{Drafted, PublishRefused, Published, Repeated, Request, Salted};
use crate::ledger::LedgerFault;
use crate::ledger::rows::{RequestRow, TargetRow};
use crate::replica::{Replica, Work, record_at};

/// What is to be done with a write that may be done.
pub(in crate::replica) enum Checked {
    /// To be signed.
    Write(Vec<Salted>),
    /// It was done before.
    Done(Published),
}

impl Replica {
    /// Whether a write may be done, and what is to be signed for it.
    pub(in crate::replica) fn check(
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
