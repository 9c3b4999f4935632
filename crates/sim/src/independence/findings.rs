//! From the comparisons of all pairs to a verdict on each.
#![allow(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};

use super::chance::{holm, nats};
use super::observed::{First, Member, Observed};
use super::pair::{Comparison, Lags, Source, WHOLE, compare};
use super::usual::Usual;
use super::{
    ALIKE_PERMILLE, MIN_EXPLAINED_PERMILLE, MIN_FIRST_PERMILLE, MIN_FLAGS, MIN_OCCASIONS,
    SIGNIFICANCE,
};

/// What is said of one ordered pair of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The follower's flags follow the source's too faithfully to be independent.
    Follows,
    /// They seem to, but another source, which this names, explains them.
    Through(String),
    /// They seem to, but there are too few other members to see whether the source just precedes
    /// everybody.
    Unclear,
    /// Nothing out of the ordinary.
    Nothing,
    /// There are too few flags that can be compared.
    TooFew,
}

/// What was taken as chance: the greater of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// What the follower's own flags give when they are shuffled in time.
    Shuffled,
    /// What other members let expect: how much of their flags the source precedes, and how much of
    /// the follower's flags others precede.
    Others,
}

/// One ordered pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Who may follow.
    pub follower: String,
    /// Whom.
    pub source: String,
    /// The follower's flags that can be compared.
    pub flags: u64,
    /// On how many occasions it raised them.
    pub occasions: u64,
    /// Flags before which the source had one on the same subject, within the limit.
    pub led: u64,
    /// Flags after which the source had one, within the limit.
    pub trailed: u64,
    /// The share of the flags that were led, in thousandths.
    pub led_permille: u64,
    /// The share that chance would lead, in thousandths.
    pub chance_permille: u64,
    /// What kind of chance that is.
    pub chance: Chance,
    /// Of what chance leaves, the share that the source explains, in thousandths.
    pub explained_permille: u64,
    /// Of the flags on subjects that both flagged within the limit, the share in which the source
    /// was first, in thousandths; 0 where there are none.
    pub first_permille: u64,
    /// How long after the source's the led flags came.
    pub lags: Option<Lags>,
    /// A bound on the probability of this or more among shuffled flags, corrected for the number of
    /// pairs that were tested.
    pub probability: f64,
    /// What is said of it.
    pub verdict: Verdict,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The members, by id.
    pub members: Vec<Member>,
    /// Every ordered pair, by follower and source.
    pub findings: Vec<Finding>,
    /// How many pairs were tested: those with flags enough.
    pub tested: u64,
}

impl Report {
    /// Looks at every ordered pair.
    pub fn of(observed: &Observed) -> Self {
        let members = observed.members();
        let sources: Vec<Source> =
            members.iter().map(|member| Source::new(member, observed.subjects())).collect();
        let mut pairs = BTreeMap::new();
        for (source, of_source) in sources.iter().enumerate() {
            for (follower, member) in members.iter().enumerate() {
                if source != follower {
                    let comparison = compare(member.firsts.iter(), of_source);
                    pairs.insert((follower, source), comparison);
                }
            }
        }
        let tested: Vec<(usize, usize)> =
            pairs.iter().filter(|(_, pair)| is_enough(pair)).map(|(of, _)| *of).collect();
        let corrected = holm(&tested.iter().map(|of| improbable(&pairs[of])).collect::<Vec<_>>());
        let probabilities: BTreeMap<_, _> = tested.iter().copied().zip(corrected).collect();
        let usual = Usual::of(members.len(), tested.iter().map(|of| (*of, share(&pairs[of]))));
        let mut findings: BTreeMap<(usize, usize), Finding> = pairs
            .iter()
            .map(|(of, pair)| {
                let others = usual.expected(*of);
                let probability = probabilities.get(of).copied();
                (*of, finding(*of, &members, pair, others, probability))
            })
            .collect();
        for follower in 0..members.len() {
            explain_away(follower, &members, &sources, &usual, &mut findings);
        }
        Self { members, findings: findings.into_values().collect(), tested: tested.len() as u64 }
    }

    /// The pairs of which one follows the other.
    pub fn following(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Follows)
    }

    /// The members that would be one witness if all that is found were acted on.
    pub fn groups(&self) -> Vec<BTreeSet<String>> {
        let mut groups: Vec<BTreeSet<String>> = Vec::new();
        for finding in self.following() {
            let pair = BTreeSet::from([finding.follower.clone(), finding.source.clone()]);
            let (joined, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| !group.is_disjoint(&pair));
            groups = apart;
            groups.push(joined.into_iter().flatten().chain(pair).collect());
        }
        groups.sort();
        groups
    }
}

