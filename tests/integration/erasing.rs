//! Erased statements: once an erasure is final, neither the statement's bytes nor its salt are on the
//! disk of any node, and no backup brings them back.

use std::path::{Path, PathBuf};

use interlock_engine::ledger::rows::{DestroyingRow, EvidenceRow, LogRow, StoredRow};
use interlock_engine::ledger::{Column, Draft, Ledger as _, MetaKey, number_key};
use interlock_engine::replica::{Drafted, Input, Replica, Start, known};
use interlock_record::{Entry, FeedId, Statement, SubjectTag, Time, statement_id};
use interlock_sim::chatter::hard_flag;
use interlock_sim::consortium::{Consortium as MadeUp, Shape, feed};
use interlock_store::{ContentKeys, Store, restore};
use interlock_wire::v1::Severity;

use crate::calls::{flag, tag};
use crate::consortium::{Consortium, run};
use crate::eventually;
use crate::needles::{contains, files};

const SUBJECT: SubjectTag = SubjectTag([0x5a; 32]);
const SALT: [u8; 16] = *b"\xd1\x0c\x97\x3e\x55\xa2\xf8\x61\x0b\xee\x42\x9d\x7c\x38\xc4\x1f";
const CASE: &str = "Xq7Zk2Vd9Lw4Tn6Yb1Hs";

fn forced() -> Start {
    Start::Forced { reason: "there is nobody to ask".to_owned() }
}

fn at(secs: i64) -> Time {
    Time::from_micros(1_767_225_600_000_000 + secs * 1_000_000).expect("in range")
}

/// One member's replica on a real store.
struct Member {
    consortium: MadeUp,
    feed: FeedId,
    store: Store,
    replica: Replica,
}

impl Member {
    fn open(path: &Path) -> Self {
        let consortium = MadeUp::new(&Shape::default());
        let feed = feed(0, 1);
        let store = Store::open(path, *b"a store!").expect("opens");
        store.bind(consortium.id()).expect("it is new");
        let replica = Replica::open(&store, consortium.opening(feed, forced())).expect("opens");
        Self { consortium, feed, store, replica }
    }

    fn flag(&mut self, second: i64, salt: [u8; 16], case: &str) -> Vec<u8> {
        let mut flag = hard_flag(SUBJECT, at(second));
        flag.case_ref = Some(case.to_owned());
        let statement = Statement::Flag(flag);
        let bytes = statement.encode().expect("in range");
        let statements = vec![Drafted { salt, statement }];
        let input = Input::Publish { ticket: 1, statements, request: None };
        let step = self.replica.step(&self.store, at(second), vec![input]).expect("it reads");
        self.store.commit(&step.changes).expect("it writes");
        bytes
    }

    /// Erases the statement of its first record, and says which rows that overwrote.
    fn erase(&self) -> Vec<(Column, Vec<u8>)> {
        let mut draft = Draft::new(&self.store);
        let key = number_key(1);
        let row = self.store.get(Column::Log, &key).expect("it reads").expect("it is there");
        let mut row = <LogRow as StoredRow>::decode(&row).expect("a row");
        let mut record = row.verified().expect("a record");
        let id = statement_id(&record.id(), 0);
        record.erase(0);
        row.record = record.signed().encode();
        draft.put(key.clone(), &row);
        let subject = SUBJECT.0.to_vec();
        let mut evidence = draft.row::<EvidenceRow>(&subject).expect("it reads").expect("there");
        evidence.statements.retain(|statement| statement.id != id.0);
        draft.put(subject.clone(), &evidence);
        draft.remove(Column::Targets, id.0.to_vec());
        let changes = draft.into_changes();
        self.store.commit(&changes).expect("it writes");
        vec![(Column::Log, key), (Column::Evidence, subject), (Column::Targets, id.0.to_vec())]
    }
}

/// The files below a directory that hold `bytes`.
fn holders(dir: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let held = files(dir).into_iter().filter(|(_, content)| contains(content, bytes));
    held.map(|(path, _)| path).collect()
}

