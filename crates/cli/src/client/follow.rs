//! Following decisions for ever: goes on after the last cursor when the node comes back.

use std::time::Duration;

use interlock_wire::v1::{Subject, WatchDecisionsRequest, WatchDecisionsResponse, WatchStart};
use tonic::{Code, Status, Streaming};

use super::{Node, is_transient, platform, refusal};
use crate::exit::{Failure, say};

/// The wait before the first attempt to come back; it doubles up to [`MAX_BACK_OFF`].
const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
/// The longest wait between two attempts.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// The state, then what happens.
    State,
    /// What happens from now on.
    Tail,
    /// What happened after this cursor.
    After(String),
}

/// A watch of decisions at one node.
#[derive(Debug)]
pub(crate) struct Follower {
    node: Node,
    request: WatchDecisionsRequest,
    stream: Option<Box<Streaming<WatchDecisionsResponse>>>,
}

impl Follower {
    /// Follows decisions at `node`, about `subjects` (all if there are none), that concern a
    /// measure of at least this number.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or is gone.
    pub(crate) async fn open(
        node: Node,
        start: Start,
        at_least: i32,
        subjects: Vec<Subject>,
    ) -> Result<Self, Failure> {
        let (cursor, start) = match start {
            Start::State => (String::new(), WatchStart::StateThenTail),
            Start::Tail => (String::new(), WatchStart::Tail),
            Start::After(cursor) => (cursor, WatchStart::Unspecified),
        };
        let request = WatchDecisionsRequest { cursor, start: start.into(), at_least, subjects };
        let mut follower = Self { node, request, stream: None };
        match follower.connect().await {
            Ok(()) => Ok(follower),
            Err(status) => Err(refusal(&follower.node.address, &status)),
        }
    }

    async fn connect(&mut self) -> Result<(), Status> {
        let mut client = platform(self.node.channel.clone());
        let response = client.watch_decisions(self.request.clone()).await?;
        self.stream = Some(Box::new(response.into_inner()));
        Ok(())
    }

    /// The next message. Comes back by itself when the node was gone; what came since the last
    /// cursor may then come again.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses to go on, as for a cursor older than what it keeps.
    pub(crate) async fn next(&mut self) -> Result<WatchDecisionsResponse, Failure> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.come_back().await?;
                continue;
            };
            match stream.message().await {
                Ok(Some(message)) => {
                    if !message.cursor.is_empty() {
                        self.request.cursor.clone_from(&message.cursor);
                    }
                    return Ok(message);
                }
                Ok(None) => self.stream = None,
                Err(status) if goes_on(&status) => self.stream = None,
                Err(status) => return Err(refusal(&self.node.address, &status)),
            }
        }
    }

    async fn come_back(&mut self) -> Result<(), Failure> {
        let address = self.node.address.clone();
        say(&format!("interlock: lost the node at {address}, trying until it is back"));
        let mut wait = FIRST_BACK_OFF;
        loop {
            tokio::time::sleep(wait).await;
            match self.connect().await {
                Ok(()) => {
                    say(&format!("interlock: the node at {address} is back"));
                    return Ok(());
                }
                Err(status) if goes_on(&status) => wait = (wait * 2).min(MAX_BACK_OFF),
                Err(status) => return Err(refusal(&address, &status)),
            }
        }
    }
}

/// Whether a stream that ended so is worth opening again: the node went away or is going.
fn goes_on(status: &Status) -> bool {
    is_transient(status) || matches!(status.code(), Code::Cancelled | Code::Aborted)
}
