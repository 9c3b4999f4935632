//! A write that is tried again with its idempotency key is one write.

use interlock_wire::v1::{self, Severity};
use tonic::{Code, Status};

use crate::calls::{flag, raising, subject, tag};
use crate::consortium::Consortium;
use crate::hostile::reason;
use crate::node::Node;

async fn raise(node: &Node, key: &str, number: u8) -> Result<v1::PublishResponse, Status> {
    let request = v1::RaiseFlagsRequest {
        idempotency_key: key.to_owned(),
        ..raising(flag(tag(number), Severity::High))
    };
    Ok(node.platform().await.raise_flags(request).await?.into_inner())
}

fn reused(refused: Result<v1::PublishResponse, Status>) {
    let status = refused.expect_err("the key was used for another request");
    assert_eq!(status.code(), Code::AlreadyExists);
    assert_eq!(reason(&status), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn a_key_names_one_write_also_after_a_restart() {
    let mut consortium = Consortium::start(&["acme", "bolt"], 1).await;
    let acme = &consortium.nodes[0];
    let first = raise(acme, "one", 1).await.expect("a good request");
    assert!(!first.repeated_request);
    let other = raise(acme, "two", 1).await.expect("another key is another write");
    assert_ne!(other.statements, first.statements);
    let before = acme.status().await.records;

    let repeated = v1::PublishResponse { repeated_request: true, ..first.clone() };
    assert_eq!(raise(acme, "one", 1).await.expect("the same request"), repeated);
    reused(raise(acme, "one", 2).await);
    // The same key for another kind of write, too.
    let cure = v1::RaiseCureRequest {
        subject: Some(subject(tag(1))),
        kind: v1::CureKind::Repaid.into(),
        idempotency_key: "one".to_owned(),
    };
    reused(acme.platform().await.raise_cure(cure).await.map(tonic::Response::into_inner));
    assert_eq!(acme.status().await.records, before, "nothing was written");

    consortium.nodes[0].kill();
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    let acme = &consortium.nodes[0];
    assert_eq!(raise(acme, "one", 1).await.expect("the same request"), repeated);
    reused(raise(acme, "one", 2).await);
    assert_eq!(acme.status().await.records, before, "nothing was written");
}

#[tokio::test]
async fn a_key_that_many_try_at_once_is_one_write() {
    let consortium = Consortium::start(&["acme", "bolt"], 1).await;
    let acme = &consortium.nodes[0];
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let mut platform = acme.platform().await;
        let mut request = raising(flag(tag(1), Severity::High));
        request.idempotency_key = "one".to_owned();
        tries.spawn(async move { platform.raise_flags(request).await });
    }
    let mut ids = std::collections::BTreeSet::new();
    let mut fresh = 0;
    for answer in tries.join_all().await {
        let answer = answer.expect("a good request").into_inner();
        fresh += usize::from(!answer.repeated_request);
        ids.insert(answer.statements);
    }
    assert_eq!((ids.len(), fresh), (1, 1));
    assert_eq!(acme.status().await.records, 1);
}
