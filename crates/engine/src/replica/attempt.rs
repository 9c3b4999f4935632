//! Signing what was packed; and what becomes of it when a signature gets lost.
//!
//! A signer that remembers what it signed signs the very same header again, but no other one of that
//! number. So where it was asked and no signature came, the record is kept as it was and asked for
//! again before anything else is signed: its callers were told that they know nothing of it, and whoever tries
//! again with the same idempotency key finds it done. It is kept in memory: after a crash the signer's
//! operator decides.

use std::collections::VecDeque;
use std::sync::Arc;

use interlock_record::{
    FeedHead, NotSigned, SealContext, SealError, SigningFailed, TAG_SCHEME, Time, UnsignedRecord,
    VerifiedRecord, statement_id,
};

use super::publish::{Caller, Pack, PublishRefused, Published, Repeated, Salted, bodies};
use super::simulated::Attestation;
use super::{Effect, Replica, SignedHead, Work};
use crate::ledger::LedgerFault;
use crate::ledger::rows::RequestRow;

/// What is being signed for these callers: all of it is written, or none.
#[derive(Debug)]
struct Attempt {
    callers: Vec<Caller>,
    /// The head of the feed after what is sealed.
    head: FeedHead,
    sealed: Vec<VerifiedRecord>,
    rest: VecDeque<Vec<Salted>>,
}

/// An attempt at a record that the signer may have signed, but that this node does not have signed.
#[derive(Debug)]
pub(super) struct Unanswered {
    record: UnsignedRecord,
    why: SigningFailed,
    attempt: Attempt,
    /// What people asked for in it.
    attestations: Vec<Attestation>,
}

impl Unanswered {
    /// Whether it still continues the feed that ends in `head`.
    fn follows(&self, head: Option<&FeedHead>) -> bool {
        let first = self.attempt.sealed.first().map_or(self.record.header(), |it| it.header());
        first.previous == head.and_then(|head| head.id)
    }
}

impl Replica {
    /// Seals and accepts what was packed, and tells the callers.
    pub(super) fn write_pack(
        &mut self,
        pack: Pack,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        if pack.callers.is_empty() {
            return Ok(());
        }
        if let Some(waits) = &self.unanswered {
            refuse(&pack.callers, &PublishRefused::SignerFailed(waits.why.clone()), work);
            return Ok(());
        }
        let attempt = Attempt {
            callers: pack.callers,
            head: self.heads.get(&self.feed).cloned().unwrap_or_default(),
            sealed: Vec::new(),
            rest: bodies(pack.statements).into(),
        };
        self.attempt(attempt, None, work)
    }

    /// Asks once more for a record whose signature may have got lost.
    pub(super) fn ask_again(&mut self, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if self.not_signing(work.now).is_some() {
            return Ok(());
        }
        // Where the feed has gone on meanwhile, that record was signed and got to others, or another
        // one was: there is nothing to be asked for any more.
        let head = self.heads.get(&self.feed);
        let Some(waits) = self.unanswered.take().filter(|waits| waits.follows(head)) else {
            return Ok(());
        };
        let Unanswered { record, attempt, attestations, .. } = waits;
        work.local.attestations.extend(attestations);
        self.attempt(attempt, Some(record), work)
    }

    /// Signs record after record, the one that was asked for before first.
    fn attempt(
        &mut self,
        mut attempt: Attempt,
        mut asked: Option<UnsignedRecord>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let mut may_be_signed = asked.is_some();
        loop {
            let next = asked.take().map(Ok).or_else(|| self.unsigned(&mut attempt, work.now));
            let record = match next {
                None => return self.written(attempt, work),
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    refuse(&attempt.callers, &error.into(), work);
                    return Ok(());
                }
            };
            match record.sign(&*self.signer) {
                Ok(record) => {
                    // The signer remembers it: what comes next has to be behind it.
                    may_be_signed = true;
                    attempt.head =
                        attempt.head.next(&record).expect("it was made for this very head");
                    attempt.sealed.push(record);
                }
                Err(NotSigned { record, why }) => {
                    refuse(&attempt.callers, &PublishRefused::SignerFailed(why.clone()), work);
                    may_be_signed |= why.may_have_signed();
                    if may_be_signed && !matches!(why, SigningFailed::Refused(_)) {
                        let attestations = work.local.take_attestations(&attempt.callers);
                        let record = *record;
                        self.unanswered = Some(Unanswered { record, why, attempt, attestations });
                    }
                    return Ok(());
                }
            }
        }
    }

    /// The next record of an attempt.
    fn unsigned(
        &self,
        attempt: &mut Attempt,
        now: Time,
    ) -> Option<Result<UnsignedRecord, SealError>> {
        let body = attempt.rest.pop_front()?;
        let head = &attempt.head;
        let after_last = head.time.and_then(|last| Time::from_micros(last.micros() + 1));
        let context = SealContext {
            consortium: self.charters.consortium(),
            feed: self.feed,
            time: after_last.map_or(now, |earliest| now.max(earliest)),
            // Never lower than before: rivals may have taken a version back.
            charter_version: self.charters.newest().version.max(head.charter_version),
            tag_scheme: TAG_SCHEME,
            pepper_epoch: self.charters.at(now).pepper_epoch,
        };
        Some(UnsignedRecord::new(head, context, body))
    }

    /// Accepts what was signed, and tells the callers.
    fn written(&mut self, attempt: Attempt, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let mut places = Vec::new();
        let mut pushes = Vec::new();
        for record in &attempt.sealed {
            let head = self.heads.get(&self.feed).cloned().unwrap_or_default();
            let next = head.next(record).expect("it was sealed on this very head");
            self.accept(record, next, work)?;
            let sequence = record.header().sequence;
            work.signed = Some(SignedHead { sequence, id: record.id() });
            for index in 0..record.header().statements {
                places.push((statement_id(&record.id(), index), record.header()));
            }
            pushes.push(Effect::Push(Arc::new(record.signed().encode())));
        }
        let mut places = places.into_iter();
        for caller in attempt.callers {
            let own: Vec<_> = places.by_ref().take(caller.statements).collect();
            let Some((_, last)) = own.last() else { continue };
            let published = Published {
                time: last.time,
                sequence: last.sequence,
                statements: own.iter().map(|(id, _)| *id).collect(),
                repeated: Repeated::No,
            };
            if let Some(request) = caller.request {
                let row = RequestRow {
                    digest: request.digest.0.to_vec(),
                    statements: published.statements.iter().map(|id| id.0.to_vec()).collect(),
                    time: published.time.micros(),
                    sequence: published.sequence,
                };
                work.draft.put(request.key.into_bytes(), &row);
            }
            work.effects.push(Effect::Published { ticket: caller.ticket, result: Ok(published) });
        }
        // The caller first: its answer costs nothing, and everything it was promised is on disk.
        work.effects.append(&mut pushes);
        Ok(())
    }
}

/// Tells callers that nothing was written. Those that were told before hear nothing of it.
fn refuse(callers: &[Caller], why: &PublishRefused, work: &mut Work<'_>) {
    for caller in callers {
        let result = Err(why.clone());
        work.effects.push(Effect::Published { ticket: caller.ticket, result });
    }
}
