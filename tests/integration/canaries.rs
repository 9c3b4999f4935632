//! Known identifiers go through everything a node does, and then occur nowhere: in no file of any
//! node, no log at its most talkative, no backup, no answer, and in nothing that went over the wire.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use interlock_record::{IdType, hex, normalise, unhex};
use interlock_wire::v1::{self, DecisionChange::Effective, Measure, Severity, subject::By};
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::calls::{flag, raising};
use crate::consortium::{Consortium, run};
use crate::needles::{base64, contains, files, forms};
use crate::node::{Node, program};
use crate::proxy::Proxy;

/// An identifier that nobody has, as it is given and as it is normalised.
struct Canary {
    id_type: v1::IdType,
    given: String,
    normalised: String,
}

impl Canary {
    fn new(id_type: IdType, given: &str) -> Self {
        let normalised = normalise(id_type, given).expect("it validates").reveal().to_owned();
        Self { id_type: id_type.into(), given: given.to_owned(), normalised }
    }

    fn subject(&self) -> v1::Subject {
        let id_type = self.id_type.into();
        let identifier = v1::RawIdentifier { id_type, value: self.given.clone() };
        v1::Subject { by: Some(By::Identifier(identifier)) }
    }

    fn flag(&self, severity: Severity) -> v1::FlagDraft {
        let subject = Some(self.subject());
        v1::FlagDraft { subject, id_type: 0, ..flag(crate::calls::tag(0), severity) }
    }
}

fn canaries() -> Vec<Canary> {
    vec![
        Canary::new(IdType::IdNumber, "532926880229713"),
        Canary::new(IdType::IdNumber, "  11010519491231002x "),
        Canary::new(IdType::Phone, "139 1234-8765"),
        Canary::new(IdType::BankCard, "6222 0212 3456 7894"),
        Canary::new(IdType::Device, " canary:7f3a9c:dëvice "),
    ]
}

fn needles() -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    for canary in canaries() {
        for text in [canary.given.trim(), &canary.normalised] {
            needles.extend(forms(text));
        }
        // The part of a telephone number without its country's code is no less telling.
        needles.extend(canary.normalised.strip_prefix("+86").into_iter().flat_map(forms));
    }
    needles.extend(forms(WRONG_ID));
    needles
}

/// An identity number whose check digit is wrong: refused, and no less telling.
const WRONG_ID: &str = "532926198802297150";

/// Everything that a caller was told.
#[derive(Default)]
struct Told(Vec<(PathBuf, Vec<u8>)>);

impl Told {
    fn refused<T: std::fmt::Debug>(&mut self, what: &str, answer: Result<T, Status>) {
        let status = match answer {
            Ok(answer) => panic!("{what} must be refused, got {answer:?}"),
            Err(status) => status,
        };
        self.0.push((what.into(), status.message().as_bytes().to_vec()));
        self.0.push((what.into(), status.details().to_vec()));
        self.0.push((what.into(), format!("{status:?}").into_bytes()));
    }

    fn answer(&mut self, what: &str, answer: &impl std::fmt::Debug) {
        self.0.push((what.into(), format!("{answer:?}").into_bytes()));
    }
}

/// Two nodes whose every word to each other goes through proxies.
async fn wired() -> (Consortium, Vec<Proxy>) {
    let mut consortium = Consortium::found(&["acme", "bolt"]);
    let mut proxies = Vec::new();
    for node in &mut consortium.nodes {
        let host = node.address.rsplit_once(':').expect("host and port").0.to_owned();
        let listener = std::net::TcpListener::bind((host.as_str(), 0)).expect("loopback");
        let behind = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        let listen = format!("data = \"data\"\nlisten = \"{behind}\"\n");
        node.edit("node.toml", "data = \"data\"\n", &listen);
        proxies.push(Proxy::between(&node.address, behind).await);
        node.start_talkative();
    }
    for node in &consortium.nodes {
        node.answers().await;
    }
    consortium.connected(2).await;
    (consortium, proxies)
}

