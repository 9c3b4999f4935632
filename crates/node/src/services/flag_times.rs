//! When every flag was raised: read off the store in chunks, each sent before the next is read, so
//! that neither a large store nor a slow reader costs the node memory or holds up the writer.

use interlock_engine::charter::Charters;
use interlock_engine::ledger::{Column, Ledger as _, LedgerFault};
use interlock_engine::replica::known;
use interlock_record::{Statement, SubjectTag};
use interlock_store::Store;
use interlock_wire::{timestamp, v1};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Services, blocking, gone};

/// How many messages wait for a reader.
const MAX_WAITING: usize = 4;
/// How many subjects' evidence is read at once.
const SUBJECTS: usize = 64;
/// How many flags are in one message, at most: about 90 KiB of them.
const MAX_FLAGS: usize = 1_000;

type Sender = mpsc::Sender<Result<v1::ListFlagTimesResponse, Status>>;

/// Sends the issuers, then every flag.
pub(super) fn list(
    services: &Services,
    issuers: Vec<v1::Issuer>,
) -> impl Stream<Item = Result<v1::ListFlagTimesResponse, Status>> + Send + use<> {
    let (sender, messages) = mpsc::channel(MAX_WAITING);
    let services = services.clone();
    tokio::spawn(async move {
        let mut shutdown = services.shutdown.clone();
        let status = tokio::select! {
            ended = send(&services, issuers, &sender) => ended.err(),
            _ = shutdown.wait_for(|over| *over) => Some(gone()),
        };
        if let Some(status) = status {
            let _ = sender.send(Err(status)).await;
        }
    });
    ReceiverStream::new(messages)
}

async fn send(
    services: &Services,
    issuers: Vec<v1::Issuer>,
    sender: &Sender,
) -> Result<(), Status> {
    let first = v1::ListFlagTimesResponse { issuers, flags: Vec::new() };
    if sender.send(Ok(first)).await.is_err() {
        return Ok(());
    }
    let mut from = Some(Vec::new());
    while let Some(start) = from {
        let (store, charters) = (services.store.clone(), services.charters.now());
        let chunk = blocking(move || read(&store, &charters, &start)).await?;
        for message in messages(chunk.flags) {
            // Nobody listens any more.
            if sender.send(Ok(message)).await.is_err() {
                return Ok(());
            }
        }
        from = chunk.next;
    }
    Ok(())
}

fn messages(mut flags: Vec<v1::FlagTime>) -> Vec<v1::ListFlagTimesResponse> {
    let mut messages = Vec::new();
    while !flags.is_empty() {
        let rest = flags.split_off(flags.len().min(MAX_FLAGS));
        messages.push(v1::ListFlagTimesResponse { issuers: Vec::new(), flags });
        flags = rest;
    }
    messages
}

/// The flags on some subjects.
struct Chunk {
    flags: Vec<v1::FlagTime>,
    /// Where to read on, if there is more.
    next: Option<Vec<u8>>,
}

fn read(store: &Store, charters: &Charters, from: &[u8]) -> Result<Chunk, LedgerFault> {
    // Above every tag.
    let end = [0xff; size_of::<SubjectTag>() + 1];
    let rows = store.range(Column::Evidence, from, &end, SUBJECTS)?;
    let mut flags = Vec::new();
    for subject in rows.iter().filter_map(|(key, _)| SubjectTag::from_slice(key)) {
        for placed in known(store, charters, subject)?.statements {
            if let Statement::Flag(flag) = placed.statement {
                flags.push(v1::FlagTime {
                    issuer: placed.position.member.to_string(),
                    time: Some(timestamp(placed.position.time)),
                    subject: subject.0.to_vec(),
                    echo: !flag.derived_from.is_empty(),
                });
            }
        }
    }
    // The least key above the last one read.
    let next = rows.last().map(|(key, _)| [key.as_slice(), &[0]].concat());
    Ok(Chunk { flags, next: next.filter(|_| rows.len() == SUBJECTS) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_so_many_flags_at_most() {
        for (flags, expected) in [
            (0, vec![]),
            (1, vec![1]),
            (MAX_FLAGS, vec![MAX_FLAGS]),
            (MAX_FLAGS + 1, vec![MAX_FLAGS, 1]),
        ] {
            let messages = messages(vec![v1::FlagTime::default(); flags]);
            let sizes: Vec<usize> = messages.iter().map(|message| message.flags.len()).collect();
            assert_eq!(sizes, expected);
        }
    }
}
