//! The way to a node: its address, the connection, calls that are tried again where that is safe.

mod act;
mod address;
mod charters;
mod follow;
mod person;
mod platform;
mod refusal;
mod subjects;
mod write;

use std::future::Future;
use std::time::Duration;

use clap::Args;
use interlock_record::Span;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

pub(crate) use act::{ActArgs, ActFields};
pub(crate) use address::NodeAddress;
pub(crate) use follow::{Follower, Start};
pub(crate) use person::{OptionalPersonArgs, PersonArgs};
pub(crate) use platform::{backup, governance, operator, platform, proof, review};
pub(crate) use refusal::{explain, is_transient, refusal};
pub(crate) use subjects::{MAX_SUBJECTS, Named, SubjectArgs, identifier};
pub(crate) use write::{WriteArgs, fill_random, id_bytes, random_key};

use crate::exit::{Exit, Failure};

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How often a call is made, the first time included.
const MAX_ATTEMPTS: u32 = 4;
/// The wait before the second attempt; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The largest answer, in bytes. A subject's whole history comes as one.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Which part of a long list.
#[derive(Debug, Clone, Args)]
pub(crate) struct PageArgs {
    /// At most so many.
    #[arg(long, value_name = "1..1000", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Go on after this page.
    #[arg(long, value_name = "PAGE", default_value = "")]
    pub(crate) page: String,
}

/// Which node to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeArgs {
    /// The node: http://HOST:PORT or unix:PATH.
    #[arg(
        long = "node",
        value_name = "ADDR",
        env = "INTERLOCK_NODE",
        default_value = "http://127.0.0.1:7200",
        help_heading = "Node"
    )]
    address: NodeAddress,
    /// How long one call may take.
    #[arg(long, value_name = "DURATION", default_value = "10s", help_heading = "Node")]
    pub(crate) timeout: Span,
}

/// A node that was reached.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it is.
    pub address: NodeAddress,
    /// The connection; it comes back by itself where it breaks.
    pub channel: Channel,
    timeout: Duration,
}

impl NodeArgs {
    /// Reaches the node.
    ///
    /// # Errors
    /// [`Failure`] when nobody answers there.
    pub(crate) async fn connect(&self) -> Result<Node, Failure> {
        Node::connect(&self.address, duration(self.timeout)).await
    }
}

/// A span as the clock of this machine counts it.
pub(crate) fn duration(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.micros()).unwrap_or(0))
}

impl Node {
    /// Reaches the node at `address`; calls may take `timeout`.
    ///
    /// # Errors
    /// [`Failure`] when nobody answers there.
    pub(crate) async fn connect(address: &NodeAddress, timeout: Duration) -> Result<Self, Failure> {
        let endpoint = address.endpoint()?.connect_timeout(CONNECT_LIMIT);
        let channel = endpoint.connect().await.map_err(|error| {
            Failure::new(
                Exit::Unreachable,
                format!(
                    "no node at {address} ({}): start it, or name another with --node",
                    refusal::root_cause(&error)
                ),
            )
        })?;
        Ok(Self { address: address.clone(), channel, timeout })
    }

    /// Makes a call; one that does not get through is made again. All calls are safe to repeat:
    /// reads, and writes with their idempotency key.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub(crate) async fn call<Q, A, F>(
        &self,
        request: &Q,
        rpc: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, Failure>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.try_call(request, rpc).await.map_err(|status| refusal(&self.address, &status))
    }

    /// As [`Node::call`], with the status as it came.
    ///
    /// # Errors
    /// When the node refuses or cannot be reached.
    pub(crate) async fn try_call<Q, A, F>(
        &self,
        request: &Q,
        rpc: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<A, Status>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut wait = FIRST_RETRY;
        for attempt in 1.. {
            let call = rpc(self.channel.clone(), Request::new(request.clone()));
            match tokio::time::timeout(self.timeout, call).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) if attempt < MAX_ATTEMPTS && is_transient(&status) => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Ok(Err(status)) => return Err(status),
                Err(_) => {
                    let message = format!("no answer within {:?}", self.timeout);
                    return Err(Status::deadline_exceeded(message));
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    /// The next message of a stream that ends; each may take as long as a call.
    ///
    /// # Errors
    /// [`Failure`] when the stream breaks off.
    pub(crate) async fn message<T>(&self, stream: &mut Streaming<T>) -> Result<Option<T>, Failure> {
        let message = tokio::time::timeout(self.timeout, stream.message()).await;
        let late =
            |_| Err(Status::deadline_exceeded(format!("no answer within {:?}", self.timeout)));
        message.unwrap_or_else(late).map_err(|status| refusal(&self.address, &status))
    }
}
