//! The consortium that all targets share, and evidence in it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use interlock_engine::evidence::Evidence;
use interlock_engine::evidence::jsonl::EvidenceFile;
use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{FeedId, MemberId, PublicKey, SigningKey};
use interlock_sim::consortium::{Consortium, Shape, feed};

/// Evidence that uses every kind of line.
pub(crate) const EVIDENCE: &str = include_str!("evidence.jsonl");

/// A made-up consortium of four members, `m0` to `m3`, with one feed each.
pub(crate) static CONSORTIUM: LazyLock<Consortium> =
    LazyLock::new(|| Consortium::new(&Shape::default()));

static SUBJECTS: LazyLock<Vec<Evidence>> = LazyLock::new(|| {
    let file = EvidenceFile::parse("evidence.jsonl", EVIDENCE).expect("it is good evidence");
    let members = CONSORTIUM.charter.member_ids();
    file.subjects(&members).into_values().map(|subject| subject.evidence).collect()
});

/// The feed that the targets sign in.
pub(crate) fn own_feed() -> FeedId {
    feed(0, 1)
}

/// The key of that feed.
pub(crate) fn own_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| CONSORTIUM.key(own_feed()));
    &KEY
}

/// The public key of a feed that the charter names.
pub(crate) fn key_of(feed: FeedId) -> Option<PublicKey> {
    CONSORTIUM.charter.feed(feed).map(|feed| feed.key)
}

/// Decides by `policy` on the consortium's evidence.
pub(crate) fn decide_by(policy: &Policy) {
    let schedule = Schedule::constant(policy.clone());
    for evidence in SUBJECTS.iter() {
        decide(&schedule, &CONSORTIUM.charter.member_ids(), evidence);
    }
}

/// Decides, and checks that the answer is one: each change goes on from the one before it.
pub(crate) fn decide(policies: &Schedule, members: &BTreeSet<MemberId>, evidence: &Evidence) {
    let setting = Setting { policies, members, view: View::Consortium };
    let timeline = timeline(&setting, evidence);
    for pair in timeline.transitions.windows(2) {
        assert!(pair[0].at < pair[1].at, "changes come in order of time");
        assert_eq!(pair[0].to, pair[1].from, "each change goes on from the last one");
    }
    for change in &timeline.transitions {
        assert_ne!(change.from, change.to, "a change changes something");
        assert_eq!(timeline.announced(change.at), change.to);
        assert!(change.because.iter().all(|flag| *flag < evidence.flags.len()));
    }
    for (at, measure) in timeline.effective_changes(policies) {
        assert!(measure <= timeline.announced(at), "nothing is in force that is not announced");
    }
}
