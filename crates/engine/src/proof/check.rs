//! Checking a bundle: charters, records, the moment, what statements mean; then the engine decides.

use std::collections::{BTreeMap, BTreeSet};

use interlock_record::{
    ConsortiumId, Digest, FeedId, ForkProof, PublicKey, RecordId, Signature, Statement, SubjectTag,
    Time, statement_id,
};

use super::evaluate::{self, Row};
use super::feeds::{self, Line, feed_id};
use super::proto;
use super::standing::{Standings, held_and_day};
use super::verdict::{NotVerified, Said, Taken, Told};
use crate::charter::{
    Charter, CharterSignature, Charters, MAX_CHARTER_BYTES, MAX_SIGNATURES, Role, SignedCharter,
};
use crate::ledger::rows::{ScopeRow, StatementRow, measure};
use crate::replica::frontier_digest;
use crate::timeline::Explanation;

/// What a journal entry that tells of a decision is called, by the number of its kind.
pub(super) const KINDS: [(u32, &str); 3] = [(3, "ANNOUNCED"), (4, "EFFECTIVE"), (5, "REVISED")];

/// A bundle of which everything but the claim was checked, and what the engine makes of it.
#[derive(Debug)]
pub(super) struct Checked {
    pub charters: Charters,
    pub subject: SubjectTag,
    pub taken: Taken,
    pub said: Vec<Said>,
    pub decided: ScopeRow,
    pub explanation: Explanation,
    pub forks: Vec<(FeedId, u64)>,
    pub voids: Vec<(FeedId, u64)>,
    pub signatures: u32,
    pub on_its_word: Vec<String>,
}

/// The last record known of each feed.
pub(super) type Heads = BTreeMap<FeedId, (u64, RecordId)>;

pub(super) fn check(
    bundle: &proto::Bundle,
    expected: Option<ConsortiumId>,
) -> Result<Checked, NotVerified> {
    let mut signatures = 0;
    let charters = charters(bundle, &mut signatures)?;
    let found = charters.consortium();
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(NotVerified::OtherConsortium { found, expected });
    }
    let subject = SubjectTag::from_slice(&bundle.subject)
        .ok_or_else(|| NotVerified::at("subject", "expected a tag of 32 bytes"))?;
    let (taken, heads) = moment(bundle, &charters)?;
    let mut lines: BTreeMap<FeedId, Line<'_>> = BTreeMap::new();
    for feed in &bundle.feeds {
        let line = feeds::line(feed, &found, &charters, &mut signatures)?;
        if lines.last_key_value().is_some_and(|(last, _)| *last >= line.feed) {
            return Err(NotVerified::at(line.feed, "feeds are not in their order"));
        }
        within(&line, &heads)?;
        lines.insert(line.feed, line);
    }
    let forks = forks(bundle, &charters, &mut signatures)?;
    let mut on_its_word = Vec::new();
    let (rows, seen) = statements(&lines, &charters, subject, &mut on_its_word)?;
    let standings = Standings::new(&charters, &lines, &forks, &heads, seen);
    standings.check(&rows, &mut on_its_word)?;
    let voids: Vec<(FeedId, u64)> =
        lines.values().filter_map(|line| Some((line.feed, line.void_from?))).collect();
    let decided = evaluate::decide(&charters, &rows, &voids, taken.at)
        .map_err(|error| NotVerified::at("statements", error))?;
    let said = decided
        .judged
        .into_iter()
        .map(|(placed, unmeant)| Said {
            seen_by: standings.seen_by(&placed.position),
            id: placed.id,
            position: placed.position,
            held: placed.held,
            statement: placed.statement,
            unmeant,
        })
        .collect();
    Ok(Checked {
        subject,
        taken,
        said,
        decided: decided.scope,
        explanation: decided.explanation,
        forks: forks
            .iter()
            .flat_map(|(feed, places)| places.iter().map(|place| (*feed, *place)))
            .collect(),
        voids,
        signatures,
        on_its_word,
        charters,
    })
}

/// The chain of charters, from the first on.
fn charters(bundle: &proto::Bundle, signatures: &mut u32) -> Result<Charters, NotVerified> {
    let mut versions = bundle.charters.iter();
    let first = versions.next().ok_or_else(|| NotVerified::at("charters", "there is none"))?;
    let at = |version: usize| format!("charter version {version}");
    if !first.signatures.is_empty() {
        return Err(NotVerified::at(at(1), "nobody signs the first: its hash is the consortium"));
    }
    let charter = Charter::parse("charter", &first.document)
        .map_err(|error| NotVerified::at(at(1), error))?;
    if charter.id().0.as_slice() != bundle.consortium || charter.version != 1 {
        return Err(NotVerified::at(at(1), "it is not the consortium's first"));
    }
    let mut charters = Charters::first(charter);
    for (version, signed) in (2..).zip(versions) {
        let signed = signed_charter(signed)
            .ok_or_else(|| NotVerified::at(at(version), "a signature that cannot be"))?;
        *signatures += u32::try_from(signed.signatures.len()).unwrap_or(u32::MAX);
        charters = charters
            .with("charter", &signed)
            .map_err(|error| NotVerified::at(at(version), error))?
            .ok_or_else(|| NotVerified::at(at(version), "it is here twice"))?;
        if charters.chain().len() != version || charters.rivals().is_some() {
            return Err(NotVerified::at(at(version), "it does not follow the one before it"));
        }
    }
    Ok(charters)
}

