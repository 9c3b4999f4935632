//! Who flagged whom when, from a node or from a file of events.

use std::collections::BTreeMap;
use std::path::Path;

use interlock_sim::events::{Events, Op, Purpose, Reading};
use interlock_sim::independence::Observed;
use interlock_sim::plain::SAID;
use interlock_wire::v1;

use crate::client::{Node, operator};
use crate::exit::{Exit, Failure};
use crate::replay::events;
use crate::view;

/// The most flags that are looked at; they are all kept in memory.
const MAX_FLAGS: u64 = 20_000_000;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// First flags that are no echoes.
    pub observed: Observed,
    /// How many flags each issuer raised.
    pub counts: BTreeMap<String, Count>,
}

/// How many flags an issuer raised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Echoes included.
    pub flags: u64,
    /// Those that say themselves that they were derived from others.
    pub echoes: u64,
}

impl Seen {
    pub(super) fn of_events(events: &Events) -> Self {
        let mut seen = Self::default();
        for (issuer, events) in events {
            let count = seen.counts.entry(issuer.clone()).or_default();
            for event in events.iter().filter(|event| event.op == Op::Add) {
                count.flags += 1;
                seen.observed.flag(issuer, event.subject.as_bytes(), event.at, event.batch);
            }
        }
        seen
    }

    /// Asks a node; also gives what the charter says of its members.
    ///
    /// # Errors
    /// When the node refuses or is gone, or knows more flags than are looked at.
    pub(super) async fn of_node(node: &Node) -> Result<(Self, Vec<v1::Issuer>), Failure> {
        let request = v1::ListFlagTimesRequest {};
        let mut stream = node
            .call(&request, |channel, request| async move {
                operator(channel).list_flag_times(request).await
            })
            .await?;
        let (mut seen, mut issuers, mut flags) = (Self::default(), Vec::new(), 0);
        while let Some(message) = node.message(&mut stream).await? {
            issuers.extend(message.issuers);
            flags += message.flags.len() as u64;
            if flags > MAX_FLAGS {
                let message = format!("the node knows more flags than the {MAX_FLAGS} that fit");
                return Err(Failure::new(Exit::Failed, message));
            }
            message.flags.iter().for_each(|flag| seen.add(flag));
        }
        Ok((seen, issuers))
    }

    fn add(&mut self, flag: &v1::FlagTime) {
        let count = self.counts.entry(flag.issuer.clone()).or_default();
        count.flags += 1;
        if flag.echo {
            count.echoes += 1;
        } else if let Some(at) = view::time(flag.time) {
            self.observed.flag(&flag.issuer, &flag.subject, at, 1);
        }
    }
}

/// Reads a file of events.
///
/// # Errors
/// With file and line for the first event that is not understood.
pub(super) fn read(path: &Path) -> anyhow::Result<Events> {
    // What flags say plays no part.
    events::read(path, &Reading { said: SAID, purpose: Purpose::LookingAt })
}

#[cfg(test)]
mod tests {
    use interlock_sim::independence::Report;

    use super::*;

    #[test]
    fn echoes_are_counted_and_are_no_evidence() {
        let mut seen = Seen::default();
        for (issuer, echo) in [("acme", false), ("acme", true), ("bolt", true)] {
            let time = Some(view::timestamp(interlock_record::Time::MIN));
            seen.add(&v1::FlagTime { issuer: issuer.to_owned(), time, subject: vec![1], echo });
        }
        assert_eq!(seen.counts["acme"], Count { flags: 2, echoes: 1 });
        assert_eq!(seen.counts["bolt"], Count { flags: 1, echoes: 1 });
        let members = Report::of(&seen.observed).members;
        assert_eq!(members.iter().map(|one| one.issuer.as_str()).collect::<Vec<_>>(), ["acme"]);
    }
}
