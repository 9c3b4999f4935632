//! What this implementation makes of a block of the test vectors.

use std::fmt::Display;
use std::str::FromStr;

use interlock_record::{
    CompactTree, ConsortiumId, Cure, Digest, Dispute, Domain, Entry, Erase, FeedHead, FeedId,
    FeedNumber, Flag, Pepper, PublicKey, Recall, Receipt, RecordId, Release, Resolve, SALT_BYTES,
    SealContext, Seen, SeenHead, SignedRecord, SigningKey, Statement, StatementId, Time,
    VerifiedRecord, Withdraw, hex, inclusion_proof, leaf_hash, normalise, root_of_leaves, seal,
    statement_id, tag, unhex, verify, verify_inclusion,
};

use super::Block;

type Results = Vec<(String, String)>;

/// The records of the file so far: each `record` block continues the chain.
#[derive(Default)]
pub(crate) struct Chain {
    head: FeedHead,
    records: Vec<VerifiedRecord>,
}

/// The results of a block.
pub(crate) fn results(block: &Block, chain: &mut Chain) -> Results {
    match block.get("kind") {
        "identifier" => identifier(block),
        "signature" => signature(block),
        "key" => key(block),
        "tree" => tree(block),
        "statement" => statement(block),
        "statement bytes" => statement_bytes(block),
        "record" => record(block, chain),
        "erased record" => erased_record(block, chain),
        "changed record" => changed_record(block, chain),
        other => panic!("block at line {}: unknown kind {other:?}", block.line),
    }
}

fn result(name: &str, value: impl Display) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// A result for each value, all with the same name.
fn many<T: Display>(
    name: &str,
    values: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = (String, String)> {
    values.into_iter().map(move |value| result(name, value))
}

impl Block {
    fn value<T: FromStr>(&self, name: &str) -> T {
        self.optional(name).unwrap_or_else(|| panic!("block at line {}: no {name}", self.line))
    }

    fn optional<T: FromStr>(&self, name: &str) -> Option<T> {
        self.find(name).map(|text| self.parsed(name, text))
    }

    fn list<T: FromStr>(&self, name: &str) -> Vec<T> {
        self.all(name).map(|text| self.parsed(name, text)).collect()
    }

    fn parsed<T: FromStr>(&self, name: &str, text: &str) -> T {
        text.parse().unwrap_or_else(|_| panic!("block at line {}: bad {name}", self.line))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.unhexed(self.get(name))
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name)
            .try_into()
            .unwrap_or_else(|_| panic!("block at line {}: {name} is not {N} bytes", self.line))
    }

    fn unhexed(&self, text: &str) -> Vec<u8> {
        unhex(text).unwrap_or_else(|| panic!("block at line {}: not hexadecimal", self.line))
    }
}

/// A feed as `member/number`.
fn feed(text: &str) -> FeedId {
    let (member, number) = text.split_once('/').expect("a feed is member/number");
    FeedId {
        member: member.parse().expect("a member id"),
        number: FeedNumber(number.parse().expect("a feed number")),
    }
}

fn identifier(block: &Block) -> Results {
    // Quotes show where white space is part of the text.
    let raw = block.get("raw").trim_matches('"');
    match normalise(block.value("id_type"), raw) {
        Err(error) => vec![result("error", error.code())],
        Ok(normalised) => {
            let pepper = Pepper::from_bytes(block.array("pepper"));
            vec![
                result("normalised", normalised.reveal()),
                result("tag", tag(&pepper, &normalised)),
            ]
        }
    }
}

fn signature(block: &Block) -> Results {
    let key = SigningKey::from_seed(block.array("seed"));
    let domain = [Domain::Record, Domain::Charter, Domain::Transport, Domain::Hello]
        .into_iter()
        .find(|domain| domain.bytes() == block.get("domain").as_bytes())
        .expect("one of the domains");
    let payload = block.bytes("payload");
    let signature = key.sign(domain, &payload);
    key.public().verify(domain, &payload, &signature).expect("just signed");
    vec![result("public", key.public()), result("signature", signature)]
}

