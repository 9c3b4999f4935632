//! A ledger with changes on top that are not committed yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::rows::{StatementRow, StoredRow};
use super::{Changes, Column, Ledger, LedgerFault, Row};

/// A ledger with changes on top that are not committed yet: what a step reads and writes.
pub struct Draft<'a> {
    ledger: &'a dyn Ledger,
    changes: Changes,
}

impl<'a> Draft<'a> {
    /// Nothing changed yet.
    pub fn new(ledger: &'a dyn Ledger) -> Self {
        Self { ledger, changes: Changes::default() }
    }

    /// The changes, to be committed.
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// Writes a row.
    pub fn put<R: StoredRow>(&mut self, key: Vec<u8>, row: &R) {
        self.changes.0.insert((R::COLUMN, key), Some(row.encode()));
    }

    /// Writes a row that is nothing but its key.
    pub fn put_key(&mut self, column: Column, key: Vec<u8>) {
        self.changes.0.insert((column, key), Some(Vec::new()));
    }

    /// Writes a statement into a column of statements.
    pub fn put_statement(&mut self, column: Column, key: Vec<u8>, row: &StatementRow) {
        use prost::Message as _;
        self.changes.0.insert((column, key), Some(row.encode_to_vec()));
    }

    /// Removes a row.
    pub fn remove(&mut self, column: Column, key: Vec<u8>) {
        self.changes.0.insert((column, key), None);
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`LedgerFault`].
    pub fn row<R: StoredRow>(&self, key: &[u8]) -> Result<Option<R>, LedgerFault> {
        row(self, key)
    }
}

/// Reads a row of any ledger.
///
/// # Errors
/// [`LedgerFault`].
pub(crate) fn row<R: StoredRow>(ledger: &dyn Ledger, key: &[u8]) -> Result<Option<R>, LedgerFault> {
    ledger.get(R::COLUMN, key)?.map(|bytes| R::decode(&bytes)).transpose()
}

impl Ledger for Draft<'_> {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerFault> {
        match self.changes.0.get(&(column, key.to_vec())) {
            Some(changed) => Ok(changed.clone()),
            None => self.ledger.get(column, key),
        }
    }

    fn range(
        &self,
        column: Column,
        from: &[u8],
        to: &[u8],
        most: usize,
    ) -> Result<Vec<Row>, LedgerFault> {
        if from >= to {
            return Ok(Vec::new());
        }
        let changed = self.changes.0.range((
            Bound::Included((column, from.to_vec())),
            Bound::Excluded((column, to.to_vec())),
        ));
        let changed: BTreeMap<&[u8], Option<&[u8]>> =
            changed.map(|((_, key), value)| (key.as_slice(), value.as_deref())).collect();
        // Every removed row may cost one of those asked for.
        let removed = changed.values().filter(|value| value.is_none()).count();
        let below = self.ledger.range(column, from, to, most.saturating_add(removed))?;
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = below.into_iter().collect();
        for (key, value) in changed {
            match value {
                Some(value) => rows.insert(key.to_vec(), value.to_vec()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(most).collect())
    }
}
