//! The corpus's seeds: real objects of every kind, and each one cut short and with a bit turned.

mod bundles;

use interlock_engine::charter::file::ChainFile;
use interlock_engine::charter::{Charter, SignedCharter};
use interlock_record::{
    Cure, CureKind, Digest, Dispute, Domain, Erase, EraseGround, FeedHead, FeedId, Flag, ForkProof,
    IdType, Measure, Outcome, Reason, Recall, Receipt, RecordId, Release, Resolve, SealContext,
    Seen, SeenHead, Severity, Statement, StatementId, SubjectTag, Time, VerifiedRecord, Withdraw,
    WithdrawCause, seal,
};
use interlock_sim::consortium::{Consortium, POLICY};
use interlock_sim::events::{Op, PlayedEvent, Said, to_csv};
use interlock_wire::peer::{self, push_frame, reply_frame};
use interlock_wire::signer::{Answer, Question};
use prost::Message as _;

use crate::world::{CONSORTIUM, EVIDENCE, own_feed, own_key};

/// One file of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// Its name, unique within the target.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// All seeds, the same ones every time.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (target, name, bytes) in whole() {
        let mut add = |name: String, bytes: Vec<u8>| seeds.push(Seed { target, name, bytes });
        let mut turned = bytes.clone();
        if let Some(byte) = turned.get_mut(bytes.len() * 2 / 3) {
            *byte ^= 4;
        }
        add(format!("{name}-cut"), bytes[..bytes.len() / 2].to_vec());
        add(format!("{name}-turned"), turned);
        add(name.to_owned(), bytes);
    }
    seeds
}

type Whole = (&'static str, &'static str, Vec<u8>);

fn whole() -> Vec<Whole> {
    let mut all = Vec::new();
    all.extend(statements().map(|(name, bytes)| ("statement", name, bytes)));
    all.extend(records());
    all.extend(texts());
    all.extend(lines());
    all.extend(frames());
    all.extend(bundles::bundles());
    all
}

fn time() -> Time {
    Time::from_micros(1_767_225_600_000_000).expect("in range")
}

fn statements() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let (subject, id) = (SubjectTag([1; 32]), StatementId([2; 32]));
    let flag = Flag {
        subject,
        id_type: IdType::IdNumber,
        reason: Reason::Overdue,
        severity: Severity::High,
        confidence: 90,
        applied_measure: Measure::Lock,
        observed_at: time(),
        expires_at: None,
        evidence_digest: None,
        rule_version: None,
        case_ref: None,
        derived_from: Vec::new(),
    };
    let full = Flag {
        expires_at: Some(Time::MAX),
        evidence_digest: Some(Digest([3; 32])),
        rule_version: Some("r1".to_owned()),
        case_ref: Some("case 1".to_owned()),
        derived_from: vec![id],
        ..flag.clone()
    };
    let recall = Recall {
        from: None,
        to: Some(time()),
        rule_version: Some("r1".to_owned()),
        reason: Some(Reason::Overdue),
        cause: WithdrawCause::SystemFault,
    };
    let receipt = Receipt { subject, measure: Measure::Freeze, caused_by: vec![id] };
    let head = SeenHead { feed: own_feed(), sequence: 3, id: RecordId([4; 32]) };
    [
        ("flag", Statement::Flag(flag)),
        ("flag-full", Statement::Flag(full)),
        ("withdraw", Statement::Withdraw(Withdraw { statement: id, cause: WithdrawCause::Error })),
        ("recall", Statement::Recall(recall)),
        ("dispute", Statement::Dispute(Dispute { flag: id })),
        ("resolve", Statement::Resolve(Resolve { flag: id, outcome: Outcome::Upheld })),
        ("cure", Statement::Cure(Cure { subject, kind: CureKind::Repaid })),
        ("receipt", Statement::Receipt(receipt)),
        ("seen", Statement::Seen(Seen { heads: vec![head] })),
        ("release", Statement::Release(Release { feed: own_feed(), sequence: 1 })),
        ("erase", Statement::Erase(Erase { statement: id, ground: EraseGround::Law })),
    ]
    .into_iter()
    .map(|(name, statement)| (name, statement.encode().expect("in range")))
}

