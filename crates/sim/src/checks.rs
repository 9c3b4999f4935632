//! What must hold of replicas: that they agree once nothing is under way, and that each one's
//! journal is whole and true. Each check answers with what is wrong, for people.

use std::collections::BTreeMap;
use std::fmt;

use interlock_engine::ledger::rows::{
    DecisionRow, EvidenceRow, JournalRow, LocalRow, LogRow, ScopeRow, StoredRow, measure,
};
use interlock_engine::ledger::{Column, Ledger, MemoryLedger, number_of_key};
use interlock_engine::replica::{Event, Happening, LocalHappening, Replica};
use interlock_record::{Measure, MemberId, SubjectTag, Time, VerifiedRecord};

use crate::network::Network;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// One decision over time: changes of the announced measure (when, from, to, because), and of the
/// measure in force (when, to).
type Plan = (Vec<(i64, u32, u32, Vec<Vec<u8>>)>, Vec<(i64, u32)>);

/// What a ledger knows and has decided: everything that must be the same at every member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    evidence: BTreeMap<Vec<u8>, Vec<u8>>,
    decisions: BTreeMap<Vec<u8>, Plan>,
}

/// What a ledger knows and has decided.
///
/// # Panics
/// When a row does not decode.
pub fn verdicts(ledger: &MemoryLedger) -> Verdicts {
    let evidence = rows::<EvidenceRow>(ledger);
    let decisions = rows::<DecisionRow>(ledger);
    let plan = |row: DecisionRow| plan(&row.consortium.unwrap_or_default());
    Verdicts {
        evidence: evidence.into_iter().map(|(key, row)| (key, row.encode())).collect(),
        decisions: decisions.into_iter().map(|(key, row)| (key, plan(row))).collect(),
    }
}

impl Verdicts {
    /// On how many subjects something was decided.
    pub fn decided(&self) -> usize {
        self.decisions.values().filter(|(transitions, _)| !transitions.is_empty()).count()
    }

    /// Whether a measure was ever announced.
    pub fn announced(&self, wanted: Measure) -> bool {
        let wanted = u32::from(wanted.number());
        self.decisions.values().any(|(steps, _)| steps.iter().any(|(_, _, to, _)| *to == wanted))
    }
}

fn plan(scope: &ScopeRow) -> Plan {
    let steps = scope.transitions.iter();
    (
        steps.map(|step| (step.at, step.from, step.to, step.because.clone())).collect(),
        scope.effective.iter().map(|step| (step.at, step.measure)).collect(),
    )
}

/// All replicas know the same records and decide the same.
///
/// # Errors
/// What differs.
pub fn agree(network: &Network) -> Result<(), Wrong> {
    let members = network.members();
    let Some(first) = members.first().copied() else { return Ok(()) };
    let expected = verdicts(network.ledger(first));
    for member in members {
        if network.replica(member).heads() != network.replica(first).heads() {
            let heads = |member| -> Vec<String> {
                let heads = network.replica(member).heads().iter();
                heads.map(|(feed, head)| format!("{feed}#{}", head.sequence)).collect()
            };
            return Err(Wrong(format!(
                "{first} knows {:?}, {member} knows {:?}",
                heads(first),
                heads(member)
            )));
        }
        same(&expected, &verdicts(network.ledger(member)), first, member)?;
    }
    Ok(())
}

fn same(a: &Verdicts, b: &Verdicts, first: MemberId, member: MemberId) -> Result<(), Wrong> {
    if a.evidence != b.evidence {
        return Err(Wrong(format!("{first} and {member} have other evidence")));
    }
    for (subject, plan) in &a.decisions {
        if b.decisions.get(subject) != Some(plan) {
            let other = b.decisions.get(subject);
            return Err(Wrong(format!("{first} decided {plan:?}, {member} {other:?}")));
        }
    }
    if a.decisions.len() == b.decisions.len() {
        Ok(())
    } else {
        Err(Wrong(format!("{first} and {member} decided on other subjects")))
    }
}

/// All records that a ledger has, in the order in which they came.
///
/// # Panics
/// When a row does not decode.
pub fn records(ledger: &MemoryLedger) -> Vec<VerifiedRecord> {
    rows::<LogRow>(ledger).values().map(|row| row.verified().expect("a record")).collect()
}

/// The journal of a ledger, in order.
///
/// # Panics
/// When an entry does not decode.
pub fn journal(ledger: &MemoryLedger) -> Vec<Event> {
    rows::<JournalRow>(ledger)
        .iter()
        .map(|(key, row)| {
            let number = number_of_key(key).expect("a journal number");
            Event::from_row(number, row).expect("an entry")
        })
        .collect()
}

