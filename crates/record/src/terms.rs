//! The closed vocabularies of the consortium: measures, reasons, severities and the like.
//!
//! Every term has one spelling, used alike in the protocol, the policy file, the command line and
//! the documents, and one number, used on the wire and on disk. Both are fixed for ever.

use std::fmt;
use std::str::FromStr;

/// A name that is not one of a vocabulary's terms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}, got {got:?}")]
pub struct UnknownTerm {
    /// The vocabulary's terms, separated by commas.
    pub expected: String,
    /// What was found.
    pub got: String,
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$term_doc:meta])* $term:ident = $number:literal $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$term_doc])* #[doc = concat!("`", $text, "`")] $term = $number),+
        }

        impl $name {
            /// Every term, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$term),+];

            /// The term's one spelling.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$term => $text),+ }
            }

            /// The term's number on the wire and on disk.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The term of a number, if there is one.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$term),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownTerm;

            fn from_str(text: &str) -> Result<Self, UnknownTerm> {
                Self::ALL.iter().copied().find(|term| term.name() == text).ok_or_else(|| UnknownTerm {
                    expected: Self::ALL.iter().map(|term| term.name()).collect::<Vec<_>>().join(", "),
                    got: text.to_owned(),
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

vocabulary! {
    /// What a member does about a subject, from nothing to closing the account. Ordered by gravity.
    Measure {
        /// Nothing.
        None = 0 "NONE",
        /// Raise scrutiny.
        Observe = 1 "OBSERVE",
        /// Ask for more proof.
        Review = 2 "REVIEW",
        /// Cut the limit (降额).
        ReduceLimit = 3 "REDUCE_LIMIT",
        /// Limit to zero (额度清零).
        ZeroLimit = 4 "ZERO_LIMIT",
        /// No new drawdown (冻结).
        Freeze = 5 "FREEZE",
        /// No credit at all (锁定).
        Lock = 6 "LOCK",
        /// Close the account (关闭); only ever after a human confirms.
        Close = 7 "CLOSE",
    }
}

vocabulary! {
    /// Why a flag was raised.
    Reason {
        /// A payment is late.
        Overdue = 1 "OVERDUE",
        /// Borrowing on many platforms within a short time.
        MultiPlatformBorrowing = 2 "MULTI_PLATFORM_BORROWING",
        /// The account is operated in an abnormal way.
        AbnormalOperation = 3 "ABNORMAL_OPERATION",
        /// Fraud is suspected.
        FraudSuspected = 4 "FRAUD_SUSPECTED",
        /// Identity documents are out of date.
        IdentityStale = 5 "IDENTITY_STALE",
        /// Income no longer carries the limit.
        IncomeInsufficient = 6 "INCOME_INSUFFICIENT",
        /// The platform changed its own rules.
        PolicyChange = 7 "POLICY_CHANGE",
        /// The platform's own system was at fault.
        SystemFault = 8 "SYSTEM_FAULT",
        /// Anything else.
        Other = 9 "OTHER",
    }
}

vocabulary! {
    /// How grave a flag is within its reason.
    Severity {
        /// The mildest.
        Low = 1 "LOW",
        /// Below the middle.
        Medium = 2 "MEDIUM",
        /// Above the middle.
        High = 3 "HIGH",
        /// The gravest.
        Critical = 4 "CRITICAL",
    }
}

vocabulary! {
    /// Which kind of identifier a subject tag was made from.
    IdType {
        /// An 18-digit resident identity number (GB 11643).
        IdNumber = 1 "ID_NUMBER",
        /// A telephone number in E.164 form.
        Phone = 2 "PHONE",
        /// A bank card number (ISO/IEC 7812).
        BankCard = 3 "BANK_CARD",
        /// An opaque device identifier.
        Device = 4 "DEVICE",
    }
}

vocabulary! {
    /// Why a flag or a cure was taken back.
    WithdrawCause {
        /// It was a mistake.
        Error = 1 "ERROR",
        /// The debt was paid.
        Repaid = 2 "REPAID",
        /// A borrower's objection was upheld.
        DisputeUpheld = 3 "DISPUTE_UPHELD",
        /// The platform's own system was at fault.
        SystemFault = 4 "SYSTEM_FAULT",
        /// It was ended before its time.
        ExpiredEarly = 5 "EXPIRED_EARLY",
        /// Anything else.
        Other = 6 "OTHER",
    }
}

vocabulary! {
    /// What got better.
    CureKind {
        /// The debt was paid.
        Repaid = 1 "REPAID",
        /// The identity was verified anew.
        IdentityVerified = 2 "IDENTITY_VERIFIED",
        /// The income was verified.
        IncomeVerified = 3 "INCOME_VERIFIED",
        /// Anything else.
        Other = 4 "OTHER",
    }
}

vocabulary! {
    /// How an issuer answered a dispute.
    Outcome {
        /// The borrower was right: every flag of the identity ends.
        Upheld = 1 "UPHELD",
        /// The flag stands; further disputes of it rest for a while.
        Rejected = 2 "REJECTED",
    }
}

vocabulary! {
    /// On what ground a statement is erased.
    EraseGround {
        /// It was kept for as long as it may be.
        Retention = 1 "RETENTION",
        /// A law, a court or an authority demands it.
        Law = 2 "LAW",
        /// The borrower's consent was withdrawn.
        ConsentWithdrawn = 3 "CONSENT_WITHDRAWN",
        /// It should never have been said.
        Error = 4 "ERROR",
        /// Anything else.
        Other = 5 "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_read_what_they_write() {
        for measure in Measure::ALL {
            assert_eq!(measure.name().parse(), Ok(*measure));
            assert_eq!(Measure::from_number(u32::from(measure.number())), Some(*measure));
        }
        assert_eq!(Reason::from_number(0), None);
        assert_eq!(Reason::from_number(10), None);
        let error = "lock".parse::<Measure>().expect_err("spelt in capitals only");
        assert!(error.to_string().contains("REDUCE_LIMIT, ZERO_LIMIT"), "{error}");
    }

    #[test]
    fn measures_order_by_gravity() {
        assert!(Measure::ALL.is_sorted());
        assert!(Measure::Freeze < Measure::Lock);
    }
}
