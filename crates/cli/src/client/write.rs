//! Writes: every one has a name of its own, so that trying again cannot write twice.

use std::future::Future;

use clap::Args;
use interlock_record::{StatementId, hex};
use interlock_wire::v1;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::{NodeArgs, is_transient, refusal};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::view::PublishView;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 128;

/// What every write has.
#[derive(Debug, Clone, Args)]
pub(crate) struct WriteArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// A name for this write: with the same one it is written once, however often it is tried.
    /// Default: a random one.
    #[arg(long, value_name = "KEY", value_parser = key)]
    idempotency_key: Option<String>,
}

fn key(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_KEY_BYTES {
        return Err(format!("expected 1 to {MAX_KEY_BYTES} bytes"));
    }
    Ok(text.to_owned())
}

/// A key that nobody else has.
///
/// # Errors
/// [`Failure`] when the system has no randomness.
pub(crate) fn random_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(hex(&bytes))
}

/// Fills `bytes` from the system's randomness.
///
/// # Errors
/// [`Failure`] when the system has none.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|error| {
        Failure::new(Exit::Failed, format!("the system gives no randomness: {error}"))
    })
}

impl WriteArgs {
    /// Writes and shows what was written. `request` is given the key.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached; where it is not known whether it was
    /// written, the error says with which key to try again.
    pub(crate) async fn publish<Q, F>(
        &self,
        output: &mut Output,
        request: impl FnOnce(String) -> Q,
        rpc: impl Fn(Channel, Request<Q>) -> F,
    ) -> anyhow::Result<Exit>
    where
        Q: Clone,
        F: Future<Output = Result<Response<v1::PublishResponse>, Status>>,
    {
        let key = match &self.idempotency_key {
            Some(key) => key.clone(),
            None => random_key()?,
        };
        let node = self.node.connect().await?;
        let response = node.try_call(&request(key.clone()), rpc).await.map_err(|status| {
            let failure = refusal(&node.address, &status);
            let unknown = is_transient(&status) || status.code() == Code::DeadlineExceeded;
            if unknown {
                let again =
                    format!("{failure}; it may be written: try again with --idempotency-key {key}");
                Failure::new(Exit::Unreachable, again)
            } else {
                failure
            }
        })?;
        output.result(&PublishView::from(response))?;
        Ok(Exit::Done)
    }
}

/// The bytes of each id.
pub(crate) fn id_bytes(ids: &[StatementId]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| id.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_differ_and_keys_have_a_length() {
        let (one, two) = (random_key().expect("randomness"), random_key().expect("randomness"));
        assert_ne!(one, two);
        assert!(key(&one).is_ok());
        assert!(key("").is_err());
        assert!(key(&"k".repeat(129)).is_err());
    }
}