/// The journal's numbers have no gap, nothing is told before its time, every correction names an
/// earlier entry on the same subject, and whoever follows it arrives at what the ledger says.
///
/// # Errors
/// What is not so.
pub fn journal_is_true(replica: &Replica, ledger: &MemoryLedger) -> Result<(), Wrong> {
    let events = journal(ledger);
    for (expected, event) in (1u64..).zip(&events) {
        if event.number != expected {
            return Err(Wrong(format!("expected entry {expected}, got {}", event.number)));
        }
    }
    if replica.counters().journal != events.len() as u64 {
        return Err(Wrong("the counter is not the number of entries".to_owned()));
    }
    let mut followed = Followed::default();
    for event in &events {
        followed.follow(event, &events)?;
    }
    followed.check(ledger)
}

/// What one who reads the journal believes.
#[derive(Debug, Default)]
struct Followed {
    announced: BTreeMap<SubjectTag, Measure>,
    in_force: BTreeMap<SubjectTag, Measure>,
    applied: BTreeMap<SubjectTag, Measure>,
}

impl Followed {
    fn follow(&mut self, event: &Event, events: &[Event]) -> Result<(), Wrong> {
        let number = event.number;
        let early = |at: Time| {
            if at > event.recorded_at {
                return Err(Wrong(format!("entry {number} tells of {at}, before it: {event:?}")));
            }
            Ok(())
        };
        match &event.happening {
            Happening::Announced(decided) if !decided.own => {
                early(decided.at)?;
                self.announced.insert(decided.subject, decided.to);
            }
            Happening::Revised { decided, corrects } if !decided.own => {
                early(decided.at)?;
                let index = corrects.checked_sub(1).and_then(|index| usize::try_from(index).ok());
                let corrected = index.and_then(|index| events.get(index));
                match corrected.map(|event| &event.happening) {
                    Some(Happening::Announced(old)) if old.subject == decided.subject => {}
                    other => return Err(Wrong(format!("entry {number} corrects {other:?}"))),
                }
                self.announced.insert(decided.subject, decided.to);
            }
            Happening::Effective(decided) if !decided.own => {
                early(decided.at)?;
                let before = self.in_force.insert(decided.subject, decided.to);
                if before.unwrap_or(Measure::None) != decided.from {
                    return Err(Wrong(format!(
                        "entry {number} goes on from {before:?}: {event:?}"
                    )));
                }
            }
            Happening::Local(LocalHappening::Applied { subject, from, to, at, .. }) => {
                early(*at)?;
                let before = self.applied.insert(*subject, *to);
                if before.unwrap_or(Measure::None) != *from || from == to {
                    return Err(Wrong(format!(
                        "entry {number} applies from {before:?}: {event:?}"
                    )));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self, ledger: &MemoryLedger) -> Result<(), Wrong> {
        let decided = rows::<DecisionRow>(ledger);
        let followed = [&self.announced, &self.in_force, &self.applied];
        for (subject, measure) in followed.into_iter().flatten() {
            if *measure != Measure::None && !decided.contains_key(subject.as_bytes().as_slice()) {
                return Err(Wrong(format!("{measure} was told of one of whom nothing is left")));
            }
        }
        let known =
            rows::<EvidenceRow>(ledger).into_keys().chain(rows::<LocalRow>(ledger).into_keys());
        for subject in known {
            if !decided.contains_key(&subject) {
                return Err(Wrong(
                    "nothing was decided on one of whom something is known".to_owned(),
                ));
            }
        }
        for (key, row) in decided {
            let applied = measure(row.applied);
            let scope = row.consortium.unwrap_or_default();
            let subject = SubjectTag::from_slice(&key).expect("a tag");
            let followed = self.applied.get(&subject).copied().unwrap_or(Measure::None);
            if followed != applied {
                return Err(Wrong(format!(
                    "{followed} was told to be applied, the ledger has {applied}"
                )));
            }
            let told = self.in_force.get(&subject).copied().unwrap_or(Measure::None);
            if told != measure(scope.told) {
                return Err(Wrong(format!(
                    "{told} was told in force, the ledger has {}",
                    scope.told
                )));
            }
            let settled = Time::from_micros(scope.settled_at).unwrap_or(Time::MIN);
            let announced = self.announced.get(&subject).copied().unwrap_or(Measure::None);
            if announced != scope.announced(settled) {
                return Err(Wrong(format!(
                    "{announced} was announced, the ledger has {}",
                    scope.announced(settled)
                )));
            }
        }
        Ok(())
    }
}

fn rows<R: StoredRow>(ledger: &MemoryLedger) -> BTreeMap<Vec<u8>, R> {
    ledger
        .range(R::COLUMN, &[], &[0xff; 64], usize::MAX)
        .expect("memory does not fail")
        .into_iter()
        .map(|(key, value)| (key, R::decode(&value).expect("a row that was written")))
        .collect()
}

/// How many rows a column of a ledger has.
///
/// # Panics
/// Never: memory does not fail.
pub fn count(ledger: &MemoryLedger, column: Column) -> usize {
    ledger.range(column, &[], &[0xff; 64], usize::MAX).expect("memory does not fail").len()
}
