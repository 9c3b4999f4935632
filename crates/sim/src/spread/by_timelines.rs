//! The same answered in full: every member's timeline over everybody's receipts.

use std::collections::BTreeSet;

use interlock_engine::evidence::{Evidence, Flag, Ground, Receipt};
use interlock_engine::policy::{Policy, Schedule};
use interlock_engine::timeline::{Setting, View, timeline};
use interlock_record::{Measure, MemberId};

use crate::plain::{member, position, second};

/// The wave in which each member's own timeline first locks, given the waves in which all sent their
/// receipts and a flag of each of `issuers` before the first: a member of wave `w` sends its receipt
/// at second `w + 1`, flags are at second 0, and what is announced at a second makes the next wave.
///
/// Waves to which everybody's own timeline leads again are the ones that come about: what is announced
/// at a second rests on what was said up to it.
pub fn lock_waves(policies: &[Policy], issuers: &[u32], waves: &[Option<u32>]) -> Vec<Option<u32>> {
    let numbers = || 0_u32..;
    let members: BTreeSet<MemberId> = numbers().take(policies.len()).map(member).collect();
    let flags: Vec<Flag> =
        issuers.iter().map(|number| crate::plain::flag(position(*number, 0))).collect();
    let mut receipts: Vec<Receipt> = numbers()
        .zip(waves)
        .filter_map(|(number, wave)| {
            let position = position(number, (*wave)? + 1);
            Some(Receipt { position, measure: Measure::Lock, ground: Ground::Unnamed })
        })
        .collect();
    receipts.sort_unstable_by_key(|receipt| receipt.position);
    let evidence = Evidence { flags, receipts, ..Evidence::default() };
    let last = waves.iter().flatten().max().map_or(0, |last| last + 2);
    let wave_of = |(number, policy): (u32, &Policy)| {
        let policies = Schedule::constant(policy.clone());
        let view = View::Member(member(number));
        let timeline =
            timeline(&Setting { policies: &policies, members: &members, view }, &evidence);
        let locks = timeline.transitions.into_iter().find(|step| step.to >= Measure::Lock)?.at;
        (0..=last).find(|wave| second(*wave) == locks)
    };
    numbers().zip(policies).map(wave_of).collect()
}
