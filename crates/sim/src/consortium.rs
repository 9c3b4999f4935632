//! Consortia that were never founded: a charter with made-up members, and all their keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use interlock_engine::charter::{Charter, CharterSignature, Role, SignedCharter};
use interlock_engine::replica::{Opening, Start};
use interlock_record::{ConsortiumId, FeedId, FeedNumber, MemberId, Pepper, SigningKey, Time, hex};

/// A policy under which little is needed to see every measure: two of three hard flags lock.
pub const POLICY: &str = r#"
[policy]
version = 1
notice_delay = "2s"
dispute_deadline = "20s"
dispute_rest = "10s"
[policy.reason.OVERDUE]
points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
max_life = "60s"
ceiling = "LOCK"
decay = [{ after = "5s", percent = 70 }, { after = "15s", percent = 30 }]
[policy.reason.FRAUD_SUSPECTED]
points = { LOW = 20, MEDIUM = 40, HIGH = 60, CRITICAL = 90 }
max_life = "120s"
ceiling = "LOCK"
[policy.reason.POLICY_CHANGE]
points = { LOW = 40, MEDIUM = 40, HIGH = 60, CRITICAL = 90 }
max_life = "30s"
ceiling = "FREEZE"
propagates = false
[[policy.measure.REVIEW.rule]]
points = 40
[[policy.measure.FREEZE.rule]]
points = 80
[[policy.measure.LOCK.rule]]
points = 100
issuers = 2
[policy.cure.REPAID]
reasons = ["OVERDUE"]
scope = "own"
percent = 0
"#;

/// What consortium to make up.
#[derive(Debug, Clone)]
pub struct Shape<'a> {
    /// How many members, called `m0`, `m1` and so on.
    pub members: u32,
    /// How many feeds each has.
    pub feeds: u32,
    /// How many members there are to a group.
    pub group: u32,
    /// Each feed's quota: flags, and the window in which they count.
    pub quota: Option<(u64, &'a str)>,
    /// The table `[policy]` of the charter.
    pub policy: &'a str,
}

impl Default for Shape<'_> {
    fn default() -> Self {
        Self { members: 4, feeds: 1, group: 1, quota: None, policy: POLICY }
    }
}

/// A charter, and the key of every feed that it names.
#[derive(Debug, Clone)]
pub struct Consortium {
    /// The charter.
    pub charter: Arc<Charter>,
    keys: BTreeMap<FeedId, SigningKey>,
}

impl Consortium {
    /// Makes up a consortium; the same one for the same shape.
    ///
    /// # Panics
    /// When the shape is none that a charter allows.
    pub fn new(shape: &Shape<'_>) -> Self {
        let pepper = Pepper::from_bytes([7; 32]).check();
        let mut keys = BTreeMap::new();
        let mut text = format!(
            "format = 1\nname = \"made up\"\nversion = 1\nrules = 1\nnonce = \"{}\"\n\
             pepper_epoch = 1\npepper_check = \"{pepper}\"\n",
            hex(&[1; 32]),
        );
        for number in 0..shape.members {
            let id = member(number);
            let group = number / shape.group.max(1);
            let _ = writeln!(
                text,
                "[[member]]\nid = \"{id}\"\ngroup = \"g{group}\"\naddress = \"{id}.invalid:1\"\n\
                 governance_key = \"{}\"",
                governance_key(id).public()
            );
            for feed in 1..=shape.feeds {
                let key = feed_key(number, feed);
                let _ =
                    writeln!(text, "[[member.feed]]\nnumber = {feed}\nkey = \"{}\"", key.public());
                if let Some((flags, window)) = shape.quota {
                    let _ = writeln!(text, "quota = {{ flags = {flags}, window = \"{window}\" }}");
                }
                keys.insert(FeedId { member: id, number: FeedNumber(feed) }, key);
            }
        }
        text.push_str(shape.policy);
        let charter = Charter::parse("made-up", &text).expect("a shape that a charter allows");
        Self { charter: Arc::new(charter), keys }
    }

    /// The key of a feed: of one that the first charter names, or of one that a later version gives
    /// to one of its members.
    ///
    /// # Panics
    /// When the member is none of this consortium.
    pub fn key(&self, feed: FeedId) -> SigningKey {
        if let Some(key) = self.keys.get(&feed) {
            return SigningKey::from_seed(*key.seed());
        }
        let number = feed.member.as_str().strip_prefix('m').and_then(|number| number.parse().ok());
        feed_key(number.expect("a member of this consortium"), feed.number.0)
    }

    /// The version after `previous`: its document with `edit` done to it, signed by these members'
    /// governance keys.
    ///
    /// # Panics
    /// When `previous` is not written as [`Consortium::new`] writes it.
    pub fn amendment(
        previous: &Charter,
        effective_from: Time,
        edit: impl FnOnce(String) -> String,
        signers: &[MemberId],
    ) -> SignedCharter {
        let lines = previous.text.lines();
        let kept = lines.filter(|line| {
            !line.starts_with("previous = ")
                && !line.starts_with("issued_at = ")
                && !line.starts_with("effective_from = ")
                && !line.starts_with("resolves = ")
        });
        let mut text = kept.collect::<Vec<_>>().join("\n");
        text.push('\n');
        let head = format!("version = {}\n", previous.version);
        let next = format!(
            "version = {}\nprevious = \"{}\"\nissued_at = \"{effective_from}\"\neffective_from = \"{effective_from}\"\n",
            previous.version + 1,
            previous.id()
        );
        assert!(text.contains(&head), "a charter of this module");
        let document = edit(text.replacen(&head, &next, 1));
        let signatures = signers
            .iter()
            .map(|member| {
                CharterSignature::new(
                    *member,
                    Role::Governance,
                    &governance_key(*member),
                    &document,
                )
            })
            .collect();
        SignedCharter { document, signatures }
    }

    /// What a replica of this consortium is opened with.
    ///
    /// # Panics
    /// When the charter does not name the feed.
    pub fn opening(&self, feed: FeedId, start: Start) -> Opening {
        let first = Charter::clone(&self.charter);
        let signer = Arc::new(self.key(feed));
        Opening { first, later: Vec::new(), feed, signer, start }
    }

    /// The consortium's id.
    pub fn id(&self) -> ConsortiumId {
        ConsortiumId(self.charter.id().0)
    }

    /// All members, in order.
    pub fn members(&self) -> Vec<MemberId> {
        self.charter.members.keys().copied().collect()
    }
}

/// The member of a number.
///
/// # Panics
/// Never: the text is a member id.
pub fn member(number: u32) -> MemberId {
    format!("m{number}").parse().expect("a member id")
}

/// A feed of the member of a number.
pub fn feed(number: u32, feed: u32) -> FeedId {
    FeedId { member: member(number), number: FeedNumber(feed) }
}

/// The key with which a member signs charters.
pub fn governance_key(member: MemberId) -> SigningKey {
    let mut seed = [0x22; 32];
    let id = member.as_str().as_bytes();
    seed[..id.len()].copy_from_slice(id);
    SigningKey::from_seed(seed)
}

/// The key of a feed, whether a charter names it or not.
pub fn feed_key(number: u32, feed: u32) -> SigningKey {
    let mut seed = [0x11; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    seed[4..8].copy_from_slice(&feed.to_be_bytes());
    SigningKey::from_seed(seed)
}
