//! People at their own node, with real processes: what waits for them, what they did, what time
//! undoes, and what the log says.

use interlock_engine::ledger::rows::{SealedRow, StoredRow as _};
use interlock_engine::ledger::{Column, Draft, Ledger as _, number_key};
use interlock_record::{Span, SubjectTag, Time, hex};
use interlock_store::Store;
use interlock_wire::v1::{self, DecisionChange::*, Measure, Severity};
use interlock_wire::{timestamp, v1::AppliedBecause};
use tonic::Code;

use crate::calls::{flag, instant, raising, subject, tag};
use crate::consortium::Consortium;
use crate::eventually;
use crate::hostile::reason;
use crate::node::{Node, program};

const REVIEWED: &str = include_str!("../../node-config/policy-reviewed.toml");

/// Runs the program against a node, as an operator would: exit code and stdout.
async fn operate(node: &Node, words: &[&str]) -> (Option<i32>, String) {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let url = node.url();
    let ended = tokio::task::spawn_blocking(move || {
        program().args(words).args(["--node", &url]).output().expect("the program starts")
    });
    let ended = ended.await.expect("it ran");
    let stdout = String::from_utf8(ended.stdout).expect("text");
    let stderr = String::from_utf8(ended.stderr).expect("text");
    (ended.status.code(), stdout + &stderr)
}

async fn apply(node: &Node, tag: SubjectTag) -> v1::SubjectDecision {
    let request = v1::LookupRequest { subjects: vec![subject(tag)] };
    let answer = node.platform().await.lookup(request).await.expect("it answers").into_inner();
    answer.decisions[0].clone()
}

async fn queue(node: &Node) -> Vec<v1::QueueItem> {
    let request = v1::ListQueueRequest::default();
    node.review().await.list_queue(request).await.expect("it answers").into_inner().items
}

fn overriding(tag: SubjectTag, until: Time) -> v1::OverrideRequest {
    v1::OverrideRequest {
        subject: tag.0.to_vec(),
        measure: Measure::Review.into(),
        until: Some(timestamp(until)),
        by: "li.na".to_owned(),
        why: "case 7".to_owned(),
        idempotency_key: String::new(),
    }
}

fn in_seconds(seconds: u32) -> Time {
    interlock_node::clock::now().plus(Span::from_secs(seconds))
}

#[tokio::test]
async fn a_lock_under_the_reviewed_policy_waits_and_is_confirmed_and_outlives_a_power_cut() {
    let members = ["acme", "bolt", "coil"];
    let mut consortium = Consortium::found_with(&members, REVIEWED).run(3).await;
    let subject = tag(1);
    consortium.nodes[0].raise(flag(subject, Severity::Critical)).await;
    let (_, locked_at) = consortium.nodes[1].raise(flag(subject, Severity::Critical)).await;
    for node in &consortium.nodes {
        node.told(subject, Effective, Measure::Lock).await;
        let event = node.told(subject, Applied, Measure::ZeroLimit).await;
        assert_eq!(event.applied_because(), AppliedBecause::Waits, "{}", node.name);
        assert_eq!(event.scope(), v1::Scope::Local);
    }
    let coil = &consortium.nodes[2];
    let items = queue(coil).await;
    let [item] = &items[..] else { panic!("{items:?}") };
    assert_eq!((item.measure(), item.apply()), (Measure::Lock, Measure::ZeroLimit));
    assert_eq!((instant(item.since), item.flag_count), (locked_at, 2));
    assert_eq!(item.flags.iter().map(|flag| flag.points).collect::<Vec<_>>(), [80, 80]);
    let (code, listed) = operate(coil, &["review", "list"]).await;
    assert!(code == Some(0) && listed.contains("OVERDUE of bolt (80)"), "{listed}");

    let tag_text = subject.to_string();
    let since = locked_at.to_string();
    let confirm = ["review", "confirm", "--tag", &tag_text, "--measure", "LOCK", "--since", &since];
    let person = ["--by", "li.na", "--why", "C-2041: both loans seen"];
    let (code, said) = operate(coil, &[&confirm[..], &person[..]].concat()).await;
    assert!(code == Some(0) && said.contains("LOCK applies (CONFIRMED)"), "{said}");
    assert!(said.contains("entry 1 of the audit log"), "{said}");
    let event = coil.told(subject, Applied, Measure::Lock).await;
    assert_eq!(event.applied_because(), AppliedBecause::Confirmed);
    assert_eq!(queue(coil).await, []);
    // It is this member's own business.
    assert_eq!(apply(&consortium.nodes[0], subject).await.apply(), Measure::ZeroLimit);
    assert_eq!(queue(&consortium.nodes[0]).await.len(), 1);

    consortium.nodes[2].kill();
    consortium.nodes[2].start();
    consortium.nodes[2].answers().await;
    let coil = &consortium.nodes[2];
    let decision = apply(coil, subject).await;
    assert_eq!(
        (decision.apply(), decision.own.expect("given").effective()),
        (Measure::Lock, Measure::Lock)
    );
    assert_eq!(decision.applied_because, i32::from(AppliedBecause::Confirmed));
    let (code, log) = operate(coil, &["audit"]).await;
    assert!(code == Some(0) && log.contains("CONFIRMED"), "{log}");
    assert!(log.contains("li.na") && log.contains("C-2041: both loans seen"), "{log}");
    let (code, verdict) = operate(coil, &["audit", "--verify"]).await;
    assert!(code == Some(0) && verdict.contains("1 entries, the chain is whole"), "{verdict}");
    let (code, told) =
        operate(coil, &["explain", "--tag", &tag_text, "--borrower", "--lang", "zh"]).await;
    assert!(code == Some(0) && told.contains("我们不向您提供任何信贷"), "{told}");
    assert!(told.contains("还款逾期") && told.contains("并经人工确认"), "{told}");
    assert!(!told.contains("bolt") && !told.contains("acme"), "no other member is named: {told}");
    let (_, explained) = operate(coil, &["explain", "--tag", &tag_text]).await;
    assert!(explained.contains("local: CONFIRMATION LOCK by li.na"), "{explained}");
}

