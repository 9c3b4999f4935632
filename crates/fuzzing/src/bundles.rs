//! Decision bundles. A fuzzer can make neither a digest nor a signature, so what it finds is also
//! tried with the digest made anew, and with every record signed anew by the feed that it names.

use std::collections::BTreeMap;

use interlock_engine::proof::{self, DIGEST_BYTES, MAGIC, NotVerified, Verdict};
use interlock_engine::replica::frontier_digest;
use interlock_record::{
    ConsortiumId, Digest, Domain, Entry, FeedId, FeedNumber, Header, Measure, NEWEST_RULES,
    RecordId, Statement, StatementId, Time, inclusion_proof, record_id, root_of_leaves,
    statement_id,
};
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::world::CONSORTIUM;

/// A file that proves a decision.
pub fn bundle(bytes: &[u8]) {
    judge(bytes);
    let message = bytes.strip_prefix(MAGIC.as_slice()).unwrap_or(bytes);
    let end = message.len().saturating_sub(DIGEST_BYTES);
    // Of what does not begin as a file does, all is taken for the message.
    let message = if message.len() == bytes.len() { bytes } else { &message[..end] };
    judge(&file_of(message));
    if let Some(again) = signed_again(bytes) {
        judge(&again);
    }
}

/// The file with the digest and all signatures made anew, and whatever follows from these; nothing
/// where it is not of a bundle's form.
pub fn signed_again(file: &[u8]) -> Option<Vec<u8>> {
    let rest = file.strip_prefix(MAGIC.as_slice())?;
    let message = &rest[..rest.len().checked_sub(DIGEST_BYTES)?];
    let mut bundle = Bundle::decode(message).ok()?;
    // Who names a record by its id does so in a record: once more, and all that names flags is right.
    let ids = sign(&mut bundle);
    rename_seen(&mut bundle, &ids.records);
    let later = sign(&mut bundle);
    let records = ids.records.into_iter().map(|(old, id)| (old, later.record(id)));
    let statements = ids.statements.into_iter().map(|(old, id)| (old, later.statement(id)));
    let ids = Ids { records: records.collect(), statements: statements.collect() };
    rename_moment_and_claim(&mut bundle, &ids);
    Some(file_of(&bundle.encode_to_vec()))
}

fn file_of(message: &[u8]) -> Vec<u8> {
    let mut file = [MAGIC.as_slice(), message].concat();
    file.extend(Sha256::digest(&file));
    file
}

/// What must hold of a verdict.
fn judge(file: &[u8]) {
    let verdict = match proof::verify(file, None) {
        Ok(verdict) => verdict,
        Err(error) => return assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    };
    assert!(!verdict.consortium_checked);
    let named = proof::verify(file, Some(verdict.consortium)).expect("it is of that consortium");
    assert!(named.consortium_checked && named.decided == verdict.decided);
    let other = ConsortiumId(verdict.consortium.0.map(|byte| !byte));
    let refused = proof::verify(file, Some(other)).expect_err("it is of no other");
    assert!(matches!(refused, NotVerified::OtherConsortium { .. }));
    let mut damaged = file.to_vec();
    let middle = file.len() / 2;
    damaged[middle] ^= 1;
    assert!(proof::verify(&damaged, None).is_err(), "a changed byte");
    decided(&verdict);
}

fn decided(verdict: &Verdict) {
    let decided = &verdict.decided;
    for pair in decided.transitions.windows(2) {
        let ((first, _, to, _), (second, from, _, _)) = (&pair[0], &pair[1]);
        assert!(first < second && to == from, "each change goes on from the last one");
    }
    let meant = |flag: &StatementId| {
        verdict.said.iter().any(|said| {
            said.id == *flag
                && said.unmeant.is_none()
                && matches!(said.statement, Statement::Flag(_))
        })
    };
    let because = decided.transitions.iter().flat_map(|(_, _, _, because)| because);
    because.for_each(|flag| assert!(meant(flag), "a change is because of flags that are here"));
    let now = decided.transitions.iter().rev().find(|(at, ..)| *at <= verdict.taken.at);
    assert_eq!(decided.announced_now, now.map_or(Measure::None, |(_, _, to, _)| *to));
    assert!(decided.effective_now <= decided.announced_now, "nothing is in force unannounced");
    for said in &verdict.said {
        assert!(said.seen_by.groups <= said.seen_by.of);
        assert!(verdict.signatures > 0, "what is said is signed");
    }
    let flags = verdict
        .said
        .iter()
        .filter(|said| said.unmeant.is_none() && matches!(said.statement, Statement::Flag(_)));
    assert!(verdict.explanation.flags.len() <= flags.count());
}

