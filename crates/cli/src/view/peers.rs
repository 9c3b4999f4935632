//! The other members: whom the node hears, what they have cost it, and what they hold back.

use std::fmt;

use interlock_record::Time;
use interlock_wire::v1;
use serde::Serialize;

use super::{or_dash, some, time};
use crate::output::printable;
use crate::table::Table;

/// Whom the node hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PeersView {
    pub peers: Vec<PeerView>,
    pub refusals: Vec<RefusalView>,
}

/// Another member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PeerView {
    pub member: String,
    pub address: String,
    pub dialled: bool,
    pub heard: bool,
    pub heard_at: Option<Time>,
    pub behind_records: u64,
    pub last_error: Option<String>,
    pub refused_frames: u64,
    /// `OPEN`, `PAUSED` or `SHUT`.
    pub standing: String,
    pub standing_until: Option<Time>,
    pub overdrawn: Option<String>,
    pub pauses: u64,
    pub shut_outs: u64,
    pub refused: Vec<RefusalView>,
    pub lag_records: u64,
    pub lag_since: Option<Time>,
    pub lag_seconds: u64,
    pub lag_feed: Option<String>,
    pub undelivered_pulls: u64,
    pub hidden_feeds: Vec<String>,
    pub withholds: Vec<String>,
}

/// How often something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RefusalView {
    pub reason: String,
    pub count: u64,
}

impl From<v1::Refusal> for RefusalView {
    fn from(refusal: v1::Refusal) -> Self {
        Self { reason: refusal.reason, count: refusal.count }
    }
}

impl From<v1::Peer> for PeerView {
    fn from(peer: v1::Peer) -> Self {
        Self {
            member: peer.member,
            address: peer.address,
            dialled: peer.dialled,
            heard: peer.heard,
            heard_at: time(peer.heard_at),
            behind_records: peer.behind_records,
            last_error: some(peer.last_error),
            refused_frames: peer.refused_frames,
            standing: peer.standing,
            standing_until: time(peer.standing_until),
            overdrawn: some(peer.overdrawn),
            pauses: peer.pauses,
            shut_outs: peer.shut_outs,
            refused: peer.refused.into_iter().map(Into::into).collect(),
            lag_records: peer.lag_records,
            lag_since: time(peer.lag_since),
            lag_seconds: peer.lag_seconds,
            lag_feed: some(peer.lag_feed),
            undelivered_pulls: peer.undelivered_pulls,
            hidden_feeds: peer.hidden_feeds,
            withholds: peer.withholds,
        }
    }
}

impl From<v1::ListPeersResponse> for PeersView {
    fn from(response: v1::ListPeersResponse) -> Self {
        Self {
            peers: response.peers.into_iter().map(Into::into).collect(),
            refusals: response.refusals.into_iter().map(Into::into).collect(),
        }
    }
}

impl PeerView {
    fn budget(&self) -> String {
        match &self.standing_until {
            Some(until) => format!("{} until {until}", self.standing),
            None => self.standing.clone(),
        }
    }

    /// What is not as it should be, a line each.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.pauses + self.shut_outs > 0 {
            remarks.push(format!(
                "paused {} times and shut out {} times, last for {}",
                self.pauses,
                self.shut_outs,
                self.overdrawn.as_deref().unwrap_or("-")
            ));
        }
        if !self.refused.is_empty() {
            let refused = self.refused.iter();
            let refused: Vec<String> =
                refused.map(|refusal| format!("{} {}", refusal.count, refusal.reason)).collect();
            remarks.push(format!("refused: {}", refused.join(", ")));
        }
        if !self.withholds.is_empty() {
            let hidden = match self.hidden_feeds.as_slice() {
                [] => String::new(),
                feeds => format!(", hides {}", feeds.join(" ")),
            };
            remarks.push(format!(
                "seems to withhold ({}): lags {} records and {} s (of {}), {} pulls undelivered{hidden}",
                self.withholds.join(", "),
                self.lag_records,
                self.lag_seconds,
                self.lag_feed.as_deref().unwrap_or("-"),
                self.undelivered_pulls,
            ));
        }
        remarks
    }
}

impl fmt::Display for PeersView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = [
            "MEMBER",
            "ADDRESS",
            "REACHED",
            "HEARD",
            "HEARD AT",
            "BEHIND",
            "LAG",
            "REFUSED FRAMES",
            "BUDGET",
            "LAST ERROR",
        ];
        let mut table = Table::new(&titles).right(&["BEHIND", "LAG", "REFUSED FRAMES"]);
        let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        for peer in &self.peers {
            table.row([
                peer.member.clone(),
                peer.address.clone(),
                yes_no(peer.dialled),
                yes_no(peer.heard),
                or_dash(peer.heard_at.as_ref()),
                peer.behind_records.to_string(),
                peer.lag_records.to_string(),
                peer.refused_frames.to_string(),
                peer.budget(),
                or_dash(peer.last_error.as_ref()),
            ]);
        }
        write!(f, "{table}")?;
        for peer in &self.peers {
            for remark in peer.remarks() {
                write!(f, "\n{}: {}", printable(&peer.member), printable(&remark))?;
            }
        }
        for refusal in &self.refusals {
            write!(f, "\nrefused {} times: {}", refusal.count, refusal.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_it_should_be_is_said_in_words() {
        let refusal = v1::Refusal { reason: "BAD_SIGNATURE".to_owned(), count: 21 };
        let peer = v1::Peer {
            member: "mallory".to_owned(),
            standing: "SHUT".to_owned(),
            standing_until: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            overdrawn: "REFUSED_FRAMES".to_owned(),
            pauses: 6,
            shut_outs: 1,
            refused: vec![refusal],
            lag_records: 3,
            lag_seconds: 12,
            lag_feed: "bolt/1".to_owned(),
            hidden_feeds: vec!["bolt/1".to_owned()],
            withholds: vec!["HIDDEN_FEED".to_owned()],
            ..v1::Peer::default()
        };
        let honest = v1::Peer { standing: "OPEN".to_owned(), ..v1::Peer::default() };
        let response = v1::ListPeersResponse { peers: vec![peer, honest], refusals: Vec::new() };
        let text = PeersView::from(response).to_string();
        let remarks: Vec<&str> = text.lines().skip(3).collect();
        assert_eq!(
            remarks,
            [
                "mallory: paused 6 times and shut out 1 times, last for REFUSED_FRAMES",
                "mallory: refused: 21 BAD_SIGNATURE",
                "mallory: seems to withhold (HIDDEN_FEED): lags 3 records and 12 s (of bolt/1), 0 pulls undelivered, hides bolt/1",
            ]
        );
        assert!(text.contains("SHUT until 1970-01-01T00:00:00Z"), "{text}");
    }
}
