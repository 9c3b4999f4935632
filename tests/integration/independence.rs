//! Who the issuers are and whether they are independent, as a node tells it.

use interlock_record::SubjectTag;
use interlock_wire::v1::{RaiseFlagsRequest, Severity};
use serde_json::Value;

use crate::calls::flag;
use crate::consortium::{Consortium, run};
use crate::node::Node;

/// Flags on subjects of these numbers; their ids.
async fn raise(
    node: &Node,
    subjects: std::ops::Range<u32>,
    derived_from: &[Vec<u8>],
) -> Vec<Vec<u8>> {
    let draft = |number: u32| {
        let mut tag = SubjectTag([0; 32]);
        tag.0[..4].copy_from_slice(&number.to_be_bytes());
        let mut flag = flag(tag, Severity::Low);
        flag.derived_from = derived_from.to_vec();
        flag
    };
    let request =
        RaiseFlagsRequest { flags: subjects.map(draft).collect(), idempotency_key: String::new() };
    let raised = node.platform().await.raise_flags(request).await;
    raised.expect("good flags are raised").into_inner().statements
}

fn asked(node: &Node, words: &[&str]) -> Value {
    let address = format!("unix:{}", node.path("interlock.sock").display());
    let words = [&["issuers", "--node", &address, "-o", "json"], words].concat();
    serde_json::from_str(&run(&words)).expect("one document")
}

#[tokio::test]
async fn every_flag_is_told_of_by_every_node() {
    let consortium = Consortium::start(&["acme", "bolt"], 2).await;
    let [acme, bolt] = &consortium.nodes[..] else { panic!("two nodes") };
    // More subjects than are read at once, and more flags than are in one message.
    let flags = raise(bolt, 0..1_000, &[]).await;
    raise(bolt, 1_000..1_100, &[]).await;
    raise(acme, 0..69, &[]).await;
    raise(acme, 69..70, &flags[..1]).await;
    consortium.agreed().await;
    for node in [acme, bolt] {
        let issuers = asked(node, &[]);
        for (index, (member, flags, echoes)) in
            [("acme", 70, 1), ("bolt", 1_100, 0)].iter().enumerate()
        {
            let issuer = &issuers["issuers"][index];
            assert_eq!(issuer["member"], *member, "{issuer}");
            assert_eq!(issuer["group"], consortium_group(&consortium, member), "{issuer}");
            assert_eq!(
                (&issuer["flags"], &issuer["echoes"]),
                (&(*flags).into(), &(*echoes).into())
            );
            assert!(issuer["last_record_at"].is_string(), "{issuer}");
            assert!(issuer["feeds"][0]["sequence"].as_u64() > Some(0), "{issuer}");
        }
        let report = asked(node, &["--independence", "--all"]);
        assert_eq!(report["members"][0]["subjects"], 69, "the echo says itself what it is");
        assert_eq!(report["members"][1]["subjects"], 1_100);
        assert_eq!(report["pairs"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            report["pairs"][0]["verdict"], "TOO_FEW",
            "all on one or two occasions: {report}"
        );
        assert_eq!(report["groups"], serde_json::json!([]));
    }
}

fn consortium_group(consortium: &Consortium, member: &str) -> String {
    let member = member.parse().expect("a member's id");
    consortium.charter.group_of(member).expect("it is a member").to_owned()
}
