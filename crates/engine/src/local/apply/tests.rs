//! What is applied, by property and by example.

use std::fmt::Write as _;

use interlock_record::Span;
use proptest::prelude::*;

use super::*;
use crate::ledger::rows::EffectiveRow;
use crate::policy::Policy;
use crate::timeline::{Timeline, Transition};

const NOTICE_SECS: i64 = 3;

fn second(at: i64) -> Time {
    Time::from_micros(at * 1_000_000).expect("in range")
}

/// A policy under which the measures of a set wait for a person.
fn policies(manual: &[Measure]) -> Schedule {
    let mut text = format!("version = 1\nnotice_delay = \"{NOTICE_SECS}s\"\n");
    for measure in manual {
        let _ = writeln!(text, "[measure.{measure}]\nconfirm = \"manual\"");
    }
    Schedule::constant(Policy::from_toml("policy", &text).expect("a good policy"))
}

/// A decision that announces these measures at these seconds.
fn scope(steps: &[(i64, Measure)], policies: &Schedule) -> ScopeRow {
    let mut from = Measure::None;
    let mut timeline = Timeline::default();
    for (at, to) in steps {
        let after_last = timeline.transitions.last().is_none_or(|last| last.at < second(*at));
        if *to != from && after_last {
            let step = Transition { at: second(*at), from, to: *to, because: Vec::new() };
            timeline.transitions.push(step);
            from = *to;
        }
    }
    let effective = timeline.effective_changes(policies).into_iter();
    ScopeRow {
        transitions: timeline
            .transitions
            .iter()
            .map(|step| TransitionRow {
                at: step.at.micros(),
                from: step.from.number().into(),
                to: step.to.number().into(),
                ..TransitionRow::default()
            })
            .collect(),
        effective: effective
            .map(|(at, to)| EffectiveRow { at: at.micros(), measure: to.number().into() })
            .collect(),
        ..ScopeRow::default()
    }
}

fn act(measure: Measure, at: i64, until: Option<i64>, since: Option<i64>) -> ActRow {
    ActRow {
        measure: measure.number().into(),
        at: second(at).micros(),
        until: until.map(|until| second(until).micros()),
        announced_since: since.map(|since| second(since).micros()),
        by: "li".to_owned(),
        why: "a test".to_owned(),
        audit: 1,
    }
}

fn measures() -> impl Strategy<Value = Measure> {
    proptest::sample::select(Measure::ALL)
}

fn for_a_while() -> impl Strategy<Value = Option<ActRow>> {
    proptest::option::of(
        (measures(), 0..60_i64, 1..40_i64)
            .prop_map(|(measure, at, lasts)| act(measure, at, Some(at + lasts), None)),
    )
}

