//! Making a restored ledger whole: what follows from the log alone is no part of a backup, and is
//! made here from the records' statements, by the very code that took them in, without journaling.
//!
//! Statements that came back erased (they were erased after the backup was made, or their content
//! key is gone) no longer count: every subject that has a decision is then decided anew, and what
//! differs from what the journal told is journaled as revised. Only after that may a node serve.
//!
//! A restore itself sees that records and bodies fit each other, and has no charter: here every
//! record's signature is verified against the charter's key, before anything that it says counts.

use interlock_record::{Digest, Header, Time, VerifiedRecord, verify_header};

use super::branches::Judging;
use super::finality::on_line;
use super::happening::Happening;
use super::revisit::{Cause, is_revisited_for, revisit, revisit_everybody};
use super::{Replica, Work};
use crate::ledger::rows::{LogRow, RestoreRow, StoredRow};
use crate::ledger::{
    Changes, Column, Ledger, LedgerFault, MetaKey, number_key, number_of_key, row,
};

/// How many records one step of a rebuild takes.
const MAX_RECORDS_A_STEP: usize = 64;

impl Replica {
    /// The next step of making a restored ledger whole; nothing where it is whole. Its changes are
    /// to be committed before the next is asked for, and all of them before anything else.
    ///
    /// # Errors
    /// [`LedgerFault`] when the ledger cannot be read. The replica must not be used again then.
    pub fn rebuild(
        &mut self,
        ledger: &dyn Ledger,
        now: Time,
    ) -> Result<Option<Changes>, LedgerFault> {
        let Some(mut restore) = row::<RestoreRow>(ledger, MetaKey::Restore.bytes())? else {
            return Ok(None);
        };
        let before = self.counters;
        let mut work = Work::new(ledger, now, self.revisiting);
        self.note_settings(&mut work)?;
        let marker = MetaKey::Restore.bytes().to_vec();
        if self.rebuild_records(&mut restore, &mut work)?
            || self.revisit_restored(&restore, &mut work)?
        {
            work.draft.put(marker, &restore);
        } else {
            work.draft.remove(Column::Meta, marker);
            // Only now is everything known that members have seen.
            self.forks.judging = Judging::On;
            self.judge_all(&mut work)?;
            work.events.push(Happening::Restored {
                backup: Digest::from_slice(&restore.backup).unwrap_or(Digest([0; 32])),
                made_at: Time::from_micros(restore.made_at).unwrap_or(now),
                erased: restore.erased,
            });
            self.write_events(&mut work);
        }
        self.revisiting = work.revisits;
        if self.counters != before {
            work.draft.put(MetaKey::Counters.bytes().to_vec(), &self.counters);
        }
        Ok(Some(work.draft.into_changes()))
    }

    /// Puts what the next records say where it counts; says whether there were any.
    fn rebuild_records(
        &mut self,
        restore: &mut RestoreRow,
        work: &mut Work<'_>,
    ) -> Result<bool, LedgerFault> {
        let from = number_key(restore.rebuilt + 1);
        let rows = work.draft.range(Column::Log, &from, &[0xff; 9], MAX_RECORDS_A_STEP)?;
        self.forks.judging = Judging::Off;
        for (key, value) in &rows {
            let row = LogRow::decode(value)?;
            let record = row.verified()?;
            self.check_signature(&record)?;
            let header = record.header();
            // Records of other branches mean nothing.
            if on_line(&work.draft, header.feed, header.sequence, record.id())? {
                let all: Vec<u32> = (0..header.statements).collect();
                self.note_holes(&record, work);
                self.statements(&record, &row, &all, work)?;
            }
            restore.rebuilt = number_of_key(key).ok_or_else(|| LedgerFault::Corrupt {
                column: Column::Log.name(),
                what: "a key that is no arrival number".to_owned(),
            })?;
        }
        // The journal came with the backup, and so did what was decided.
        work.events.clear();
        work.effects.clear();
        work.touched.clear();
        Ok(!rows.is_empty())
    }

    /// Whoever could write the backup could make its checks fit, but no member's signature.
    fn check_signature(&self, record: &VerifiedRecord) -> Result<(), LedgerFault> {
        let Header { feed, sequence, .. } = *record.header();
        let corrupt = |why: &dyn std::fmt::Display| LedgerFault::Corrupt {
            column: Column::Log.name(),
            what: format!(
                "record {sequence} of feed {feed} is not what its member signed ({why}): the backup that it was restored from was changed"
            ),
        };
        let named = self.charters.feed(feed);
        let named = named.ok_or_else(|| corrupt(&"no charter version names the feed"))?;
        let signed = record.signed();
        let consortium = self.charters.consortium();
        verify_header(&signed.header, &signed.signature, &consortium, &named.key)
            .map(drop)
            .map_err(|error| corrupt(&error))
    }

    /// Where statements came back erased, decides the next subjects anew; says whether some are left.
    fn revisit_restored(
        &mut self,
        restore: &RestoreRow,
        work: &mut Work<'_>,
    ) -> Result<bool, LedgerFault> {
        if restore.erased == 0 {
            return Ok(false);
        }
        if !is_revisited_for(Cause::Restored, &work.draft)? {
            revisit_everybody(Cause::Restored, work)?;
        }
        revisit(work)?;
        self.settle_all(work)?;
        is_revisited_for(Cause::Restored, &work.draft)
    }
}
