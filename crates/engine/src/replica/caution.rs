//! What must hold before a replica signs for the first time after a start: a node that was restored
//! from an old backup would sign sequence numbers anew that others have seen already.
//!
//! Two things stand against that. The node remembers outside its ledger which record it signed last,
//! and the replica does not sign before its ledger has that very record. And it asks the others: it
//! waits until a quorum of groups has told, completely, which heads it knows.

use std::collections::BTreeMap;

use interlock_record::{FeedHead, FeedId, MemberId, RecordId};

use super::happening::Happening;
use crate::charter::Charter;
use crate::ledger::rows::IndexRow;
use crate::ledger::{Ledger, LedgerFault, index_key, row};

/// The most groups that are named in what operators read.
const MAX_NAMED: usize = 5;

/// A record that this node has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedHead {
    /// Its sequence number.
    pub sequence: u64,
    /// Its id.
    pub id: RecordId,
}

/// How a replica starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It signs once it has the record that it signed last, where one is known, and a quorum of
    /// groups has told which heads it knows.
    Careful {
        /// The record that it signed last, as remembered outside the ledger.
        last_signed: Option<SignedHead>,
    },
    /// It signs at once, since its operator says so.
    Forced {
        /// Why, for the journal.
        reason: String,
    },
}

/// How the record that was signed last stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastSigned {
    /// It is there, or none is known.
    Met,
    /// The ledger does not reach so far.
    Awaited(SignedHead),
    /// Another record stands in its place.
    Replaced(SignedHead),
}

/// What keeps a replica from signing after a start.
#[derive(Debug)]
pub(super) struct Caution {
    feed: FeedId,
    last_signed: LastSigned,
    /// How many groups must answer.
    needed: usize,
    /// The other groups, and whether they have answered.
    groups: BTreeMap<String, Answer>,
    /// To be journaled with the next step.
    forced: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    Given,
}

impl Caution {
    pub(super) fn new(charter: &Charter, feed: FeedId, start: Start) -> Self {
        let (groups, needed) = Self::asked(charter, feed);
        match start {
            Start::Careful { last_signed } => Self {
                feed,
                last_signed: last_signed.map_or(LastSigned::Met, LastSigned::Awaited),
                needed,
                groups,
                forced: None,
            },
            Start::Forced { reason } => {
                Self { feed, last_signed: LastSigned::Met, needed: 0, groups, forced: Some(reason) }
            }
        }
    }

    /// The other groups that take part, and how many of them must answer.
    fn asked(charter: &Charter, feed: FeedId) -> (BTreeMap<String, Answer>, usize) {
        let own = charter.group_of(feed.member);
        let groups: BTreeMap<String, Answer> = charter
            .groups()
            .into_iter()
            .filter(|group| Some(*group) != own)
            .map(|group| (group.to_owned(), Answer::Awaited))
            .collect();
        // The quorum counts this node's own group.
        let needed = (charter.quorum.saturating_sub(1) as usize).min(groups.len());
        (groups, needed)
    }

    /// Another charter holds: there are other groups to ask. Whoever has answered, has.
    pub(super) fn amended(&mut self, charter: &Charter) {
        let (mut groups, needed) = Self::asked(charter, self.feed);
        for (group, answer) in &mut groups {
            if let Some(given) = self.groups.get(group) {
                *answer = *given;
            }
        }
        self.groups = groups;
        // A start that was forced asks nobody.
        self.needed = if self.needed == 0 { 0 } else { needed };
    }

    /// A member has told all heads that it knows.
    pub(super) fn answered(&mut self, charter: &Charter, from: MemberId) {
        let group = charter.group_of(from).and_then(|group| self.groups.get_mut(group));
        if let Some(answer) = group {
            *answer = Answer::Given;
        }
    }

    /// Looks whether the record that was signed last has come.
    pub(super) fn review(
        &mut self,
        ledger: &dyn Ledger,
        head: Option<&FeedHead>,
    ) -> Result<(), LedgerFault> {
        let LastSigned::Awaited(signed) = self.last_signed else { return Ok(()) };
        if head.map_or(0, |head| head.sequence) < signed.sequence {
            return Ok(());
        }
        let known: Option<IndexRow> = row(ledger, &index_key(self.feed, signed.sequence))?;
        let same = known.is_some_and(|known| known.id == signed.id.0);
        self.last_signed = if same { LastSigned::Met } else { LastSigned::Replaced(signed) };
        Ok(())
    }

    /// What the journal tells once, if the operator has forced the start.
    pub(super) fn take_forced(&mut self) -> Option<Happening> {
        self.forced.take().map(|reason| Happening::SigningForced { reason })
    }

    /// What the record that was signed last says against signing on top of `head`.
    pub(super) fn against_head(&self, head: u64) -> Option<String> {
        match self.last_signed {
            LastSigned::Met => None,
            LastSigned::Awaited(SignedHead { sequence, .. }) => Some(format!(
                "this node has signed record {sequence} of its feed, but its store ends at record \
                 {head}, as after the restore of an old backup: it signs again once it has got the \
                 records between from the other members"
            )),
            LastSigned::Replaced(SignedHead { sequence, id }) => Some(format!(
                "this node signed record {sequence} of its feed as {id:.12}, but another record \
                 stands in that place: its key is in use elsewhere, or its store is another's; it \
                 does not sign until its operator has looked into that"
            )),
        }
    }

    /// Whose answers are missing.
    pub(super) fn unanswered(&self) -> Option<String> {
        let missing = |(group, answer): (&String, &Answer)| {
            (*answer == Answer::Awaited).then(|| group.clone())
        };
        let missing: Vec<String> = self.groups.iter().filter_map(missing).collect();
        let given = self.groups.len() - missing.len();
        if given >= self.needed {
            return None;
        }
        let mut named = missing[..missing.len().min(MAX_NAMED)].join(", ");
        if missing.len() > MAX_NAMED {
            named.push_str(" ...");
        }
        Some(format!(
            "after its start this node asks the others for the head of its own feed: {given} of the \
             {} groups needed have answered, not yet: {named}",
            self.needed
        ))
    }
}
