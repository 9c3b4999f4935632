//! The destroyer: sees that what a step overwrote is gone from the disk, content keys first, off
//! the writer's thread, and tells the replica when it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interlock_engine::ledger::Column;
use interlock_engine::ledger::rows::{LogRow, StoredRow};
use interlock_engine::replica::{Destruction, Effect, Input};
use interlock_record::StatementId;
use interlock_store::{ContentKeys, Store, StoreError};
use tokio::sync::{Notify, watch};

use crate::writer::{Outbox, WriterHandle};

/// More rows than so many are not told apart: all rows that can hold content are gone through.
const MAX_ROWS: usize = 4_096;
/// How many content keys are destroyed at once.
const KEYS_AT_ONCE: usize = 4_096;
/// How long to wait after a try that failed.
const RETRY: Duration = Duration::from_secs(10);

/// What is to be destroyed.
#[derive(Debug, Default)]
struct Pending {
    rows: Vec<(Column, Vec<u8>)>,
    statements: Vec<StatementId>,
    /// Which rows and statements is not known, or they are too many.
    everything: bool,
    /// The number of the last destruction among them; 0: there is none.
    last: u64,
}

/// A way to the destroyer. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Destructions(Arc<(Mutex<Pending>, Notify)>);

impl Destructions {
    /// Has what a step overwrote destroyed.
    pub fn add(&self, destruction: Destruction) {
        self.change(|pending| {
            pending.rows.extend(destruction.rows);
            pending.statements.extend(destruction.statements);
            pending.last = pending.last.max(destruction.number);
        });
    }

    /// Has everything destroyed that was ever overwritten: what was begun before the node ended.
    pub fn add_all(&self, number: u64) {
        self.change(|pending| {
            pending.everything = true;
            pending.last = pending.last.max(number);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Pending)) {
        let (pending, changed) = &*self.0;
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut pending);
        if pending.rows.len() > MAX_ROWS || pending.statements.len() > MAX_ROWS {
            pending.everything = true;
        }
        if pending.everything {
            pending.rows = Vec::new();
            pending.statements = Vec::new();
        }
        changed.notify_one();
    }

    fn take(&self) -> Pending {
        std::mem::take(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts back what could not be destroyed.
    fn put_back(&self, failed: Pending) {
        self.change(|pending| {
            pending.rows.extend(failed.rows);
            pending.statements.extend(failed.statements);
            pending.everything |= failed.everything;
            pending.last = pending.last.max(failed.last);
        });
    }
}

/// Runs the effects of a step: destructions here, the others at `peers`.
pub struct NodeOutbox<P> {
    /// The ways to the peers.
    pub peers: P,
    /// The way to the destroyer.
    pub destructions: Destructions,
}

impl<P: Outbox> Outbox for NodeOutbox<P> {
    fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Destroyed(destruction) => self.destructions.add(destruction),
            effect => self.peers.run(effect),
        }
    }
}

/// Destroys what is added, until the node shuts down. What is not done then is begun anew at the
/// next start.
pub async fn destroy_forever(
    destructions: Destructions,
    store: Store,
    keys: ContentKeys,
    writer: WriterHandle,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = destructions.0.1.notified() => {}
            _ = shutdown.wait_for(|over| *over) => return,
        }
        let pending = destructions.take();
        if pending.last == 0 {
            continue;
        }
        let (store, keys) = (store.clone(), keys.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = destroy(&store, &keys, &pending);
            (pending, done)
        });
        let Ok((pending, done)) = done.await else { return };
        match done {
            Ok(()) => {
                let _ = writer.input(Input::Destroyed(pending.last)).await;
            }
            Err(error) => {
                tracing::error!(%error, "erased content is not destroyed yet");
                destructions.put_back(pending);
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    _ = shutdown.wait_for(|over| *over) => return,
                }
            }
        }
    }
}

fn destroy(store: &Store, keys: &ContentKeys, pending: &Pending) -> Result<(), StoreError> {
    // The keys first: from then on no backup that is made has the content.
    let purged = if pending.everything {
        destroy_keys_of_erased(store, keys)?;
        store.destroy_all()?
    } else {
        keys.destroy(&pending.statements)?;
        store.destroy(&pending.rows)?
    };
    tracing::info!(tables = purged.tables, logs = purged.logs, "destroyed erased content");
    Ok(())
}

/// Destroys the content key of every statement that the log has as erased.
fn destroy_keys_of_erased(store: &Store, keys: &ContentKeys) -> Result<(), StoreError> {
    let mut erased = Vec::new();
    let mut failed = None;
    let scanned = store.scan(Column::Log, |_, value| {
        let record = <LogRow as StoredRow>::decode(value).and_then(|row| row.verified());
        match record {
            Ok(record) => erased.extend(
                (0..)
                    .zip(&record.signed().body)
                    .filter(|(_, entry)| entry.statement().is_none())
                    .map(|(index, _)| interlock_record::statement_id(&record.id(), index)),
            ),
            Err(error) => failed = Some(StoreError::Unreadable(error)),
        }
        if erased.len() >= KEYS_AT_ONCE {
            failed = keys.destroy(&std::mem::take(&mut erased)).err();
        }
        failed.is_none()
    });
    scanned.map_err(StoreError::Unreadable)?;
    match failed {
        Some(error) => Err(error),
        None => keys.destroy(&erased).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destruction(number: u64, rows: usize) -> Destruction {
        let rows = (0..rows as u64).map(|row| (Column::Log, row.to_be_bytes().to_vec()));
        Destruction { number, rows: rows.collect(), statements: vec![StatementId([1; 32])] }
    }

    #[test]
    fn destructions_are_taken_together_and_more_than_can_be_told_apart_are_all() {
        let destructions = Destructions::default();
        destructions.add(destruction(1, 2));
        destructions.add(destruction(2, MAX_ROWS - 2));
        let pending = destructions.take();
        assert_eq!((pending.last, pending.rows.len(), pending.statements.len()), (2, MAX_ROWS, 2));
        assert!(!pending.everything);
        assert_eq!(destructions.take().last, 0);

        destructions.add(destruction(3, MAX_ROWS + 1));
        let pending = destructions.take();
        assert_eq!((pending.last, pending.rows.len(), pending.everything), (3, 0, true));
        destructions.put_back(pending);
        destructions.add(destruction(4, 1));
        let pending = destructions.take();
        assert_eq!((pending.last, pending.rows.len(), pending.everything), (4, 0, true));
    }
}
