//! S. Bikhchandani, D. Hirshleifer and I. Welch, "A theory of fads, fashion, custom, and cultural
//! change as informational cascades", Journal of Political Economy 100, 1992: members decide one
//! after another; each has a sign of its own, right with probability p, and sees what those before it
//! did, but not why.
//!
//! A member's sign is a flag of its own that does not propagate; what those before it did are their
//! receipts. It locks where its sign and theirs together speak for it. Where they balance, the model
//! tosses a coin: that is a member whose overlay takes a balance for enough, or one whose does not.

use std::collections::BTreeSet;

use interlock_engine::evidence::{Evidence, Ground, Receipt};
use interlock_engine::local::Overlay;
use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{Measure, MemberId};

use super::arithmetic::binomial_at_least;
use super::{Case, Expected, Means, Repeat, Row, policy, share, three_sigma};
use crate::plain::{self, member, position};

/// How many members decide, one after another.
const MEMBERS: u32 = 30;
/// A herd: so many at the end do the same.
const HERD: usize = 10;
const FULL_RUNS: u32 = 100_000;
const QUICK_RUNS: u32 = 5_000;
/// How far the share of wrong cascades may be off in a full run.
const WITHIN: f64 = 0.006;
/// How many members vote where each counts what was seen first hand.
const JURY: u32 = 11;

pub(super) fn rows(means: &Means<'_>) -> Vec<Row> {
    let repeat = Repeat::of(means, FULL_RUNS, QUICK_RUNS);
    let wider = (f64::from(FULL_RUNS) / f64::from(repeat.runs)).sqrt();
    let mut rows = Vec::new();
    let decisions = Decisions::of_the_engine();
    for (right, wrong) in [(600, 0.3684), (700, 0.2468), (800, 0.1429)] {
        let herds = repeat.count(
            right,
            || (),
            |(), dice| {
                // The harmless are locked, or the harmful are not: each in half of the runs.
                let harmful = dice.below(2) == 1;
                let mut did = Vec::new();
                let mut locking = 0;
                for earlier in 0..MEMBERS {
                    let sign = dice.permille(right) == harmful;
                    let nerve = if dice.below(2) == 0 { Nerve::Timid } else { Nerve::Bold };
                    let locks = decisions.of(earlier, locking, sign, nerve);
                    locking += u32::from(locks);
                    did.push(locks);
                }
                did[did.len() - HERD..].iter().all(|locks| *locks != harmful)
            },
        );
        let what = format!("p = {}: share of wrong cascades, receipts counted", p(right));
        let expected = Expected::Near { value: wrong, within: WITHIN * wider };
        let found = Some(share(herds, u64::from(repeat.runs)));
        rows.push(Row { case: Case::Herding, what, expected, found, runs: repeat.runs });
    }
    rows.push(first_hand(repeat));
    rows
}

/// Members that count what was seen first hand only: the binomial majority.
fn first_hand(repeat: Repeat) -> Row {
    const RIGHT: u64 = 700;
    let majority = JURY / 2 + 1;
    let policies = Schedule::constant(policy("", &[&format!("issuers = {majority}")]));
    let wrong = repeat.count(
        1,
        || (),
        |(), dice| {
            // Harmless: whose sign is wrong flags.
            let flags = (0..JURY).filter(|_| !dice.permille(RIGHT));
            super::wrongful::locks(&policies, JURY, flags)
        },
    );
    let value = binomial_at_least(JURY, 1.0 - p(RIGHT), majority);
    Row {
        case: Case::Herding,
        what: format!("p = {}, n = {JURY}: share of wrong locks, first hand only", p(RIGHT)),
        expected: Expected::Near { value, within: three_sigma(value, repeat.runs) },
        found: Some(share(wrong, u64::from(repeat.runs))),
        runs: repeat.runs,
    }
}

fn p(permille: u64) -> f64 {
    share(permille, 1_000)
}

/// What a member does where things balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nerve {
    /// It does not lock.
    Timid,
    /// It locks.
    Bold,
}

/// What the engine decides, for every number of members before, and of those that locked.
pub(super) struct Decisions {
    /// By members before, then members that locked, then sign and nerve.
    locks: Vec<Vec<[bool; 4]>>,
}