fn signed_charter(signed: &proto::Charter) -> Option<SignedCharter> {
    if signed.signatures.len() > MAX_SIGNATURES || signed.document.len() > MAX_CHARTER_BYTES {
        return None;
    }
    let read = |signature: &proto::CharterSignature| {
        let role = Role::from_name(&signature.role)?;
        let read = CharterSignature {
            member: signature.member.parse().ok()?,
            role,
            key: PublicKey::from_bytes(&signature.key).ok()?,
            signature: Signature::from_slice(&signature.signature)?,
        };
        // One that is not valid would not count, and could be anything.
        read.is_valid(&signed.document).then_some(read)
    };
    let signatures = signed.signatures.iter().map(read).collect::<Option<_>>()?;
    Some(SignedCharter { document: signed.document.clone(), signatures })
}

fn moment(bundle: &proto::Bundle, charters: &Charters) -> Result<(Taken, Heads), NotVerified> {
    let wrong = |why: &str| NotVerified::at("moment", why);
    let moment = bundle.moment.as_ref().ok_or_else(|| wrong("it is missing"))?;
    let mut heads = Heads::new();
    for head in &moment.heads {
        let feed = feed_id(&head.member, head.feed).filter(|feed| charters.feed(*feed).is_some());
        let feed = feed.ok_or_else(|| wrong("a head of a feed that the charter does not name"))?;
        let id = RecordId::from_slice(&head.id);
        let id =
            id.filter(|_| head.sequence > 0).ok_or_else(|| wrong("a head without a record"))?;
        if heads.last_key_value().is_some_and(|(last, _)| *last >= feed) {
            return Err(wrong("heads are not in their order"));
        }
        heads.insert(feed, (head.sequence, id));
    }
    let frontier =
        frontier_digest(heads.iter().map(|(feed, (sequence, id))| (*feed, *sequence, Some(*id))));
    if Digest::from_slice(&moment.frontier) != Some(frontier) {
        return Err(wrong("its digest of the frontier is not that of its heads"));
    }
    let at = Time::from_micros(moment.at).ok_or_else(|| wrong("a time out of range"))?;
    let known: u64 = heads.values().map(|(sequence, _)| *sequence).fold(0, u64::saturating_add);
    if known > moment.arrivals {
        return Err(wrong("more records in its feeds than had come"));
    }
    let told = told(moment)?;
    Ok((Taken { at, arrivals: moment.arrivals, frontier, told }, heads))
}

fn told(moment: &proto::Moment) -> Result<Option<Told>, NotVerified> {
    let wrong = |why: &str| NotVerified::at("moment", why);
    let none = (moment.kind, moment.from, moment.to, moment.changed_at) == (0, 0, 0, 0);
    if moment.entry == 0 {
        return if none {
            Ok(None)
        } else {
            Err(wrong("it tells of an entry that it does not name"))
        };
    }
    let kind = KINDS.iter().find(|(number, _)| *number == moment.kind);
    let (_, kind) = kind.ok_or_else(|| wrong("an entry that tells of no decision"))?;
    let term = |number| interlock_record::Measure::from_number(number);
    let (Some(from), Some(to), Some(changed_at)) =
        (term(moment.from), term(moment.to), Time::from_micros(moment.changed_at))
    else {
        return Err(wrong("an entry with a measure or time that cannot be"));
    };
    Ok(Some(Told { entry: moment.entry, kind, from, to, changed_at }))
}

/// Everything in a feed's line must have come before the decision.
fn within(line: &Line<'_>, heads: &Heads) -> Result<(), NotVerified> {
    let head = heads.get(&line.feed);
    for (sequence, placement) in &line.records {
        let known = head
            .is_some_and(|(last, id)| sequence < last || (sequence == last && placement.id == *id));
        if !known {
            let place = format!("{} #{sequence}", line.feed);
            return Err(NotVerified::at(place, "it had not come by the moment of the decision"));
        }
    }
    Ok(())
}

type Places = BTreeMap<FeedId, BTreeSet<u64>>;

