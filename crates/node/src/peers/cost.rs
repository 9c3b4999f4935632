//! What is charged for what: how much a refusal costs the member that sent it.
//!
//! Only what no honest node sends costs much. What an honest node may send by mistake, or because it
//! knows more than this one, costs little or nothing.

/// What only a broken or hostile node sends: forged, undecodable, oversized.
pub(super) const FORGED: u64 = 10;
/// A record of the sender's own feed that does not follow it: it has forked itself, or lies.
pub(super) const MIS_SEQUENCED: u64 = 5;
/// A call too many: pulls, streams.
pub(super) const TOO_MANY: u64 = 1;
/// A new stream weighs as much as so many frames that told nothing.
pub(super) const STREAM: u64 = 10;

/// To which bucket a refusal goes, and how much it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing: this node may well be the one that is behind.
    Nothing,
    /// As a frame that told nothing.
    Stale(u64),
    /// As a refused frame.
    Refused(u64),
}

/// What a refusal of this name costs.
pub(super) fn of(code: &str) -> Cost {
    match code {
        // It goes by something newer than this node, or has met another member's fork.
        "UNKNOWN_CHARTER" | "UNKNOWN_PREVIOUS" | "WRONG_PROTOCOL" => Cost::Nothing,
        // An honest member's push may overtake the repair of what was lost before it, and its clock
        // may be wrong. Only the number tells it from a hostile one.
        "GAP" | "TOO_MANY_WAITING" | "UNKNOWN_VERSION" => Cost::Stale(1),
        "WRONG_PREVIOUS" | "WRONG_FEED_ROOT" | "TIME_NOT_LATER" | "CHARTER_VERSION_LOWER" => {
            Cost::Refused(MIS_SEQUENCED)
        }
        "TOO_MANY_PULLS" | "TOO_MANY_STREAMS" => Cost::Refused(TOO_MANY),
        _ => Cost::Refused(FORGED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forged_costs_much_and_what_is_not_understood_nothing() {
        for code in ["BAD_SIGNATURE", "UNDECODABLE", "FRAME_TOO_LARGE", "OVERSIZED_BODY", "NEW"] {
            assert_eq!(of(code), Cost::Refused(FORGED), "{code}");
        }
        assert_eq!(of("WRONG_PREVIOUS"), Cost::Refused(MIS_SEQUENCED));
        assert_eq!(of("GAP"), Cost::Stale(1));
        assert_eq!(of("UNKNOWN_CHARTER"), Cost::Nothing);
    }
}