async fn everything_that_is_right(consortium: &Consortium, told: &mut Told) {
    let [acme, bolt] = [&consortium.nodes[0], &consortium.nodes[1]];
    let mut platform = acme.platform().await;
    for (number, canary) in canaries().iter().enumerate() {
        let flags = vec![canary.flag(Severity::High)];
        let request = v1::RaiseFlagsRequest { flags, idempotency_key: format!("key-{number}") };
        let raised = platform.raise_flags(request.clone()).await.expect("it is right").into_inner();
        told.answer("raise", &raised);
        let again = platform.raise_flags(request).await.expect("it is right").into_inner();
        assert!(again.repeated_request);
        let other = bolt.raise(canary.flag(Severity::High)).await;
        consortium.agreed().await;
        let subjects = vec![canary.subject()];
        let found = platform.lookup(v1::LookupRequest { subjects: subjects.clone() }).await;
        let found = found.expect("it is right").into_inner();
        told.answer("lookup", &found);
        let subject = interlock_record::SubjectTag::from_slice(&found.decisions[0].subject);
        acme.told(subject.expect("a tag"), Effective, Measure::Lock).await;
        let request = v1::ExplainRequest { subject: Some(canary.subject()), at: None };
        told.answer("explain", &platform.explain(request).await.expect("it is right"));
        let request =
            v1::ListFlagsRequest { subject: Some(canary.subject()), ..Default::default() };
        told.answer("list", &platform.list_flags(request).await.expect("it is right"));
        let request = v1::WatchDecisionsRequest { subjects, ..Default::default() };
        let mut watch = platform.watch_decisions(request).await.expect("it is right").into_inner();
        told.answer("watch", &watch.message().await.expect("it is right"));
        let request = v1::ReportReceiptRequest {
            subject: Some(canary.subject()),
            measure: v1::Measure::Freeze.into(),
            idempotency_key: format!("receipt-{number}"),
            ..Default::default()
        };
        told.answer("receipt", &platform.report_receipt(request).await.expect("it is right"));
        let request = v1::RaiseCureRequest {
            subject: Some(canary.subject()),
            kind: v1::CureKind::Repaid.into(),
            idempotency_key: format!("cure-{number}"),
        };
        told.answer("cure", &platform.raise_cure(request).await.expect("it is right"));
        let request = v1::OpenDisputeRequest { flag: other.0.0.to_vec(), ..Default::default() };
        told.answer("dispute", &platform.open_dispute(request).await.expect("it is right"));
        consortium.agreed().await;
        let request = v1::ResolveDisputeRequest {
            flag: other.0.0.to_vec(),
            outcome: v1::Outcome::Upheld.into(),
            ..Default::default()
        };
        let mut others = bolt.platform().await;
        told.answer("resolve", &others.resolve_dispute(request).await.expect("it is right"));
        let id = interlock_record::StatementId::from_slice(&raised.statements[0]).expect("an id");
        acme.withdraw(id).await;
    }
    let request = v1::RecallRequest {
        reason: v1::Reason::Overdue.into(),
        cause: v1::WithdrawCause::SystemFault.into(),
        ..Default::default()
    };
    told.answer("recall", &platform.recall(request).await.expect("it is right"));
    told.answer("journal", &acme.journal_after("").await);
    told.answer("status", &acme.status().await);
    told.answer("peers", &acme.peers().await);
}

