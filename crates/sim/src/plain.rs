//! Evidence in which nothing differs but who said it and when: what models of contagion speak of.

use std::collections::BTreeSet;

use interlock_engine::evidence::{Evidence, Flag, Hold, Origin};
use interlock_record::{FeedNumber, IdType, Measure, MemberId, Position, Reason, Severity, Time};

use crate::events::Said;
use crate::network::START_MICROS;

/// So many seconds after it all began.
pub fn second(second: u32) -> Time {
    Time::from_micros(START_MICROS + i64::from(second) * 1_000_000).unwrap_or(Time::MAX)
}

/// The member with this number. Their order is that of the numbers.
///
/// # Panics
/// Never: the id is short and of digits.
pub fn member(number: u32) -> MemberId {
    format!("m{number:010}").parse().expect("letters and digits")
}

/// A statement of a member at a second; it makes no other in that second.
pub fn position(number: u32, at: u32) -> Position {
    Position {
        time: second(at),
        member: member(number),
        feed: FeedNumber(1),
        sequence: u64::from(at) + 1,
        index: 0,
    }
}

/// A grave flag, of what its issuer saw itself, that stays.
pub fn flag(position: Position) -> Flag {
    flag_saying(SAID, position)
}

/// A flag that says this, of what its issuer saw itself just then, that stays.
pub(crate) fn flag_saying(said: Said, position: Position) -> Flag {
    Flag {
        position,
        id_type: IdType::IdNumber,
        reason: said.reason,
        severity: said.severity,
        confidence: said.confidence,
        applied_measure: said.measure,
        observed_at: position.time,
        expires_at: None,
        origin: Origin::FirstHand,
        hold: Hold::Free,
        withdrawn_at: None,
    }
}

/// What such a flag says.
pub const SAID: Said = Said {
    reason: Reason::Other,
    severity: Severity::High,
    confidence: 100,
    measure: Measure::Lock,
};

/// So many members that flag one after another, a second apart.
pub fn flagged(flags: u32) -> (BTreeSet<MemberId>, Evidence) {
    let members = (0..flags).map(member).collect();
    let flags = (0..flags).map(|number| flag(position(number, number))).collect();
    (members, Evidence { flags, ..Evidence::default() })
}

/// The policy file in which every flag of [`flag`]'s kind weighs 100 points and stays, and a lock asks
/// for what is given: lines of a rule, such as `issuers = 2`.
pub fn policy(head: &str, rules: &[&str]) -> String {
    let rules: Vec<String> =
        rules.iter().map(|rule| format!("[[measure.LOCK.rule]]\n{rule}\n")).collect();
    let rules = rules.concat();
    format!(
        "version = 1\nissuer_cap = 100\nwitness_points = 100\n{head}\n\
         [reason.OTHER]\npoints = {{ LOW = 100, MEDIUM = 100, HIGH = 100, CRITICAL = 100 }}\n\
         max_life = \"36500d\"\nceiling = \"LOCK\"\n{rules}"
    )
}
