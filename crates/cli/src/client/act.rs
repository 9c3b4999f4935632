//! Acts at the node: the subject made a tag, the act done once, and what holds afterwards shown.

use std::future::Future;

use clap::Args;
use interlock_wire::v1::{self, subject::By};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::{Node, NodeArgs, PersonArgs, SubjectArgs, platform, random_key};
use crate::exit::Exit;
use crate::output::Output;
use crate::view::ActView;

/// What every act has.
#[derive(Debug, Clone, Args)]
pub(crate) struct ActArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    person: PersonArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// What every request of an act has.
#[derive(Debug, Clone)]
pub(crate) struct ActFields {
    /// The subject's tag.
    pub subject: Vec<u8>,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// So that it is done once, however often it is tried.
    pub idempotency_key: String,
}

impl ActArgs {
    /// Does the act and shows what holds afterwards.
    ///
    /// # Errors
    /// [`crate::exit::Failure`] when the node refuses or cannot be reached.
    pub(crate) async fn act<Q, F>(
        self,
        output: &mut Output,
        request: impl FnOnce(ActFields) -> Q,
        rpc: impl Fn(Channel, Request<Q>) -> F,
    ) -> anyhow::Result<Exit>
    where
        Q: Clone,
        F: Future<Output = Result<Response<v1::ActResponse>, Status>>,
    {
        let named = self.subject.one()?;
        let node = self.node.connect().await?;
        let fields = ActFields {
            subject: tag_of(&node, named.subject).await?,
            by: self.person.by,
            why: self.person.why,
            idempotency_key: random_key()?,
        };
        let response = node.call(&request(fields), rpc).await?;
        output.result(&ActView::from(response))?;
        Ok(Exit::Done)
    }
}

/// The subject's tag: the node makes one of an identifier.
async fn tag_of(node: &Node, subject: v1::Subject) -> anyhow::Result<Vec<u8>> {
    if let Some(By::Tag(tag)) = subject.by {
        return Ok(tag);
    }
    let request = v1::LookupRequest { subjects: vec![subject] };
    let looked_up = node
        .call(&request, |channel, request| async move { platform(channel).lookup(request).await })
        .await?;
    Ok(looked_up.decisions.into_iter().next().unwrap_or_default().subject)
}