#[test]
fn an_erased_statement_is_gone_from_disk_and_from_every_backup() {
    let dir = tempfile::tempdir().expect("a directory of our own");
    let keys_dir = dir.path().join("content-keys");
    let mut member = Member::open(&dir.path().join("data"));
    let keys = ContentKeys::open(&keys_dir).expect("opens");
    let erased = member.flag(1, SALT, CASE);
    member.flag(2, [7; 16], "another case");
    let file = dir.path().join("old.backup");
    let mut out = std::fs::File::create(&file).expect("ours");
    let made = member.store.back_up(&keys, at(3), &mut out).expect("it is made");
    assert_eq!((made.records, made.statements), (2, 2));
    for bytes in [erased.as_slice(), &SALT, CASE.as_bytes()] {
        assert!(!holders(dir.path(), bytes).is_empty(), "else this test sees nothing");
    }

    let rows = member.erase();
    let first = member.store.get(Column::Log, &number_key(1)).expect("it reads").expect("there");
    let record = <LogRow as StoredRow>::decode(&first).and_then(|row| row.verified());
    let record = record.expect("a record");
    keys.destroy(&[statement_id(&record.id(), 0)]).expect("it is destroyed");
    member.store.destroy(&rows).expect("it is destroyed");
    for bytes in [erased.as_slice(), &SALT, CASE.as_bytes()] {
        assert_eq!(holders(dir.path(), bytes), Vec::<PathBuf>::new());
    }
    assert!(matches!(record.signed().body[0], Entry::Erased { .. }));
    interlock_record::verify(
        record.into_signed(),
        &member.consortium.id(),
        &member.consortium.key(member.feed).public(),
    )
    .expect("the chain verifies without it");

    // The old backup does not bring it back.
    let again = dir.path().join("again");
    let mut input = std::fs::File::open(&file).expect("ours");
    let restored = restore(&mut input, &again, Some(&keys), *b"restored").expect("restored");
    assert_eq!((restored.statements, restored.erased_since), (1, 1));
    let store = Store::open(&again, *b"restored").expect("opens");
    let opening = member.consortium.opening(member.feed, forced());
    let mut replica = Replica::open(&store, opening).expect("opens");
    while let Some(changes) = replica.rebuild(&store, at(4)).expect("it reads") {
        store.commit(&changes).expect("it writes");
    }
    let known = known(&store, replica.charters(), SUBJECT).expect("it reads");
    assert_eq!(known.statements.len(), 1);
    let Statement::Flag(flag) = &known.statements[0].statement else { panic!("a flag") };
    assert_eq!(flag.case_ref.as_deref(), Some("another case"));
    for bytes in [erased.as_slice(), &SALT, CASE.as_bytes()] {
        assert_eq!(holders(dir.path(), bytes), Vec::<PathBuf>::new());
    }
}