impl Decisions {
    fn of_the_engine() -> Self {
        let kinds = [
            (false, Nerve::Timid),
            (false, Nerve::Bold),
            (true, Nerve::Timid),
            (true, Nerve::Bold),
        ];
        let of = |earlier: u32| {
            let policies = kinds.map(|(_, nerve)| overlaid(earlier, nerve));
            let of = |locking: u32| {
                let mut kinds = kinds.iter().zip(&policies);
                [(); 4].map(|()| {
                    kinds.next().is_some_and(|((sign, _), policy)| {
                        engine_locks(policy, earlier, locking, *sign)
                    })
                })
            };
            (0..=earlier).map(of).collect()
        };
        Self { locks: (0..MEMBERS).map(of).collect() }
    }

    fn of(&self, earlier: u32, locking: u32, sign: bool, nerve: Nerve) -> bool {
        let kind = 2 * usize::from(sign) + usize::from(nerve == Nerve::Bold);
        self.locks[earlier as usize][locking as usize][kind]
    }
}

/// The policy as the member sees it that comes after so many others.
fn overlaid(earlier: u32, nerve: Nerve) -> Policy {
    // Naming no peer would mean all members.
    let receipts = if earlier == 0 { "ignore" } else { "count" };
    let peers: Vec<String> = (0..earlier).map(|number| format!("\"{}\"", member(number))).collect();
    let mut overlay = vec![format!("version = 1\npeers = [{}]", peers.join(", "))];
    // Locking less not locking, of the members before: with a sign of its own a bold member needs at
    // least -1 and a timid one 0, without one 1 and 2.
    let (with_sign, without) = if nerve == Nerve::Bold { (-1, 1) } else { (0, 2) };
    for (sign, lead) in [("points = 100\n", with_sign), ("", without)] {
        let needed = (i64::from(earlier) + lead + 1).div_euclid(2).max(0);
        let permille = (1_000 * needed).checked_div(i64::from(earlier)).unwrap_or(0);
        if needed > i64::from(earlier) || (permille == 0 && sign.is_empty()) {
            continue;
        }
        overlay.push(format!("[[measure.LOCK.rule]]\n{sign}peer_permille = {permille}"));
    }
    let text = plain::policy(&format!("peer_receipts = \"{receipts}\""), &[]);
    let text = text.replace("ceiling = \"LOCK\"", "ceiling = \"LOCK\"\npropagates = false");
    let policy = Policy::from_toml("policy", &text).expect("what is written here is a policy");
    Overlay::parse("overlay", &overlay.join("\n"))
        .expect("what is written here is an overlay")
        .over(&policy)
}

/// Whether the member that comes after so many others locks, of which so many have locked.
fn engine_locks(policy: &Policy, earlier: u32, locking: u32, sign: bool) -> bool {
    let members: BTreeSet<MemberId> = (0..=earlier).map(member).collect();
    let receipt = |number: u32| {
        // Who locked stands first: in which order makes no difference.
        let measure = if number < locking { Measure::Lock } else { Measure::None };
        Receipt { position: position(number, number), measure, ground: Ground::Unnamed }
    };
    let own = plain::flag(position(earlier, earlier));
    let evidence = Evidence {
        flags: if sign { vec![own] } else { Vec::new() },
        receipts: (0..earlier).map(receipt).collect(),
        ..Evidence::default()
    };
    let policies = Schedule::constant(policy.clone());
    let view = View::Member(member(earlier));
    let setting = Setting { policies: &policies, members: &members, view };
    timeline(&setting, &evidence).announced(plain::second(earlier)) >= Measure::Lock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_decides_as_the_model_does() {
        let decisions = Decisions::of_the_engine();
        for earlier in 0..MEMBERS {
            for locking in 0..=earlier {
                let lead = 2 * i64::from(locking) - i64::from(earlier);
                for (sign, own) in [(false, -1), (true, 1)] {
                    for (nerve, balance) in [(Nerve::Timid, false), (Nerve::Bold, true)] {
                        let expected = match lead + own {
                            0 => balance,
                            sum => sum > 0,
                        };
                        let found = decisions.of(earlier, locking, sign, nerve);
                        assert_eq!(found, expected, "{earlier} {locking} {sign} {nerve:?}");
                    }
                }
            }
        }
    }
}
