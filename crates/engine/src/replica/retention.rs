//! Retention: what a feed of this node's member said and need not be kept any longer, by record time.
//!
//! The charter says how long after its end evidence is kept. Its issuer's node then asks for the
//! erasure; what others said is theirs to erase.

use interlock_record::{FeedId, Statement, StatementId, Time};

use super::{known, record_at};
use crate::charter::Charters;
use crate::ledger::rows::{ErasureRow, TargetRow};
use crate::ledger::{Ledger, LedgerFault, row};
use crate::timeline::{Setting, Standing, View, explain};

/// Statements of a feed whose retention is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The statements to be erased.
    pub over: Vec<StatementId>,
    /// The record to go on with; none: all that are old enough have been looked at.
    pub next: Option<u64>,
}

/// Looks through `most` records of a feed, from record `from` on, for statements whose retention is
/// over at `now`.
///
/// # Errors
/// [`LedgerFault`].
pub fn past_retention(
    ledger: &dyn Ledger,
    charters: &Charters,
    feed: FeedId,
    (from, most): (u64, u64),
    now: Time,
) -> Result<Retained, LedgerFault> {
    let limits = charters.limits_at(now);
    let end_by = now.minus(limits.retention);
    let made_by = end_by.min(now.minus(limits.min_keep));
    let mut over = Vec::new();
    for sequence in from..from.saturating_add(most) {
        let Some(row) = record_at(ledger, feed, sequence)? else {
            return Ok(Retained { over, next: None });
        };
        let record = row.verified()?;
        let time = record.header().time;
        if time > made_by {
            return Ok(Retained { over, next: None });
        }
        for (_, id, said) in record.statements(charters.rules_at(time)) {
            let ended = match said {
                Ok(Statement::Flag(_)) => flag_ended(ledger, charters, id, end_by)?,
                // They are no evidence by themselves; their time is their end.
                Ok(Statement::Cure(_) | Statement::Receipt(_) | Statement::Dispute(_)) => true,
                _ => false,
            };
            if ended && !asked(ledger, feed, id)? {
                over.push(id);
            }
        }
    }
    Ok(Retained { over, next: from.checked_add(most) })
}

/// Whether the feed's member has asked for a statement's erasure already, which waits to be final.
fn asked(ledger: &dyn Ledger, feed: FeedId, id: StatementId) -> Result<bool, LedgerFault> {
    let Some(erasure) = row::<ErasureRow>(ledger, id.as_bytes())? else { return Ok(false) };
    for erase in &erasure.erases {
        if erase.feed_id()?.member == feed.member {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a flag had ended at an instant.
fn flag_ended(
    ledger: &dyn Ledger,
    charters: &Charters,
    id: StatementId,
    at: Time,
) -> Result<bool, LedgerFault> {
    let target: Option<TargetRow> = row(ledger, id.as_bytes())?;
    let Some(subject) = target.and_then(|target| target.subject()) else { return Ok(false) };
    let known = known(ledger, charters, subject)?;
    let Some(index) = known.flag_ids.iter().position(|flag| *flag == id) else {
        // It means nothing, and never will again.
        return Ok(true);
    };
    let members = charters.member_ids();
    let view = View::Consortium;
    let setting = Setting { policies: charters.policies(), members: &members, view };
    let standing = explain(&setting, &known.evidence, at).flags[index].standing;
    let ended = [Standing::Expired, Standing::TakenBack, Standing::Replaced, Standing::Settled];
    Ok(ended.contains(&standing))
}