fn key(block: &Block) -> Results {
    let outcome = match PublicKey::from_bytes(&block.bytes("public")) {
        Ok(_) => "OK",
        Err(error) => error.code(),
    };
    vec![result("outcome", outcome)]
}

fn tree(block: &Block) -> Results {
    let leaves: Vec<Digest> =
        block.all("data").map(|data| leaf_hash(&block.unhexed(data))).collect();
    let mut compact = CompactTree::default();
    for leaf in &leaves {
        compact.append(*leaf);
    }
    let root = root_of_leaves(&leaves);
    assert_eq!(compact.root(), root);
    let mut results = vec![result("root", root)];
    results.extend(many("subtree", compact.subtrees()));
    if let Some(index) = block.optional::<u64>("index") {
        let proof = inclusion_proof(&leaves, index).expect("the index is in the tree");
        let leaf = leaves[usize::try_from(index).expect("small")];
        assert!(verify_inclusion(&root, &leaf, index, compact.size(), &proof));
        results.extend(many("proof", proof));
    }
    results
}

fn statement(block: &Block) -> Results {
    let statement = read_statement(block);
    match statement.encode() {
        Err(error) => vec![result("error", error.code())],
        Ok(bytes) => {
            assert_eq!(Statement::decode(&bytes, 1, Time::MAX), Ok(statement));
            vec![result("bytes", hex(&bytes))]
        }
    }
}

fn read_statement(block: &Block) -> Statement {
    match block.get("statement") {
        "flag" => Statement::Flag(read_flag(block)),
        "withdraw" => Statement::Withdraw(Withdraw {
            statement: block.value("target"),
            cause: block.value("cause"),
        }),
        "recall" => Statement::Recall(Recall {
            from: block.optional("from"),
            to: block.optional("to"),
            rule_version: block.optional("rule_version"),
            reason: block.optional("reason"),
            cause: block.value("cause"),
        }),
        "dispute" => Statement::Dispute(Dispute { flag: block.value("flag") }),
        "resolve" => Statement::Resolve(Resolve {
            flag: block.value("flag"),
            outcome: block.value("outcome"),
        }),
        "cure" => Statement::Cure(Cure {
            subject: block.value("subject"),
            kind: block.value("cure_kind"),
        }),
        "receipt" => Statement::Receipt(Receipt {
            subject: block.value("subject"),
            measure: block.value("measure"),
            caused_by: block.list("caused_by"),
        }),
        "seen" => Statement::Seen(Seen { heads: block.all("head").map(read_head).collect() }),
        "release" => Statement::Release(Release {
            feed: feed(block.get("feed")),
            sequence: block.value("sequence"),
        }),
        "erase" => Statement::Erase(Erase {
            statement: block.value("target"),
            ground: block.value("ground"),
        }),
        other => panic!("block at line {}: unknown statement {other:?}", block.line),
    }
}

fn read_flag(block: &Block) -> Flag {
    Flag {
        subject: block.value("subject"),
        id_type: block.value("id_type"),
        reason: block.value("reason"),
        severity: block.value("severity"),
        confidence: block.value("confidence"),
        applied_measure: block.value("applied_measure"),
        observed_at: block.value("observed_at"),
        expires_at: block.optional("expires_at"),
        evidence_digest: block.optional("evidence_digest"),
        rule_version: block.optional("rule_version"),
        case_ref: block.optional("case_ref"),
        derived_from: block.list::<StatementId>("derived_from"),
    }
}

/// A head as `member/number sequence id`.
fn read_head(text: &str) -> SeenHead {
    let [place, sequence, id]: [&str; 3] = text
        .split(' ')
        .collect::<Vec<_>>()
        .try_into()
        .expect("a head is member/number, sequence and id");
    SeenHead {
        feed: feed(place),
        sequence: sequence.parse().expect("a sequence number"),
        id: id.parse::<RecordId>().expect("a record id"),
    }
}