fn forks(
    bundle: &proto::Bundle,
    charters: &Charters,
    signatures: &mut u32,
) -> Result<Places, NotVerified> {
    let mut places = Places::new();
    let mut last = None;
    for bytes in &bundle.forks {
        let wrong = |why: &dyn std::fmt::Display| NotVerified::at("forks", why);
        let proof = ForkProof::decode(bytes).map_err(|error| wrong(&error))?;
        if proof.encode() != *bytes {
            return Err(wrong(&"a proof that is not in its one spelling"));
        }
        let feed = proof.feed().map_err(|error| wrong(&error))?;
        let named = charters.feed(feed).ok_or_else(|| wrong(&"the charter names no such feed"))?;
        let proof =
            proof.verify(&charters.consortium(), &named.key).map_err(|error| wrong(&error))?;
        *signatures += 2;
        let place = (feed, proof.sequence());
        if last.is_some_and(|last| last >= place) {
            return Err(wrong(&"proofs are not in their order"));
        }
        last = Some(place);
        places.entry(feed).or_default().insert(proof.sequence());
    }
    Ok(places)
}

/// What a member has seen, and where it said so.
#[derive(Debug)]
pub(super) struct SeenAt {
    pub source: FeedId,
    pub sequence: u64,
    pub seen: interlock_record::Seen,
}

/// Reads the statements: those that concern the subject as rows, and what was seen.
fn statements(
    lines: &BTreeMap<FeedId, Line<'_>>,
    charters: &Charters,
    subject: SubjectTag,
    on_its_word: &mut Vec<String>,
) -> Result<(Vec<Row>, Vec<SeenAt>), NotVerified> {
    let (mut rows, mut seen) = (Vec::new(), Vec::new());
    for line in lines.values() {
        for (sequence, placement) in &line.records {
            let before = rows.len();
            let (header, record) = (&placement.header, placement.record);
            let rules = charters.rules_at(header.time);
            let (mut flags, mut others) = (0, 0);
            for statement in &record.statements {
                let place = format!("{} #{sequence}[{}]", line.feed, statement.index);
                let said = Statement::decode(&statement.statement, rules, header.time)
                    .map_err(|inert| NotVerified::at(&place, inert.code()))?;
                if matches!(said, Statement::Flag(_)) {
                    flags += 1;
                } else {
                    others += 1;
                }
                if let Statement::Seen(heads) = said {
                    seen.push(SeenAt { source: line.feed, sequence: *sequence, seen: heads });
                    continue;
                }
                let about = match &said {
                    Statement::Flag(flag) => Some(flag.subject),
                    Statement::Cure(cure) => Some(cure.subject),
                    Statement::Receipt(receipt) => Some(receipt.subject),
                    Statement::Erase(_) => {
                        return Err(NotVerified::at(place, "an Erase has no place here"));
                    }
                    _ => None,
                };
                if about.is_some_and(|about| about != subject) {
                    return Err(NotVerified::at(place, "it is about somebody else"));
                }
                let id = statement_id(&placement.id, statement.index);
                let position = interlock_record::Position {
                    time: header.time,
                    member: line.feed.member,
                    feed: line.feed.number,
                    sequence: *sequence,
                    index: statement.index,
                };
                let of_day = record.day_before.saturating_add(u64::from(statement.index) + 1);
                rows.push(Row {
                    kept: StatementRow::new(
                        position,
                        id,
                        &statement.statement,
                        record.held,
                        of_day,
                    ),
                    disputes_before: statement.disputes_before,
                    feed: line.feed,
                    sequence: *sequence,
                    is_dispute: matches!(said, Statement::Dispute(_)),
                    time: header.time,
                });
            }
            // Were the count wrong, all its statements would mean nothing.
            if flags > header.flags || others > header.statements - header.flags {
                let place = format!("{} #{sequence}", line.feed);
                return Err(NotVerified::at(place, "its count of flags is wrong"));
            }
            if rows.len() > before {
                held_and_day(line, *sequence, charters, on_its_word)?;
            } else if record.held || record.day_before > 0 {
                let place = format!("{} #{sequence}", line.feed);
                return Err(NotVerified::at(
                    place,
                    "a standing of a record that says nothing here",
                ));
            }
        }
    }
    Ok((rows, seen))
}

impl Checked {
    /// Whether the decision is as the journal entry tells.
    pub(super) fn told_is_so(&self) -> Result<(), NotVerified> {
        let Some(told) = &self.taken.told else { return Ok(()) };
        let (scope, at) = (&self.decided, told.changed_at);
        let so = match told.kind {
            "ANNOUNCED" => scope.transitions.iter().any(|step| {
                step.at == at.micros()
                    && (measure(step.from), measure(step.to)) == (told.from, told.to)
            }),
            "EFFECTIVE" => scope.in_force(at) == told.to,
            _ => scope.announced(self.taken.at) == told.to,
        };
        if so && at <= self.taken.at {
            return Ok(());
        }
        let place = format!("journal entry {}", told.entry);
        Err(NotVerified::at(place, "the statements do not make the decision that it tells of"))
    }
}
