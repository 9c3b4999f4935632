//! Acts of this member's people, in the replica. Every act is one commit: its state, its journal
//! entry, its entry in the audit log.

use interlock_record::{Measure, SubjectTag, Time};

use super::happening::Happening;
use super::local_happening::LocalHappening;
use super::{Effect, Repeated, Replica, Request, Work};
use crate::ledger::rows::{ActRow, DecisionRow, LocalRow, RequestRow};
use crate::ledger::{Draft, LedgerFault, MetaKey};
use crate::local::{
    Act, ActKind, Entry, Ground, LocalDone, LocalRefused, MAX_OVERRIDE, Person, append,
};

/// An act that a person asks for.
pub(super) struct Asked {
    pub ticket: u64,
    pub subject: SubjectTag,
    pub act: Act,
    pub person: Person,
    pub request: Option<Request>,
}

impl Replica {
    /// Does what people ask for, in order.
    pub(super) fn act_all(
        &mut self,
        acts: Vec<Asked>,
        work: &mut Work<'_>,
    ) -> Result<(), LedgerFault> {
        for asked in acts {
            let ticket = asked.ticket;
            let result = self.act(asked, work)?;
            work.effects.push(Effect::LocalDone { ticket, result });
        }
        Ok(())
    }

    fn act(
        &mut self,
        asked: Asked,
        work: &mut Work<'_>,
    ) -> Result<Result<LocalDone, LocalRefused>, LedgerFault> {
        let Asked { subject, act, person, request, .. } = asked;
        if let Some(request) = &request
            && let Some(done) = work.draft.row::<RequestRow>(request.key.as_bytes())?
        {
            if done.digest != request.digest.0 {
                return Ok(Err(LocalRefused::KeyReused));
            }
            let applied = applied_to(&work.draft, subject)?;
            let repeated = Repeated::Yes;
            return Ok(Ok(LocalDone { audit: done.sequence, applied, repeated }));
        }
        let key = subject.0.to_vec();
        let mut local = work.draft.row::<LocalRow>(&key)?.unwrap_or_default();
        let audit = audit_after(&work.draft)?;
        let change = match self.change(&act, subject, &local, work)? {
            Ok(change) => change,
            Err(refused) => return Ok(Err(refused)),
        };
        let Change { measure, until, announced_since } = change;
        let row = ActRow {
            measure: u32::from(measure.number()),
            at: work.now.micros(),
            until: until.map(Time::micros),
            announced_since: announced_since.map(Time::micros),
            by: person.by().to_owned(),
            why: person.why().to_owned(),
            audit,
        };
        keep(&mut local, &act, row);
        let detail = detail(&act, change);
        let entry = Entry { person: &person, act: act.name(), subject: Some(subject), detail };
        append(&mut work.draft, work.now, entry)?;
        work.draft.put(key, &local);
        work.events.push(Happening::Local(LocalHappening::Acted {
            act: act.name(),
            subject,
            measure,
            until,
            audit,
        }));
        if let Some(request) = request {
            let row = RequestRow {
                digest: request.digest.0.to_vec(),
                statements: Vec::new(),
                time: work.now.micros(),
                sequence: audit,
            };
            work.draft.put(request.key.into_bytes(), &row);
        }
        self.write_events(work);
        work.local.acting = Some(subject);
        self.redecide(subject, work)?;
        work.local.acting = None;
        let applied = applied_to(&work.draft, subject)?;
        Ok(Ok(LocalDone { audit, applied, repeated: Repeated::No }))
    }

    /// Whether an act can be done, and what it comes to.
    fn change(
        &mut self,
        act: &Act,
        subject: SubjectTag,
        local: &LocalRow,
        work: &Work<'_>,
    ) -> Result<Result<Change, LocalRefused>, LedgerFault> {
        let now = work.now;
        let later = |until: Time| {
            if until > now { Ok(()) } else { Err(LocalRefused::UntilPast { until, now }) }
        };
        let for_a_while = |measure, until| {
            later(until).map(|()| Change { measure, until: Some(until), announced_since: None })
        };
        Ok(match *act {
            Act::Exempt { greatest, until } => for_a_while(greatest, until),
            Act::Override { measure, .. } if measure > MAX_OVERRIDE => {
                Err(LocalRefused::OverrideTooGrave)
            }
            Act::Override { measure, until } => for_a_while(measure, until),
            Act::Lift(kind) => lifted(local, kind, now),
            Act::Confirm { measure, seen_since } | Act::Refuse { measure, seen_since } => {
                let decided = work.draft.row::<DecisionRow>(subject.as_bytes())?;
                let decided = decided.unwrap_or_default();
                let scope = decided.own.or(decided.consortium).unwrap_or_default();
                let policies = self.own_policies();
                let ground = Ground { scope: &scope, policies: &policies, local };
                let refuses = matches!(act, Act::Refuse { .. });
                answered(&ground, measure, seen_since, refuses, now)
            }
        })
    }
}