fn statement_bytes(block: &Block) -> Results {
    let bytes = block.bytes("bytes");
    let outcome = match Statement::decode(&bytes, block.value("rules"), block.value("time")) {
        Ok(statement) => statement.kind(),
        Err(inert) => inert.code(),
    };
    let counts = if Statement::is_flag_bytes(&bytes) { "yes" } else { "no" };
    vec![result("outcome", outcome), result("counts_as_flag", counts)]
}

/// The next record of the chain.
fn record(block: &Block, chain: &mut Chain) -> Results {
    let key = SigningKey::from_seed(block.array("seed"));
    let context = SealContext {
        consortium: block.value("consortium"),
        feed: feed(block.get("feed")),
        time: block.value("time"),
        charter_version: block.value("charter_version"),
        tag_scheme: block.value("tag_scheme"),
        pepper_epoch: block.value("pepper_epoch"),
    };
    // An entry is `salt statement`; without statement it is empty.
    let entries = block.all("entry").map(|entry| {
        let (salt, statement) = entry.split_once(' ').unwrap_or((entry, ""));
        let salt: [u8; SALT_BYTES] = block.unhexed(salt).try_into().expect("16 bytes of salt");
        (salt, block.unhexed(statement))
    });
    let record =
        seal(&key, &chain.head, context, entries.collect()).expect("the vectors are in range");
    let signed = record.signed();
    assert_eq!(verify(signed.clone(), &context.consortium, &key.public()), Ok(record.clone()));
    let mut results = vec![
        result("sequence", record.header().sequence),
        result("feed_root", record.header().feed_root),
        result("flags", record.header().flags),
    ];
    results.extend(many("leaf", signed.body.iter().map(Entry::leaf)));
    results.extend([
        result("body_root", record.header().body_root),
        result("header", hex(&signed.header)),
        result("record_id", record.id()),
    ]);
    results.extend(many(
        "statement_id",
        (0..record.header().statements).map(|index| statement_id(&record.id(), index)),
    ));
    results
        .extend([result("signature", signed.signature), result("record", hex(&signed.encode()))]);
    chain.head = chain.head.next(&record).expect("sealed after this head");
    results.push(result("feed_root_after", chain.head.tree.root()));
    results.push(result("feed_head", hex(&chain.head.to_bytes())));
    chain.records.push(record);
    results
}

/// The record of the chain that a block names, and what to check it with.
fn named_record(block: &Block, chain: &Chain) -> (SignedRecord, ConsortiumId, PublicKey) {
    let sequence: usize = block.value("sequence");
    let record = &chain.records[sequence - 1];
    let key = SigningKey::from_seed(block.array("seed")).public();
    (record.signed().clone(), record.header().consortium, key)
}

fn erased_record(block: &Block, chain: &Chain) -> Results {
    let (mut record, consortium, key) = named_record(block, chain);
    for index in block.list::<usize>("erase") {
        record.body[index].erase();
    }
    let bytes = hex(&record.encode());
    let verified = verify(record, &consortium, &key).expect("erasing changes no hash");
    vec![result("record_id", verified.id()), result("record", bytes)]
}

/// A record in which one byte is another: `part offset byte`, the byte as the bits that flip.
fn changed_record(block: &Block, chain: &Chain) -> Results {
    let (mut record, mut consortium, key) = named_record(block, chain);
    let offset: usize = block.value("offset");
    let flip = block.array::<1>("flip")[0];
    match (block.get("part"), record.body.as_mut_slice()) {
        ("header", _) => record.header[offset] ^= flip,
        ("signature", _) => record.signature.0[offset] ^= flip,
        ("consortium", _) => consortium.0[offset] ^= flip,
        ("salt of entry 0", [Entry::Kept { salt, .. }, ..]) => salt[offset] ^= flip,
        ("statement of entry 0", [Entry::Kept { statement, .. }, ..]) => statement[offset] ^= flip,
        (other, _) => panic!("block at line {}: unknown part {other:?}", block.line),
    }
    let outcome = match verify(record, &consortium, &key) {
        Ok(_) => "OK",
        Err(error) => error.code(),
    };
    vec![result("outcome", outcome)]
}