/// Any decision, any acts: those of people who saw what was announced, and some that nobody could
/// have done.
fn worlds() -> impl Strategy<Value = (ScopeRow, Schedule, LocalRow, i64)> {
    let steps = proptest::collection::vec((0..60_i64, measures()), 0..8);
    let manual = proptest::collection::vec(measures(), 0..4);
    let answers = proptest::collection::vec((measures(), 0..60_i64, 0..60_i64), 0..4);
    let refusal = proptest::option::of((measures(), 0..60_i64, 0..60_i64));
    (steps, manual, for_a_while(), for_a_while(), answers, refusal, 0..110_i64).prop_map(
        |(mut steps, mut manual, exemption, overriding, answers, refusal, at)| {
            steps.sort_by_key(|(at, _)| *at);
            manual.retain(|measure| *measure != Measure::None);
            manual.sort_unstable();
            manual.dedup();
            let policies = policies(&manual);
            let scope = scope(&steps, &policies);
            let answer = |(measure, at, since)| act(measure, at, None, Some(since));
            let local = LocalRow {
                exemption,
                overriding,
                confirmations: answers.into_iter().map(answer).collect(),
                refusal: refusal.map(answer),
                ..LocalRow::default()
            };
            (scope, policies, local, at)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_override_comes_first_an_exemption_caps_and_nothing_is_above_what_is_in_force(
        (scope, policies, local, at) in worlds()
    ) {
        let ground = Ground { scope: &scope, policies: &policies, local: &local };
        let at = second(at);
        let applied = ground.apply(at).measure;
        if let Some(act) = local.overriding.as_ref().filter(|act| act.holds(at)) {
            prop_assert_eq!(applied, act.measure().min(Measure::Lock));
            return Ok(());
        }
        prop_assert!(applied <= scope.in_force(at));
        if let Some(act) = local.exemption.as_ref().filter(|act| act.holds(at)) {
            prop_assert!(applied <= act.measure());
        }
    }

    #[test]
    fn close_is_never_applied_without_a_confirmation_of_this_very_close(
        (scope, policies, local, at) in worlds()
    ) {
        let ground = Ground { scope: &scope, policies: &policies, local: &local };
        let at = second(at);
        if ground.apply(at).measure == Measure::Close {
            let run = scope.transitions.iter().rev().find(|step| step.at <= at.micros());
            let began = run.expect("it is announced").at;
            let confirmed = local.confirmations.iter().any(|act| {
                act.measure() == Measure::Close && act.announced_since >= Some(began)
            });
            prop_assert!(confirmed);
        }
    }

    #[test]
    fn what_needs_a_person_waits_and_what_needs_none_does_not(
        (scope, policies, mut local, at) in worlds()
    ) {
        (local.exemption, local.overriding) = (None, None);
        let ground = Ground { scope: &scope, policies: &policies, local: &local };
        let at = second(at);
        let in_force = scope.in_force(at);
        let free = |measure: Measure| {
            measure == Measure::None
                || policies.at(at).confirm_of(measure) == Confirm::Auto
                || ground.confirmation(measure, at).is_some()
        };
        let applied = ground.apply(at);
        prop_assert!(free(applied.measure));
        let between = Measure::ALL.iter().filter(|m| applied.measure < **m && **m <= in_force);
        prop_assert!(between.into_iter().all(|measure| !free(*measure)));
        prop_assert_eq!(
            matches!(applied.because, Because::Waits | Because::Refused),
            applied.measure < in_force
        );
    }

    #[test]
    fn an_act_that_has_ended_means_nothing((scope, policies, local, at) in worlds()) {
        let now = second(at);
        let mut fresh = local.clone();
        for slot in [&mut fresh.exemption, &mut fresh.overriding] {
            *slot = slot.take().filter(|act| act.holds(now));
        }
        let apply = |local: &LocalRow| {
            Ground { scope: &scope, policies: &policies, local }.apply(now)
        };
        prop_assert_eq!(apply(&local), apply(&fresh));
    }

    #[test]
    fn until_is_the_first_instant_at_which_another_measure_applies(
        (scope, policies, local, at) in worlds()
    ) {
        // What people will have done is not known before.
        let mut local = local;
        let now = second(at);
        for slot in [&mut local.exemption, &mut local.overriding, &mut local.refusal] {
            *slot = slot.take().filter(|act| act.at <= now.micros());
        }
        local.confirmations.retain(|act| act.at <= now.micros());
        let ground = Ground { scope: &scope, policies: &policies, local: &local };
        let applied = ground.apply(now).measure;
        let until = ground.until(now);
        let half = Span::from_millis(500);
        let mut next = now;
        for _ in 0..300 {
            next = next.plus(half);
            if until.is_some_and(|until| until <= next) {
                break;
            }
            prop_assert_eq!(ground.apply(next).measure, applied);
        }
        if let Some(until) = until {
            prop_assert!(until > now);
            prop_assert_ne!(ground.apply(until).measure, applied);
        }
    }

    #[test]
    fn what_is_proposed_is_announced_unanswered_and_answerable(
        (scope, policies, local, at) in worlds()
    ) {
        let ground = Ground { scope: &scope, policies: &policies, local: &local };
        let at = second(at);
        let Some(Proposal { measure, since }) = ground.proposal(at) else { return Ok(()) };
        prop_assert_eq!(scope.announced(at), measure);
        prop_assert!(since <= at);
        prop_assert!(ground.answerable(measure, at).is_some_and(|begun| begun <= since));
        // A confirmation puts it into force and takes it off the list; a refusal only the latter.
        let answer = act(measure, 0, None, Some(since.micros() / 1_000_000));
        let mut confirmed = local.clone();
        confirmed.confirmations.push(answer.clone());
        (confirmed.exemption, confirmed.overriding) = (None, None);
        let ground = Ground { scope: &scope, policies: &policies, local: &confirmed };
        prop_assert_eq!(ground.proposal(at), None);
        if scope.in_force(at) >= measure {
            prop_assert!(ground.apply(at).measure >= measure);
        }
        let mut refused = local.clone();
        refused.refusal = Some(answer);
        let ground = Ground { scope: &scope, policies: &policies, local: &refused };
        prop_assert_eq!(ground.proposal(at), None);
        prop_assert!(ground.apply(at).measure != measure
            || matches!(ground.apply(at).because, Because::Overridden | Because::Exempted));
    }
}

/// What is applied at each of these seconds, told as `MEASURE because`.
fn applied(steps: &[(i64, Measure)], manual: &[Measure], local: &LocalRow, at: &[i64]) -> String {
    let policies = policies(manual);
    let scope = scope(steps, &policies);
    let ground = Ground { scope: &scope, policies: &policies, local };
    let told = at.iter().map(|at| {
        let Applied { measure, because } = ground.apply(second(*at));
        format!("{at} {measure} {}", because.name())
    });
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_confirmation_is_for_the_measure_as_it_was_announced_then() {
    use Measure::{Close, Freeze, Lock, None as Nothing};
    let confirmed =
        LocalRow { confirmations: vec![act(Lock, 11, None, Some(10))], ..LocalRow::default() };
    let manual = [Freeze, Lock];
    assert_eq!(
        applied(
            &[(10, Lock), (20, Nothing), (30, Lock)],
            &manual,
            &confirmed,
            &[12, 13, 19, 20, 40]
        ),
        "12 NONE DECIDED, 13 LOCK CONFIRMED, 19 LOCK CONFIRMED, 20 NONE DECIDED, 40 ZERO_LIMIT WAITS",
        "a later lock needs a person anew"
    );
    assert_eq!(
        applied(
            &[(10, Lock), (20, Close), (30, Lock), (40, Freeze)],
            &manual,
            &confirmed,
            &[25, 35, 45]
        ),
        "25 LOCK WAITS, 35 LOCK CONFIRMED, 45 ZERO_LIMIT WAITS",
        "it goes on under a graver one, and does not spread to a milder one"
    );
    let close =
        LocalRow { confirmations: vec![act(Close, 11, None, Some(10))], ..LocalRow::default() };
    assert_eq!(
        applied(&[(10, Close), (20, Lock), (30, Close)], &[], &close, &[15, 25, 35]),
        "15 CLOSE CONFIRMED, 25 LOCK DECIDED, 35 LOCK WAITS"
    );
}

#[test]
fn a_refusal_ends_with_what_it_refuses() {
    use Measure::{Freeze, Lock};
    let refused = LocalRow { refusal: Some(act(Lock, 11, None, Some(10))), ..LocalRow::default() };
    assert_eq!(
        applied(&[(10, Lock), (20, Freeze), (30, Lock)], &[Lock], &refused, &[15, 25, 35]),
        "15 FREEZE REFUSED, 25 FREEZE DECIDED, 35 FREEZE WAITS"
    );
}

#[test]
fn overrides_and_exemptions_hold_up_to_just_before_their_end() {
    use Measure::{Lock, Observe, Review};
    let local = LocalRow {
        exemption: Some(act(Review, 12, Some(30), None)),
        overriding: Some(act(Observe, 15, Some(20), None)),
        ..LocalRow::default()
    };
    assert_eq!(
        applied(&[(1, Lock)], &[], &local, &[11, 12, 14, 15, 19, 20, 29, 30]),
        "11 LOCK DECIDED, 12 REVIEW EXEMPTED, 14 REVIEW EXEMPTED, 15 OBSERVE OVERRIDDEN, \
         19 OBSERVE OVERRIDDEN, 20 REVIEW EXEMPTED, 29 REVIEW EXEMPTED, 30 LOCK DECIDED"
    );
}

#[test]
fn an_override_never_closes() {
    let local = LocalRow {
        overriding: Some(act(Measure::Close, 1, Some(20), None)),
        ..LocalRow::default()
    };
    assert_eq!(applied(&[], &[], &local, &[5]), "5 LOCK OVERRIDDEN");
}