/// What an act comes to.
#[derive(Clone, Copy)]
struct Change {
    measure: Measure,
    until: Option<Time>,
    announced_since: Option<Time>,
}

/// An answer to a measure that is announced and waits, by the policy, for a person.
fn answered(
    ground: &Ground<'_>,
    measure: Measure,
    seen_since: Option<Time>,
    refuses: bool,
    now: Time,
) -> Result<Change, LocalRefused> {
    let announced = ground.scope.announced(now);
    let not_proposed = LocalRefused::NotProposed { measure, announced };
    let latest = ground.scope.latest(now).and_then(|step| Time::from_micros(step.at));
    let Some(since) = latest.filter(|_| ground.answerable(measure, now).is_some()) else {
        return Err(not_proposed);
    };
    // A milder one than is announced may be confirmed instead; only what is announced is refused.
    if refuses && measure != announced {
        return Err(not_proposed);
    }
    if let Some(seen) = seen_since.filter(|seen| *seen != since) {
        return Err(LocalRefused::AnotherProposal { measure, since, seen });
    }
    Ok(Change { measure, until: None, announced_since: Some(since) })
}

/// The act of this kind that holds, to be lifted.
fn lifted(local: &LocalRow, kind: ActKind, now: Time) -> Result<Change, LocalRefused> {
    let act = match kind {
        ActKind::Exemption => local.exemption.as_ref(),
        ActKind::Override => local.overriding.as_ref(),
        ActKind::Confirmation => local.confirmations.last(),
        ActKind::Refusal => local.refusal.as_ref(),
    };
    let act = act.filter(|act| act.ends_at().is_none_or(|end| end > now));
    let act = act.ok_or(LocalRefused::NothingToLift(kind))?;
    Ok(Change { measure: act.measure(), until: None, announced_since: None })
}

fn keep(local: &mut LocalRow, act: &Act, row: ActRow) {
    match act {
        Act::Confirm { measure, .. } => {
            local.refusal = local.refusal.take().filter(|act| act.measure() != *measure);
            local.confirmations.retain(|act| act.measure() != *measure);
            local.confirmations.push(row);
        }
        Act::Refuse { measure, .. } => {
            local.confirmations.retain(|act| act.measure() != *measure);
            local.refusal = Some(row);
        }
        Act::Exempt { .. } => local.exemption = Some(row),
        Act::Override { .. } => local.overriding = Some(row),
        Act::Lift(ActKind::Exemption) => local.exemption = None,
        Act::Lift(ActKind::Override) => local.overriding = None,
        Act::Lift(ActKind::Confirmation) => local.confirmations.clear(),
        Act::Lift(ActKind::Refusal) => local.refusal = None,
    }
}

fn detail(act: &Act, change: Change) -> String {
    let Change { measure, until, announced_since } = change;
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    let since = announced_since.map(|at| format!(", announced since {at}")).unwrap_or_default();
    match act {
        Act::Exempt { .. } => format!("at most {measure}{until}"),
        Act::Override { .. } => format!("{measure}{until}"),
        Act::Confirm { .. } | Act::Refuse { .. } => format!("{measure}{since}"),
        Act::Lift(kind) => format!("{} of {measure}", kind.name()),
    }
}

/// The number that the next entry of the audit log gets.
fn audit_after(draft: &Draft<'_>) -> Result<u64, LedgerFault> {
    let head = draft.row(MetaKey::AuditHead.bytes())?;
    Ok(crate::local::AuditHead::of_row(head.as_ref()).number + 1)
}

fn applied_to(draft: &Draft<'_>, subject: SubjectTag) -> Result<Measure, LedgerFault> {
    let row = draft.row::<DecisionRow>(subject.as_bytes())?;
    Ok(row.map_or(Measure::None, |row| crate::ledger::rows::measure(row.applied)))
}