/// A node that was killed after it had overwritten erased content and before it had destroyed it
/// does so after its next start.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_destroyed_is_destroyed_after_a_restart() {
    let mut consortium = Consortium::start(&["acme"], 1).await;
    let mut draft = flag(tag(1), Severity::High);
    CASE.clone_into(&mut draft.case_ref);
    consortium.nodes[0].raise(draft).await;
    let backup = consortium.nodes[0].path("old.backup").display().to_string();
    run(&["backup", "--node", &consortium.nodes[0].api(), "--out", &backup]);
    consortium.nodes[0].terminate().await;

    let data = consortium.nodes[0].path("data");
    {
        let store = Store::open(&data, *b"a store!").expect("opens");
        let row = store.get(Column::Log, &number_key(1)).expect("it reads").expect("there");
        let mut row = <LogRow as StoredRow>::decode(&row).expect("a row");
        let mut record = row.verified().expect("a record");
        record.erase(0);
        row.record = record.signed().encode();
        let mut draft = Draft::new(&store);
        draft.put(number_key(1), &row);
        draft.remove(Column::Evidence, tag(1).0.to_vec());
        draft.remove(Column::Targets, statement_id(&record.id(), 0).0.to_vec());
        draft.put(MetaKey::Destroying.bytes().to_vec(), &DestroyingRow { number: 1 });
        let changes = draft.into_changes();
        store.commit(&changes).expect("it writes");
    }
    assert!(!holders(&data, CASE.as_bytes()).is_empty(), "else this test sees nothing");
    consortium.nodes[0].start();
    consortium.nodes[0].answers().await;
    eventually("it is destroyed", async || match holders(&data, CASE.as_bytes()).as_slice() {
        [] => Ok(()),
        held => Err(format!("{held:?}")),
    })
    .await;
    eventually("the node knows it", async || {
        let log = std::fs::read_to_string(consortium.nodes[0].path("node.log")).unwrap_or_default();
        log.contains("destroyed erased content").then_some(()).ok_or(log)
    })
    .await;
    consortium.nodes[0].terminate().await;
    std::fs::remove_dir_all(&data).expect("ours");
    let words = ["restore", "-o", "json", "--from", &backup, "--data"];
    let restored = run(&[words.as_slice(), &[&data.display().to_string()]].concat());
    assert!(restored.contains("\"erased_since\":1"), "{restored}");
    assert_eq!(holders(&consortium.nodes[0].home, CASE.as_bytes()), Vec::<PathBuf>::new());
}

/// Three nodes, an `Erase` through the API of one: its content is gone from all of their disks once
/// it is final, and an older backup does not bring it back.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_final_leaves_nothing_at_any_node() {
    let consortium = Consortium::found(&["acme", "bolt", "coin"])
        .rewrite_charter(|text| {
            text.replace("max_clock_skew = ", "min_keep = \"1ms\"\nmax_clock_skew = ")
        })
        .configure("seen_every = \"100ms\"\n");
    let consortium = consortium.run(3).await;
    let [acme, bolt, coin] = &consortium.nodes[..] else { unreachable!("three members") };
    let mut draft = flag(tag(1), Severity::High);
    CASE.clone_into(&mut draft.case_ref);
    let flag = acme.raise(draft).await;
    for node in [acme, bolt, coin] {
        eventually("the flag is there", async || {
            let announced = node.decision(tag(1)).await.announced();
            (announced == interlock_wire::v1::Measure::Review)
                .then_some(())
                .ok_or_else(|| format!("{announced:?}"))
        })
        .await;
        let held = holders(&node.path("data"), CASE.as_bytes());
        assert!(!held.is_empty(), "else this test sees nothing");
    }
    let backup = bolt.path("old.backup").display().to_string();
    run(&["backup", "--node", &bolt.api(), "--out", &backup]);
    let request = interlock_wire::v1::EraseRequest {
        statement: flag.0.0.to_vec(),
        ground: interlock_wire::v1::EraseGround::Error.into(),
        idempotency_key: String::new(),
    };
    acme.governance().await.erase(request).await.expect("its issuer may, after min_keep");
    for node in [acme, bolt, coin] {
        eventually(&format!("nothing is left at {}", node.name), async || {
            match holders(&node.path("data"), CASE.as_bytes()).as_slice() {
                [] => Ok(()),
                held => Err(format!("{held:?}")),
            }
        })
        .await;
        let explained = node.decision(tag(1)).await;
        assert_eq!(explained.announced(), interlock_wire::v1::Measure::None, "{}", node.name);
    }
    let again = bolt.path("again").display().to_string();
    let keys = bolt.path("content-keys").display().to_string();
    let words = ["restore", "-o", "json", "--from", &backup, "--data", &again, "--content-keys"];
    eventually("an old backup does not bring it back", async || {
        let _ = std::fs::remove_dir_all(&again);
        let restored = run(&[words.as_slice(), &[keys.as_str()]].concat());
        restored.contains("\"erased_since\":1").then_some(()).ok_or(restored)
    })
    .await;
    assert_eq!(holders(&consortium.nodes[1].home, CASE.as_bytes()), Vec::<PathBuf>::new());
}