#[tokio::test]
async fn overrides_end_by_themselves_and_writes_by_people_are_in_the_log_with_their_user() {
    let mut consortium = Consortium::start(&["acme", "bolt"], 2).await;
    let acme = &consortium.nodes[0];
    let subject = tag(1);
    let until = in_seconds(2);
    let mut review = acme.review().await;
    let done = review.r#override(overriding(subject, until)).await.expect("it may").into_inner();
    let decision = done.decision.expect("given");
    assert_eq!((decision.apply(), instant(decision.apply_until)), (Measure::Review, until));
    assert_eq!(done.audit, 1);
    // Nothing else happens.
    let event = acme.told(subject, Applied, Measure::None).await;
    assert_eq!(instant(event.at), until, "at its instant");
    assert!(instant(event.recorded_at) >= until, "and not before");
    assert_eq!(apply(acme, subject).await.apply(), Measure::None);
    let journal = acme.journal_after("").await;
    assert!(journal.iter().any(|entry| entry.kind == "LOCAL_EXPIRED"), "{journal:?}");
    // One that falls due while the node is down.
    let until = in_seconds(1);
    review.r#override(overriding(subject, until)).await.expect("it may");
    consortium.nodes[0].kill();
    eventually("the end has come", async || {
        let now = interlock_node::clock::now();
        if now > until { Ok(()) } else { Err(format!("{now}")) }
    })
    .await;
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    let acme = &consortium.nodes[0];
    let event = eventually("the end is told", async || {
        let event = acme.told(subject, Applied, Measure::None).await;
        if instant(event.at) == until { Ok(event) } else { Err(format!("{event:?}")) }
    })
    .await;
    assert_eq!(event.from(), Measure::Review);

    // A signed statement with who and why.
    let (id, _) = acme.raise(flag(subject, Severity::High)).await;
    let request = v1::WithdrawRequest {
        statement: id.0.to_vec(),
        cause: v1::WithdrawCause::Error.into(),
        by: "li.na".to_owned(),
        why: "wrong person".to_owned(),
        ..Default::default()
    };
    acme.platform().await.withdraw(request).await.expect("its own flag");
    let request = v1::ListAuditRequest { from: 3, limit: 10 };
    let log = acme.review().await.list_audit(request).await.expect("it answers").into_inner();
    let [entry] = &log.entries[..] else { panic!("{log:?}") };
    assert_eq!((entry.act.as_str(), entry.why.as_str()), ("WITHDRAW", "wrong person"));
    assert_eq!(entry.subject, subject.0);
    let own_uid = run_id();
    assert_eq!(entry.uid, Some(own_uid), "whose call it was");
    assert_eq!((log.head_number, &log.head_hash), (3, &entry.hash));
}

