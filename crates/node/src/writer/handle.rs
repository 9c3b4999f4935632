//! What the rest of the node asks of the writer.

use interlock_engine::charter::{BadCharter, SignedCharter};
use interlock_engine::ledger::rows::CountersRow;
use interlock_engine::local::{Act, LocalDone, LocalRefused, Person};
use interlock_engine::replica::{
    Drafted, Input, PeerView, PublishRefused, Published, Request, Withholding,
};
use interlock_record::{Digest, FeedHead, FeedId, MemberId, SubjectTag};
use tokio::sync::{mpsc, oneshot, watch};

/// What becomes of statements.
pub type PublishResult = Result<Published, PublishRefused>;

/// Something for the writer to do.
#[derive(Debug)]
pub(super) enum Command {
    Input(Input),
    /// As an input, but the sender waits until it is on disk.
    Taken(Input, oneshot::Sender<()>),
    ApplyCharter(SignedCharter, oneshot::Sender<Result<u32, BadCharter>>),
    Publish(Publishing, oneshot::Sender<PublishResult>),
    Local(Acting, oneshot::Sender<LocalResult>),
    Report(oneshot::Sender<Report>),
    Shutdown,
}

/// Statements to be published.
#[derive(Debug)]
pub struct Publishing {
    /// The statements.
    pub statements: Vec<Drafted>,
    /// What makes a second try the same write.
    pub request: Option<Request>,
    /// Who asks and why, where that goes into the audit log.
    pub person: Option<Person>,
}

/// A person's act.
#[derive(Debug)]
pub struct Acting {
    /// About whom.
    pub subject: SubjectTag,
    /// What.
    pub act: Act,
    /// Who and why.
    pub person: Person,
    /// What makes a second try the same act.
    pub request: Option<Request>,
}

/// What becomes of an act.
pub type LocalResult = Result<LocalDone, LocalRefused>;

/// How the replica is.
#[derive(Debug, Clone)]
pub struct Report {
    /// The heads of every feed.
    pub heads: Vec<(FeedId, FeedHead)>,
    /// What is known of the other members.
    pub peers: Vec<PeerView>,
    /// Counters.
    pub counters: CountersRow,
    /// Why it does not sign, if it does not.
    pub not_signing: Option<String>,
    /// What each of the other members seems to hold back.
    pub withholding: Vec<Withholding>,
    /// Feeds whose late flags raise an alarm.
    pub late_feeds: Vec<FeedId>,
}

/// How fresh the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Digest of the frontier.
    pub frontier: Digest,
    /// Members not heard of lately.
    pub unheard: Vec<MemberId>,
}

/// The writer is gone: it failed, or the node shuts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is shutting down")]
pub struct WriterGone;

/// A way to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) journal: watch::Receiver<u64>,
    pub(super) freshness: watch::Receiver<Freshness>,
}

impl WriterHandle {
    /// Hands an input over.
    ///
    /// # Errors
    /// [`WriterGone`].
    pub async fn input(&self, input: Input) -> Result<(), WriterGone> {
        self.commands.send(Command::Input(input)).await.map_err(|_| WriterGone)
    }

    /// Hands an input over if there is room for it right now.
    pub fn try_input(&self, input: Input) {
        // Whoever uses this says it again later.
        let _ = self.commands.try_send(Command::Input(input));
    }

    /// Hands an input over and waits until what it changes is on disk.
    ///
    /// # Errors
    /// [`WriterGone`].
    pub async fn taken(&self, input: Input) -> Result<(), WriterGone> {
        self.ask(|done| Command::Taken(input, done)).await
    }

    /// Publishes statements; they are on disk when this returns well.
    ///
    /// # Errors
    /// [`WriterGone`]; what was refused is within the result.
    pub async fn publish(&self, publishing: Publishing) -> Result<PublishResult, WriterGone> {
        self.ask(|done| Command::Publish(publishing, done)).await
    }

    /// Brings a charter version; says which holds then. It is on disk when this returns well.
    ///
    /// # Errors
    /// [`WriterGone`]; what was refused is within the result.
    pub async fn apply_charter(
        &self,
        charter: SignedCharter,
    ) -> Result<Result<u32, BadCharter>, WriterGone> {
        self.ask(|done| Command::ApplyCharter(charter, done)).await
    }

    /// Does what a person asks for; it is on disk when this returns well.
    ///
    /// # Errors
    /// [`WriterGone`]; what was refused is within the result.
    pub async fn act(&self, acting: Acting) -> Result<LocalResult, WriterGone> {
        self.ask(|done| Command::Local(acting, done)).await
    }

    /// How the replica is.
    ///
    /// # Errors
    /// [`WriterGone`].
    pub async fn report(&self) -> Result<Report, WriterGone> {
        self.ask(Command::Report).await
    }

    /// Tells the number of the latest journal entry that is on disk, and when it moves.
    pub fn journal(&self) -> watch::Receiver<u64> {
        self.journal.clone()
    }

    /// How fresh the store is.
    pub fn freshness(&self) -> Freshness {
        self.freshness.borrow().clone()
    }

    /// How many commands wait for the writer.
    pub fn queued(&self) -> usize {
        self.commands.max_capacity() - self.commands.capacity()
    }

    /// Asks the writer to end after what is queued.
    pub async fn shutdown(&self) {
        let _ = self.commands.send(Command::Shutdown).await;
    }

    /// Asks for something and waits for the answer.
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, WriterGone> {
        let (done, wait) = oneshot::channel();
        self.commands.send(command(done)).await.map_err(|_| WriterGone)?;
        wait.await.map_err(|_| WriterGone)
    }
}
