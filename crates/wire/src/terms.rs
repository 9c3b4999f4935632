//! The vocabularies: the same numbers on both sides.

use interlock_record as record;

use crate::v1;

macro_rules! terms {
    ($($wire:ident),+) => {$(
        impl From<record::$wire> for v1::$wire {
            fn from(term: record::$wire) -> Self {
                Self::try_from(i32::from(term.number())).expect("the numbers are the same, see the tests")
            }
        }

        impl TryFrom<v1::$wire> for record::$wire {
            type Error = Unspecified;

            fn try_from(term: v1::$wire) -> Result<Self, Unspecified> {
                u32::try_from(term as i32).ok().and_then(Self::from_number).ok_or(Unspecified)
            }
        }
    )+};
}

terms!(Measure, Reason, Severity, IdType, WithdrawCause, CureKind, Outcome, EraseGround);

/// The term was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("required, but not given")]
pub struct Unspecified;

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! same {
        ($($wire:ident),+) => {$(
            for term in record::$wire::ALL {
                let wire = v1::$wire::from(*term);
                assert!(wire.as_str_name().ends_with(term.name()), "{wire:?} {term}");
                assert_eq!(record::$wire::try_from(wire), Ok(*term));
            }
        )+};
    }

    #[test]
    fn every_term_has_the_same_number_and_name() {
        same!(Measure, Reason, Severity, IdType, WithdrawCause, CureKind, Outcome, EraseGround);
    }
}