/// The user id under which these tests run.
fn run_id() -> u32 {
    let ended = std::process::Command::new("id").arg("-u").output().expect("id is there");
    String::from_utf8(ended.stdout).expect("text").trim().parse().expect("a number")
}

#[tokio::test]
async fn acts_that_are_not_right_are_refused_and_leave_nothing() {
    let consortium = Consortium::start(&["acme", "bolt"], 1).await;
    let acme = &consortium.nodes[0];
    let before = acme.state().await;
    let good = overriding(tag(1), in_seconds(60));
    let with = |change: &dyn Fn(&mut v1::OverrideRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let id_number = "11010519491231002X";
    for (request, expected) in [
        (with(&|r| r.by.clear()), "by: expected 1 to 64 bytes"),
        (with(&|r| r.why.clear()), "why: expected 1 to 512 bytes"),
        (with(&|r| r.by = "b".repeat(65)), "by: expected 1 to 64 bytes, got 65"),
        (with(&|r| r.why = "w".repeat(513)), "why: expected 1 to 512 bytes, got 513"),
        (with(&|r| r.why = format!("seen {id_number}")), "its digits are a valid ID_NUMBER"),
        (with(&|r| r.by = "4539 1488 0343 6467".into()), "its digits are a valid BANK_CARD"),
        (with(&|r| r.subject = vec![1; 31]), "subject: expected a tag of 32 bytes"),
        (with(&|r| r.until = None), "until: required, but not given"),
        (with(&|r| r.measure = 99), "measure: expected a measure"),
        (with(&|r| r.idempotency_key = "k".repeat(129)), "idempotency_key: expected at most 128"),
    ] {
        let status = acme.review().await.r#override(request).await.expect_err(expected);
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "BAD_REQUEST")
        );
        assert!(status.message().contains(expected), "{expected:?}: {status}");
        assert!(!format!("{status:?}").contains(id_number), "an error repeats no identifier");
    }
    for (request, code, expected) in [
        (with(&|r| r.measure = Measure::Close.into()), Code::InvalidArgument, "OVERRIDE_TOO_GRAVE"),
        (with(&|r| r.until = Some(timestamp(Time::MIN))), Code::InvalidArgument, "UNTIL_PAST"),
    ] {
        let status = acme.review().await.r#override(request).await.expect_err(expected);
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
    }
    let lift = v1::LiftRequest {
        subject: tag(1).0.to_vec(),
        kind: v1::ActKind::Override.into(),
        by: "li.na".to_owned(),
        why: "case 7".to_owned(),
        idempotency_key: String::new(),
    };
    let status = acme.review().await.lift(lift.clone()).await.expect_err("there is none");
    assert_eq!(reason(&status), "NOTHING_TO_LIFT");
    let unknown = v1::LiftRequest { kind: 0, ..lift };
    let status = acme.review().await.lift(unknown).await.expect_err("no kind");
    assert!(status.message().contains("kind: expected a kind of act"), "{status}");
    let confirm = v1::ConfirmRequest {
        subject: tag(1).0.to_vec(),
        measure: Measure::Close.into(),
        by: "li.na".to_owned(),
        why: "case 7".to_owned(),
        ..Default::default()
    };
    let status = acme.review().await.confirm(confirm).await.expect_err("it does not wait");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "NOT_PROPOSED")
    );
    for (limit, page) in [(101, String::new()), (0, "xyz".to_owned()), (0, "ab".repeat(129))] {
        let request = v1::ListQueueRequest { limit, page };
        let status = acme.review().await.list_queue(request).await.expect_err("no such page");
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    // By and why go together on signed writes too.
    let half = v1::WithdrawRequest {
        statement: vec![1; 32],
        cause: v1::WithdrawCause::Error.into(),
        by: "li.na".to_owned(),
        ..Default::default()
    };
    let status = acme.platform().await.withdraw(half).await.expect_err("no why");
    assert!(status.message().contains("why: expected 1 to 512 bytes"), "{status}");
    assert_eq!(acme.state().await, before);
    assert_eq!(log_length(acme).await, 0);
}

async fn log_length(node: &Node) -> u64 {
    let asked = node.review().await.list_audit(v1::ListAuditRequest::default()).await;
    asked.expect("it answers").into_inner().head_number
}

