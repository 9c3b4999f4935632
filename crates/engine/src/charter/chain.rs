//! The chain of charter versions: which one is in force, and what each says of which instant.
//!
//! Members, keys and addresses are those of the newest version. Policy and limits are those of the
//! version in force at the record's time, so that the past is not decided again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use interlock_record::{ConsortiumId, Digest, FeedId, MemberId, Statement, Time};

use super::sign::MAX_SIGNATURES;
use super::{Allowance, BadCharter, Charter, Feed, Limits, Quota, SignedCharter, sign, succession};
use crate::limits::MAX_POLICIES;
use crate::policy::{Policy, Schedule};

/// The most successors of one version that are kept.
pub const MAX_RIVALS: usize = 16;

/// Two or more successors of one version, each signed by a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rivals {
    /// The version that they follow, and to which nodes keep.
    pub of: u32,
    /// Their hashes.
    pub ids: BTreeSet<Digest>,
}

/// Every charter version that is known, and the chain of those that hold.
#[derive(Debug, Clone)]
pub struct Charters {
    /// All that enough groups have signed, by hash.
    known: BTreeMap<Digest, Arc<Charter>>,
    /// From the first to the newest, without gaps; never empty.
    chain: Vec<Arc<Charter>>,
    rivals: Option<Rivals>,
    policies: Schedule,
}

impl Charters {
    /// A consortium's first charter alone.
    pub fn first(charter: Charter) -> Self {
        let policies = Schedule::constant(charter.policy.clone());
        let charter = Arc::new(charter);
        let known = BTreeMap::from([(charter.id(), charter.clone())]);
        Self { known, chain: vec![charter], rivals: None, policies }
    }

    /// Takes a signed version in; gives back the same object with what holds now, or nothing where
    /// it is known already.
    ///
    /// # Errors
    /// [`BadCharter`]. `file` names the document in errors.
    pub fn with(&self, file: &str, signed: &SignedCharter) -> Result<Option<Self>, BadCharter> {
        if signed.signatures.len() > MAX_SIGNATURES {
            return Err(BadCharter::TooMany { what: "signatures", most: MAX_SIGNATURES });
        }
        let charter = Charter::parse(file, &signed.document)?;
        if self.known.contains_key(&charter.id()) {
            return Ok(None);
        }
        let Some(previous) = charter.previous.as_ref().and_then(|id| self.known.get(id)) else {
            return Err(BadCharter::UnknownPrevious(charter.previous.unwrap_or(charter.id())));
        };
        succession::check(previous, &charter)?;
        sign::check(previous, &charter, &signed.signatures)?;
        if self.known.len() >= MAX_POLICIES {
            return Err(BadCharter::TooMany { what: "charter versions", most: MAX_POLICIES });
        }
        let siblings =
            self.known.values().filter(|known| known.previous == charter.previous).count();
        if siblings >= MAX_RIVALS {
            return Err(BadCharter::TooMany { what: "rivals of one version", most: MAX_RIVALS });
        }
        let mut known = self.known.clone();
        known.insert(charter.id(), Arc::new(charter));
        Ok(Some(Self::choose(known, self.chain[0].clone())))
    }

    /// Goes from version to version as long as there is one that holds.
    fn choose(known: BTreeMap<Digest, Arc<Charter>>, first: Arc<Charter>) -> Self {
        let mut policies = Schedule::constant(first.policy.clone());
        let mut chain = vec![first];
        let mut rivals = None;
        loop {
            let newest = chain[chain.len() - 1].clone();
            let successors: Vec<&Arc<Charter>> =
                known.values().filter(|next| next.previous == Some(newest.id())).collect();
            match successor(&successors) {
                Ok(Some(next)) => {
                    let from = next.effective_from.unwrap_or(Time::MIN);
                    policies = policies
                        .then(from, next.policy.clone())
                        .expect("succession checks that times rise, `with` how many there are");
                    chain.push(next.clone());
                }
                Ok(None) => break,
                Err(ids) => {
                    rivals = Some(Rivals { of: newest.version, ids });
                    break;
                }
            }
        }
        Self { known, chain, rivals, policies }
    }

