//! `interlock backup`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use interlock_record::hex;
use interlock_wire::v1::make_backup_response::Kind;
use interlock_wire::v1::{self, BackupSummary};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::client::{NodeArgs, backup, duration, refusal};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What the file is called while it is not complete, behind the name that it will have.
const UNFINISHED: &str = ".part";
/// Who may read a backup: its owner.
const MODE: u32 = 0o600;

/// Write a backup of a running node into one file; the node goes on meanwhile.
///
/// The content keys are not in it. Without the node's directory of content keys a restore brings
/// every statement back as if it had been erased: keep that directory safe by itself, and never
/// together with backups. FILE is never overwritten, and is there only once it is complete.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  interlock backup --out /backup/acme-2026-01-31.interlock")]
pub(crate) struct Backup {
    /// The file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Serialize)]
struct Made {
    file: PathBuf,
    sha256: String,
    bytes: u64,
    records: u64,
    statements: u64,
    erased: u64,
    rows: u64,
}

impl Backup {
    pub(crate) async fn run(self, output: &mut Output) -> anyhow::Result<Exit> {
        let taken = || {
            let name = self.out.display();
            Failure::bad_input(format!(
                "{name} is there already and is not overwritten: move it away, or choose another name"
            ))
        };
        if self.out.exists() {
            return Err(taken().into());
        }
        let mut file = Unfinished::begin(&self.out)?;
        let summary = self.fetch(&mut file).await?;
        if !file.take_name(&self.out)? {
            return Err(taken().into());
        }
        output.result(&Made {
            file: self.out,
            sha256: hex(&summary.sha256),
            bytes: summary.bytes,
            records: summary.records,
            statements: summary.statements,
            erased: summary.erased,
            rows: summary.rows,
        })?;
        Ok(Exit::Done)
    }

    /// Takes the file from the node; what the node says of it.
    async fn fetch(&self, file: &mut Unfinished) -> anyhow::Result<BackupSummary> {
        let node = self.node.connect().await?;
        let limit = duration(self.node.timeout);
        let lost = |status| refusal(&node.address, &status);
        let mut client = backup(node.channel.clone());
        let asked = client.make_backup(v1::MakeBackupRequest {});
        let late = || Failure::new(Exit::Unreachable, format!("no answer within {limit:?}"));
        let asked = tokio::time::timeout(limit, asked).await.map_err(|_| late())?;
        let mut pieces = asked.map_err(lost)?.into_inner();
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        loop {
            let next = tokio::time::timeout(limit, pieces.message()).await.map_err(|_| late())?;
            match next.map_err(lost)?.and_then(|message| message.kind) {
                Some(Kind::Piece(piece)) => {
                    hash.update(&piece);
                    bytes += piece.len() as u64;
                    file.write(&piece)?;
                }
                Some(Kind::Summary(summary)) => {
                    let came: [u8; 32] = hash.finalize().into();
                    if summary.sha256 != came || summary.bytes != bytes {
                        let message = "what came is not the backup that the node made: try again";
                        return Err(Failure::new(Exit::Failed, message).into());
                    }
                    return Ok(summary);
                }
                None => {
                    let message = "the backup was broken off: the node's log says why";
                    return Err(Failure::new(Exit::Failed, message).into());
                }
            }
        }
    }
}

/// A file that goes away unless it gets its name.
struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    fn begin(out: &Path) -> anyhow::Result<Self> {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(UNFINISHED);
        let path = out.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path);
        let file = file.with_context(|| {
            format!(
                "cannot write {} (left by a backup that was killed? then remove it)",
                path.display()
            )
        })?;
        Ok(Self { path, file })
    }

    fn write(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        let written = self.file.write_all(piece);
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Gives the file its name once it is on disk; says whether nobody else had that name.
    fn take_name(self, out: &Path) -> anyhow::Result<bool> {
        let failed = || format!("cannot write {}", out.display());
        self.file.sync_all().with_context(failed)?;
        // Unlike a rename, a link never replaces what is there.
        match std::fs::hard_link(&self.path, out) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
            linked => linked.with_context(failed)?,
        }
        let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        File::open(directory).and_then(|it| it.sync_all()).with_context(failed)?;
        Ok(true)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, sha256, bytes, records, statements, erased, rows } = self;
        writeln!(f, "file        {}", file.display())?;
        writeln!(f, "sha256      {sha256}")?;
        writeln!(f, "bytes       {bytes}")?;
        writeln!(f, "records     {records}")?;
        writeln!(f, "statements  {statements}, and {erased} erased")?;
        write!(f, "other rows  {rows}")
    }
}
