//! What reaches the replica.

use interlock_record::{Digest, MemberId, SubjectTag, VerifiedFork, VerifiedRecord};

use super::{CharterClaim, Drafted, Extent, HeadClaim, Request, RetentionMark};
use crate::charter::SignedCharter;
use crate::local::{Act, Person};

/// Something that reaches the replica.
#[derive(Debug)]
pub enum Input {
    /// The platform wants statements published.
    Publish {
        /// Names the caller; comes back in [`Effect::Published`](super::Effect::Published).
        ticket: u64,
        /// The statements, with fresh salts.
        statements: Vec<Drafted>,
        /// What makes a second try the same write.
        request: Option<Request>,
    },
    /// A peer has reached this node, and said who it is.
    Heard(MemberId),
    /// A peer's stream to this node has ended.
    Unheard(MemberId),
    /// This node has reached a peer.
    Dialled(MemberId),
    /// This node's stream to a peer has ended.
    DialLost(MemberId),
    /// A peer says which heads it knows.
    Frontier {
        /// The peer.
        from: MemberId,
        /// The heads.
        heads: Vec<HeadClaim>,
        /// The charter versions that it knows, where it says so.
        charters: Option<CharterClaim>,
        /// Whether the heads are all.
        extent: Extent,
    },
    /// Records came, their signatures checked.
    Records {
        /// The peer that sent them.
        from: MemberId,
        /// The records, in the order they came.
        records: Vec<VerifiedRecord>,
    },
    /// A pull that [`Effect::Pull`](super::Effect::Pull) asked for has ended.
    PullEnded {
        /// The peer.
        from: MemberId,
        /// How.
        ended: PullEnd,
    },
    /// As [`Input::Publish`], by a person whose act goes into the audit log.
    Attested {
        /// Names the caller; comes back in [`Effect::Published`](super::Effect::Published).
        ticket: u64,
        /// The statements, with fresh salts.
        statements: Vec<Drafted>,
        /// What makes a second try the same write.
        request: Option<Request>,
        /// Who and why.
        person: Person,
    },
    /// A person does something about a subject at this node.
    Local {
        /// Names the caller; comes back in [`Effect::LocalDone`](super::Effect::LocalDone).
        ticket: u64,
        /// About whom.
        subject: SubjectTag,
        /// What.
        act: Act,
        /// Who and why.
        person: Person,
        /// What makes a second try the same act.
        request: Option<Request>,
    },
    /// Proofs of equivocation came, checked.
    Forks {
        /// The peer that sent them.
        from: MemberId,
        /// The proofs.
        forks: Vec<VerifiedFork>,
    },
    /// Charter versions came from another member.
    Charters {
        /// The peer that sent them.
        from: MemberId,
        /// The versions, lower ones first.
        charters: Vec<SignedCharter>,
    },
    /// An operator brings a charter version.
    ApplyCharter {
        /// Names the caller; comes back in [`Effect::CharterApplied`](super::Effect::CharterApplied).
        ticket: u64,
        /// The version.
        charter: SignedCharter,
    },
    /// A destruction, and all before it, was done.
    Destroyed(u64),
    /// A feed of this node's member was looked through for what need not be kept any longer.
    Retained(RetentionMark),
    /// A backup was made.
    BackedUp {
        /// SHA-256 of its file.
        backup: Digest,
        /// How many records it has.
        records: u64,
    },
    /// Time has passed.
    Tick,
}

/// How a pull ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullEnd {
    /// Everything that was asked for came.
    Complete,
    /// It broke off.
    Failed,
}
