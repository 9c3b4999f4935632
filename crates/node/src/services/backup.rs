//! Backups of the running node, sent to whoever asks while it goes on.

use std::io::{self, Write};
use std::time::Duration;

use interlock_engine::replica::Input;
use interlock_wire::v1::backup_server::Backup;
use interlock_wire::v1::make_backup_response::Kind;
use interlock_wire::{refusal, v1};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use super::Services;
use crate::clock::now;

/// The size of the pieces of the file that are sent, in bytes.
const PIECE_BYTES: usize = 128 * 1_024;
/// How many pieces wait for whoever takes the backup.
const MAX_WAITING: usize = 8;
/// Who takes no piece for so long is left: destruction of what was erased waits for the end.
const MAX_STALL: Duration = Duration::from_secs(60);

type Sent = mpsc::Sender<Result<v1::MakeBackupResponse, Status>>;

#[tonic::async_trait]
impl Backup for Services {
    type MakeBackupStream = ReceiverStream<Result<v1::MakeBackupResponse, Status>>;

    async fn make_backup(
        &self,
        _: Request<v1::MakeBackupRequest>,
    ) -> Result<Response<Self::MakeBackupStream>, Status> {
        let (sender, pieces) = mpsc::channel(MAX_WAITING);
        let (this, runtime) = (self.clone(), Handle::current());
        tokio::task::spawn_blocking(move || this.make_backup_now(&sender, &runtime));
        Ok(Response::new(ReceiverStream::new(pieces)))
    }
}

impl Services {
    /// Reads the store; not for a task that serves others.
    fn make_backup_now(&self, sender: &Sent, runtime: &Handle) {
        let mut pieces = Pieces { sender, runtime: runtime.clone(), piece: Vec::new() };
        let last = match self.store.back_up(&self.content_keys, now(), &mut pieces) {
            Ok(made) => {
                let noted = Input::BackedUp { backup: made.digest, records: made.records };
                if runtime.block_on(self.writer.taken(noted)).is_err() {
                    Err(super::gone())
                } else {
                    Ok(Kind::Summary(v1::BackupSummary {
                        sha256: made.digest.0.to_vec(),
                        bytes: made.bytes,
                        records: made.records,
                        statements: made.statements,
                        erased: made.erased,
                        rows: made.rows,
                    }))
                }
            }
            Err(error) => {
                tracing::error!(%error, "no backup was made");
                Err(refusal(Code::Aborted, "BACKUP_FAILED", error))
            }
        };
        let last = last.map(|kind| v1::MakeBackupResponse { kind: Some(kind) });
        // Who has gone has no use for it.
        let _ = runtime.block_on(sender.send_timeout(last, MAX_STALL));
    }
}

/// Cuts a file into pieces and sends them, waiting for whoever takes them.
struct Pieces<'a> {
    sender: &'a Sent,
    runtime: Handle,
    piece: Vec<u8>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.piece.len();
        let taken = bytes.len().min(room);
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        let message = v1::MakeBackupResponse { kind: Some(Kind::Piece(piece)) };
        let sent = self.runtime.block_on(self.sender.send_timeout(Ok(message), MAX_STALL));
        sent.map_err(|_| io::Error::other("whoever asked for it does not take it"))
    }
}