/// A record of a feed that follows `head`, with the first `count` statements.
fn sealed(feed: FeedId, head: &FeedHead, count: usize) -> VerifiedRecord {
    let context = SealContext {
        consortium: CONSORTIUM.id(),
        feed,
        time: head.time.map_or_else(time, |last| {
            Time::from_micros(last.micros() + 1).expect("the times here are far from their end")
        }),
        charter_version: 1,
        tag_scheme: 1,
        pepper_epoch: 1,
    };
    let bodies = statements().take(count).map(|(_, bytes)| ([7; 16], bytes)).collect();
    seal(&CONSORTIUM.key(feed), head, context, bodies).expect("all is in range")
}

/// Two records of a feed; the second is not the only one in its place.
fn feed() -> (VerifiedRecord, VerifiedRecord, FeedHead, ForkProof) {
    let first = sealed(own_feed(), &FeedHead::empty(), 3);
    let head = FeedHead::empty().next(&first).expect("the first");
    let second = sealed(own_feed(), &head, 1);
    let other = sealed(own_feed(), &head, 2);
    let part = |record: &VerifiedRecord| {
        let signed = record.signed();
        (signed.header.clone(), signed.signature)
    };
    let fork = ForkProof { a: part(&second), b: part(&other) };
    let head = head.next(&second).expect("the second");
    (first, second, head, fork)
}

fn records() -> Vec<Whole> {
    let (first, second, head, fork) = feed();
    let mut erased = first.clone();
    erased.erase(1);
    vec![
        ("record", "first", first.signed().encode()),
        ("record", "second", second.signed().encode()),
        ("record", "erased", erased.signed().encode()),
        ("header", "first", first.signed().header.clone()),
        ("header", "second", second.signed().header.clone()),
        ("fork", "fork", fork.encode()),
        ("feed_head", "empty", FeedHead::empty().to_bytes()),
        ("feed_head", "second", head.to_bytes()),
    ]
}

/// The charter that may follow the consortium's.
fn amended() -> SignedCharter {
    let change = |text: String| text.replacen("made up", "made up anew", 1);
    let members = CONSORTIUM.members();
    Consortium::amendment(&CONSORTIUM.charter, time(), change, &members)
}

fn texts() -> Vec<Whole> {
    let first: &Charter = &CONSORTIUM.charter;
    let policy = POLICY.replace("[policy]\n", "").replace("policy.", "");
    let text = |text: &str| text.as_bytes().to_vec();
    let unsigned = SignedCharter { document: first.text.clone(), signatures: Vec::new() };
    let chain = ChainFile::of(&[unsigned, amended()]);
    let chain = serde_json::to_string_pretty(&chain).expect("it can be written");
    let empty = "{\"kind\": \"interlock charter chain 1\", \"charters\": [{\"document\": \"\"}]}";
    vec![
        ("charter", "first", text(&first.text)),
        ("charter", "amended", text(&amended().document)),
        ("charter", "small", text("format = 1\nname = \"x\"\nversion = 0\n")),
        ("charter_file", "chain", text(&chain)),
        ("charter_file", "document", text(&first.text)),
        ("charter_file", "empty", text(empty)),
        ("policy", "made-up", text(&policy)),
        ("policy", "small", text("version = 1\n[[measure.LOCK.rule]]\npoints = 1\n")),
        ("evidence", "every-kind", text(EVIDENCE)),
        ("evidence", "first-lines", text(&EVIDENCE[..EVIDENCE.len() / 4])),
        ("instant", "time", text("2026-01-01T00:00:00.5Z")),
        ("instant", "last", text("9999-12-31T23:59:59.999999Z")),
        ("instant", "span", text("1500ms")),
        // Numbers that the check digit allows and that are nobody's: the area, network or prefix is
        // not given out.
        ("identifier", "id-number", text("999999200001010000")),
        ("identifier", "phone", text("+8613800000000")),
        ("identifier", "bank-card", text("4000 0000 0000 0002")),
        ("identifier", "device", text("device 1")),
    ]
}

