//! What an operator is told of the other members: whether they are reached, what they have cost, and
//! what they seem to hold back.

use interlock_engine::replica::{PeerView, Withholding};
use interlock_record::{Span, Time};
use interlock_wire::{timestamp, v1};

use super::Services;
use crate::peers::porter::AccountView;
use crate::writer::Report;

/// Refusals by reason.
pub(super) fn refusals(counts: Vec<(&'static str, u64)>) -> Vec<v1::Refusal> {
    let refusal = |(reason, count): (&str, u64)| v1::Refusal { reason: reason.to_owned(), count };
    counts.into_iter().map(refusal).collect()
}

impl Services {
    /// One line for each of the other members.
    pub(super) fn others(&self, report: &Report, now: Time) -> Vec<v1::Peer> {
        let charters = self.charters.now();
        let other = |peer: &PeerView| {
            let member = charters.newest().members.get(&peer.member);
            let mut line = v1::Peer {
                member: peer.member.to_string(),
                address: member.map(|member| member.address.clone()).unwrap_or_default(),
                dialled: peer.dialled,
                heard: peer.heard,
                heard_at: peer.heard_at.map(timestamp),
                behind_records: peer.behind,
                last_error: self.links.error(peer.member).unwrap_or_default(),
                refused_frames: peer.refused,
                ..v1::Peer::default()
            };
            tell_account(&mut line, self.links.porter.view(peer.member), now);
            let held_back = report.withholding.iter().find(|view| view.member == peer.member);
            if let Some(view) = held_back {
                tell_withholding(&mut line, view, now);
            }
            line
        };
        report.peers.iter().map(other).collect()
    }
}

fn tell_account(line: &mut v1::Peer, account: AccountView, now: Time) {
    let until = account
        .left
        .and_then(|left| i64::try_from(left.as_micros()).ok())
        .and_then(Span::from_micros)
        .map(|left| timestamp(now.plus(left)));
    account.standing.clone_into(&mut line.standing);
    line.standing_until = until;
    account.because.unwrap_or_default().clone_into(&mut line.overdrawn);
    line.pauses = account.pauses;
    line.shut_outs = account.shut_outs;
    line.refused = refusals(account.refused);
}

fn tell_withholding(line: &mut v1::Peer, view: &Withholding, now: Time) {
    line.lag_records = view.lag_records;
    line.lag_since = view.lag_since.map(timestamp);
    line.lag_seconds = crate::withholding::lag_seconds(view, now);
    line.lag_feed = view.lag_feed.map(|feed| feed.to_string()).unwrap_or_default();
    line.undelivered_pulls = view.undelivered;
    line.hidden_feeds = view.hidden.iter().map(ToString::to_string).collect();
    line.withholds = view.signs.iter().map(|sign| sign.name().to_owned()).collect();
}