    /// The consortium: the hash of its first charter.
    pub fn consortium(&self) -> ConsortiumId {
        ConsortiumId(self.chain[0].id().0)
    }

    /// The version that holds now: who the members are, under which keys, and where.
    pub fn newest(&self) -> &Arc<Charter> {
        &self.chain[self.chain.len() - 1]
    }

    /// The versions that hold, from the first to the newest.
    pub fn chain(&self) -> &[Arc<Charter>] {
        &self.chain
    }

    /// Every version that enough groups have signed, those of a charter fork among them.
    pub fn known(&self) -> impl Iterator<Item = &Arc<Charter>> {
        self.known.values()
    }

    /// The rivals that keep the chain from going on.
    pub const fn rivals(&self) -> Option<&Rivals> {
        self.rivals.as_ref()
    }

    /// The policies over time.
    pub const fn policies(&self) -> &Schedule {
        &self.policies
    }

    /// The policy that governs `at`.
    pub fn policy_at(&self, at: Time) -> &Policy {
        self.policies.at(at)
    }

    /// The version whose policy and limits hold at `at`.
    pub fn at(&self, at: Time) -> &Charter {
        let next = self
            .chain
            .partition_point(|charter| charter.effective_from.is_none_or(|from| from <= at));
        &self.chain[next.max(1) - 1]
    }

    /// The limits that hold at `at`.
    pub fn limits_at(&self, at: Time) -> Limits {
        self.at(at).limits
    }

    /// The version of the rules by which statements of this time are read.
    pub fn rules_at(&self, at: Time) -> u32 {
        self.at(at).rules
    }

    /// A feed, as the newest version names it.
    pub fn feed(&self, feed: FeedId) -> Option<&Feed> {
        self.newest().feed(feed)
    }

    /// Quota and allowance of a feed at `at`: those of the version in force then, or of the first
    /// that names the feed, where it is newer.
    pub fn quota_at(&self, feed: FeedId, at: Time) -> Option<(Quota, Option<Allowance>)> {
        let in_force = self.at(at).feed(feed);
        let named =
            in_force.or_else(|| self.chain.iter().find_map(|charter| charter.feed(feed)))?;
        named.quota.map(|quota| (quota, named.allowance))
    }

    /// The longest that the breaker ever looks back in the feed, if it has a quota at all.
    pub fn longest_reach(&self, feed: FeedId) -> Option<interlock_record::Span> {
        let feeds = self.chain.iter().filter_map(|charter| charter.feed(feed));
        let reaches = feeds.filter_map(|state| {
            Some(crate::breaker::reach(state.quota.as_ref()?, state.allowance.as_ref()))
        });
        reaches.max()
    }

    /// Every member that any version named.
    pub fn member_ids(&self) -> BTreeSet<MemberId> {
        // Members stay named for good.
        self.newest().member_ids()
    }

    /// Whether a feed may make such a statement at all: a trustee's may only take back and answer.
    pub fn may_say(&self, feed: FeedId, statement: &Statement) -> bool {
        let trustee = self.feed(feed).is_some_and(|feed| feed.trustee.is_some());
        !trustee
            || matches!(
                statement,
                Statement::Withdraw(_) | Statement::Recall(_) | Statement::Resolve(_)
            )
    }
}

/// The one of these successors that holds, if it is one; their hashes, if they are rivals.
fn successor<'a>(
    successors: &[&'a Arc<Charter>],
) -> Result<Option<&'a Arc<Charter>>, BTreeSet<Digest>> {
    let ids: BTreeSet<Digest> = successors.iter().map(|charter| charter.id()).collect();
    let resolves_all = |charter: &&&'a Arc<Charter>| {
        ids.iter().all(|id| *id == charter.id() || charter.resolves.contains(id))
    };
    let mut resolving = successors.iter().filter(resolves_all);
    match (resolving.next(), resolving.next()) {
        (Some(one), None) => Ok(Some(*one)),
        _ if ids.is_empty() => Ok(None),
        _ => Err(ids),
    }
}
