//! The consortium's terms on the command line and in answers: value parsers that list what there
//! is, and names for the numbers that come from a node.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use interlock_record::{
    CureKind, EraseGround, FeedId, FeedNumber, IdType, Measure, Outcome, Reason, Severity, Time,
    WithdrawCause,
};

/// A closed vocabulary.
pub(crate) trait Term: Copy + Send + Sync + 'static {
    /// Every term.
    const ALL: &'static [Self];
    /// The term's one spelling.
    fn name(self) -> &'static str;
    /// The term's number on the wire.
    fn number(self) -> u8;
}

macro_rules! terms {
    ($($name:ident),+) => {$(
        impl Term for $name {
            const ALL: &'static [Self] = $name::ALL;
            fn name(self) -> &'static str {
                $name::name(self)
            }
            fn number(self) -> u8 {
                $name::number(self)
            }
        }
    )+};
}

terms!(Measure, Reason, Severity, IdType, WithdrawCause, CureKind, Outcome, EraseGround);

/// Parses a term, in capitals or not, and lets `--help` list them all.
pub(crate) fn term<T: Term>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::ALL.iter().map(|term| term.name())).map(|text| {
        let named = T::ALL.iter().find(|term| term.name().eq_ignore_ascii_case(&text));
        *named.expect("only names of terms come through")
    })
}

/// The number on the wire.
pub(crate) fn wire(term: impl Term) -> i32 {
    i32::from(term.number())
}

/// The term of a number from the wire; a node newer than this program may know more.
pub(crate) fn from_wire<T: Term>(number: i32) -> Option<T> {
    T::ALL.iter().copied().find(|term| wire(*term) == number)
}

/// The name of a number from the wire.
pub(crate) fn name<T: Term>(number: i32) -> String {
    from_wire::<T>(number)
        .map_or_else(|| format!("UNKNOWN_{number}"), |term| term.name().to_owned())
}

/// Parses a time, as everywhere in the protocol.
pub(crate) fn time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|error: interlock_record::BadTime| error.to_string())
}

/// Parses a feed, as everything that is printed has it: MEMBER/FEED.
pub(crate) fn feed(text: &str) -> Result<FeedId, String> {
    let parts = text.split_once('/').and_then(|(member, number)| {
        let number = number.parse::<u32>().ok().filter(|number| *number > 0)?;
        Some(FeedId { member: member.parse().ok()?, number: FeedNumber(number) })
    });
    parts.ok_or_else(|| format!("expected MEMBER/FEED such as acme/1, got {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_read_as_it_is_printed() {
        assert_eq!(feed("acme/2").map(|feed| feed.to_string()), Ok("acme/2".to_owned()));
        for text in ["acme", "acme/", "acme/0", "acme/x", "/1", "acme/1/2"] {
            assert!(feed(text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn terms_of_a_newer_node_still_have_a_name() {
        assert_eq!(name::<Measure>(6), "LOCK");
        assert_eq!(name::<Measure>(99), "UNKNOWN_99");
        assert_eq!(name::<Reason>(0), "UNKNOWN_0");
    }
}