/// New ids by the old ones.
#[derive(Debug, Default)]
struct Ids {
    records: BTreeMap<RecordId, RecordId>,
    statements: BTreeMap<StatementId, StatementId>,
}

impl Ids {
    fn record(&self, id: RecordId) -> RecordId {
        self.records.get(&id).copied().unwrap_or(id)
    }

    fn statement(&self, id: StatementId) -> StatementId {
        self.statements.get(&id).copied().unwrap_or(id)
    }
}

fn sign(bundle: &mut Bundle) -> Ids {
    let mut ids = Ids::default();
    for feed in &mut bundle.feeds {
        let Ok(member) = feed.member.parse() else { continue };
        let id = FeedId { member, number: FeedNumber(feed.number) };
        if CONSORTIUM.charter.feed(id).is_none() {
            continue;
        }
        let changed = sign_feed(feed, id, &mut ids);
        if changed {
            // They lead to a root that is another's.
            feed.records.iter_mut().for_each(|record| record.feed_path.clear());
        }
    }
    ids
}

/// Signs the records of a feed that are headers; says whether any of them changed.
fn sign_feed(feed: &mut Feed, id: FeedId, ids: &mut Ids) -> bool {
    let key = CONSORTIUM.key(id);
    let mut changed = false;
    let mut before: Option<(u64, RecordId)> = None;
    for record in &mut feed.records {
        let Ok(mut header) = Header::decode(&record.header) else { continue };
        header.consortium = CONSORTIUM.id();
        header.feed = id;
        if let Some((_, previous)) = before.filter(|(last, _)| last + 1 == header.sequence) {
            header.previous = Some(previous);
        }
        show_whole_body(record, &mut header);
        let (old, bytes) = (record_id(&record.header), header.encode());
        changed |= bytes != record.header;
        record.signature = key.sign(Domain::Record, &bytes).0.to_vec();
        record.header = bytes;
        let new = record_id(&record.header);
        ids.records.insert(old, new);
        for statement in &record.statements {
            let at = statement.index;
            ids.statements.insert(statement_id(&old, at), statement_id(&new, at));
        }
        before = Some((header.sequence, new));
    }
    changed
}

/// Where a record's statements do not follow from its header, they become all that it says.
fn show_whole_body(record: &mut Record, header: &mut Header) {
    let leaf = |statement: &Said| {
        let salt = statement.salt.as_slice().try_into().unwrap_or_default();
        Entry::Kept { salt, statement: statement.statement.clone() }.leaf()
    };
    let shown = record.statements.iter().all(|statement| {
        let path: Option<Vec<Digest>> =
            statement.path.iter().map(|hash| Digest::from_slice(hash)).collect();
        let (index, size) = (u64::from(statement.index), u64::from(header.statements));
        path.is_some_and(|path| {
            let leaf = leaf(statement);
            interlock_record::verify_inclusion(&header.body_root, &leaf, index, size, &path)
        })
    });
    if shown {
        return;
    }
    let leaves: Vec<Digest> = record.statements.iter().map(leaf).collect();
    let is_flag = |statement: &&Said| Statement::is_flag_bytes(&statement.statement);
    let flags = record.statements.iter().filter(is_flag).count();
    header.statements = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    header.flags = u32::try_from(flags).unwrap_or(u32::MAX);
    header.body_root = root_of_leaves(&leaves);
    for (index, statement) in (0..).zip(&mut record.statements) {
        statement.index = index;
        let path = inclusion_proof(&leaves, u64::from(index)).unwrap_or_default();
        statement.path = path.iter().map(|hash| hash.0.to_vec()).collect();
    }
}

