//! One platform's fault is not everybody's: a burst above the quota is held, released by two groups
//! or recalled, and a recall leaves no trace in any decision.

use interlock_record::SubjectTag;
use interlock_wire::v1::{self, Measure, Severity};

use crate::calls::{flag, subject};
use crate::consortium::Consortium;
use crate::eventually;
use crate::governed::{alike, all_at, said};
use crate::node::Node;

/// Acme's quota: so many flags in any ten minutes.
const QUOTA: usize = 50;
const CUSTOMERS: u16 = 1_000;
/// What the fault flags: three of ten.
const FLAGGED: u16 = 300;
/// How many flags acme's backend sends at once.
const BATCH: usize = 25;

fn customer(number: u16) -> SubjectTag {
    let mut tag = [0x77; 32];
    tag[..2].copy_from_slice(&number.to_be_bytes());
    SubjectTag(tag)
}

/// Flags on these customers, raised in batches.
async fn raise(node: &Node, customers: std::ops::Range<u16>, batch: usize, rule: &str) {
    let drafts: Vec<v1::FlagDraft> = customers
        .map(|number| v1::FlagDraft {
            rule_version: rule.to_owned(),
            ..flag(customer(number), Severity::High)
        })
        .collect();
    for flags in drafts.chunks(batch) {
        let request =
            v1::RaiseFlagsRequest { flags: flags.to_vec(), idempotency_key: String::new() };
        node.platform().await.raise_flags(request).await.expect("good flags are raised");
    }
}

/// What holds for a customer: announced, effective, until when.
type Verdict = (Measure, Measure, Option<prost_types::Timestamp>);

/// What a node says of every customer.
async fn verdicts(node: &Node) -> Vec<Verdict> {
    let subjects = (0..CUSTOMERS).map(|number| subject(customer(number))).collect();
    let answer = node.platform().await.lookup(v1::LookupRequest { subjects }).await;
    let decisions = answer.expect("it answers").into_inner().decisions;
    decisions
        .into_iter()
        .map(|decision| decision.consortium.expect("it is always given"))
        .map(|held| (held.announced(), held.effective(), held.until))
        .collect()
}

/// How many customers a node has locked, and has locked in force.
fn locked(verdicts: &[Verdict]) -> (usize, usize) {
    let count = |what: fn(&Verdict) -> Measure| {
        verdicts.iter().filter(|verdict| what(verdict) >= Measure::Lock).count()
    };
    (count(|verdict| verdict.0), count(|verdict| verdict.1))
}

/// Waits until so many customers are locked, in force, at every node.
async fn all_lock(nodes: &[Node], expected: usize) {
    for node in nodes {
        eventually(&format!("{} locks {expected}", node.name), async || {
            let saw = locked(&verdicts(node).await);
            (saw == (expected, expected)).then_some(()).ok_or_else(|| format!("{saw:?} locked"))
        })
        .await;
    }
}

/// Waits until every node says of every customer what it said before.
async fn all_as_before(nodes: &[Node], before: &[Verdict]) {
    for node in nodes {
        eventually(&format!("{} decides as before", node.name), async || {
            let now = verdicts(node).await;
            let other = now.iter().zip(before).position(|(now, before)| now != before);
            other.map_or(Ok(()), |number| Err(format!("{number}: {:?}", now[number])))
        })
        .await;
    }
}

/// The records of acme's that a node's breaker holds.
fn held(node: &Node) -> Vec<u64> {
    let held = said(&["held", "--member", "acme", "--node", &node.api()]);
    let records = held["records"].as_array().expect("a list");
    records.iter().map(|record| record["sequence"].as_u64().expect("a number")).collect()
}

/// All changes of what is announced for a customer, past and planned.
async fn transitions(node: &Node, number: u16) -> Vec<v1::Transition> {
    let subject = Some(subject(customer(number)));
    let request = v1::ExplainRequest { subject, at: None };
    let explained = node.platform().await.explain(request).await;
    explained.expect("it answers").into_inner().transitions
}

async fn recall(node: &Node, rule: &str) {
    let request = v1::RecallRequest {
        rule_version: rule.to_owned(),
        cause: v1::WithdrawCause::SystemFault.into(),
        ..Default::default()
    };
    node.platform().await.recall(request).await.expect("its own flags");
}

