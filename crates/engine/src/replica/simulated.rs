//! Flags that are only simulated, what a person's signed statement leaves in the audit log, and
//! what is looked at beside a subject's decision.

use std::collections::BTreeSet;

use interlock_record::{MemberId, Position, Statement, StatementId, SubjectTag, Time};
use sha2::{Digest as _, Sha256};

use super::happening::Happening;
use super::local_happening::LocalHappening;
use super::publish::{Checked, Waiting};
use super::settle::scope_row;
use super::{
    Drafted, Effect, Known, PublishRefused, Published, Repeated, Replica, Request, Work, known,
};
use crate::evidence::assemble;
use crate::ledger::LedgerFault;
use crate::ledger::rows::{DisputeRow, LocalRow, Placed, RequestRow, StatementRow, TargetRow};
use crate::local::{Entry, Person, append};
use crate::timeline::{DisputeState, Setting, View, dispute_state, open_disputes, timeline};

/// The most simulated flags that are kept on one subject; the oldest makes room.
pub const MAX_SIMULATED_FLAGS: usize = 64;

/// A person's write, to be put into the audit log if it is done.
#[derive(Debug)]
pub(super) struct Attestation {
    pub(super) ticket: u64,
    person: Person,
    act: String,
    subject: Option<SubjectTag>,
    detail: String,
}

impl Replica {
    /// Keeps flags that are only simulated; gives back what is to be published.
    pub(super) fn keep_simulated(
        &mut self,
        waiting: Vec<Waiting>,
        work: &mut Work<'_>,
    ) -> Result<Vec<Waiting>, LedgerFault> {
        let mut real = Vec::with_capacity(waiting.len());
        for (ticket, drafts, request) in waiting {
            if let Some(flag) = withdrawn(&drafts, work)? {
                let result = withdraw_simulated(flag, &drafts[0], request, work)?;
                work.effects.push(Effect::Published { ticket, result });
                continue;
            }
            let simulated = |draft: &Drafted| match &draft.statement {
                Statement::Flag(flag) => self.settings.simulates(flag.reason),
                _ => false,
            };
            match drafts.iter().position(|draft| !simulated(draft)) {
                None if !drafts.is_empty() => {
                    let result = self.raise_simulated(&drafts, request, work)?;
                    work.effects.push(Effect::Published { ticket, result });
                }
                Some(index) if drafts.iter().any(simulated) => {
                    let result = Err(PublishRefused::SimulatedApart { index });
                    work.effects.push(Effect::Published { ticket, result });
                }
                _ => real.push((ticket, drafts, request)),
            }
        }
        Ok(real)
    }

    fn raise_simulated(
        &mut self,
        drafts: &[Drafted],
        request: Option<Request>,
        work: &mut Work<'_>,
    ) -> Result<Result<Published, PublishRefused>, LedgerFault> {
        let salted = match self.check(drafts, request.as_ref(), work)? {
            Ok(Checked::Write(salted)) => salted,
            Ok(Checked::Done(published)) => return Ok(Ok(published)),
            Err(refused) => return Ok(Err(refused)),
        };
        let mut ids = Vec::with_capacity(drafts.len());
        for (draft, (salt, bytes)) in drafts.iter().zip(salted) {
            let Statement::Flag(flag) = &draft.statement else { continue };
            let id = local_id(&salt, &bytes);
            let key = flag.subject.0.to_vec();
            let mut local = work.draft.row::<LocalRow>(&key)?.unwrap_or_default();
            let kept = &mut local.simulated_flags;
            let index = kept.last().map_or(0, |last| last.index.wrapping_add(1));
            let position = Position {
                time: work.now,
                member: self.me,
                feed: self.feed.number,
                // Behind every record that there is.
                sequence: u64::MAX,
                index,
            };
            kept.push(StatementRow::new(position, id, &bytes, false, 0));
            if kept.len() > MAX_SIMULATED_FLAGS {
                kept.remove(0);
            }
            work.draft.put(key, &local);
            let target = TargetRow {
                subject: flag.subject.0.to_vec(),
                issuer: self.me.to_string(),
                cure: false,
                waiting: Vec::new(),
                ..TargetRow::default()
            };
            work.draft.put(target_key(id), &target);
            work.touched.insert(flag.subject);
            let subject = flag.subject;
            work.events.push(Happening::Local(LocalHappening::SimulatedFlag { id, subject }));
            ids.push(id);
        }
        Ok(Ok(done(ids, request, work)))
    }