#[tokio::test]
async fn acts_and_the_queue_come_in_pages_and_a_changed_log_is_noticed() {
    let mut consortium = Consortium::start(&["acme", "bolt"], 1).await;
    let acme = &consortium.nodes[0];
    for number in 1..=5 {
        let request = v1::ExemptRequest {
            subject: tag(number).0.to_vec(),
            greatest: Measure::Review.into(),
            until: Some(timestamp(in_seconds(600))),
            by: "li.na".to_owned(),
            why: "case 7".to_owned(),
            idempotency_key: format!("key {number}"),
        };
        let again = request.clone();
        acme.review().await.exempt(request).await.expect("it may");
        let again = acme.review().await.exempt(again).await.expect("the same").into_inner();
        assert!(again.repeated_request);
    }
    let mut page = String::new();
    let mut seen = Vec::new();
    loop {
        let request = v1::ListLocalRequest { limit: 2, page, ..Default::default() };
        let listed =
            acme.review().await.list_local(request).await.expect("it answers").into_inner();
        assert!(listed.subjects.len() <= 2);
        seen.extend(listed.subjects.iter().map(|part| hex(&part.subject)));
        page = listed.next_page;
        if page.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = (1..=5).map(|number| tag(number).to_string()).collect();
    assert_eq!(seen, expected);
    let (_, listed) = operate(acme, &["review", "local"]).await;
    assert!(listed.contains("EXEMPTION REVIEW by li.na"), "{listed}");

    // Somebody with a hand on the disk changes one byte of one entry.
    consortium.nodes[0].terminate().await;
    let store = Store::open(&consortium.nodes[0].path("data"), [0; 8]).expect("it is closed");
    let value = store.get(Column::Audit, &number_key(3)).expect("read").expect("there");
    let mut row = SealedRow::decode(&value).expect("an entry");
    let last = row.entry.len() - 40;
    row.entry[last] ^= 1;
    let mut draft = Draft::new(&store);
    draft.put(number_key(3), &row);
    let changes = draft.into_changes();
    store.commit(&changes).expect("written");
    drop(store);
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    let (code, verdict) = operate(&consortium.nodes[0], &["audit", "--verify"]).await;
    assert_eq!(code, Some(1), "{verdict}");
    assert!(verdict.contains("broken: entry 3 is not what was written"), "{verdict}");
}

#[tokio::test]
async fn what_is_only_simulated_never_leaves_the_node() {
    let mut consortium = Consortium::found(&["acme", "bolt"]);
    let config = consortium.nodes[0].path("node.toml");
    let text = std::fs::read_to_string(&config).expect("it is ours");
    let local = "[local]\nsimulated_reasons = [\"OVERDUE\"]\noverlay = \"overlay.toml\"\n";
    std::fs::write(&config, text + local).expect("it is ours");
    let overlay = consortium.nodes[0].path("overlay.toml");
    std::fs::write(&overlay, "version = 1\nissuer_cap = 3\n").expect("it is ours");
    let ended = consortium.nodes[0].refused().await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("overlay.toml:2: issuer_cap: unknown key"), "{}", ended.stderr);
    std::fs::write(&overlay, "version = 1\n[trust]\nbolt = 10\n").expect("it is ours");
    consortium = consortium.run(2).await;

    let [acme, bolt] = &consortium.nodes[..] else { unreachable!("two members") };
    let subject = tag(1);
    let raised = acme.platform().await.raise_flags(raising(flag(subject, Severity::High))).await;
    let raised = raised.expect("a good flag").into_inner();
    assert!(raised.simulated && raised.sequence == 0, "{raised:?}");
    let event = acme.told(subject, Simulated, Measure::Review).await;
    assert_eq!(event.scope(), v1::Scope::Local);
    let decision = apply(acme, subject).await;
    assert_eq!((decision.apply(), decision.would_apply()), (Measure::None, Measure::Review));
    // A flag of another member counts by the overlay at acme alone.
    bolt.raise(flag(subject, Severity::Critical)).await;
    bolt.told(subject, Applied, Measure::Review).await;
    acme.told(subject, Effective, Measure::Review).await;
    assert_eq!(apply(acme, subject).await.apply(), Measure::None, "8 points of bolt's 80");
    consortium.agreed().await;
    assert_eq!(bolt.status().await.records, 1, "only bolt's own");
    assert_eq!(acme.status().await.records, 1);
}
