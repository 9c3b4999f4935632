//! What is allowed in a policy and yet most likely not meant.

use interlock_engine::limits::MAX_MEMBERS;
use interlock_engine::policy::{Confirm, PeerReceipts, Policy, ReasonPolicy, Rule};
use interlock_record::{IdType, Measure, Span};

/// A charter's least notice delay at the default clock skew: `max_clock_skew` + 1 s.
const LEAST_NOTICE_DELAY: Span = Span::from_millis(1_500);
/// From this measure on nobody should be able to bring it about alone.
const NEEDS_CORROBORATION: Measure = Measure::Lock;

/// Everything about the policy that a person should look at again.
pub(super) fn warnings(policy: &Policy) -> Vec<String> {
    let mut found = Vec::new();
    whole(policy, &mut found);
    for (reason, weights) in &policy.reasons {
        for warning in of_reason(policy, weights) {
            found.push(format!("reason.{reason}: {warning}"));
        }
    }
    for measure in Measure::ALL.iter().copied() {
        for warning in of_measure(policy, measure) {
            found.push(format!("measure.{measure}: {warning}"));
        }
    }
    for (kind, cure) in &policy.cures {
        let named = cure.reasons.iter().any(|reason| policy.reasons.contains_key(reason));
        if !named {
            found.push(format!(
                "cure.{kind}: none of its reasons has points here, so it does nothing"
            ));
        } else if cure.percent == 100 {
            found.push(format!("cure.{kind}: percent = 100 leaves all points, so it does nothing"));
        }
    }
    found
}

fn whole(policy: &Policy, found: &mut Vec<String>) {
    if policy.notice_delay < LEAST_NOTICE_DELAY {
        found.push(format!(
            "notice_delay: {} is less than a charter accepts ({LEAST_NOTICE_DELAY} at the default clock skew)",
            policy.notice_delay
        ));
    }
    if policy.issuer_cap == 0 {
        found.push("issuer_cap: 0 takes all points away, so no flag ever counts".to_owned());
    }
    if policy.witness_points > policy.issuer_cap {
        found.push(format!(
            "witness_points: {} is above issuer_cap ({}), so no group is ever a witness",
            policy.witness_points, policy.issuer_cap
        ));
    }
    if policy.reasons.is_empty() {
        found.push("reason: none is named, so no flag has points".to_owned());
    }
    if Measure::ALL.iter().all(|measure| policy.rules_of(*measure).is_empty()) {
        found.push("measure: there is no rule, so no measure is ever entered".to_owned());
    }
    if policy.peer_receipts == PeerReceipts::Ignore && !policy.peers.is_empty() {
        found.push("peers: they are named, but peer_receipts is \"ignore\"".to_owned());
    }
}

fn of_reason(policy: &Policy, reason: &ReasonPolicy) -> Vec<String> {
    let mut found = Vec::new();
    if reason.points.iter().all(|points| *points == 0) {
        found.push("all its points are 0".to_owned());
    }
    if !reason.points.is_sorted() {
        found.push("its points fall with rising severity".to_owned());
    }
    if reason.max_life == Span::ZERO {
        found.push("max_life is 0, so a flag is never live".to_owned());
    }
    if reason.ceiling == Measure::None {
        found.push("its ceiling is NONE, so a flag supports nothing".to_owned());
    }
    let ruled_up_to = Measure::ALL
        .iter()
        .copied()
        .filter(|measure| *measure <= reason.ceiling && !policy.rules_of(*measure).is_empty())
        .max();
    if ruled_up_to.is_some_and(|measure| measure <= reason.disputed_ceiling) {
        found.push(format!(
            "disputed_ceiling {} is not below what its flags can bring about, so a dispute changes nothing",
            reason.disputed_ceiling
        ));
    }
    if let Some(step) = reason.decay.iter().find(|step| step.after >= reason.max_life) {
        found.push(format!("decay: a flag does not live to the step after {}", step.after));
    }
    found
}

fn of_measure(policy: &Policy, measure: Measure) -> Vec<String> {
    let mut found = Vec::new();
    let Some(written) = policy.measures.get(&measure) else { return found };
    if written.rules.is_empty() {
        found.push("it has no rule, so it is never entered".to_owned());
    }
    if measure == Measure::Close && written.confirm == Confirm::Auto && !written.rules.is_empty() {
        found.push(
            "confirm = \"manual\" is not written, yet CLOSE always waits for a person".to_owned(),
        );
    }
    for (number, rule) in (1u32..).zip(&written.rules) {
        match reach(policy, measure, rule) {
            Err(why) => found.push(format!("rule {number} is never met: {why}")),
            Ok(1) if measure >= NEEDS_CORROBORATION && rule.peer_permille == 0 => {
                found.push(format!("rule {number} is met by the flags of one group alone"));
            }
            Ok(_) => {}
        }
        let easier = |other: &Rule| {
            other != rule
                && other.points <= rule.points
                && other.issuers <= rule.issuers
                && other.peer_permille <= rule.peer_permille
        };
        if written.rules.iter().any(easier) {
            found.push(format!("rule {number} adds nothing: another rule asks for less"));
        }
    }
    found
}