    /// Looks at what is local of a subject whose evidence is at hand: the disputes that are open,
    /// and what would be decided with what is simulated.
    pub(super) fn look_at_local(
        &mut self,
        subject: SubjectTag,
        known: &Known,
        members: &BTreeSet<MemberId>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        let own = self.own_policies();
        let mut setting =
            Setting { policies: self.charters.policies(), members, view: View::Consortium };
        // A dispute by a clock that is a little ahead is known before its time, and no timer would
        // look for it again.
        let latest = known.statements.last().map_or(work.now, |placed| placed.position.time);
        let as_of = latest.max(work.now);
        let open = open_disputes(&setting, &known.evidence, as_of).into_iter();
        let rows = open.map(|dispute| DisputeRow {
            subject: subject.0.to_vec(),
            issuer: dispute.issuer.to_string(),
            reason: u32::from(dispute.reason.number()),
            since: dispute.since.micros(),
            deadline: dispute.deadline.micros(),
            flag: dispute.flag.map(|index| known.flag_ids[index].0.to_vec()).unwrap_or_default(),
        });
        work.local.disputes.insert(subject, (as_of, rows.collect()));

        let local = work.draft.row::<LocalRow>(subject.as_bytes())?.unwrap_or_default();
        if local.simulated_flags.is_empty() && local.simulated.is_none() {
            return Ok(());
        }
        let mut simulated = Vec::new();
        for row in &local.simulated_flags {
            let placed = row.placed(self.charters.rules_at(row.position()?.time))?;
            // Where its reason is simulated no longer, it means nothing any more.
            if matches!(&placed.statement, Statement::Flag(flag) if self.settings.simulates(flag.reason))
            {
                simulated.push(placed);
            }
        }
        let scope = (!simulated.is_empty()).then(|| {
            let mut statements: Vec<Placed> = known.statements.clone();
            statements.extend(simulated);
            statements.sort_by_key(|placed| placed.position);
            let (evidence, ids) = assemble(&statements);
            setting.policies = &own;
            setting.view = View::Member(self.me);
            scope_row(&timeline(&setting, &evidence), &ids, &own)
        });
        work.local.simulated.insert(subject, scope);
        Ok(())
    }

    /// Whether a dispute would open, and an answer find one that is open.
    pub(super) fn check_dispute(
        &self,
        index: usize,
        statement: &Statement,
        flag: StatementId,
        row: &TargetRow,
        work: &Work<'_>,
    ) -> Result<Result<(), PublishRefused>, LedgerFault> {
        let (Statement::Dispute(_) | Statement::Resolve(_), Some(subject)) =
            (statement, row.subject())
        else {
            return Ok(Ok(()));
        };
        let known = known(&work.draft, &self.charters, subject)?;
        let Some(place) = known.flag_ids.iter().position(|id| *id == flag) else {
            return Ok(Ok(()));
        };
        let disputed = &known.evidence.flags[place];
        let identity = (disputed.position.member, disputed.reason);
        let members = self.charters.member_ids();
        let setting = Setting {
            policies: self.charters.policies(),
            members: &members,
            view: View::Consortium,
        };
        let state = dispute_state(&setting, &known.evidence, identity, work.now);
        let refused = |why| Ok(Err(PublishRefused::NoSuchDispute { index, why }));
        match (statement, state) {
            (Statement::Dispute(_), DisputeState::Resting { until }) => refused(format!(
                "a dispute of it was rejected, and further ones rest until {until}"
            )),
            (Statement::Resolve(_), DisputeState::Quiet | DisputeState::Resting { .. }) => refused(
                "no dispute of it is open: it was answered, has lapsed, or never opened".to_owned(),
            ),
            _ => Ok(Ok(())),
        }
    }
}

/// Remembers who asks for statements, and why.
pub(super) fn attested(
    ticket: u64,
    statements: &[Drafted],
    person: Person,
    work: &mut Work<'_>,
) -> Result<(), LedgerFault> {
    let Some(first) = statements.first() else { return Ok(()) };
    let statement = &first.statement;
    let target = target(statement);
    let subject = match target {
        Some(target) => {
            work.draft.row::<TargetRow>(target.as_bytes())?.and_then(|row| row.subject())
        }
        None => None,
    };
    let act = statement.kind().to_ascii_uppercase();
    let detail = detail(statement);
    work.local.attestations.push(Attestation { ticket, person, act, subject, detail });
    Ok(())
}

