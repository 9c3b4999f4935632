//! A file of events as what members told each other, for the engine alone.

use interlock_record::MemberId;
use interlock_sim::told::{Copying, Told};

use super::events::{Event, Events};

/// What the events say, where these members copy.
///
/// # Errors
/// For an issuer whose name is no member's.
pub(crate) fn told(events: &Events, copies: Vec<Copying>) -> anyhow::Result<Told> {
    let mut ordered: Vec<(MemberId, &Event)> = Vec::new();
    for (issuer, events) in events {
        let issuer = issuer.parse()?;
        ordered.extend(events.iter().map(|event| (issuer, event)));
    }
    ordered.sort_by_key(|(issuer, event)| (event.at, *issuer, event.line));
    let mut told = Told::with_copies(copies);
    for (issuer, event) in ordered {
        told.event(event.at, issuer, event.op, &event.subject, event.terms);
    }
    Ok(told)
}
