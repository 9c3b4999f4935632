//! A signer as a process: answers over standard input and output, or at a Unix socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use interlock_wire::signer::read_line;

use super::guard::Guard;

/// At most so many nodes at a time; there is one, and what an operator tries by hand.
pub const MAX_CONNECTIONS: usize = 8;

/// Answers until the questions end.
///
/// # Errors
/// When a question is no line, or nobody takes the answers.
pub fn answer_all(
    guard: &Mutex<Guard>,
    questions: &mut impl BufRead,
    answers: &mut impl Write,
) -> io::Result<()> {
    while let Some(line) = read_line(questions)? {
        let answer = guard.lock().unwrap_or_else(PoisonError::into_inner).answer(&line);
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

/// Binds a socket that only its owner may use; one that a dead signer left is replaced.
///
/// # Errors
/// When it cannot be bound.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = || format!("cannot listen at the socket {}", path.display());
    if path.exists() && UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).with_context(failed)?;
    }
    let listener = UnixListener::bind(path).with_context(failed)?;
    let owner = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, owner).with_context(failed)?;
    Ok(listener)
}

/// Answers whoever connects, for ever.
///
/// # Errors
/// When the socket fails.
pub fn serve(guard: Guard, listener: &UnixListener) -> io::Result<()> {
    let guard = Arc::new(Mutex::new(guard));
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = stream?;
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!("too many connections at a time: one was turned away");
            continue;
        }
        let (guard, open) = (guard.clone(), open.clone());
        std::thread::Builder::new().name("connection".into()).spawn(move || {
            if let Err(error) = converse(&guard, stream) {
                tracing::warn!(%error, "a connection broke");
            }
            open.fetch_sub(1, Ordering::Relaxed);
        })?;
    }
    Ok(())
}

fn converse(guard: &Mutex<Guard>, stream: UnixStream) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    answer_all(guard, &mut BufReader::new(stream), &mut answers)
}