async fn everything_that_is_wrong(node: &Node, told: &mut Told) {
    let mut platform = node.platform().await;
    let mut operator = node.operator().await;
    for canary in canaries() {
        let text = || canary.normalised.clone();
        // A device is known to its member only: nobody else could tell that a text holds one.
        if canary.id_type != v1::IdType::Device {
            let mut request = raising(canary.flag(Severity::High));
            request.flags[0].case_ref = format!("case of {}", text());
            told.refused("case_ref", platform.raise_flags(request).await);
            let mut request = raising(canary.flag(Severity::High));
            request.flags[0].rule_version = text();
            told.refused("rule_version", platform.raise_flags(request).await);
            let mut request = raising(canary.flag(Severity::High));
            request.idempotency_key = text();
            told.refused("idempotency_key", platform.raise_flags(request).await);
        }
        let mut request = raising(canary.flag(Severity::High));
        request.flags[0].case_ref = format!("{}\n", text());
        told.refused("a case with a line end", platform.raise_flags(request).await);
        let mut request = raising(canary.flag(Severity::High));
        request.flags[0].rule_version = text().repeat(9);
        told.refused("a long rule version", platform.raise_flags(request).await);
        let mut request = raising(canary.flag(Severity::High));
        request.idempotency_key = text().repeat(20);
        told.refused("a long key", platform.raise_flags(request).await);
        let mut request = raising(canary.flag(Severity::High));
        request.flags[0].confidence = 0;
        told.refused("another field", platform.raise_flags(request).await);
        let mut request = raising(canary.flag(Severity::High));
        request.flags[0].evidence_digest = text().into_bytes();
        told.refused("evidence_digest", platform.raise_flags(request).await);
        let mut request = raising(canary.flag(Severity::High));
        request.flags[0].derived_from = vec![text().into_bytes()];
        told.refused("derived_from", platform.raise_flags(request).await);
        let subject = v1::Subject { by: Some(By::Tag(text().into_bytes())) };
        let subjects = vec![subject];
        told.refused("a tag", platform.lookup(v1::LookupRequest { subjects }).await);
        let subjects = vec![canary.subject(); 1_001];
        told.refused("too many", platform.lookup(v1::LookupRequest { subjects }).await);
        let request = v1::WithdrawRequest {
            statement: text().into_bytes(),
            cause: v1::WithdrawCause::Error.into(),
            ..Default::default()
        };
        told.refused("a statement", platform.withdraw(request).await);
        let request = v1::WatchDecisionsRequest { cursor: text(), ..Default::default() };
        told.refused("a cursor", platform.watch_decisions(request).await);
        let request = v1::WatchJournalRequest { cursor: format!("{}.1", text()) };
        told.refused("a journal's cursor", operator.watch_journal(request).await);
    }
    for id_type in [v1::IdType::IdNumber, v1::IdType::Phone, v1::IdType::BankCard] {
        let wrong = Canary { id_type, given: WRONG_ID.into(), normalised: String::new() };
        let request = v1::LookupRequest { subjects: vec![wrong.subject()] };
        told.refused("a wrong check digit", platform.lookup(request).await);
        told.refused(
            "a flag of it",
            platform.raise_flags(raising(wrong.flag(Severity::Low))).await,
        );
    }
    let none = Canary { id_type: v1::IdType::Unspecified, ..canaries().remove(0) };
    let request = v1::ExplainRequest { subject: Some(none.subject()), at: None };
    told.refused("no kind", platform.explain(request).await);
}

