//! A signer outside the node: a command that speaks over its standard input and output, or
//! something behind a Unix socket. Whatever it gives back, the caller verifies.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use interlock_record::{Domain, PublicKey, Signature, Signer, SigningFailed};
use interlock_wire::signer::{Answer, Question, read_line};

/// How long a signer may take to answer; then it is asked the same once more. The writer waits
/// meanwhile, and all that it does.
pub const SIGNER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a signer that did not answer is left alone: who asks meanwhile is refused at once.
pub const SIGNER_REST: Duration = Duration::from_secs(1);

/// How a signer is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A program and its arguments; started once, and again when it has ended.
    Command(Vec<String>),
    /// A Unix socket at which it listens.
    Socket(PathBuf),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Its arguments may be nobody else's business.
            Self::Command(words) => {
                write!(f, "the signer {}", words.first().map_or("", String::as_str))
            }
            Self::Socket(path) => write!(f, "the signer at {}", path.display()),
        }
    }
}

/// A signer outside the node.
#[derive(Debug)]
pub struct ExternalSigner {
    way: Way,
    key: PublicKey,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    /// Until when it is left alone, and what went wrong.
    rests: Option<(Instant, String)>,
}

/// No answer, and whether the question may have been heard.
struct Unheard {
    asked: bool,
    error: io::Error,
}

impl ExternalSigner {
    /// Reaches a signer and makes sure that it has the key that it must have.
    ///
    /// # Errors
    /// When it cannot be reached, or has another key.
    pub fn connect(way: Way, key: PublicKey) -> Result<Self, SigningFailed> {
        let this = Self { way, key, state: Mutex::default() };
        let has = this.ask(&Question::Public)?;
        match PublicKey::from_bytes(&has) {
            Ok(has) if has == key => Ok(this),
            Ok(has) => Err(SigningFailed::Refused(format!(
                "{} has key {has}, the charter names {key}",
                this.way
            ))),
            Err(error) => Err(SigningFailed::Refused(format!("{}: its key: {error}", this.way))),
        }
    }

    fn ask(&self, question: &Question) -> Result<Vec<u8>, SigningFailed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, why)) = &state.rests
            && Instant::now() < *until
        {
            return Err(SigningFailed::Unavailable(why.clone()));
        }
        state.rests = None;
        match self.exchange(&mut state, &question.to_string()) {
            Ok(line) => match Answer::parse(&line) {
                Ok(Answer::Ok(bytes)) => Ok(bytes),
                Ok(Answer::Refused { code, text }) => {
                    Err(SigningFailed::Refused(format!("{code}: {text}")))
                }
                // How far it got only it knows.
                Ok(Answer::Failed { code, text }) => {
                    Err(SigningFailed::Unanswered(format!("{code}: {text}")))
                }
                Err(error) => {
                    // Whatever it is in the middle of, the next answer must not be taken for ours.
                    state.connection = None;
                    Err(SigningFailed::Unanswered(format!("{}: {error}", self.way)))
                }
            },
            Err(Unheard { asked, error }) => {
                let why = format!("{}: {error}", self.way);
                state.connection = None;
                state.rests = Some((Instant::now() + SIGNER_REST, why.clone()));
                let failed =
                    if asked { SigningFailed::Unanswered } else { SigningFailed::Unavailable };
                Err(failed(why))
            }
        }
    }

    /// Asks over the connection that stands, and once more over a new one where that breaks or the
    /// answer does not come: a signer may have signed this very question and remembered it, and
    /// would sign no other in its place.
    fn exchange(&self, state: &mut State, question: &str) -> Result<String, Unheard> {
        let mut asked = false;
        loop {
            let last = asked;
            let connection = match state.connection.take() {
                Some(connection) => connection,
                None => Connection::open(&self.way).map_err(|error| Unheard { asked, error })?,
            };
            asked = true;
            match state.connection.insert(connection).exchange(question) {
                Ok(answer) => return Ok(answer),
                Err(error) if last => return Err(Unheard { asked, error }),
                Err(_) => state.connection = None,
            }
        }
    }
}

impl Signer for ExternalSigner {
    fn public(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, domain: Domain, payload: &[u8]) -> Result<Signature, SigningFailed> {
        let signed = self.ask(&Question::Sign { domain, payload: payload.to_vec() })?;
        Signature::from_slice(&signed).ok_or_else(|| {
            SigningFailed::Unanswered(format!("{}: expected a signature of 64 bytes", self.way))
        })
    }
}

/// A way that is open. A thread of its own reads the answers, since a pipe knows no time limit.
struct Connection {
    questions: Box<dyn Write + Send>,
    answers: Receiver<io::Result<Option<String>>>,
    end: End,
}

/// What has to be ended with a connection.
enum End {
    Process(Child),
    Stream(UnixStream),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    fn open(way: &Way) -> io::Result<Self> {
        match way {
            Way::Command(words) => {
                let (program, arguments) = words
                    .split_first()
                    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
                let mut child = Command::new(program)
                    .args(arguments)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    // Ctrl-C is for the node, which ends the signer when it has no more to sign.
                    .process_group(0)
                    .spawn()?;
                let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
                    return Err(io::Error::other("the command has no standard input or output"));
                };
                Self::new(Box::new(stdin), stdout, End::Process(child))
            }
            Way::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(SIGNER_PATIENCE))?;
                let (questions, answers) = (stream.try_clone()?, stream.try_clone()?);
                Self::new(Box::new(questions), answers, End::Stream(stream))
            }
        }
    }

    fn new(
        questions: Box<dyn Write + Send>,
        answers: impl Read + Send + 'static,
        end: End,
    ) -> io::Result<Self> {
        let (tell, told) = sync_channel(1);
        std::thread::Builder::new().name("signer".into()).spawn(move || {
            let mut reader = BufReader::new(answers);
            loop {
                let line = read_line(&mut reader);
                let goes_on = matches!(line, Ok(Some(_)));
                if tell.send(line).is_err() || !goes_on {
                    return;
                }
            }
        })?;
        Ok(Self { questions, answers: told, end })
    }

    fn exchange(&mut self, question: &str) -> io::Result<String> {
        // An answer that nobody asked for.
        if let Ok(Ok(Some(_))) = self.answers.try_recv() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it spoke unasked"));
        }
        self.questions.write_all(format!("{question}\n").as_bytes())?;
        self.questions.flush()?;
        let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "it has gone");
        match self.answers.recv_timeout(SIGNER_PATIENCE) {
            Ok(line) => line?.ok_or_else(gone),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => {
                let what = format!("no answer within {SIGNER_PATIENCE:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, what))
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        match &mut self.end {
            End::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            // This also ends the thread that reads.
            End::Stream(stream) => {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

#[cfg(test)]
mod tests;
