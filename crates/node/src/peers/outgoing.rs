//! One task for each peer that keeps a stream to it, for as long as the node lives.

use std::collections::BTreeMap;
use std::time::Duration;

use interlock_engine::replica::Input;
use interlock_record::MemberId;
use interlock_wire::peer::gossip_client::GossipClient;
use interlock_wire::peer::{self, push_frame, reply_frame};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Context, MAX_MESSAGE_BYTES, MAX_WAITING_FRAMES, PROTOCOL};
use crate::transport::{Dialled, dial};

/// How long to wait before a peer is dialled again, at first.
const BACK_OFF: Duration = Duration::from_millis(250);
/// How long to wait at most.
const MAX_BACK_OFF: Duration = Duration::from_secs(30);

/// What a peer refuses is logged once in so long.
const LOG_REST: Duration = Duration::from_secs(1);

/// What this node says first.
pub(super) fn hello(context: &Context) -> peer::Hello {
    peer::Hello {
        protocol: PROTOCOL,
        consortium: context.consortium.0.to_vec(),
        member: context.me.to_string(),
        charter_version: context.charters.now().newest().version,
    }
}

/// Keeps a task for each other member with a feed that has not ended, until the node shuts down: a
/// member that is gone may have a trustee, whose node has to hear what others say.
pub async fn dial_members(context: Context) {
    let mut shutdown = context.shutdown.clone();
    let mut charters = context.charters.clone();
    let mut tasks: BTreeMap<MemberId, (String, AbortOnDrop)> = BTreeMap::new();
    loop {
        let newest = charters.now().newest().clone();
        let wanted: BTreeMap<MemberId, &str> = newest
            .members
            .iter()
            .filter(|(member, _)| **member != context.me)
            .filter(|(_, state)| state.feeds.values().any(|feed| feed.last.is_none()))
            .map(|(member, state)| (*member, state.address.as_str()))
            .collect();
        let gone: Vec<MemberId> = tasks
            .iter()
            .filter(|(member, (address, _))| wanted.get(member) != Some(&address.as_str()))
            .map(|(member, _)| *member)
            .collect();
        for member in gone {
            tasks.remove(&member);
            let _ = context.writer.input(Input::DialLost(member)).await;
            context.links.dial_lost(member, "the charter names it no longer so".into());
        }
        for (member, address) in wanted {
            tasks.entry(member).or_insert_with(|| {
                let task = dial_forever(context.clone(), member, address.to_owned());
                (address.to_owned(), AbortOnDrop(tokio::spawn(task)))
            });
        }
        tokio::select! {
            () = charters.changed() => {}
            _ = shutdown.wait_for(|over| *over) => break,
        }
    }
    for (_, (_, mut task)) in tasks {
        let _ = (&mut task.0).await;
    }
}

/// A task that ends with whoever started it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Dials `member` again and again, until the node shuts down.
async fn dial_forever(context: Context, member: MemberId, address: String) {
    let mut shutdown = context.shutdown.clone();
    let mut back_off = BACK_OFF;
    loop {
        let reached = tokio::select! {
            reached = keep(&context, member, &address) => reached,
            _ = shutdown.wait_for(|over| *over) => return,
        };
        let Broken { was_up, why } = reached;
        if was_up {
            back_off = BACK_OFF;
            let _ = context.writer.input(Input::DialLost(member)).await;
        }
        tracing::debug!(peer = %member, why, "no stream to a peer");
        context.links.dial_lost(member, why);
        tokio::select! {
            () = tokio::time::sleep(jittered(back_off)) => {}
            // A node that was down and is back dials first: no need to sit the back-off out.
            () = context.links.somebody_heard(), if back_off > BACK_OFF => {}
            _ = shutdown.wait_for(|over| *over) => return,
        }
        back_off = (back_off * 2).min(MAX_BACK_OFF);
    }
}

/// Between half of `wait` and all of it, so that nodes that fell together do not rise together.
fn jittered(wait: Duration) -> Duration {
    let byte = crate::clock::random::<1>().map_or(0, |[byte]| u32::from(byte));
    wait / 2 + wait / 2 * byte / 255
}

/// How a stream ended.
struct Broken {
    was_up: bool,
    why: String,
}

/// Keeps a stream to a peer until it ends.
async fn keep(context: &Context, member: MemberId, address: &str) -> Broken {
    let down = |why: String| Broken { was_up: false, why };
    let Context { credentials, roster, now, .. } = context;
    let dialled = dial(address, member, credentials.clone(), roster.clone(), now.clone()).await;
    let Dialled { channel, peer } = match dialled {
        Ok(dialled) => dialled,
        Err(error) => return down(format!("{}: {error}", error.code())),
    };
    let (frames, outgoing) = mpsc::channel(MAX_WAITING_FRAMES);
    let hello = push_frame::Kind::Hello(hello(context));
    let _ = frames.try_send(peer::PushFrame { kind: Some(hello) });
    let mut client = GossipClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let mut answers = match client.exchange(ReceiverStream::new(outgoing)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return down(told(&status)),
    };
    // Success is an answered hello.
    match answers.message().await {
        Ok(Some(peer::ReplyFrame { kind: Some(reply_frame::Kind::Hello(_)) })) => {}
        Ok(_) => return down("the peer answered without a hello".into()),
        Err(status) => return down(told(&status)),
    }
    context.links.dialled(member, frames);
    if context.writer.input(Input::Dialled(member)).await.is_err() {
        return down("the node is shutting down".into());
    }
    tracing::info!(peer = %member, "reached a peer");
    let mut quiet_until = Instant::now();
    let mut charters = context.charters.clone();
    loop {
        let answer = tokio::select! {
            answer = answers.message() => answer,
            () = charters.changed() => {
                if roster.key(peer.feed()).is_some() {
                    continue;
                }
                let why = "FEED_ENDED: the charter has ended the peer's feed".to_owned();
                return Broken { was_up: true, why };
            }
        };
        match answer {
            Ok(Some(frame)) => {
                if let Some(reply_frame::Kind::Refused(peer::Refused { reason, detail })) =
                    frame.kind
                {
                    // It may say so as often as it likes, and need not be heard as often.
                    context.links.porter.frame(member, reason.len() + detail.len(), 1);
                    context.links.porter.pace(member).await;
                    if Instant::now() >= quiet_until {
                        quiet_until = Instant::now() + LOG_REST;
                        tracing::warn!(peer = %member, reason, detail, "a peer refused what was sent");
                    }
                }
            }
            Ok(None) => return Broken { was_up: true, why: "the peer closed the stream".into() },
            Err(status) => return Broken { was_up: true, why: told(&status) },
        }
    }
}

fn told(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    match status.get_error_details().error_info() {
        Some(info) => format!("{}: {}", info.reason, status.message()),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}