/// How many groups of issuers it takes at least to meet a rule, or why nothing can meet it.
pub(super) fn reach(policy: &Policy, measure: Measure, rule: &Rule) -> Result<u64, String> {
    let group = most_of_one_group(policy, measure);
    if rule.peer_permille > 0 && policy.peer_receipts == PeerReceipts::Ignore {
        return Err("it asks for peers, but peer_receipts is \"ignore\"".to_owned());
    }
    if (rule.points > 0 || rule.issuers > 0) && group == 0 {
        return Err("no flag with points supports this measure (look at the ceilings)".to_owned());
    }
    if rule.issuers > 0 && group < policy.witness_points {
        return Err(format!(
            "a group brings at most {group} points, fewer than witness_points ({})",
            policy.witness_points
        ));
    }
    let groups = if rule.points == 0 { 0 } else { rule.points.div_ceil(group) }.max(rule.issuers);
    if groups > MAX_MEMBERS as u64 {
        return Err(format!("it takes {groups} groups, more than there can be members"));
    }
    Ok(groups)
}

/// The most points that the flags of one group bring together for a measure.
fn most_of_one_group(policy: &Policy, measure: Measure) -> u64 {
    let ceiling_of =
        |id_type| policy.id_type_ceilings.get(id_type).copied().unwrap_or(Measure::Close);
    if IdType::ALL.iter().all(|id_type| ceiling_of(id_type) < measure) {
        return 0;
    }
    let trust = policy.trust.values().copied().chain([policy.default_trust]).max().unwrap_or(0);
    let members = policy.groups.iter().map(|group| group.len() as u64).max().unwrap_or(1);
    let supporting =
        policy.reasons.values().filter(|reason| reason.propagates && reason.ceiling >= measure);
    let of_member: u64 = supporting
        .map(|reason| reason.points.iter().max().copied().unwrap_or(0) * trust / 100)
        .sum();
    (of_member * members).min(policy.issuer_cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "
        version = 1
        [reason.OVERDUE]
        points = { LOW = 10, MEDIUM = 25, HIGH = 50, CRITICAL = 80 }
        max_life = \"180d\"
        ceiling = \"LOCK\"
        [[measure.LOCK.rule]]
        points = 100
        issuers = 2
    ";

    fn found(text: &str) -> String {
        warnings(&Policy::from_toml("p.toml", text).expect(text)).join("\n")
    }

    #[test]
    fn a_sound_policy_has_no_warning() {
        assert_eq!(found(SOUND), "");
    }

    #[test]
    fn each_warning_has_its_cause() {
        for (replace, with, expected) in [
            (
                "ceiling = \"LOCK\"",
                "ceiling = \"REVIEW\"",
                "measure.LOCK: rule 1 is never met: no flag",
            ),
            ("issuers = 2", "issuers = 2\npeer_permille = 1", "never met: it asks for peers"),
            ("points = 100", "points = 80", ""),
            ("issuers = 2", "issuers = 0", ""),
            ("points = 100\n        issuers = 2", "points = 80", "by the flags of one group alone"),
            ("points = 100", "points = 1000000", "it takes 12500 groups"),
            (
                "version = 1",
                "version = 1\nwitness_points = 101",
                "witness_points: 101 is above issuer_cap (100)",
            ),
            ("version = 1", "version = 1\nwitness_points = 90", "fewer than witness_points (90)"),
            ("version = 1", "version = 1\nissuer_cap = 0", "issuer_cap: 0"),
            ("version = 1", "version = 1\nnotice_delay = \"1s\"", "notice_delay: 1s is less"),
            ("version = 1", "version = 1\npeers = [\"a\"]", "peers: they are named"),
            ("LOW = 10", "LOW = 30", "fall with rising severity"),
            (
                "ceiling = \"LOCK\"",
                "ceiling = \"LOCK\"\ndisputed_ceiling = \"LOCK\"",
                "a dispute changes nothing",
            ),
            (
                "ceiling = \"LOCK\"",
                "ceiling = \"LOCK\"\ndecay = [{ after = \"200d\", percent = 1 }]",
                "does not live to the step after 200d",
            ),
            ("measure.LOCK", "measure.CLOSE", "CLOSE always waits for a person"),
            (
                "issuers = 2",
                "issuers = 2\n[[measure.LOCK.rule]]\npoints = 200\nissuers = 2",
                "measure.LOCK: rule 2 adds nothing",
            ),
            (
                "version = 1",
                "version = 1\n[cure.REPAID]\nreasons = [\"OTHER\"]\nscope = \"own\"\npercent = 0",
                "cure.REPAID: none of its reasons",
            ),
        ] {
            let text = SOUND.replace(replace, with);
            let found = found(&text);
            assert!(found.contains(expected), "{with}: {found:?}");
            assert!(!expected.is_empty() || found.is_empty(), "{with}: {found:?}");
        }
    }
}