/// Files of events, and what a node and a signer say to each other.
fn lines() -> Vec<Whole> {
    let event = |op, issuer: &str, flag| PlayedEvent {
        time: time(),
        issuer: issuer.to_owned(),
        op,
        subject: "device 1".to_owned(),
        flag,
    };
    let said = Said {
        reason: Reason::Overdue,
        severity: Severity::High,
        confidence: 90,
        measure: Measure::Lock,
    };
    let played = to_csv(vec![
        event(Op::Add, "acme", Some(said)),
        event(Op::Repay, "acme", None),
        event(Op::Del, "bolt", None),
    ]);
    let looked_at = "batch,subject,op,issuer,time,severity,confidence\n\
        7,s1,add,acme,2026-01-01T00:00:00Z,LOW,\n\
        \"7\",\"s 1\",del,bolt,2026-01-01T00:00:01Z,,55\r\n";
    let (key, refused) = (own_key().public(), |code: &str| (code.to_owned(), "why".to_owned()));
    let ((code, text), (other, more)) = (refused("ALREADY_SIGNED"), refused("DISK_FAILED"));
    let spoken = format!(
        "{}\n{}\n{}\n{}\n{}\n",
        Question::Public,
        Question::Sign { domain: Domain::Record, payload: vec![1, 2, 3] },
        Answer::Ok(key.as_bytes().to_vec()),
        Answer::Refused { code, text },
        Answer::Failed { code: other, text: more },
    );
    let question = Question::Sign { domain: Domain::Transport, payload: vec![0, 255] };
    vec![
        ("played_events", "as-written", played.into_bytes()),
        ("played_events", "other-columns", looked_at.as_bytes().to_vec()),
        ("signer_lines", "every-kind", spoken.into_bytes()),
        ("signer_lines", "question", format!("{question}\n").into_bytes()),
    ]
}

fn frames() -> Vec<Whole> {
    let (first, second, _, fork) = feed();
    let records = vec![first.signed().encode(), second.signed().encode()];
    let head = peer::Head {
        member: own_feed().member.to_string(),
        feed: 1,
        sequence: 2,
        id: second.id().0.to_vec(),
    };
    let range = peer::Range {
        member: own_feed().member.to_string(),
        feed: 1,
        first: 1,
        last: 2,
        head: second.id().0.to_vec(),
    };
    let hello = peer::Hello {
        protocol: 1,
        consortium: CONSORTIUM.id().0.to_vec(),
        member: own_feed().member.to_string(),
        charter_version: 1,
    };
    let frontier = peer::Frontier {
        heads: vec![head],
        complete: true,
        charter_version: 1,
        charters: vec![5; 32],
    };
    let refused = peer::Refused { reason: "GAP".to_owned(), detail: "a gap".to_owned() };
    let push = |kind| peer::PushFrame { kind: Some(kind) }.encode_to_vec();
    let reply = |kind| peer::ReplyFrame { kind: Some(kind) }.encode_to_vec();
    let forks = peer::Forks { proofs: vec![fork.encode()] };
    let asked = peer::PullRequest { consortium: CONSORTIUM.id().0.to_vec(), ranges: vec![range] };
    let instant = interlock_wire::timestamp(time());
    let charter = peer::FetchChartersResponse::from(&amended());
    vec![
        ("push_frame", "hello", push(push_frame::Kind::Hello(hello.clone()))),
        ("push_frame", "frontier", push(push_frame::Kind::Frontier(frontier))),
        (
            "push_frame",
            "records",
            push(push_frame::Kind::Records(peer::Records { records: records.clone() })),
        ),
        ("push_frame", "forks", push(push_frame::Kind::Forks(forks))),
        ("reply_frame", "hello", reply(reply_frame::Kind::Hello(hello))),
        ("reply_frame", "refused", reply(reply_frame::Kind::Refused(refused))),
        ("pull_request", "range", asked.encode_to_vec()),
        ("pull_response", "records", peer::PullResponse { records }.encode_to_vec()),
        ("fetched_charter", "amended", charter.encode_to_vec()),
        ("timestamp", "instant", instant.encode_to_vec()),
    ]
}
