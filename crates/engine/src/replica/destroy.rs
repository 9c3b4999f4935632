//! Destruction: what a step overwrote whose old bytes must be gone from the disk.
//!
//! That a row was rewritten is not enough: storage keeps old versions for a while. So a step that
//! overwrites erased content says which rows and which statements ([`Destruction`]), and the ledger
//! remembers that this is to be done until it is told that it was, so that a node which dies in
//! between does it after its next start.

use interlock_record::StatementId;

use super::{Effect, Replica, Work};
use crate::ledger::rows::DestroyingRow;
use crate::ledger::{Column, Ledger, LedgerFault, MetaKey, row};

/// What must be gone from the disk once a step is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destruction {
    /// Its number, which the step gives.
    pub number: u64,
    /// Rows that the step overwrote or removed.
    pub rows: Vec<(Column, Vec<u8>)>,
    /// Statements whose content keys are to be destroyed.
    pub statements: Vec<StatementId>,
}

impl Replica {
    /// Numbers the destructions among a step's effects, and remembers that they are to be done.
    pub(super) fn number_destructions(work: &mut Work<'_>) -> Result<(), LedgerFault> {
        let mut number = None;
        for effect in &mut work.effects {
            if let Effect::Destroyed(destruction) = effect {
                let last = match number {
                    Some(last) => last,
                    None => begun(&work.draft)?.unwrap_or(0),
                };
                destruction.number = last + 1;
                number = Some(destruction.number);
            }
        }
        if let Some(number) = number {
            let key = MetaKey::Destroying.bytes().to_vec();
            work.draft.put(key, &DestroyingRow { number });
        }
        Ok(())
    }

    /// A destruction, and all before it, was done: nothing is to be done unless another was begun.
    pub(super) fn destroyed(number: u64, work: &mut Work<'_>) -> Result<(), LedgerFault> {
        if begun(&work.draft)? == Some(number) {
            work.draft.remove(Column::Meta, MetaKey::Destroying.bytes().to_vec());
        }
        Ok(())
    }
}

/// The number of the last destruction that may not be done.
///
/// # Errors
/// [`LedgerFault`].
pub fn begun(ledger: &dyn Ledger) -> Result<Option<u64>, LedgerFault> {
    let row = row::<DestroyingRow>(ledger, MetaKey::Destroying.bytes())?;
    Ok(row.map(|row| row.number))
}

#[cfg(test)]
mod tests {
    use interlock_record::Time;

    use super::*;
    use crate::ledger::MemoryLedger;

    fn work(ledger: &MemoryLedger) -> Work<'_> {
        Work::new(ledger, Time::MIN, false)
    }

    #[test]
    fn a_destruction_is_remembered_until_the_last_is_done() {
        let mut ledger = MemoryLedger::default();
        let mut step = work(&ledger);
        step.effects.extend([(); 2].map(|()| Effect::Destroyed(Destruction::default())));
        Replica::number_destructions(&mut step).expect("memory does not fail");
        let numbers: Vec<u64> = step
            .effects
            .iter()
            .map(|effect| match effect {
                Effect::Destroyed(destruction) => destruction.number,
                _ => 0,
            })
            .collect();
        assert_eq!(numbers, [1, 2]);
        let changes = step.draft.into_changes();
        ledger.commit(&changes);
        assert_eq!(begun(&ledger).expect("memory does not fail"), Some(2));
        for (number, left) in [(1, Some(2)), (2, None)] {
            let mut step = work(&ledger);
            Replica::destroyed(number, &mut step).expect("memory does not fail");
            let changes = step.draft.into_changes();
            ledger.commit(&changes);
            assert_eq!(begun(&ledger).expect("memory does not fail"), left);
        }
    }
}
