//! A ledger in memory: for the simulator and for tests.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Changes, Column, Ledger, LedgerFault, Row};

/// A ledger in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryLedger(BTreeMap<(Column, Vec<u8>), Vec<u8>>);

impl MemoryLedger {
    /// Takes changes over.
    pub fn commit(&mut self, changes: &Changes) {
        self.commit_but(changes, &[]);
    }

    /// Takes changes over, those of some columns aside.
    pub fn commit_but(&mut self, changes: &Changes, left_out: &[Column]) {
        let kept = changes.iter().filter(|(column, ..)| !left_out.contains(column));
        for (column, key, value) in kept {
            let key = (column, key.to_vec());
            match value {
                Some(value) => self.0.insert(key, value.to_vec()),
                None => self.0.remove(&key),
            };
        }
    }
}

impl Ledger for MemoryLedger {
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerFault> {
        Ok(self.0.get(&(column, key.to_vec())).cloned())
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
        let from = Bound::Included((column, from.to_vec()));
        let to = Bound::Excluded((column, to.to_vec()));
        let rows = self.0.range((from, to)).take(most);
        Ok(rows.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }
}
