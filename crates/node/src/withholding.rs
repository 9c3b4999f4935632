//! Tells the log when a peer begins to look as if it withheld, and when it no longer does.

use std::collections::BTreeMap;

use interlock_engine::replica::{Replica, Withholding, WithholdingSign};
use interlock_record::{MemberId, Span, Time};

/// How often peers are looked at.
const LOOK_EVERY: Span = Span::from_secs(2);

/// How long ago a peer could have told of the oldest record that it has not told of.
pub(crate) fn lag_seconds(view: &Withholding, now: Time) -> u64 {
    let lag = view.lag_since.map_or(0, |since| now.since(since).micros() / 1_000_000);
    lag.unsigned_abs()
}

/// What was last seen of each peer.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    looked_at: Option<Time>,
    signs: BTreeMap<MemberId, Vec<WithholdingSign>>,
}

impl Watch {
    /// Looks at all peers, if it is time to, and logs what has changed.
    pub(crate) fn look(&mut self, replica: &Replica, now: Time) {
        let due = self.looked_at.is_none_or(|last| now >= last.plus(LOOK_EVERY) || now < last);
        if !due {
            return;
        }
        self.looked_at = Some(now);
        for view in replica.withholding(now) {
            let before = self.signs.insert(view.member, view.signs.clone()).unwrap_or_default();
            for sign in view.signs.iter().filter(|sign| !before.contains(sign)) {
                let hidden: Vec<String> = view.hidden.iter().map(ToString::to_string).collect();
                tracing::warn!(
                    peer = %view.member,
                    sign = sign.name(),
                    lag_records = view.lag_records,
                    lag_seconds = lag_seconds(&view, now),
                    undelivered = view.undelivered,
                    hidden = hidden.join(" "),
                    "a peer seems to withhold records"
                );
            }
            for sign in before.iter().filter(|sign| !view.signs.contains(sign)) {
                let sign = sign.name();
                tracing::info!(peer = %view.member, sign, "a peer no longer seems to withhold records");
            }
        }
    }
}