/// Puts into the audit log what people published in this step.
pub(super) fn attest(work: &mut Work<'_>) -> Result<(), LedgerFault> {
    for attestation in std::mem::take(&mut work.local.attestations) {
        let Attestation { ticket, person, act, subject, detail } = attestation;
        let done = work.effects.iter().find_map(|effect| match effect {
            Effect::Published { ticket: of, result: Ok(published) }
                if *of == ticket && published.repeated == Repeated::No =>
            {
                published.statements.first().copied()
            }
            _ => None,
        });
        let Some(id) = done else { continue };
        let detail = format!("{detail}, statement {id}");
        let entry = Entry { person: &person, act: &act, subject, detail };
        append(&mut work.draft, work.now, entry)?;
    }
    Ok(())
}

fn withdraw_simulated(
    flag: (StatementId, SubjectTag),
    draft: &Drafted,
    request: Option<Request>,
    work: &mut Work<'_>,
) -> Result<Result<Published, PublishRefused>, LedgerFault> {
    if let Some(request) = &request
        && let Some(row) = work.draft.row::<RequestRow>(request.key.as_bytes())?
    {
        return Ok(again(&row, request, work));
    }
    let (target, subject) = flag;
    let key = subject.0.to_vec();
    let mut local = work.draft.row::<LocalRow>(&key)?.unwrap_or_default();
    local.simulated_flags.retain(|row| row.id != target.0);
    work.draft.put(key, &local);
    work.touched.insert(subject);
    let id = local_id(&draft.salt, target.as_bytes());
    Ok(Ok(done(vec![id], request, work)))
}

/// What a caller is told of what was kept here, and what a second try will be told.
fn done(ids: Vec<StatementId>, request: Option<Request>, work: &mut Work<'_>) -> Published {
    let published =
        Published { statements: ids, time: work.now, sequence: 0, repeated: Repeated::No };
    if let Some(request) = request {
        let row = RequestRow {
            digest: request.digest.0.to_vec(),
            statements: published.statements.iter().map(|id| id.0.to_vec()).collect(),
            time: published.time.micros(),
            sequence: 0,
        };
        work.draft.put(request.key.into_bytes(), &row);
    }
    published
}

/// What the same request was told before.
fn again(
    row: &RequestRow,
    request: &Request,
    work: &Work<'_>,
) -> Result<Published, PublishRefused> {
    if row.digest != request.digest.0 {
        return Err(PublishRefused::KeyReused);
    }
    Ok(Published {
        statements: row.statements.iter().filter_map(|id| StatementId::from_slice(id)).collect(),
        time: Time::from_micros(row.time).unwrap_or(work.now),
        sequence: row.sequence,
        repeated: Repeated::Yes,
    })
}

/// The simulated flag that a request of one withdrawal names.
fn withdrawn(
    drafts: &[Drafted],
    work: &Work<'_>,
) -> Result<Option<(StatementId, SubjectTag)>, LedgerFault> {
    let [Drafted { statement: Statement::Withdraw(withdraw), .. }] = drafts else {
        return Ok(None);
    };
    let row = work.draft.row::<TargetRow>(&target_key(withdraw.statement))?;
    Ok(row.and_then(|row| row.subject()).map(|subject| (withdraw.statement, subject)))
}

/// The name of a statement that is in no record.
fn local_id(salt: &[u8], bytes: &[u8]) -> StatementId {
    let mut hash = Sha256::new();
    hash.update(b"interlock/simulated-statement/v1\0");
    hash.update(salt);
    hash.update(bytes);
    StatementId(hash.finalize().into())
}

/// Apart from the names of statements in records, so that no record ever names it.
fn target_key(id: StatementId) -> Vec<u8> {
    let mut key = b"simulated/".to_vec();
    key.extend(id.as_bytes());
    key
}

fn target(statement: &Statement) -> Option<StatementId> {
    match statement {
        Statement::Withdraw(withdraw) => Some(withdraw.statement),
        Statement::Dispute(dispute) => Some(dispute.flag),
        Statement::Resolve(resolve) => Some(resolve.flag),
        _ => None,
    }
}

/// A signed statement in a few words, without anything that a caller has written.
fn detail(statement: &Statement) -> String {
    match statement {
        Statement::Withdraw(withdraw) => {
            format!("of {}, cause {}", withdraw.statement, withdraw.cause)
        }
        Statement::Recall(recall) => {
            let from = recall.from.map(|at| format!(" from {at}")).unwrap_or_default();
            let to = recall.to.map(|at| format!(" to {at}")).unwrap_or_default();
            let reason = recall.reason.map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("of flags{from}{to}{reason}, cause {}", recall.cause)
        }
        Statement::Dispute(dispute) => format!("of {}", dispute.flag),
        Statement::Resolve(resolve) => format!("of {}, {}", resolve.flag, resolve.outcome),
        other => other.kind().to_owned(),
    }
}