fn is_enough(pair: &Comparison) -> bool {
    pair.flags >= MIN_FLAGS && pair.occasions >= MIN_OCCASIONS
}

fn improbable(pair: &Comparison) -> f64 {
    nats(whole(pair.led_occasions), whole(pair.led_occasions_by_chance))
}

#[allow(clippy::cast_precision_loss)] // Far below 2^52 occasions.
fn whole(share: u64) -> f64 {
    share as f64 / WHOLE as f64
}

/// The share of the flags that were led, in thousandths.
fn share(pair: &Comparison) -> u64 {
    permille(pair.led, pair.flags)
}

fn permille(part: u64, of: u64) -> u64 {
    part.saturating_mul(1_000).checked_div(of).unwrap_or(0)
}

fn finding(
    (follower, source): (usize, usize),
    members: &[Member],
    pair: &Comparison,
    others: Option<u64>,
    probability: Option<f64>,
) -> Finding {
    let led_permille = share(pair);
    let shuffled = permille(pair.led_by_chance / (WHOLE / 1_000), pair.flags * 1_000);
    let (chance_permille, chance) = match others {
        Some(others) if others > shuffled => (others, Chance::Others),
        _ => (shuffled, Chance::Shuffled),
    };
    let mut finding = Finding {
        follower: members[follower].issuer.clone(),
        source: members[source].issuer.clone(),
        flags: pair.flags,
        occasions: pair.occasions,
        led: pair.led,
        trailed: pair.trailed,
        led_permille,
        chance_permille,
        chance,
        explained_permille: permille(
            led_permille.saturating_sub(chance_permille),
            1_000_u64.saturating_sub(chance_permille),
        ),
        first_permille: permille(pair.led, pair.led + pair.trailed),
        lags: pair.lags,
        probability: probability.unwrap_or(1.0),
        verdict: Verdict::Nothing,
    };
    if probability.is_none() {
        finding.verdict = Verdict::TooFew;
    } else if is_too_faithful(&finding) {
        finding.verdict = if others.is_some() { Verdict::Follows } else { Verdict::Unclear };
    }
    finding
}

fn is_too_faithful(finding: &Finding) -> bool {
    finding.probability <= SIGNIFICANCE
        && finding.explained_permille >= MIN_EXPLAINED_PERMILLE
        && finding.first_permille >= MIN_FIRST_PERMILLE
}

/// Where a member seems to follow several, the likeliest source stays, and any other only if it passes
/// the same tests on the flags that those before it do not explain.
fn explain_away(
    follower: usize,
    members: &[Member],
    sources: &[Source],
    usual: &Usual,
    findings: &mut BTreeMap<(usize, usize), Finding>,
) {
    let mut left: Vec<usize> = (0..members.len())
        .filter(|source| {
            let finding = findings.get(&(follower, *source));
            finding.is_some_and(|finding| finding.verdict == Verdict::Follows)
        })
        .collect();
    let Some(first) = likeliest(&left, |source| &findings[&(follower, source)]) else { return };
    let mut confirmed = vec![first];
    left.retain(|source| *source != first);
    left.sort_by_key(|source| std::cmp::Reverse(findings[&(follower, *source)].led));
    for source in left {
        let unexplained = |flag: &&First| !confirmed.iter().any(|one| sources[*one].leads(flag));
        let flags = members[follower].firsts.iter().filter(unexplained);
        let rest = compare(flags, &sources[source]);
        let Some(found) = findings.get_mut(&(follower, source)) else { continue };
        let others = usual.expected((follower, source));
        // It was tested with all others before; here it is one of the few that passed.
        let probability = is_enough(&rest).then(|| (-improbable(&rest)).exp());
        let again = finding((follower, source), members, &rest, others, probability);
        if again.verdict == Verdict::Follows {
            confirmed.push(source);
        } else {
            found.verdict = Verdict::Through(members[first].issuer.clone());
        }
    }
}

/// The source that precedes the most; among those that precede about as many, the one after which
/// the lag is steadiest: who copies a copy adds up the unsteadiness of both lags.
fn likeliest<'a>(sources: &[usize], of: impl Fn(usize) -> &'a Finding) -> Option<usize> {
    let most = sources.iter().map(|source| of(*source).led).max()?;
    let about = sources.iter().filter(|source| of(**source).led * 1_000 >= most * ALIKE_PERMILLE);
    about.copied().min_by_key(|source| of(*source).lags.map(Lags::spread_micros))
}

#[cfg(test)]
mod tests;