/// What the program itself prints when identifiers come through stdin.
fn by_command_line(node: &Node, told: &mut Told) {
    for (words, input) in [
        (vec!["check", "--id-number", "-"], canaries()[0].given.clone()),
        (vec!["check", "--id-number", "-"], WRONG_ID.to_owned()),
        (vec!["check", "--phone", "-"], canaries()[2].given.clone()),
        (vec!["explain", "--bank-card", "-"], canaries()[3].given.clone()),
        (vec!["-o", "json", "check", "--device", "-"], canaries()[4].given.clone()),
    ] {
        let mut command = program();
        command.args(&words).args(["--node", &node.api()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let mut stdin = process.stdin.take().expect("it is piped");
        writeln!(stdin, "{input}").expect("it reads");
        drop(stdin);
        let ended = process.wait_with_output().expect("it ends");
        let name = PathBuf::from(words.join(" "));
        told.0.extend([(name.clone(), ended.stdout), (name, ended.stderr)]);
    }
}

/// Keys and pepper are in the files that are told to hold them, and in no other.
fn secrets_are_where_they_belong(consortium: &Consortium, all: &[(PathBuf, Vec<u8>)]) {
    let pepper = std::fs::read_to_string(consortium.path("pepper.key")).expect("ours");
    let mut secrets = vec![("pepper.key".to_owned(), pepper)];
    for node in &consortium.nodes {
        let key = std::fs::read_to_string(node.path("feed.key")).expect("ours");
        secrets.push((format!("{}/feed.key", node.name), key));
    }
    for (place, secret) in secrets {
        let raw = unhex(secret.trim()).expect("hexadecimal digits");
        let mut holders = 0;
        for (path, bytes) in all {
            let holds = contains(bytes, secret.trim().as_bytes()) || contains(bytes, &raw);
            assert_eq!(
                holds,
                path.to_string_lossy().ends_with(&place),
                "{place}: {}",
                path.display()
            );
            holders += u32::from(holds);
        }
        assert!(holders > 0, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_occur_nowhere() {
    let (mut consortium, proxies) = wired().await;
    let mut told = Told::default();
    everything_that_is_right(&consortium, &mut told).await;
    for node in &consortium.nodes {
        everything_that_is_wrong(node, &mut told).await;
    }
    by_command_line(&consortium.nodes[0], &mut told);
    for node in &consortium.nodes {
        let backup = node.path("one.backup").display().to_string();
        run(&["backup", "--node", &node.api(), "--out", &backup]);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", node.process_id()));
        let limits = limits.expect("it runs");
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        let soft = core.and_then(|line| line.split_whitespace().nth(4));
        assert_eq!(soft, Some("0"), "{limits}");
    }
    consortium.nodes[1].kill();
    let (pieces, rest) = (files(&consortium.nodes[1].home), consortium.nodes[1].home.clone());
    consortium.nodes[1].start_talkative();
    consortium.nodes[1].answers().await;
    consortium.connected(2).await;
    for node in &mut consortium.nodes {
        assert!(node.terminate().await.success());
    }

    let mut all = files(consortium.path("pepper.key").parent().expect("a directory"));
    // What lay about when it was killed counts as well.
    all.extend(pieces.into_iter().filter(|(path, _)| path.starts_with(&rest)));
    secrets_are_where_they_belong(&consortium, &all);
    all.extend(told.0);
    for proxy in &proxies {
        let seen = proxy.seen();
        assert!(seen.len() > 4_000, "the nodes spoke through it: {}", seen.len());
        all.push(("the wire".into(), seen));
    }
    for (path, bytes) in &all {
        for needle in needles() {
            let shown = String::from_utf8_lossy(&needle);
            assert!(!contains(bytes, &needle), "{} holds {shown:?}", path.display());
        }
    }
    // And this would have been seen: the logs are at their most talkative, and files are read.
    let log = std::fs::read_to_string(consortium.nodes[0].path("node.log")).expect("text");
    assert!(log.contains("DEBUG interlock") || log.contains("TRACE interlock"), "{log}");
    for level in [" DEBUG ", " TRACE "] {
        let of_others = |line: &&str| {
            line.split_once(level)
                .is_some_and(|(_, said)| !said.trim_start().starts_with("interlock"))
        };
        assert_eq!(log.lines().find(of_others), None);
    }
    assert!(all.iter().any(|(_, bytes)| contains(bytes, b"receipt-4")), "what is kept is found");
}

#[test]
fn what_is_looked_for_is_found_in_every_form() {
    let text = canaries()[0].normalised.clone();
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    for hidden in [
        format!("... {text} ...").into_bytes(),
        hex(format!("case {text}.").as_bytes()).into_bytes(),
        base64(format!("{text} at the start").as_bytes()).into_bytes(),
        base64(format!("a{text} in it").as_bytes()).into_bytes(),
        base64(format!("an{text} in it").as_bytes()).into_bytes(),
        hex(&hash).to_ascii_uppercase().into_bytes(),
        base64(&hash).into_bytes(),
        [b"raw ".as_slice(), &hash].concat(),
    ] {
        let found = needles().iter().any(|needle| contains(&hidden, needle));
        assert!(found, "{}", String::from_utf8_lossy(&hidden));
    }
}

#[tokio::test]
async fn core_dumps_are_allowed_loudly_only() {
    let mut consortium = Consortium::found(&["acme"]);
    let node = &mut consortium.nodes[0];
    node.edit("node.toml", "data = ", "allow_core_dumps = true\ndata = ");
    node.start();
    node.answers().await;
    let log = std::fs::read_to_string(node.path("node.log")).expect("text");
    assert!(log.contains("WARN") && log.contains("allow_core_dumps is on"), "{log}");
}