#[tokio::test]
async fn a_fault_locks_nobody_beyond_the_quota_and_its_recall_leaves_no_trace() {
    let quota = |member: &str| match member {
        "acme" => format!(",quota={QUOTA}/10m"),
        _ => String::new(),
    };
    let consortium = Consortium::found_governed(&["acme", "bolt", "cato", "dune"], quota);
    let consortium = consortium.run(4).await;
    let nodes = &consortium.nodes;
    let [acme, bolt, cato, _] = &nodes[..] else { unreachable!("four") };
    // Bolt has something against everybody: one more witness is a lock.
    raise(bolt, 0..CUSTOMERS, 250, "").await;
    for node in nodes {
        eventually("everybody is reviewed", async || {
            let reviewed = |verdict: &&Verdict| verdict.1 == Measure::Review;
            let reviewed = verdicts(node).await.iter().filter(reviewed).count();
            (reviewed == usize::from(CUSTOMERS)).then_some(()).ok_or_else(|| reviewed.to_string())
        })
        .await;
    }
    let before = verdicts(acme).await;
    let untouched = FLAGGED - 1;
    let story = transitions(cato, untouched).await;

    // The fault: three of ten customers, in an instant.
    raise(acme, 0..FLAGGED, BATCH, "fault-1").await;
    all_lock(nodes, QUOTA).await;
    consortium.agreed().await;
    for node in nodes {
        assert_eq!(locked(&verdicts(node).await), (QUOTA, QUOTA), "at {}", node.name);
        assert_eq!(held(node).len(), (usize::from(FLAGGED) - QUOTA) / BATCH, "at {}", node.name);
        let journal = node.journal_after("").await;
        assert!(journal.iter().any(|entry| entry.kind == "BREAKER_TRIPPED"), "at {}", node.name);
        assert!(node.status().await.held_records > 0);
    }
    recall(acme, "fault-1").await;
    all_as_before(nodes, &before).await;
    for node in nodes {
        let now = transitions(node, untouched).await;
        assert_eq!(now, story, "at {}: what was held never was", node.name);
    }

    // Once more, and this time others believe it: two groups release what is held.
    raise(acme, 0..FLAGGED, BATCH, "fault-2").await;
    consortium.agreed().await;
    let releasing: Vec<u64> = held(bolt).into_iter().take(usize::from(FLAGGED) / BATCH).collect();
    assert_eq!(locked(&verdicts(cato).await), (0, 0), "the window is still full");
    for sequence in &releasing {
        said(&["release", "acme/1", &sequence.to_string(), "--node", &bolt.api()]);
    }
    alike(&[acme, bolt, cato]).await;
    assert_eq!(locked(&verdicts(cato).await), (0, 0), "one group is not enough");
    for sequence in &releasing {
        said(&["release", "acme/1", &sequence.to_string(), "--node", &cato.api()]);
    }
    all_lock(nodes, usize::from(FLAGGED)).await;
    recall(acme, "fault-2").await;
    all_as_before(nodes, &before).await;
    consortium.agreed().await;
    for node in nodes {
        nothing_of_acme_counts(node).await;
    }
}

/// What was recalled is accounted for, and supports nothing.
async fn nothing_of_acme_counts(node: &Node) {
    for number in [0, FLAGGED - 1] {
        let request = v1::ExplainRequest { subject: Some(subject(customer(number))), at: None };
        let explained = node.platform().await.explain(request).await.expect("it answers");
        let flags = explained.into_inner().flags;
        let acme = flags.iter().filter(|account| account.issuer == "acme");
        let points: u64 = acme.map(|account| account.points).sum();
        assert_eq!(points, 0, "at {}: {flags:?}", node.name);
    }
}

#[tokio::test]
async fn a_one_time_allowance_lets_a_backlog_pass_and_no_more() {
    let members = ["acme", "bolt", "cato"];
    let consortium = Consortium::found_governed(&members, |_| format!(",quota={QUOTA}/10m"));
    let consortium = consortium.run(3).await;
    let [acme, bolt, cato] = &consortium.nodes[..] else { unreachable!("three") };
    let allow = format!("acme/1={FLAGGED}:+0s:+1h");
    let words = ["--allow", &allow, "--effective-from", "+1s"];
    let from = consortium.amend(bolt, &words, &members[..2]);
    all_at(&[acme, bolt, cato], 2).await;
    eventually("the allowance has begun", async || {
        let now = interlock_node::clock::now();
        (now >= from).then_some(()).ok_or_else(|| now.to_string())
    })
    .await;
    raise(acme, 0..FLAGGED, 100, "backlog").await;
    let quota = u16::try_from(QUOTA).expect("small");
    raise(acme, FLAGGED..FLAGGED + quota, BATCH, "daily").await;
    consortium.agreed().await;
    for node in [acme, bolt, cato] {
        assert_eq!(held(node), [] as [u64; 0], "at {}", node.name);
    }
    raise(acme, FLAGGED + quota..FLAGGED + quota + 1, 1, "one too many").await;
    consortium.agreed().await;
    for node in [acme, bolt, cato] {
        assert_eq!(held(node).len(), 1, "at {}", node.name);
    }
}