/// What members have seen is named by its new ids.
fn rename_seen(bundle: &mut Bundle, records: &BTreeMap<RecordId, RecordId>) {
    let said = bundle.feeds.iter_mut().flat_map(|feed| &mut feed.records);
    for statement in said.flat_map(|record| &mut record.statements) {
        let decoded = Statement::decode(&statement.statement, NEWEST_RULES, Time::MAX);
        let Ok(Statement::Seen(mut seen)) = decoded else { continue };
        for head in &mut seen.heads {
            head.id = records.get(&head.id).copied().unwrap_or(head.id);
        }
        if let Ok(bytes) = Statement::Seen(seen).encode() {
            statement.statement = bytes;
        }
    }
}

fn rename_moment_and_claim(bundle: &mut Bundle, ids: &Ids) {
    if let Some(moment) = &mut bundle.moment {
        let mut heads = Vec::new();
        for head in &mut moment.heads {
            let Some(id) = RecordId::from_slice(&head.id) else { continue };
            let id = ids.record(id);
            head.id = id.0.to_vec();
            if let Ok(member) = head.member.parse() {
                let feed = FeedId { member, number: FeedNumber(head.feed) };
                heads.push((feed, head.sequence, Some(id)));
            }
        }
        moment.frontier = frontier_digest(heads.into_iter()).0.to_vec();
    }
    let Some(claim) = &mut bundle.claim else { return };
    for flag in claim.transitions.iter_mut().flat_map(|step| &mut step.because) {
        if let Some(id) = StatementId::from_slice(flag) {
            *flag = ids.statement(id).0.to_vec();
        }
    }
}

// `interlock.proof.v1`, of which the engine shows nobody its types. What is not touched here stays
// as the bytes that it is.

#[derive(Clone, PartialEq, Message)]
struct Bundle {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    consortium: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    subject: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    charters: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    moment: Option<Moment>,
    #[prost(message, repeated, tag = "6")]
    feeds: Vec<Feed>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    forks: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "8")]
    claim: Option<Claim>,
}

#[derive(Clone, PartialEq, Message)]
struct Moment {
    #[prost(uint64, tag = "1")]
    entry: u64,
    #[prost(sint64, tag = "2")]
    at: i64,
    #[prost(uint64, tag = "3")]
    arrivals: u64,
    #[prost(message, repeated, tag = "4")]
    heads: Vec<Head>,
    #[prost(bytes = "vec", tag = "5")]
    frontier: Vec<u8>,
    #[prost(uint32, tag = "6")]
    kind: u32,
    #[prost(uint32, tag = "7")]
    from: u32,
    #[prost(uint32, tag = "8")]
    to: u32,
    #[prost(sint64, tag = "9")]
    changed_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Head {
    #[prost(string, tag = "1")]
    member: String,
    #[prost(uint32, tag = "2")]
    feed: u32,
    #[prost(uint64, tag = "3")]
    sequence: u64,
    #[prost(bytes = "vec", tag = "4")]
    id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Feed {
    #[prost(string, tag = "1")]
    member: String,
    #[prost(uint32, tag = "2")]
    number: u32,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
    #[prost(uint64, tag = "4")]
    void_from: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(bytes = "vec", tag = "1")]
    header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    feed_path: Vec<Vec<u8>>,
    #[prost(bool, tag = "4")]
    held: bool,
    #[prost(uint64, tag = "5")]
    day_before: u64,
    #[prost(message, repeated, tag = "6")]
    statements: Vec<Said>,
}

#[derive(Clone, PartialEq, Message)]
struct Said {
    #[prost(uint32, tag = "1")]
    index: u32,
    #[prost(bytes = "vec", tag = "2")]
    salt: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    statement: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    path: Vec<Vec<u8>>,
    #[prost(uint64, tag = "5")]
    disputes_before: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Claim {
    #[prost(message, repeated, tag = "1")]
    transitions: Vec<Transition>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    effective: Vec<Vec<u8>>,
    #[prost(uint32, tag = "3")]
    announced_now: u32,
    #[prost(uint32, tag = "4")]
    effective_now: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Transition {
    #[prost(sint64, tag = "1")]
    at: i64,
    #[prost(uint32, tag = "2")]
    from: u32,
    #[prost(uint32, tag = "3")]
    to: u32,
    #[prost(bytes = "vec", repeated, tag = "4")]
    because: Vec<Vec<u8>>,
}
